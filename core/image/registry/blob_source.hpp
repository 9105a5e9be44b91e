// Large blobs, streamed and resumed.
#pragma once

#include "image/registry/manifest_source.hpp"

namespace gantry::image::registry {

// Where a blob goes. received counts what is there, also from an earlier pull, and grows with every write.
struct BlobTarget {
    std::uint64_t received = 0;
    std::function<Result<>(std::string_view)> write;
    std::function<Result<>()> restart;  // forget everything: the source does not resume
    std::function<void(std::uint64_t)> progress = [](std::uint64_t) {};
};

struct BlobOutcome {
    std::optional<Error> error;
    bool target_failed = false;  // the error is the target's own: another source would not help by itself
};

// All that is missing of a blob. Attempts go on with Range where the last one broke; a server that does not resume as asked
// makes the target start over. Exactly descriptor.size bytes are written; the digest is the target's matter.
BlobOutcome fetch_blob(Repository& repository, const Descriptor& descriptor, BlobTarget& target);
// The same from an address of descriptor.urls.
BlobOutcome fetch_foreign_blob(Repository& repository, const std::string& url, const Descriptor& descriptor,
                               BlobTarget& target);

// What the last attempt for a blob came to.
Error blob_error(const Repository& repository, const Descriptor& descriptor, const HttpOutcome& outcome);

// "bytes 100-199/200"; nothing for what is no such header. total is empty for "*".
struct ContentRange {
    std::uint64_t first = 0, last = 0;
    std::optional<std::uint64_t> total;
};
std::optional<ContentRange> parse_content_range(std::string_view text);

}  // namespace gantry::image::registry
