// A registry with images in memory, and a way to answer single requests otherwise.
#pragma once

#include "../support.hpp"
#include "http_server.hpp"
#include "image/registry/pull.hpp"
#include "image/registry/push.hpp"

#include <mutex>

namespace gantry::image::test {

struct MadeLayer {
    std::string data;  // as it is served
    Digest digest, diff_id;
};

struct MadeImage {
    std::vector<MadeLayer> layers;
    std::string config, manifest, manifest_type;
    Digest config_digest, digest;  // of config and manifest
};

struct ImageOptions {
    std::string architecture = Platform::host().architecture, variant = Platform::host().variant;
    bool docker = false;     // schema 2
    std::string layer_urls;  // JSON list
    std::string layer_type;
    std::string marker = "x";
};

// A layer with one file of this many bytes that do not compress.
MadeLayer make_layer(const std::string& name, std::size_t bytes, bool zstd = false);
MadeImage make_image(std::vector<MadeLayer> layers, const ImageOptions& options = {});

class FakeRegistry {
public:
    explicit FakeRegistry(const std::string& certificate = {}, const std::string& key = {});

    void put(const std::string& repository, const std::string& tag, const MadeImage& image);
    // An index of images for several platforms. Returns its digest.
    Digest put_index(const std::string& repository, const std::string& tag,
                     const std::vector<std::pair<Platform, MadeImage>>& images, bool docker = false);
    void put_manifest(const std::string& repository, const std::string& reference, const std::string& text,
                      const std::string& type);
    void put_blob(const std::string& data);
    // What was pushed: empty where there is none.
    [[nodiscard]] std::string manifest(const std::string& repository, const std::string& reference);
    [[nodiscard]] std::string blob(const Digest& digest);
    void drop_blob(const Digest& digest);
    void take_upload(const std::string& id, const std::string& data);  // a part that came before a break

    // Asked first; nothing goes on to the registry itself.
    using Intercept = std::function<std::optional<Reply>(const Request&)>;
    void intercept(Intercept function);

    [[nodiscard]] Reply honest(const Request& request);  // what the registry itself says
    [[nodiscard]] HttpServer& server() { return *server_; }
    [[nodiscard]] std::string host() const { return server_->host(); }

private:
    Reply blob(const Request& request, const std::string& digest);
    Reply upload(const Request& request, const std::string& repository, const std::string& id);
    Reply accept_manifest(const Request& request, const std::string& repository, const std::string& reference);

    std::mutex mutex_;
    Intercept intercept_;
    std::map<std::string, std::pair<std::string, std::string>> manifests_;  // "repository:reference" to type and text
    std::map<std::string, std::string> blobs_;
    std::map<std::string, std::string> uploads_;
    int next_upload_ = 1;
    std::unique_ptr<HttpServer> server_;
};

Reply error_reply(int status, const std::string& code, const std::string& message);

// A store of its own, an engine configuration, and short patience.
class RegistryTest : public ::testing::Test {
protected:
    RegistryTest();
    Result<PullResult> pull(const std::string& ref);
    Result<PushResult> push(const std::string& ref);
    void expect_clean();  // the store has nothing that check() would not accept
    [[nodiscard]] std::string layer_file(const MadeLayer& layer, const std::string& name);

    Scratch scratch_;
    config::Paths paths_;
    FolderDriver driver_;
    Store store_;
    config::Engine engine_;
    registry::Settings settings_;
    PullOptions options_;
    PushOptions push_options_;
    std::mutex mutex_;
    std::vector<Progress> progress_;
};

}  // namespace gantry::image::test
