// The table `inet gantry` as text for libnftables. It has no rule for a single network or port: those are elements of its sets
// and maps (firewall.hpp), so that a start adds a few elements and never a rule.
#pragma once

#include "base/result.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace gantry::net {

// Raised when the text changes: the set of this name is what every start adds to, so that a table of another layout is
// noticed (ENOENT) and replaced.
constexpr const char* bridges_set = "bridges_3";

extern const char* const ruleset_text;

// libnftables, loaded here and only here: it costs milliseconds, and a start needs it once after a boot or a flush.
class Nft {
public:
    static Result<Nft> open();
    Nft(Nft&&) noexcept;
    Nft& operator=(Nft&&) noexcept;
    // Tables with the flag "owner" that it made go with it.
    ~Nft();
    // nft(8) text in one transaction; what is for the error. Returns what nft -a -t would print.
    Result<std::string> run(const std::string& text, std::string_view what);

private:
    struct Library;
    explicit Nft(std::unique_ptr<Library> library);
    std::unique_ptr<Library> library_;
};

Result<> load_ruleset(const std::string& text, std::string_view what);

}  // namespace gantry::net
