#include "fake_registry.hpp"

#include "image/hasher.hpp"

#include <random>

namespace gantry::image::test {

namespace {

std::string noise(std::size_t bytes, const std::string& seed) {
    std::mt19937_64 source(std::hash<std::string>{}(seed));
    std::string text(bytes, '\0');
    for (char& c : text) c = static_cast<char>(source());
    return text;
}

Reply document(const std::string& type, const std::string& text) {
    return {200, {{"Content-Type", type}, {"Docker-Content-Digest", digest_of(text).str()}}, text};
}

}  // namespace

MadeLayer make_layer(const std::string& name, std::size_t bytes, bool as_zstd) {
    const std::string plain = Tar().file(name, noise(bytes, name)).text();
    std::string data = as_zstd ? zstd(plain) : gzip(plain);
    const Digest digest = digest_of(data);
    return {std::move(data), digest, digest_of(plain)};
}

MadeImage make_image(std::vector<MadeLayer> layers, const ImageOptions& options) {
    const std::string config_type =
        options.docker ? "application/vnd.docker.container.image.v1+json" : "application/vnd.oci.image.config.v1+json";
    const std::string type =
        options.docker ? "application/vnd.docker.distribution.manifest.v2+json" : "application/vnd.oci.image.manifest.v1+json";
    std::string layer_type =
        options.docker ? "application/vnd.docker.image.rootfs.diff.tar.gzip" : "application/vnd.oci.image.layer.v1.tar+gzip";
    if (!options.layer_type.empty()) layer_type = options.layer_type;
    std::string diffs, list;
    for (const MadeLayer& layer : layers) {
        diffs += fmt::format(R"({}"{}")", diffs.empty() ? "" : ",", layer.diff_id.str());
        list += fmt::format(R"({}{{"mediaType":"{}","digest":"{}","size":{}{}}})", list.empty() ? "" : ",", layer_type,
                            layer.digest.str(), layer.data.size(),
                            options.layer_urls.empty() ? "" : ",\"urls\":" + options.layer_urls);
    }
    const std::string config = fmt::format(
        R"({{"os":"linux","architecture":"{}","variant":"{}","config":{{"Cmd":["/{}"]}},"rootfs":{{"type":"layers","diff_ids":[{}]}}}})",
        options.architecture, options.variant, options.marker, diffs);
    const std::string manifest = fmt::format(
        R"({{"schemaVersion":2,"mediaType":"{}","config":{{"mediaType":"{}","digest":"{}","size":{}}},"layers":[{}]}})", type,
        config_type, digest_of(config).str(), config.size(), list);
    return {std::move(layers), config, manifest, type, digest_of(config), digest_of(manifest)};
}

FakeRegistry::FakeRegistry(const std::string& certificate, const std::string& key)
    : server_(std::make_unique<HttpServer>(
          [this](const Request& request) {
              Intercept function;
              {
                  const std::scoped_lock lock(mutex_);
                  function = intercept_;
              }
              if (function)
                  if (auto reply = function(request)) return *reply;
              return honest(request);
          },
          certificate, key)) {}

void FakeRegistry::intercept(Intercept function) {
    const std::scoped_lock lock(mutex_);
    intercept_ = std::move(function);
}

void FakeRegistry::put_blob(const std::string& data) {
    const std::scoped_lock lock(mutex_);
    blobs_[digest_of(data).str()] = data;
}

void FakeRegistry::put_manifest(const std::string& repository, const std::string& reference, const std::string& text,
                                const std::string& type) {
    const std::scoped_lock lock(mutex_);
    manifests_[repository + ":" + reference] = {type, text};
    manifests_[repository + ":" + digest_of(text).str()] = {type, text};
}

void FakeRegistry::put(const std::string& repository, const std::string& tag, const MadeImage& image) {
    put_manifest(repository, tag, image.manifest, image.manifest_type);
    put_blob(image.config);
    for (const MadeLayer& layer : image.layers) put_blob(layer.data);
}

Digest FakeRegistry::put_index(const std::string& repository, const std::string& tag,
                               const std::vector<std::pair<Platform, MadeImage>>& images, bool docker) {
    std::string entries;
    for (const auto& [platform, image] : images) {
        put(repository, image.digest.str(), image);
        entries += fmt::format(
            R"({}{{"mediaType":"{}","digest":"{}","size":{},"platform":{{"os":"{}","architecture":"{}","variant":"{}"}}}})",
            entries.empty() ? "" : ",", image.manifest_type, image.digest.str(), image.manifest.size(), platform.os,
            platform.architecture, platform.variant);
    }
    const std::string type =
        docker ? "application/vnd.docker.distribution.manifest.list.v2+json" : "application/vnd.oci.image.index.v1+json";
    const std::string text = fmt::format(R"({{"schemaVersion":2,"mediaType":"{}","manifests":[{}]}})", type, entries);
    put_manifest(repository, tag, text, type);
    return digest_of(text);
}

Reply FakeRegistry::blob(const Request& request, const std::string& digest) {
    const auto found = blobs_.find(digest);
    if (found == blobs_.end()) return error_reply(404, "BLOB_UNKNOWN", "blob unknown to registry");
    const std::string& data = found->second;
    const std::string range = request.header("range");
    if (range.empty()) return {200, {{"Content-Type", "application/octet-stream"}}, data};
    const std::size_t first = std::stoul(range.substr(6));
    if (first >= data.size()) return {416, {}, ""};
    return {206, {{"Content-Range", fmt::format("bytes {}-{}/{}", first, data.size() - 1, data.size())}}, data.substr(first)};
}

std::string FakeRegistry::manifest(const std::string& repository, const std::string& reference) {
    const std::scoped_lock lock(mutex_);
    return manifests_[repository + ":" + reference].second;
}

std::string FakeRegistry::blob(const Digest& digest) {
    const std::scoped_lock lock(mutex_);
    return blobs_[digest.str()];
}

void FakeRegistry::drop_blob(const Digest& digest) {
    const std::scoped_lock lock(mutex_);
    blobs_.erase(digest.str());
}

void FakeRegistry::take_upload(const std::string& id, const std::string& data) {
    const std::scoped_lock lock(mutex_);
    uploads_[id] += data;
}

// As distribution does it, sizes of 0 and 1 both "0-0".
Reply FakeRegistry::upload(const Request& request, const std::string& repository, const std::string& id) {
    if (id.empty()) {
        const std::size_t mount = request.target.find("mount=");
        if (mount != std::string::npos) {
            const std::string digest = request.target.substr(mount + 6, request.target.find('&', mount) - mount - 6);
            if (blobs_.contains(digest)) return {201, {{"Docker-Content-Digest", digest}}, ""};
        }
        const std::string name = std::to_string(next_upload_++);
        uploads_[name] = "";
        return {202, {{"Location", "/v2/" + repository + "/blobs/uploads/" + name + "?_state=x"}, {"Range", "0-0"}}, ""};
    }
    const auto found = uploads_.find(id);
    if (found == uploads_.end()) return error_reply(404, "BLOB_UPLOAD_UNKNOWN", "no such upload");
    std::string& data = found->second;
    const auto state = [&](int status) {
        const std::size_t last = data.empty() ? 0 : data.size() - 1;
        return Reply{status, {{"Location", request.path() + "?_state=y"}, {"Range", fmt::format("0-{}", last)}}, ""};
    };
    if (request.method == "GET") return state(204);
    data += request.body;
    if (request.method == "PATCH") return state(202);
    const std::string digest = request.target.substr(request.target.find("digest=") + 7);
    if (digest_of(data).str() != digest) return error_reply(400, "DIGEST_INVALID", "digest is wrong");
    blobs_[digest] = data;
    uploads_.erase(found);
    return {201, {{"Docker-Content-Digest", digest}}, ""};
}

Reply FakeRegistry::accept_manifest(const Request& request, const std::string& repository, const std::string& reference) {
    const std::string digest = digest_of(request.body).str();
    manifests_[repository + ":" + reference] =
        manifests_[repository + ":" + digest] = {request.header("content-type"), request.body};
    return {201, {{"Docker-Content-Digest", digest}}, ""};
}

Reply FakeRegistry::honest(const Request& request) {
    const std::scoped_lock lock(mutex_);
    const std::string path = request.path();
    if (path == "/v2/") return {200, {}, "{}"};
    const std::size_t manifests = path.find("/manifests/"), blobs = path.find("/blobs/");
    if (!path.starts_with("/v2/")) return {404, {}, "no"};
    const std::size_t uploads = path.find("/blobs/uploads/");
    if (uploads != std::string::npos) return upload(request, path.substr(4, uploads - 4), path.substr(uploads + 15));
    if (blobs != std::string::npos) return blob(request, path.substr(blobs + 7));
    if (request.method == "PUT") return accept_manifest(request, path.substr(4, manifests - 4), path.substr(manifests + 11));
    if (manifests == std::string::npos) return {404, {}, "no"};
    const auto found = manifests_.find(path.substr(4, manifests - 4) + ":" + path.substr(manifests + 11));
    if (found == manifests_.end()) return error_reply(404, "MANIFEST_UNKNOWN", "manifest unknown");
    return document(found->second.first, found->second.second);
}

Reply error_reply(int status, const std::string& code, const std::string& message) {
    return {status,
            {{"Content-Type", "application/json"}},
            fmt::format(R"({{"errors":[{{"code":"{}","message":"{}"}}]}})", code, message)};
}

RegistryTest::RegistryTest()
    : paths_(paths_below(scratch_.path())),
      driver_(scratch_ / "driver"),
      store_(std::move(Store::open(paths_, driver_)).value()) {
    settings_.stall_window = registry::Milliseconds(400);
    settings_.connect_timeout = registry::Milliseconds(2000);
    settings_.backoff = registry::Milliseconds(10);
    settings_.backoff_limit = registry::Milliseconds(40);
    options_.progress = [this](const Progress& progress) {
        const std::scoped_lock lock(mutex_);
        progress_.push_back(progress);
    };
    push_options_.progress = options_.progress;
    settings_.answer_window = registry::Milliseconds(2000);
    // Nothing of whoever runs the tests.
    setenv("HOME", scratch_.path().c_str(), 1);
    for (const char* name : {"REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "DOCKER_CONFIG", "http_proxy",
                             "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"})
        unsetenv(name);
}

Result<PullResult> RegistryTest::pull(const std::string& ref) {
    return registry::pull_with(store_, engine_, TRY(ImageRef::parse(ref)), options_, settings_);
}

Result<PushResult> RegistryTest::push(const std::string& ref) {
    return registry::push_with(store_, engine_, TRY(ImageRef::parse(ref)), push_options_, settings_);
}

void RegistryTest::expect_clean() {
    auto findings = store_.check(false, true);
    ASSERT_TRUE(findings.ok()) << findings.error().message();
    // What an interrupted pull keeps for the next one is meant to be there.
    for (const Finding& finding : *findings)
        EXPECT_THAT(finding.problem,
                    ::testing::AnyOf(::testing::HasSubstr("belongs to no image"), ::testing::HasSubstr("broke off")))
            << finding.object;
    EXPECT_TRUE(std::filesystem::is_empty(scratch_ / "driver/staging"));
}

std::string RegistryTest::layer_file(const MadeLayer& layer, const std::string& name) {
    ImageConfig config;
    config.diff_ids = {layer.diff_id};
    return driver_.layer(store_.layer_keys(config).front()) + "/" + name;
}

}  // namespace gantry::image::test
