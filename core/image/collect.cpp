#include "image/collect.hpp"

#include "image/references.hpp"
#include "image/store_impl.hpp"

#include <fcntl.h>
#include <sys/stat.h>

namespace gantry::image {

namespace {

struct Candidate {
    Collected::Item item;
    std::optional<CacheEntry> entry;  // else an image
    std::optional<Digest> image;
};

// Its layers, unpacked and as they came. What others share is in it: removing one frees no more than this.
std::uint64_t most_bytes(const Store& store, const Image& image) {
    std::uint64_t bytes = image.size;
    if (const auto manifest = store.manifest(image); manifest.ok())
        for (const Descriptor& layer : manifest->layers) bytes += layer.size;
    return bytes;
}

class Collector {
public:
    Collector(Store& store, const CollectOptions& options) : store_(store), options_(options) {}

    Result<Collected> run() {
        if (TRY(options_.excess(options_.high)) == 0) return result_;
        // Without knowing what is needed, images would go and free nothing.
        if (!references_of(store_, TRY(read_index(store_.impl().folder))).complete)
            return error(Errc::corrupt, "nothing is removed, because the image store is damaged: see `gantry system check`");
        result_.missing = TRY(options_.excess(options_.low));
        while (result_.missing != 0) {
            // What a transfer has may look unused: it is not named yet.
            if (!TRY(store_.impl().lock_removal())) {
                result_.transfer = true;
                break;
            }
            const std::vector<Candidate> batch = TRY(next_batch());
            if (batch.empty()) break;
            TRY(remove(batch));
            result_.missing = options_.dry_run ? result_.missing - std::min(result_.missing, dry_bytes(batch))
                                               : TRY(options_.excess(options_.low));
        }
        return result_;
    }

private:
    static std::uint64_t dry_bytes(const std::vector<Candidate>& batch) {
        std::uint64_t bytes = 0;
        for (const Candidate& one : batch) bytes += one.item.bytes;
        return bytes;
    }

    Result<> add_cache(std::vector<Candidate>& list) {
        const auto entries = TRY(list_cache(store_));  // the longest unused first
        std::uint64_t left = 0;
        for (const CacheEntry& entry : entries)
            if (!tried_.contains(entry.id)) left += entry.size;
        for (const CacheEntry& entry : entries) {
            if (entry.shared || entry.size == 0 || entry.used >= options_.unused_since || tried_.contains(entry.id)) continue;
            if (left < options_.keep_cache + entry.size) break;
            left -= entry.size;
            list.push_back({{"build cache", entry.id, entry.step, entry.used, entry.size}, entry, {}});
        }
        return {};
    }

    Result<> add_images(std::vector<Candidate>& list) {
        const std::vector<Digest> in_use = TRY(options_.in_use());
        const std::size_t first = list.size();
        for (const Image& image : TRY(store_.list())) {
            const std::int64_t used = last_used(store_, image);
            if (std::ranges::find(in_use, image.id) != in_use.end() || used >= options_.unused_since) continue;
            if (tried_.contains(image.id.str())) continue;
            list.push_back(
                {{"image", image.id.str(), image.names.empty() ? "" : image.names.front(), used, most_bytes(store_, image)},
                 {},
                 image.id});
        }
        std::ranges::sort(list.begin() + static_cast<std::ptrdiff_t>(first), list.end(), {}, [](const Candidate& one) {
            return std::make_tuple(!one.item.name.empty(), one.item.used, one.item.id);
        });
        return {};
    }

    // The first that may be enough together. What each really frees is known afterwards: layers are shared.
    Result<std::vector<Candidate>> next_batch() {
        std::vector<Candidate> list;
        TRY(add_cache(list));
        // Images only where no build cache is left to go: the kinds do not mix.
        if (list.empty()) TRY(add_images(list));
        std::uint64_t sum = 0;
        std::size_t count = 0;
        while (count < list.size() && sum < result_.missing) sum += list[count++].item.bytes;
        list.resize(count);
        return list;
    }

    Result<> remove(const std::vector<Candidate>& batch) {
        std::vector<CacheEntry> entries;
        std::vector<Digest> images;
        for (const Candidate& one : batch) {
            tried_.insert(one.item.id);
            if (one.entry) entries.push_back(*one.entry);
            if (one.image) images.push_back(*one.image);
        }
        if (options_.dry_run) {
            result_.bytes += dry_bytes(batch);
        } else {
            if (!entries.empty()) result_.bytes += TRY(discard(store_, entries)).bytes;
            if (!images.empty()) {
                const std::vector<Digest> in_use = TRY(options_.in_use());
                result_.bytes += TRY(discard(store_, images, in_use)).bytes;
            }
        }
        for (const Candidate& one : batch)
            if (options_.dry_run || !one.image || !store_.find(one.image->str()).ok()) result_.items.push_back(one.item);
        return {};
    }

    Store& store_;
    const CollectOptions& options_;
    std::set<std::string> tried_;
    Collected result_;
};

}  // namespace

std::int64_t last_used(const Store& store, const Image& image) {
    struct stat info {};
    return stat(store.blob_path(image.manifest).c_str(), &info) == 0 ? info.st_mtim.tv_sec : 0;
}

void mark_used(const Store& store, const Image& image) {
    utimensat(AT_FDCWD, store.blob_path(image.manifest).c_str(), nullptr, AT_SYMLINK_NOFOLLOW);
}

Result<Collected> collect(Store& store, const CollectOptions& options) { return Collector(store, options).run(); }

}  // namespace gantry::image
