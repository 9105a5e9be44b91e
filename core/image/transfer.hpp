// Images in and out: pull from registries, push to them, load and save archives.
#pragma once

#include "image/store.hpp"

#include <atomic>
#include <functional>

namespace gantry::image {

// What a long transfer tells while it runs, from any of its threads, one call at a time.
struct Progress {
    std::string layer;   // first 12 digits of the blob's digest; empty for a line about the whole image
    std::string status;  // "Pulling fs layer", "Downloading", "Pull complete", "Already exists", ... as Docker prints
    std::uint64_t current = 0, total = 0;  // bytes
};
using ProgressFn = std::function<void(const Progress&)>;

struct PullOptions {
    std::optional<Platform> platform;
    ProgressFn progress;
    const std::atomic<bool>* cancel = nullptr;
};

struct PullResult {
    Image image;
    std::string name;  // "docker.io/library/nginx:1.25"
    Digest digest;     // of what the name pointed at (an index or a manifest)
    bool up_to_date = false;
};

// A missing image, and only what is missing of it. Short names are tried in the configured registries' order; the next one is
// asked where one does not know the name or denies it, not where one cannot be reached. One line is about the whole image (no
// layer): "1.25: Pulling from library/nginx"; what Docker prints at the end follows from the result. Errors name the registry.
// cancel is looked at every 50 ms; what came until then is kept and resumed by the next pull.
Result<PullResult> pull(Store& store, const config::Engine& engine, const ImageRef& ref, const PullOptions& options);

// The tags of a repository, as its registry (no mirror) has them; a short name as pull() takes it. ref's own tag does not
// matter.
Result<std::vector<std::string>> list_tags(const config::Paths& paths, const config::Engine& engine, const ImageRef& ref,
                                           const std::atomic<bool>* cancel);

struct PushOptions {
    std::optional<Platform> platform;  // must be the image's; of an index that another tool wrote, which image
    std::string compression;           // "gzip", "zstd", "zstd:chunked"; "": as the layers are, gzip for uncompressed ones
    int level = 0;                     // 0: the default, see compress.hpp
    bool recompress = true;            // where a compression is given: also layers that are compressed otherwise
    ProgressFn progress;
    const std::atomic<bool>* cancel = nullptr;
};

struct PushResult {
    std::string name;        // "registry.example/app:1"
    Digest digest;           // of the manifest as the registry has it
    std::uint64_t size = 0;  // its bytes
};

// The image of a name to the registry that the name says, never to a mirror; short names are Docker Hub's. Only what the
// registry lacks is sent: blobs as the store has them, uncompressed ones compressed, once for all pushes
// (registry/layer_variant.hpp). A manifest is the stored one, byte for byte, where no layer was compressed anew. The image is
// known as REPOSITORY@DIGEST afterwards. The line before the layers: "The push refers to repository [registry.example/app]".
// Progress names layers by their diff IDs, as Docker does. Errors name the registry; Errc::not_found for a name that no image
// has. cancel as in pull().
Result<PushResult> push(Store& store, const config::Engine& engine, const ImageRef& ref, const PushOptions& options);

// Credentials: <etc>/auth.json, then $REGISTRY_AUTH_FILE, $XDG_RUNTIME_DIR/containers/auth.json,
// ~/.config/containers/auth.json, $DOCKER_CONFIG/config.json, ~/.docker/config.json (containers-auth.json(5)).
struct Credentials {
    std::string user, password, identity_token;
};
// Asks the registry whether it takes them, then writes them (mode 0600) to $REGISTRY_AUTH_FILE, else for root to
// <etc>/auth.json, else to ~/.config/containers/auth.json; or into the credential helper that file names. Returns the file's
// path.
Result<std::string> login(const config::Paths& paths, const config::Engine& engine, const std::string& registry,
                          const Credentials& credentials);
// From that file (and helper). Errc::not_found where it has none, also if docker's or podman's own file has.
Result<std::string> logout(const config::Paths& paths, const std::string& registry);

// docker-archive, oci-archive (tar, also compressed) or a folder with an OCI layout; "-" is standard input. Returns the names
// (or ids) loaded.
Result<std::vector<std::string>> load(Store& store, const std::string& source, const ProgressFn& progress);
// The same from a descriptor that is read to its end (a file, a pipe); no folder. cancel is looked at every 50 ms.
Result<std::vector<std::string>> load(Store& store, int archive, const ProgressFn& progress, const std::atomic<bool>* cancel);
// One image of a folder with an OCI layout, by tag, digest or both (":1", "@sha256:..."), or the one that is there; it gets no
// name. For its platform see Platform::host().
Result<Image> load_from_layout(Store& store, const std::string& folder, const std::string& reference,
                               const std::atomic<bool>* cancel);
enum class ArchiveFormat { docker_archive, oci_archive, oci_layout };
// target: a file, a folder for oci_layout, "-" for standard output.
Result<> save(Store& store, const std::vector<std::string>& images, ArchiveFormat format, const std::string& target);
// An archive to a descriptor; it is the caller's to throw away what an error leaves there.
Result<> save(Store& store, const std::vector<std::string>& images, ArchiveFormat format, int archive);

}  // namespace gantry::image
