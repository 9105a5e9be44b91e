// Parts of a blob, for who has the rest.
#pragma once

#include "image/registry/blob_source.hpp"

namespace gantry::image::registry {

// Exactly the bytes from begin to before end, in order, as a BlobTarget's write() takes them; attempts go on where the last one
// broke. Errc::unsupported: the registry sends no parts, or not as asked; nothing but what was asked for was written.
BlobOutcome fetch_range(Repository& repository, const Descriptor& descriptor, std::uint64_t begin, std::uint64_t end,
                        const std::function<Result<>(std::string_view)>& write);

}  // namespace gantry::image::registry
