// Tables of contents of zstd:chunked layers: whoever made the image wrote them.
#include "fuzz.hpp"

#include "image/registry/chunked_table.hpp"

using namespace gantry;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    constexpr std::uint64_t end = 1'000'000;
    const auto table = image::registry::parse_table(fuzz::text(data, size), end);
    if (!table.ok()) {
        fuzz::require(table.error().message().find('\n') == std::string::npos, "an error is one line");
        return 0;
    }
    std::uint64_t at = 0;
    for (const image::registry::BlobPart& part : table->parts) {
        fuzz::require(part.begin == at && part.end > at, "parts have bytes, and follow each other");
        at = part.end;
    }
    fuzz::require(at == end, "parts are the whole layer");
    fuzz::require(table->parts.empty() || table->parts.back().data || table->parts.back().key.empty(),
                  "the last gap is like no other");
    for (const image::registry::ListedFile& file : table->files) {
        fuzz::require(!file.path.starts_with('/') && !file.path.starts_with("../"), "paths stay in the layer");
        fuzz::require(Digest::parse(file.digest).ok(), "digests are digests");
    }
    return 0;
}
