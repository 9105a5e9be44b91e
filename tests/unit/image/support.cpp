#include "support.hpp"

#include "image/hasher.hpp"
#include "os/file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>
#include <isa-l/igzip_lib.h>
#include <zstd.h>

#include <fstream>
#include <sstream>

namespace gantry::image::test {

namespace fs = std::filesystem;

Scratch::Scratch() {
    std::string pattern = (fs::temp_directory_path() / "gantry-image-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
}

Scratch::~Scratch() { static_cast<void>(os::remove_tree(path_)); }

FolderDriver::FolderDriver(std::string folder, driver::LayerFormat format) : folder_(std::move(folder)), format_(format) {
    fs::create_directories(folder_ + "/layers");
    fs::create_directories(folder_ + "/staging");
    fs::create_directories(folder_ + "/locks");
}

Result<driver::LayerStaging> FolderDriver::layer_begin(const driver::LayerKey& key, const driver::LayerKey& parent) {
    os::Fd lock = TRY(os::lock_file(folder_ + "/locks/" + key));
    if (fs::exists(layer(key))) return error(Errc::exists, "layer '{}' exists", key);
    const std::string path = folder_ + "/staging/" + key;
    fs::remove_all(path);
    if (format_ == driver::LayerFormat::applied && !parent.empty())
        fs::copy(layer(parent), path, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
    fs::create_directories(path);
    return driver::LayerStaging{key, path, std::move(lock)};
}

Result<> FolderDriver::layer_commit(driver::LayerStaging staging, std::uint64_t size) {
    TRY(os::write_file_atomic(folder_ + "/layers/." + staging.key + ".size", std::to_string(size)));
    return os::rename(staging.path, layer(staging.key), false);
}

Result<> FolderDriver::layer_abort(driver::LayerStaging staging) { return os::remove_tree(staging.path); }
Result<bool> FolderDriver::layer_exists(const driver::LayerKey& key) { return fs::exists(layer(key)); }

Result<std::uint64_t> FolderDriver::layer_size(const driver::LayerKey& key) {
    const std::string text = TRY(os::read_file(folder_ + "/layers/." + key + ".size"));
    return static_cast<std::uint64_t>(std::stoull(text));
}

Result<> FolderDriver::layer_remove(const driver::LayerKey& key) { return os::remove_tree(layer(key)); }

Result<std::vector<driver::LayerKey>> FolderDriver::layer_list() {
    std::vector<driver::LayerKey> keys = TRY(os::list_dir(folder_ + "/layers"));
    std::erase_if(keys, [](const std::string& name) { return name.starts_with('.'); });
    return keys;
}

Result<os::Fd> FolderDriver::layer_files(const driver::LayerKey& key) {
    return os::open(layer(key), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

namespace {

std::string octal(std::uint64_t value, std::size_t width) {
    if (value >> (3 * (width - 1)) == 0) return fmt::format("{:0{}o}", value, width - 1) + '\0';
    std::string text(width, '\0');
    text[0] = '\x80';
    for (std::size_t at = width; at-- > 1; value >>= 8) text[at] = static_cast<char>(value & 0xff);
    return text;
}

}  // namespace

Tar& Tar::raw(const Header& header, std::string_view data) {
    std::string block(512, '\0');
    const auto put = [&](std::size_t at, std::string_view text) { block.replace(at, text.size(), text); };
    put(0, std::string_view(header.name).substr(0, 100));
    put(100, octal(header.mode, 8));
    put(108, octal(header.uid, 8));
    put(116, octal(header.gid, 8));
    put(124, octal(header.size.value_or(data.size()), 12));
    put(136, octal(header.mtime, 12));
    put(148, "        ");
    block[156] = header.type;
    put(157, std::string_view(header.link).substr(0, 100));
    put(257, header.gnu ? std::string_view("ustar  \0", 8)
                        : std::string_view("ustar\0"
                                           "00",
                                           8));
    put(329, octal(header.major, 8));
    put(337, octal(header.minor, 8));
    unsigned sum = 0;
    for (const char c : block) sum += static_cast<unsigned char>(c);
    put(148, fmt::format("{:06o}", sum) + std::string("\0 ", 2));
    text_ += block;
    return bytes(data);
}

Tar& Tar::bytes(std::string_view data) {
    text_ += data;
    text_.resize((text_.size() + 511) / 512 * 512, '\0');
    return *this;
}

Tar& Tar::file(const std::string& name, std::string_view data, std::uint32_t mode) { return raw({name, '0', {}, mode}, data); }
Tar& Tar::folder(const std::string& name, std::uint32_t mode) { return raw({name, '5', {}, mode}); }
Tar& Tar::symlink(const std::string& name, const std::string& target) { return raw({name, '2', target, 0777}); }
Tar& Tar::hardlink(const std::string& name, const std::string& target) { return raw({name, '1', target}); }

Tar& Tar::pax(const std::vector<std::pair<std::string, std::string>>& records) {
    std::string text;
    for (const auto& [key, value] : records) {
        std::size_t length = key.size() + value.size() + 3;
        while (std::to_string(length).size() + key.size() + value.size() + 3 != length)
            length = std::to_string(length).size() + key.size() + value.size() + 3;
        text += std::to_string(length) + " " + key + "=" + value + "\n";
    }
    return raw({"PaxHeaders/x", 'x'}, text);
}

Tar& Tar::long_name(const std::string& name, char type) {
    Header header{"././@LongLink", type};
    header.gnu = true;
    return raw(header, name + '\0');
}

std::string Tar::text() const { return text_ + std::string(1024, '\0'); }

std::string gzip(std::string_view plain) {
    std::string out(plain.size() * 2 + 4096, '\0');
    isal_zstream stream;
    isal_deflate_stateless_init(&stream);
    stream.gzip_flag = IGZIP_GZIP;
    stream.end_of_stream = 1;
    std::string input(plain);
    stream.next_in = reinterpret_cast<std::uint8_t*>(input.data());
    stream.avail_in = static_cast<std::uint32_t>(input.size());
    stream.next_out = reinterpret_cast<std::uint8_t*>(out.data());
    stream.avail_out = static_cast<std::uint32_t>(out.size());
    EXPECT_EQ(isal_deflate_stateless(&stream), COMP_OK);
    out.resize(stream.total_out);
    return out;
}

std::string zstd(std::string_view plain) {
    std::string out(ZSTD_compressBound(plain.size()), '\0');
    out.resize(ZSTD_compress(out.data(), out.size(), plain.data(), plain.size(), 3));
    return out;
}

Result<std::uint64_t> unpack(const std::string& archive, const std::string& folder, driver::LayerFormat format,
                             const UnpackLimits& limits, std::size_t piece) {
    fs::create_directories(folder);
    const os::Fd fd = TRY(os::open(folder, O_RDONLY | O_DIRECTORY));
    std::size_t at = 0;
    return unpack_tar(
        [&](char* buffer, std::size_t size) -> Result<std::size_t> {
            const std::size_t count = std::min({size, piece, archive.size() - at});
            std::memcpy(buffer, archive.data() + at, count);
            at += count;
            return count;
        },
        fd.get(), format, limits);
}

Result<> ingest(Store& store, const Descriptor& blob, const Digest& diff_id, const driver::LayerKey& parent,
                std::string_view data) {
    const bool overlay = store.storage().layer_format() == driver::LayerFormat::overlay;
    std::string chain = diff_id.str();
    if (!overlay && !parent.empty()) chain = digest_of("sha256:" + parent + " " + diff_id.str()).str();
    auto begun = LayerIngest::begin(store, blob, diff_id, chain.substr(7), parent);
    if (!begun.ok() && begun.error().code() == Errc::exists) return {};
    const auto layer = TRY(std::move(begun));
    TRY(layer->write(data.substr(layer->offset())));
    return layer->finish();
}

Blobs put_image(Store& store, const std::vector<std::string>& archives, const std::string& marker) {
    std::vector<Descriptor> layers;
    std::vector<Digest> diff_ids;
    std::string layers_json, diff_json;
    driver::LayerKey parent;
    for (std::size_t at = 0; at < archives.size(); ++at) {
        const std::string data = at % 3 == 0 ? archives[at] : at % 3 == 1 ? gzip(archives[at]) : zstd(archives[at]);
        diff_ids.push_back(digest_of(archives[at]));
        layers.push_back({"application/vnd.oci.image.layer.v1.tar", digest_of(data), data.size(), {}});
        const auto done = ingest(store, layers.back(), diff_ids.back(), parent, data);
        EXPECT_TRUE(done.ok()) << done.error().message();
        ImageConfig so_far;
        so_far.diff_ids = diff_ids;
        parent = store.layer_keys(so_far).back();
        layers_json += fmt::format(R"({}{{"mediaType":"{}","digest":"{}","size":{}}})", at ? "," : "", layers[at].media_type,
                                   layers[at].digest.str(), layers[at].size);
        diff_json += fmt::format(R"({}"{}")", at ? "," : "", diff_ids[at].str());
    }
    const std::string config = fmt::format(
        R"({{"os":"linux","architecture":"amd64","created":"2024-01-02T03:04:05Z","config":{{"Cmd":["/bin/{}"],"Labels":{{"m":"{}"}}}},)"
        R"("rootfs":{{"type":"layers","diff_ids":[{}]}},"history":[{{"created_by":"first"}}]}})",
        marker, marker, diff_json);
    const std::string manifest = fmt::format(
        R"({{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{}","size":{}}},"layers":[{}]}})",
        digest_of(config).str(), config.size(), layers_json);
    EXPECT_TRUE(put_blob(store, digest_of(config), config).ok());
    EXPECT_TRUE(put_blob(store, digest_of(manifest), manifest).ok());
    return {digest_of(manifest), digest_of(config), layers, diff_ids};
}

std::string read_text(const std::string& path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

config::Paths paths_below(const std::string& root) {
    config::Paths paths;
    paths.etc = root + "/etc";
    paths.data = root + "/data";
    paths.run = root + "/run";
    paths.cache = root + "/cache";
    return paths;
}

}  // namespace gantry::image::test
