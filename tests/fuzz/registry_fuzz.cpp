// What a client of the registry may write into a request line and its headers.
#include "fuzz.hpp"

#include "registry/range.hpp"
#include "registry/rights.hpp"
#include "registry/route.hpp"

using namespace gantry;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = fuzz::text(data, size);
    const auto route = registry::parse_target(text);
    if (!route) {
        fuzz::require(route.error().message().find('\n') == std::string::npos, "an error is one line");
    } else if (route->repository) {
        const std::string& name = route->repository->str();
        fuzz::require(name.find("..") == name.npos && name.find('+') == name.npos && !name.starts_with('/'),
                      "a name is no path");
        fuzz::require(text.find(name) != text.npos, "a name is what was sent");
        fuzz::require(image::RepositoryName::parse(name).ok(), "a name is read back");
    }
    const auto range = registry::parse_range(text, size);
    if (const auto* part = std::get_if<registry::Range>(&range))
        fuzz::require(part->first <= part->last && part->last < size, "a range is within");
    if (const auto chunk = registry::parse_chunk_range(text)) fuzz::require(chunk->first <= chunk->last, "a chunk is in order");
    const std::size_t half = size / 2;
    static_cast<void>(registry::matches(text.substr(0, half), text.substr(half)));
    return 0;
}
