// Files of layers that are here, for a layer on its way in: what they have need not be stored a second time.
#pragma once

#include "os/fd.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gantry::image {

struct LocalFile {
    os::Fd file;  // a regular file of a layer, which never changes; open for reading
    // May the new layer have the same inode? Only where no image can show both names: the same path in both layers, and in
    // neither another name of it.
    bool linkable = false;
};

class LocalFiles {
public:
    virtual ~LocalFiles() = default;

    // What may have the content of the archive's entry of this path (as clean_path() gives it) and size; nothing where none is
    // known. A guess: the content is compared with the archive's before it is used.
    [[nodiscard]] virtual std::optional<LocalFile> find(std::string_view path, std::uint64_t size) const = 0;
};

}  // namespace gantry::image
