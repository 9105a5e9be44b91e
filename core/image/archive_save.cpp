// Archives out. The docker-archive is what `docker save` writes since version 25: an OCI layout in a tar file, with a
// manifest.json beside it for older readers. Layers go out as they came in, compressed or not; every reader tells by itself.
#include "image/index.hpp"
#include "image/json.hpp"
#include "image/store_impl.hpp"
#include "image/tar_writer.hpp"
#include "image/transfer.hpp"
#include "os/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace gantry::image {

namespace {

constexpr std::string_view layout_text = "{\"imageLayoutVersion\": \"1.0.0\"}\n";

struct Chosen {
    Image image;
    Manifest manifest;
    std::vector<std::string> names;
};

struct Selection {
    std::vector<Chosen> images;
    std::vector<Descriptor> blobs;  // each once, in the order of writing
};

void add_once(std::vector<std::string>& list, const std::string& text) {
    if (std::ranges::find(list, text) == list.end()) list.push_back(text);
}

// `docker save NAME` without a tag means every tag of the repository; an id goes out without a name.
Result<std::vector<std::pair<Image, std::vector<std::string>>>> images_for(const std::vector<Image>& all,
                                                                           const std::string& text) {
    std::vector<std::pair<Image, std::vector<std::string>>> found;
    const auto ref = ImageRef::parse(text);
    if (ref.ok() && ref->tag.empty() && !ref->digest) {
        const std::string repository = ref->normalized().repository() + ":";
        for (const Image& image : all) {
            std::vector<std::string> names;
            std::ranges::copy_if(image.names, std::back_inserter(names),
                                 [&](const std::string& name) { return name.starts_with(repository); });
            if (!names.empty()) found.emplace_back(image, std::move(names));
        }
    }
    if (!found.empty()) return found;
    Match match = TRY(match_image(all, text));
    std::vector<std::string> names;
    if (!match.name.empty()) names.push_back(match.name);
    found.emplace_back(std::move(match.image), std::move(names));
    return found;
}

Result<> add_blob(const Store& store, Selection& selection, const Descriptor& blob) {
    for (const Descriptor& known : selection.blobs)
        if (known.digest == blob.digest) return {};
    struct stat info {};
    if (stat(store.blob_path(blob.digest).c_str(), &info) != 0)
        return error(Errc::corrupt, "blob '{}' is missing", blob.digest.str());
    if (blob.size != static_cast<std::uint64_t>(info.st_size))
        return error(Errc::corrupt, "blob '{}' has {} bytes instead of {}", blob.digest.str(), info.st_size, blob.size);
    selection.blobs.push_back(blob);
    return {};
}

Result<> add_image(const Store& store, Selection& selection, Image image, const std::vector<std::string>& names) {
    for (Chosen& known : selection.images) {
        if (known.image.manifest != image.manifest) continue;
        for (const std::string& name : names) add_once(known.names, name);
        return {};
    }
    const std::string text = TRY(store.blob_text(image.manifest));
    Manifest manifest = TRY(parse_manifest(text));
    TRY(add_blob(store, selection, {manifest.media_type, image.manifest, text.size(), {}}));
    TRY(add_blob(store, selection, manifest.config));
    for (const Descriptor& layer : manifest.layers) TRY(add_blob(store, selection, layer));
    selection.images.push_back({std::move(image), std::move(manifest), names});
    return {};
}

Result<Selection> select(const Store& store, const std::vector<std::string>& texts) {
    Selection selection;
    const std::vector<Image> all = TRY(store.list());
    for (const std::string& text : texts)
        for (auto& [image, names] : TRY(images_for(all, text)))
            TRY_CONTEXT(add_image(store, selection, std::move(image), names), "image '{}'", text);
    return selection;
}

std::string member_name(const Digest& digest) { return fmt::format("blobs/{}/{}", digest.algorithm(), digest.hex()); }

Index index_for(const Selection& selection, Index index = {}) {
    for (const Chosen& chosen : selection.images) {
        const auto blob = std::ranges::find(selection.blobs, chosen.image.manifest, &Descriptor::digest);
        if (!index.find(chosen.image.manifest))
            index.records.push_back({chosen.manifest.media_type, chosen.image.manifest, blob->size, {}, {}, {}, {}});
        for (const std::string& name : chosen.names) {
            index.drop_name(name);
            index.find(chosen.image.manifest)->names.push_back(name);
        }
    }
    return index;
}

std::string familiar(const std::string& name) {
    const auto ref = ImageRef::parse(name);
    return ref.ok() ? ref->familiar() : name;
}

std::string docker_manifest(const Selection& selection) {
    Json list = Json::array();
    for (const Chosen& chosen : selection.images) {
        Json layers = Json::array();
        for (const Descriptor& layer : chosen.manifest.layers) layers.push_back(member_name(layer.digest));
        Json tags = Json::array();
        for (const std::string& name : chosen.names) tags.push_back(familiar(name));
        list.push_back({{"Config", member_name(chosen.manifest.config.digest)},
                        {"RepoTags", chosen.names.empty() ? Json(nullptr) : std::move(tags)},
                        {"Layers", std::move(layers)}});
    }
    return dump_json(list);
}

Result<> write_archive(const Store& store, const Selection& selection, bool docker, int fd, const std::string& target) {
    TarWriter tar(fd, target);
    TRY(tar.file("oci-layout", layout_text));
    TRY(tar.file("index.json", index_text(index_for(selection))));
    if (docker) TRY(tar.file("manifest.json", docker_manifest(selection)));
    for (const Descriptor& blob : selection.blobs) {
        const os::Fd from = TRY(store.open_blob(blob.digest));
        TRY(tar.file(member_name(blob.digest), from.get(), blob.size));
    }
    return tar.end();
}

// A file appears whole or not at all.
Result<> save_file(const Store& store, const Selection& selection, bool docker, const std::string& target) {
    struct stat info {};
    if (stat(target.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
        if (S_ISDIR(info.st_mode)) return error(Errc::invalid, "'{}' is a folder", target);
        const os::Fd device = TRY(os::open(target, O_WRONLY));  // a fifo, /dev/null
        return write_archive(store, selection, docker, device.get(), target);
    }
    const std::string temporary = fmt::format("{}.tmp-{}", target, getpid());
    auto written = [&]() -> Result<> {
        const os::Fd fd = TRY(os::open(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0600));
        TRY(write_archive(store, selection, docker, fd.get(), target));
        return os::rename(temporary, target);
    }();
    if (!written.ok()) unlink(temporary.c_str());
    return written;
}

// A folder may hold a layout already: images are added to it.
Result<> save_layout(const Store& store, const Selection& selection, const std::string& target) {
    Index index = index_for(selection, TRY(read_index(target)));
    for (const Descriptor& blob : selection.blobs) {
        const std::string path = target + "/" + member_name(blob.digest);
        struct stat info {};
        if (stat(path.c_str(), &info) == 0 && static_cast<std::uint64_t>(info.st_size) == blob.size) continue;
        TRY(os::make_dirs(fmt::format("{}/blobs/{}", target, blob.digest.algorithm())));
        const os::Fd from = TRY(store.open_blob(blob.digest));
        const os::Fd to = TRY(os::open(path + ".tmp", O_WRONLY | O_CREAT | O_TRUNC, 0644));
        TRY(copy_bytes(from.get(), to.get(), blob.size, path));
        TRY(os::rename(path + ".tmp", path));
    }
    TRY(os::write_file_atomic(target + "/oci-layout", layout_text, 0644, false));
    return write_index(target, index);
}

}  // namespace

Result<> save(Store& store, const std::vector<std::string>& images, ArchiveFormat format, const std::string& target) {
    if (images.empty()) return error(Errc::invalid, "save: no image is named");
    const os::Fd held = TRY(store.hold());
    const Selection selection = TRY_CONTEXT(select(store, images), "save");
    if (format == ArchiveFormat::oci_layout) {
        if (target == "-") return error(Errc::invalid, "save: a folder cannot be written to standard output");
        return save_layout(store, selection, target).context("save");
    }
    const bool docker = format == ArchiveFormat::docker_archive;
    if (target == "-") return write_archive(store, selection, docker, STDOUT_FILENO, "standard output").context("save");
    return save_file(store, selection, docker, target).context("save");
}

Result<> save(Store& store, const std::vector<std::string>& images, ArchiveFormat format, int archive) {
    if (images.empty()) return error(Errc::invalid, "save: no image is named");
    if (format == ArchiveFormat::oci_layout) return error(Errc::invalid, "save: a folder is no archive");
    const os::Fd held = TRY(store.hold());
    const Selection selection = TRY_CONTEXT(select(store, images), "save");
    return write_archive(store, selection, format == ArchiveFormat::docker_archive, archive, "archive").context("save");
}

}  // namespace gantry::image
