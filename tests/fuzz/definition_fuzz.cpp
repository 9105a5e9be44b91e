#include "fuzz.hpp"

#include "config/reader.hpp"

using namespace gantry;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto parsed = config::parse_definition(fuzz::text(data, size), "web.toml");
    if (!parsed) {
        fuzz::require(parsed.error().message().find('\n') == std::string::npos, "an error is one line");
        return 0;
    }
    const std::string written = config::write_definition(*parsed);
    const auto again = config::parse_definition(written, "written.toml");
    if (!again) std::fprintf(stderr, "%s\n%s\n", again.error().message().c_str(), written.c_str());
    fuzz::require(again.ok(), "what is written can be read");
    fuzz::require(config::write_definition(*again) == written, "and means the same");
    return 0;
}
