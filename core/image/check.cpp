// `gantry system check`: is everything there that index.json names, is it what it should be, and what is there besides.
#include "image/hasher.hpp"
#include "image/ingest.hpp"
#include "image/references.hpp"
#include "image/store_impl.hpp"
#include "os/file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <ctime>

namespace gantry::image {

namespace {

std::string label_of(const IndexRecord& record) {
    if (record.names.empty()) return fmt::format("image '{}'", record.digest.str());
    const auto ref = ImageRef::parse(record.names[0]);
    return fmt::format("image '{}'", ref.ok() ? ref->familiar() : record.names[0]);
}

Result<Digest> hash_blob(const Store& store, const Digest& digest) {
    return digest_of_file(TRY(store.open_blob(digest)).get(), digest.str(), digest.algorithm());
}

class Checker {
public:
    Checker(Store& store, bool repair, bool deep) : store_(store), repair_(repair), deep_(deep) {}

    Result<std::vector<Finding>> run();

private:
    Result<Index> read_or_rebuild_index();
    Index rebuild_index();
    void check_record(const IndexRecord& record);
    void check_layers(const IndexRecord& record, const Manifest& manifest, const ImageConfig& config);
    bool check_blob(const std::string& object, const Descriptor& blob);
    void unpack_again(const std::string& object, const Manifest& manifest, const ImageConfig& config, std::size_t at);
    Result<std::vector<FoundRoot>> check_roots();
    Result<> check_orphans(const Index& index, const Result<std::vector<FoundRoot>>& roots);
    bool remove_blob(const Digest& digest) { return repair_ && unlink(store_.blob_path(digest).c_str()) == 0; }
    void found(std::string object, std::string problem, bool repaired) {
        findings_.push_back({std::move(object), std::move(problem), repaired});
    }

