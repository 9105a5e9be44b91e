// Blobs on their way to a registry (distribution-spec "Pushing Blobs").
#pragma once

#include "image/registry/manifest_source.hpp"

namespace gantry::image::registry {

struct LocalBlob {
    Digest digest;
    std::uint64_t size = 0;
    int fd = -1;  // of the whole blob; stays the caller's
};

// Uploads to one repository whose Repository was made with the actions "pull,push".
struct UploadPlan {
    std::vector<std::string> mounts;  // other repositories of the registry that may have the blob
    std::function<void(std::uint64_t)> progress = [](std::uint64_t) {
    };  // bytes sent; less than before where something is repeated
    std::uint64_t chunk =
        32U << 20;  // what is not larger goes in one request, the rest in such pieces (or the registry's least)
};

struct Uploaded {
    enum class How { existed, mounted, sent } how = How::sent;
    std::string from;  // the repository of a mount
};

// Only what is missing is sent: the registry is asked first, then to take it from another of its repositories. A broken upload
// goes on where the registry says that it stands; one that it has forgotten, or tells nonsense of, begins again, a bounded
// number of times. Errors name the registry and the blob.
Result<Uploaded> push_blob(Repository& repository, const LocalBlob& blob, const UploadPlan& plan);

// From another repository of the same registry, without a byte of it; true also where it is there. False: the registry does not
// do that, or that repository has none.
Result<bool> mount_blob(Repository& repository, const Digest& digest, const std::string& from);

// A manifest or index under a tag or its own digest (distribution-spec "Pushing Manifests").
Result<> push_manifest(Repository& repository, const std::string& reference, const std::string& media_type,
                       const std::string& text);

// Whether the registry has it.
Result<bool> has_blob(Repository& repository, const Digest& digest);
Result<bool> has_manifest(Repository& repository, const Digest& digest);
// Whether this tag of the repository is that manifest. False also where the registry does not say.
bool has_tag(Repository& repository, const std::string& tag, const Digest& digest);

// What the "Range: 0-99" of an upload says: how many bytes the registry has. Nothing for what is no such header.
std::optional<std::uint64_t> parse_upload_range(std::string_view text);

}  // namespace gantry::image::registry
