// Layers as tar archives: POSIX.1-1988 ustar, with pax extended headers (POSIX.1-2001) exactly where ustar cannot say it. The
// same entries give the same bytes on every host: no access or change times, no names of users and groups, times in whole
// seconds as Docker and BuildKit write them (moby pkg/archive FileInfoHeader, containerd archive ChangeWriter:
// ModTime.Truncate(Second)).
#pragma once

#include "image/tar_reader.hpp"

namespace gantry::image {

class LayerTar {
public:
    // Takes the archive's bytes in order; an error of it ends the archive. Called with pieces of any size.
    using Sink = std::function<Result<>(std::string_view)>;
    explicit LayerTar(Sink sink) : sink_(std::move(sink)) {}

    // The header of one entry. path as image-spec layer.md has it: relative, no "./"; folders get their '/' here. For a file,
    // exactly entry.size bytes of data() follow; sparse, runs, stored and accessed are not looked at. Fractions of a second are
    // cut off. xattrs are written as they are: filter them first (image_xattr). Errc::invalid for what no tar can say: empty
    // names, names with a zero byte.
    Result<> entry(const TarEntry& entry);
    Result<> data(std::string_view piece);
    // Closes the archive. Errc::internal where data of the last entry are missing.
    Result<> end();

private:
    Result<> finish_entry();

    Sink sink_;
    std::uint64_t left_ = 0, padding_ = 0;  // of the entry's data
};

// Which extended attributes are the image's, on the way in and out: user.*, security.capability and POSIX ACLs. trusted.* would
// let a layer write overlayfs' own marks (whiteouts, redirects to other folders of the host's layers), as would user.overlay.*
// for overlayfs mounted with userxattr; labels of the security modules are the host's policy. Names with a zero byte are none.
[[nodiscard]] bool image_xattr(std::string_view name);

}  // namespace gantry::image