    Store& store_;
    bool repair_, deep_;
    std::vector<Finding> findings_;
    std::set<Digest> seen_;  // blobs shared by images are told once
    std::set<driver::LayerKey> keys_;
};

// Without an index the images are still there: every blob that is a manifest of blobs that are there. Names are lost.
Index Checker::rebuild_index() {
    Index index;
    for (const std::string& name : os::list_dir(store_.impl().blob_folder("sha256")).value_or({})) {
        const auto digest = Digest::parse("sha256:" + name);
        struct stat info {};
        if (!digest.ok() || stat(store_.blob_path(*digest).c_str(), &info) != 0 || info.st_size > (4 << 20)) continue;
        const auto text = store_.blob_text(*digest);
        if (!text.ok()) continue;
        const auto manifest = parse_manifest(*text);
        if (!manifest.ok() || !store_.has_blob(manifest->config.digest)) continue;
        index.records.push_back({manifest->media_type, *digest, text->size(), {}, {}, {}, {}});
    }
    return index;
}

Result<Index> Checker::read_or_rebuild_index() {
    auto index = read_index(store_.impl().folder);
    if (index.ok() || index.error().code() != Errc::corrupt) return index;
    if (!repair_) {
        found("image index", index.error().message(), false);
        return index;
    }
    const std::string path = store_.impl().folder + "/index.json";
    const std::string kept = fmt::format("{}.damaged-{}", path, std::time(nullptr));
    TRY(os::rename(path, kept));
    Index rebuilt = rebuild_index();
    TRY(write_index(store_.impl().folder, rebuilt));
    found("image index",
          fmt::format("{}; it was rebuilt with {} images without names, the old file is '{}'", index.error().message(),
                      rebuilt.records.size(), kept),
          true);
    return rebuilt;
}

// True if the blob can be used.
bool Checker::check_blob(const std::string& object, const Descriptor& blob) {
    const bool first = seen_.insert(blob.digest).second;
    struct stat info {};
    if (stat(store_.blob_path(blob.digest).c_str(), &info) != 0) {
        if (first) found(object, fmt::format("blob '{}' is missing; pull the image again", blob.digest.str()), false);
        return false;
    }
    std::string problem;
    if (static_cast<std::uint64_t>(info.st_size) != blob.size) {
        problem = fmt::format("blob '{}' has {} bytes instead of {}", blob.digest.str(), info.st_size, blob.size);
    } else if (deep_ && first) {
        const auto digest = hash_blob(store_, blob.digest);
        if (!digest.ok())
            problem = digest.error().message();
        else if (*digest != blob.digest)
            problem = fmt::format("blob '{}' has other content than its name says", blob.digest.str());
    }
    if (problem.empty()) return true;
    // Out of the way, so that a pull fetches it again instead of taking it for good.
    const bool removed = remove_blob(blob.digest);
    if (first) found(object, problem + (removed ? "; it was removed, pull the image again" : "; pull the image again"), false);
    return false;
}

void Checker::unpack_again(const std::string& object, const Manifest& manifest, const ImageConfig& config, std::size_t at) {
    const auto keys = store_.layer_keys(config);
    const std::string problem = fmt::format("layer '{}' is missing", keys[at].substr(0, 12));
    if (!repair_) return found(object, problem + "; its blob is there", false);
    auto done = [&]() -> Result<> {
        const auto ingest =
            TRY(LayerIngest::begin(store_, manifest.layers[at], config.diff_ids[at], keys[at], at ? keys[at - 1] : ""));
        return ingest->finish();
    }();
    if (done.ok() || done.error().code() == Errc::exists) return found(object, problem + "; it was unpacked again", true);
    found(object, fmt::format("{}; unpacking its blob again failed: {}", problem, done.error().message()), false);
}

void Checker::check_layers(const IndexRecord& record, const Manifest& manifest, const ImageConfig& config) {
    const std::string object = label_of(record);
    if (manifest.layers.size() != config.diff_ids.size()) {
        found(object, "manifest and configuration have different numbers of layers", false);
        return;
    }
    const auto keys = store_.layer_keys(config);
    for (std::size_t at = 0; at < keys.size(); ++at) {
        const bool blob = check_blob(object, manifest.layers[at]);
        if (!keys_.insert(keys[at]).second) continue;
        const auto there = store_.storage().layer_exists(keys[at]);
        if (!there.ok())
            found(object, there.error().message(), false);
        else if (!*there && blob)
            unpack_again(object, manifest, config, at);
        else if (!*there)
            found(object,
                  fmt::format("layer '{}' is missing, and so is its blob; pull the image again", keys[at].substr(0, 12)),
                  false);
    }
}

void Checker::check_record(const IndexRecord& record) {
    const auto image = image_of(store_, record);
    const Digest digest = image ? image->manifest : record.digest;
    const auto trouble = [&](const Digest& blob, const Error& error) {
        const bool removed = error.code() == Errc::corrupt && remove_blob(blob);
        found(label_of(record), fmt::format("{}; {}pull the image again", error.message(), removed ? "it was removed, " : ""),
              false);
    };
    const auto text = store_.blob_text(digest);
    if (!text.ok()) return trouble(digest, text.error());
    if (is_index_type(record.media_type) && !image) return;  // another tool's, for other platforms
    const auto manifest = parse_manifest(*text);
    if (!manifest.ok()) return found(label_of(record), manifest.error().message(), false);
    const auto config_text = store_.blob_text(manifest->config.digest);
    if (!config_text.ok()) return trouble(manifest->config.digest, config_text.error());
    const auto config = parse_image_config(*config_text);
    if (!config.ok()) return found(label_of(record), config.error().message(), false);
    check_layers(record, *manifest, *config);
}

// A root that cannot be read would keep everything for ever. Returns those that are there afterwards.
Result<std::vector<FoundRoot>> Checker::check_roots() {
    std::vector<FoundRoot> roots = TRY(read_roots(store_.paths()));
    std::erase_if(roots, [&](const FoundRoot& root) {
        if (root.root.ok()) return false;
        const bool removed = repair_ && unlink(root.file.c_str()) == 0;
        found("image store", fmt::format("'{}': {}", root.file, root.root.error().message()), removed);
        return removed;
    });
    return roots;
}

Result<> Checker::check_orphans(const Index& index, const Result<std::vector<FoundRoot>>& roots) {
    const References needed = references_of(store_, index, roots);
    if (!needed.complete) return {};  // told above; what nobody needs cannot be known
    Sweep sweep = TRY(Sweep::begin(store_, needed));
    if (!sweep.allowed()) return {};  // a transfer is under way, all of it may be its
    const Sweep::Orphans orphans = TRY(Sweep::orphans(store_, needed));
    if (repair_) sweep.remove(orphans);
    const bool gone = repair_ && sweep.result().ok();
    for (const Digest& digest : orphans.blobs)
        found("image store", fmt::format("blob '{}' belongs to no image", digest.str()), gone);
    for (const driver::LayerKey& key : orphans.layers)
        found("image store", fmt::format("layer '{}' belongs to no image", key.substr(0, 12)), gone);
    for (const std::string& name : orphans.partials)
        found("image store", fmt::format("partial blob '{}' of a transfer that broke off", name), gone);
    for (const std::string& path : orphans.strays) found("image store", fmt::format("temporary file '{}'", path), gone);
    return {};
}

Result<std::vector<Finding>> Checker::run() {
    Index index;
    {
        const os::Fd lock = TRY(store_.impl().lock_index());
        auto read = read_or_rebuild_index();
        if (!read.ok()) {
            if (read.error().code() == Errc::corrupt) return std::move(findings_);
            return std::move(read).error();
        }
        index = std::move(read).value();
    }
    for (const IndexRecord& record : index.records) check_record(record);
    const os::Fd lock = TRY(store_.impl().lock_index());
    index = TRY(read_index(store_.impl().folder));
    const auto roots = check_roots();
    if (!roots.ok()) return roots.error();
    TRY(check_orphans(index, roots));
    return std::move(findings_);
}

}  // namespace

Result<std::vector<Finding>> Store::check(bool repair, bool deep) { return Checker(*this, repair, deep).run(); }

}  // namespace gantry::image
