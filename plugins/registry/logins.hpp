// Who asks: HTTP Basic against an htpasswd file, and tokens for those who have shown it.
#pragma once

#include "base/result.hpp"

#include <array>
#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace gantry::registry {

// Users of a file as `htpasswd -B` writes it ("NAME:$2y$..."; other hashes than bcrypt are not taken). The file is read again
// when it changes. Safe for several threads.
class Htpasswd {
public:
    // Does the password fit? Takes as long as bcrypt is told to (0.01 to 1 s); a right one is remembered for five minutes and
    // then found by remembered() at once. Errc::io, ...: the file cannot be read.
    Result<bool> check(const std::string& file, const std::string& user, const std::string& password);
    [[nodiscard]] bool remembered(const std::string& file, const std::string& user, const std::string& password);

private:
    using Clock = std::chrono::steady_clock;
    Result<> refresh(const std::string& file);

    std::mutex mutex_;
    std::string file_, state_;                        // of what was read: path, time and size
    std::map<std::string, std::string> hashes_;       // user to bcrypt
    std::map<std::string, Clock::time_point> known_;  // digests of "user:password" that fitted, until when
};

// "Basic ..." to user and password; nothing for what is none.
std::optional<std::pair<std::string, std::string>> parse_basic(std::string_view authorization);

// Tokens as the distribution project's clients want them (distribution's docs/spec/auth/token.md): only where a registry says
// that on /v2/ do docker and podman ask without a login what needs none, and with one what does. A token says who its bearer
// is, nothing else, and is good for five minutes. The key is kept in a file, so that tokens outlive a server that left when
// idle.
class Tokens {
public:
    static Result<Tokens> open(const std::string& key_file);
    static constexpr std::chrono::seconds lifetime{300};

    // user: nobody for one without a login.
    [[nodiscard]] std::string issue(const std::optional<std::string>& user, std::int64_t now) const;
    struct Bearer {
        std::optional<std::string> user;
    };
    [[nodiscard]] std::optional<Bearer> check(std::string_view token, std::int64_t now) const;

private:
    using Key = std::array<char, 64>;
    explicit Tokens(const Key& key) : key_(key) {}
    [[nodiscard]] std::string sign(std::string_view text) const;
    Key key_;
};

}  // namespace gantry::registry
