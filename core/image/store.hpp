// The image store: an OCI image layout (image-spec image-layout.md) in /var/lib/gantry/images whose index.json names the
// images, and the unpacked layers in the storage driver. Shared by all processes; every change takes the store's lock for
// the moment it rewrites index.json, reading takes none. A crash at any moment leaves a consistent store; what it may leave
// besides (partial blobs, stagings) is found by check().
#pragma once

#include "base/digest.hpp"
#include "base/reference.hpp"
#include "base/result.hpp"
#include "config/engine.hpp"
#include "gantry/driver/storage.hpp"
#include "os/fd.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace gantry::image {

struct Descriptor {
    std::string media_type;
    Digest digest;
    std::uint64_t size = 0;
    std::vector<std::string> urls;
    std::map<std::string, std::string> annotations = {};  // of a layer, as its manifest has them
    bool operator==(const Descriptor&) const = default;
};

struct Platform {
    std::string os = "linux", architecture, variant;
    bool operator==(const Platform&) const = default;
    static Platform host();                                // of this build: amd64, arm64/v8, ...
    static Result<Platform> parse(std::string_view text);  // "linux/arm64/v8", "arm64"
    [[nodiscard]] std::string str() const;
};

struct Manifest {  // OCI image manifest or Docker schema 2, already reduced to what both say
    std::string media_type;
    Descriptor config;
    std::vector<Descriptor> layers;
    std::map<std::string, std::string> annotations;
};

struct HistoryEntry {
    std::string created, created_by, comment;
    bool empty_layer = false;
    std::string author;
    bool operator==(const HistoryEntry&) const = default;
};

struct HealthCheck {  // Docker's extension of the image configuration; times in nanoseconds as stored there
    std::vector<std::string> test;
    std::int64_t interval = 0, timeout = 0, start_period = 0;
    int retries = 0;
    std::int64_t start_interval = 0;
    bool operator==(const HealthCheck&) const = default;
};

struct ImageConfig {  // image-spec config.md
    Platform platform;
    std::string created, author;
    std::string user, workdir, stop_signal;
    std::vector<std::string> env, entrypoint, command, volumes, exposed_ports, shell, on_build;
    std::map<std::string, std::string> labels;
    std::optional<HealthCheck> health;
    std::vector<Digest> diff_ids;
    std::vector<HistoryEntry> history;
    bool operator==(const ImageConfig&) const = default;
};

// Bounded: 4 MiB of JSON, 512 layers, nesting as nlohmann-json bounds it. Errors name the member.
Result<Manifest> parse_manifest(std::string_view json);
Result<ImageConfig> parse_image_config(std::string_view json);

struct Image {
    Digest id;                         // of its configuration, as Docker's IMAGE ID
    Digest manifest;                   // of its manifest blob
    std::vector<std::string> names;    // normalized references with a tag
    std::vector<std::string> digests;  // "docker.io/library/nginx@sha256:..." as pulled
    std::uint64_t size = 0;            // bytes of the unpacked layers
    std::string created;               // RFC 3339, from the configuration
};

struct Finding {
    std::string object, problem;
    bool repaired = false;
};

class Store {
public:
    // Makes the folders if missing. storage outlives the store.
    static Result<Store> open(const config::Paths& paths, driver::StorageDriver& storage);
    Store(Store&&) noexcept;
    Store& operator=(Store&&) noexcept;
    ~Store();

    // By id (also a unique prefix of at least 2 digits), by name or by digest; short names are completed as Docker does.
    Result<Image> find(std::string_view text) const;
    Result<std::vector<Image>> list() const;
    Result<Manifest> manifest(const Image& image) const;
    Result<ImageConfig> config(const Image& image) const;
    Result<std::string> blob_text(const Digest& digest) const;  // verified on reading; for JSON blobs
    Result<os::Fd> open_blob(const Digest& digest) const;
    [[nodiscard]] bool has_blob(const Digest& digest) const;
    [[nodiscard]] std::string blob_path(const Digest& digest) const;

    // Keys for StorageDriver, lowest layer first.
    [[nodiscard]] std::vector<driver::LayerKey> layer_keys(const ImageConfig& config) const;

    // What a transfer (pull, load, build) takes before it looks at what is there, and keeps until after add(). While anybody
    // holds one, blobs and layers that no image names stay: they are somebody's who is not finished. Shared, never waits long.
    Result<os::Fd> hold() const;

    // A manifest whose blobs and layers are all there becomes an image; a name that pointed elsewhere moves.
    Result<Image> add(const Digest& manifest, const std::optional<ImageRef>& name,
                      const std::optional<std::string>& digest_name);
    Result<> tag(const Image& image, const ImageRef& name);
    // Takes a name away; the last one (or an id) removes the image, its blobs and the layers nobody else has. users: image ids
    // that containers use; those are Errc::in_use unless force. Returns what `docker rmi` prints ("Untagged: ...", "Deleted:
    // ...").
    Result<std::vector<std::string>> remove(std::string_view text, const std::vector<Digest>& users, bool force);
    struct Pruned {
        std::vector<std::string> lines;
        std::uint64_t bytes = 0;
    };
    Result<Pruned> prune(bool all, const std::vector<Digest>& users, const std::map<std::string, std::string>& filters);
    // Removes blobs and layers that no image and no root needs, and what transfers left; nothing while a transfer runs. Returns
    // the bytes.
    Result<std::uint64_t> sweep();
    // Index, blobs, layers, and what a crash left of them; the storage driver's recover() is the caller's. deep: every blob is
    // hashed again.
    Result<std::vector<Finding>> check(bool repair, bool deep);

    driver::StorageDriver& storage() const;
    const config::Paths& paths() const;

    struct Impl;  // for the other files of this folder
    Impl& impl() const { return *impl_; }

private:
    explicit Store(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace gantry::image
