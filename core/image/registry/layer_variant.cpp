#include "image/registry/layer_variant.hpp"

#include "image/hasher.hpp"
#include "image/inflated_source.hpp"
#include "image/json.hpp"
#include "image/partial_blob.hpp"
#include "image/registry/chunked_writer.hpp"
#include "image/roots.hpp"
#include "os/file.hpp"
#include "os/lock.hpp"

#include <sys/stat.h>

#include <thread>

namespace gantry::image::registry {

namespace {

constexpr auto lock_interval = std::chrono::milliseconds(50);

struct EncodingName {
    LayerEncoding encoding;
    const char* name;
    const char* file;
};
constexpr EncodingName encodings[] = {{LayerEncoding::gzip, "gzip", "gzip"},
                                      {LayerEncoding::zstd, "zstd", "zstd"},
                                      {LayerEncoding::zstd_chunked, "zstd:chunked", "zstd-chunked"}};

int level_of(const VariantRequest& request) {
    if (request.level != 0) return request.level;
    return request.encoding == LayerEncoding::gzip ? default_gzip_level : default_zstd_level;
}

std::string root_file(const Store& store, const VariantRequest& request) {
    const char* name = "";
    for (const EncodingName& known : encodings)
        if (known.encoding == request.encoding) name = known.file;
    return fmt::format("{}/{}-{}-{}.json", roots_folder(store.paths(), "push"), request.diff_id.hex(), name, level_of(request));
}

Result<> write_root(const Store& store, const VariantRequest& request, const LayerVariant& variant) {
    const Json root{{"while", Json::array({request.source.digest.str()})},
                    {"blobs", Json::array({variant.digest.str()})},
                    {"size", variant.size},
                    {"annotations", variant.annotations}};
    TRY(os::make_dirs(roots_folder(store.paths(), "push")));
    return os::write_file_atomic(root_file(store, request), dump_json(root) + "\n");
}

// The plain bytes of the source; check() at their end says whether they were what the diff ID names.
class PlainSource final : public ByteSource {
public:
    PlainSource(const VariantRequest& request, os::Fd fd)
        : request_(request),
          fd_(std::move(fd)),
          blob_(fd_.get(), request.source.digest.str(), 0, request.source.size),
          plain_(blob_),
          hasher_(request.diff_id.algorithm()) {}

    Result<std::string_view> peek() override {
        if (request_.cancelled()) return error(Errc::cancelled, "cancelled");
        request_.progress(blob_.position());
        return piece_ = TRY(plain_.peek());
    }
    void consume(std::size_t count) override {
        hasher_.update(piece_.substr(0, count));
        piece_.remove_prefix(count);
        plain_.consume(count);
    }

    Result<> check() {
        TRY(plain_.end());
        const Digest digest = hasher_.finish();
        if (digest == request_.diff_id) return {};
        return error(Errc::corrupt, "blob '{}' has diff ID '{}' instead of '{}'", request_.source.digest.str(), digest.str(),
                     request_.diff_id.str());
    }

private:
    const VariantRequest& request_;
    os::Fd fd_;
    FileSource blob_;
    InflatedSource plain_;
    Hasher hasher_;
    std::string_view piece_;  // of the last peek()
};

Result<> compress(ByteSource& plain, Compression kind, int level, const CompressedFn& sink) {
    const auto compressor = TRY(make_compressor(kind, level, sink));
    for (std::string_view data = TRY(plain.peek()); !data.empty(); data = TRY(plain.peek())) {
        TRY(compressor->write(data));
        plain.consume(data.size());
    }
    return compressor->end();
}

Result<LayerVariant> encode(Store& store, const VariantRequest& request) {
    PlainSource plain(request, TRY(store.open_blob(request.source.digest)));
    PartialBlob blob = TRY(PartialBlob::begin(store));
    const CompressedFn sink = [&](std::string_view data) { return blob.write(data); };
    const int level = level_of(request);
    std::map<std::string, std::string> annotations;
    if (request.encoding == LayerEncoding::zstd_chunked)
        annotations = TRY(write_chunked(plain, level, sink));
    else
        TRY(compress(plain, request.encoding == LayerEncoding::gzip ? Compression::gzip : Compression::zstd, level, sink));
    TRY(plain.check());
    const Digest digest = blob.seal();
    TRY(blob.finish(digest));
    return LayerVariant{digest, blob.size(), std::move(annotations)};
}

// One maker of a variant at a time, in all processes; whoever waited finds it done.
Result<os::Fd> lock_alone(const Store& store, const VariantRequest& request) {
    for (;;) {
        auto mine = os::lock_name(store.paths().images() + "/.pushing", root_file(store, request), false);
        if (mine.ok() || mine.error().code() != Errc::in_use) return mine;
        if (request.cancelled()) return error(Errc::cancelled, "cancelled");
        std::this_thread::sleep_for(lock_interval);
    }
}

}  // namespace

Result<LayerEncoding> parse_layer_encoding(std::string_view text) {
    for (const EncodingName& known : encodings)
        if (text == known.name) return known.encoding;
    return error(Errc::invalid, "compression '{}' is not known; gzip, zstd and zstd:chunked are", text);
}

std::optional<LayerVariant> find_variant(const Store& store, const VariantRequest& request) {
    const auto text = os::read_file(root_file(store, request), detail::json_limit);
    if (!text.ok()) return std::nullopt;
    const auto object = detail::parse_object(*text, "root");
    const auto root = parse_root(*text);
    if (!object.ok() || !root.ok() || root->blobs.size() != 1) return std::nullopt;
    const auto size = detail::integer_member(*object, "size", "root");
    auto annotations = detail::map_member(*object, "annotations", "root");
    if (!size.ok() || *size < 0 || !annotations.ok()) return std::nullopt;
    LayerVariant variant{root->blobs.front(), static_cast<std::uint64_t>(*size), std::move(*annotations)};
    struct stat info {};
    if (stat(store.blob_path(variant.digest).c_str(), &info) != 0) return std::nullopt;
    if (static_cast<std::uint64_t>(info.st_size) != variant.size) return std::nullopt;
    return variant;
}

Result<LayerVariant> make_variant(Store& store, const VariantRequest& request) {
    if (auto known = find_variant(store, request)) return std::move(*known);
    const os::Fd alone = TRY(lock_alone(store, request));
    if (auto known = find_variant(store, request)) return std::move(*known);
    LayerVariant variant = TRY_CONTEXT(encode(store, request), "compress layer '{}'", request.diff_id.hex().substr(0, 12));
    TRY(write_root(store, request, variant));
    return variant;
}

}  // namespace gantry::image::registry
