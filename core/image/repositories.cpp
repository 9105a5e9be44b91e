#include "image/repositories.hpp"

#include "image/json.hpp"
#include "image/roots.hpp"
#include "image/store_impl.hpp"
#include "os/file.hpp"
#include "os/lock.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <ctime>

namespace gantry::image {

namespace {

constexpr std::string_view suffix = ".json";
// Remembered at most; then all is forgotten and read again when needed.
constexpr std::size_t cache_limit = 1024, facts_limit = 20'000;
constexpr std::int64_t pending_seconds = 24 * 3600;

std::string replaced(std::string text, char from, char to) {
    std::ranges::replace(text, from, to);
    return text;
}

std::int64_t changed_ns(const struct stat& info) { return info.st_mtim.tv_sec * 1'000'000'000LL + info.st_mtim.tv_nsec; }

}  // namespace

std::uint64_t sum_of(const std::map<Digest, std::uint64_t>& contents) {
    std::uint64_t sum = 0;
    for (const auto& [digest, size] : contents) sum += size;
    return sum;
}

std::string Repositories::folder() const { return roots_folder(store_.paths(), "registry"); }

std::string Repositories::file(const RepositoryName& name) const {
    return fmt::format("{}/{}{}", folder(), replaced(name.str(), '/', '+'), suffix);
}

Result<std::vector<RepositoryName>> Repositories::list() const {
    std::vector<RepositoryName> names;
    for (const std::string& entry : TRY(os::list_dir(folder()))) {
        if (!entry.ends_with(suffix)) continue;
        auto name = RepositoryName::parse(replaced(entry.substr(0, entry.size() - suffix.size()), '+', '/'));
        if (name.ok()) names.push_back(std::move(name).value());
    }
    std::ranges::sort(names);
    return names;
}

Result<std::shared_ptr<const Repository>> Repositories::load(const RepositoryName& name) const {
    const std::string text = TRY(os::read_file(file(name), detail::json_limit));
    return std::make_shared<const Repository>(TRY_CONTEXT(parse_repository(text), "'{}'", file(name)));
}

Result<std::shared_ptr<const Repository>> Repositories::read(const RepositoryName& name) const {
    struct stat info {};
    // Every change is a new file by rename, so inode and time tell one version from another.
    if (stat(file(name).c_str(), &info) != 0) {
        if (errno == ENOENT) return error(Errc::not_found, "no repository '{}'", name.str());
        return errno_error("stat '{}'", file(name));
    }
    const std::lock_guard lock(mutex_);
    if (cache_.size() > cache_limit) cache_.clear();
    Cached& cached = cache_[name.str()];
    if (cached.repository && cached.inode == info.st_ino && cached.changed_ns == changed_ns(info)) return cached.repository;
    cached = {changed_ns(info), info.st_ino, nullptr};
    auto loaded = load(name);
    if (loaded.ok()) cached.repository = *loaded;
    return loaded;
}

Result<> Repositories::change(const RepositoryName& name, const std::function<Result<>(Repository&)>& change) const {
    TRY(os::make_dirs(folder()));
    const os::Fd held = TRY(store_.hold());
    const os::Fd lock = TRY(os::lock_name(folder() + "/.lock", name.str()));
    Repository repository;
    const auto before = read(name);
    if (before.ok())
        repository = **before;
    else if (before.error().code() != Errc::not_found)
        return before.error();
    TRY(change(repository));
    if (repository.empty()) {
        if (before.ok() && unlink(file(name).c_str()) != 0) return errno_error("remove '{}'", file(name));
        return {};
    }
    const std::string text = repository_text(name, repository);
    if (before.ok() && text == repository_text(name, **before)) return {};
    if (text.size() > detail::json_limit)
        return error(Errc::no_space, "repository '{}' is full: its list would exceed {} bytes", name.str(), detail::json_limit);
    TRY(store_.impl().sync_blobs());
    return os::write_file_atomic(file(name), text);
}

Result<std::shared_ptr<const ManifestFacts>> Repositories::facts(const Digest& manifest, std::string_view media_type) const {
    {
        const std::lock_guard lock(mutex_);
        if (const auto found = facts_.find(manifest); found != facts_.end()) return found->second;
    }
    const std::string text = TRY(store_.blob_text(manifest));
    const auto facts = std::make_shared<const ManifestFacts>(TRY(manifest_facts(text, media_type)));
    const std::lock_guard lock(mutex_);
    if (facts_.size() >= facts_limit) facts_.clear();
    facts_.emplace(manifest, facts);
    return facts;
}

std::optional<Descriptor> Repositories::named_blob(const Repository& repository, const Digest& blob) const {
    // The newest first: that is what is pulled.
    for (auto manifest = repository.manifests.rbegin(); manifest != repository.manifests.rend(); ++manifest) {
        const auto named = facts(manifest->digest, manifest->media_type);
        if (!named.ok()) continue;
        const auto found = std::ranges::find((*named)->blobs, blob, &Descriptor::digest);
        if (found != (*named)->blobs.end()) return *found;
    }
    return std::nullopt;
}

std::vector<Digest> Repositories::reach(const RepositoryManifest& manifest) const {
    std::vector<Digest> all{manifest.digest};
    if (const auto named = facts(manifest.digest, manifest.media_type); named.ok())
        for (const Descriptor& blob : (*named)->blobs) all.push_back(blob.digest);
    return all;
}

// Those with tags, what their indexes name, and what refers to any of these.
std::set<Digest> Repositories::needed_manifests(const Repository& repository) const {
    std::set<Digest> needed;
    for (const RepositoryManifest& manifest : repository.manifests)
        if (!manifest.tags.empty()) needed.insert(manifest.digest);
    for (std::size_t before = 0; before != needed.size();) {
        before = needed.size();
        for (const RepositoryManifest& manifest : repository.manifests) {
            if (manifest.subject && needed.contains(*manifest.subject)) needed.insert(manifest.digest);
            if (!needed.contains(manifest.digest)) continue;
            const auto named = facts(manifest.digest, manifest.media_type);
            if (!named.ok()) continue;
            for (const Descriptor& nested : (*named)->manifests) needed.insert(nested.digest);
        }
    }
    return needed;
}

Result<std::vector<Digest>> Repositories::collect(const RepositoryName& name, bool untagged) const {
    std::vector<Digest> gone;
    const std::int64_t now = std::time(nullptr);
    TRY(change(name, [&](Repository& repository) -> Result<> {
        std::erase_if(repository.pending, [&](const auto& entry) {
            if (now - entry.second < pending_seconds) return false;
            gone.push_back(entry.first);
            return true;
        });
        if (!untagged) return {};
        const std::set<Digest> needed = needed_manifests(repository);
        std::erase_if(repository.manifests, [&](const RepositoryManifest& manifest) {
            if (needed.contains(manifest.digest)) return false;
            gone.push_back(manifest.digest);
            return true;
        });
        return {};
    }));
    return gone;
}

std::map<Digest, std::uint64_t> Repositories::contents(const Repository& repository) const {
    std::map<Digest, std::uint64_t> all;
    for (const RepositoryManifest& manifest : repository.manifests) {
        all[manifest.digest] = manifest.size;
        const auto named = facts(manifest.digest, manifest.media_type);
        if (!named.ok()) continue;
        for (const Descriptor& blob : (*named)->blobs) all[blob.digest] = blob.size;
    }
    for (const auto& [digest, since] : repository.pending) {
        struct stat info {};
        if (stat(store_.blob_path(digest).c_str(), &info) == 0) all[digest] = static_cast<std::uint64_t>(info.st_size);
    }
    return all;
}

Result<std::vector<std::string>> Repositories::collect_all(bool untagged) const {
    std::vector<std::string> lines;
    for (const RepositoryName& name : TRY(list()))
        for (const Digest& digest : TRY(collect(name, untagged)))
            lines.push_back(fmt::format("{}@{}", name.str(), digest.str()));
    return lines;
}

Result<> Repositories::remove(const std::string& text) const {
    const std::size_t mark = std::min(text.find_first_of(":@"), text.size());
    const auto name = TRY(RepositoryName::parse(text.substr(0, mark)));
    const std::string rest = text.substr(std::min(mark + 1, text.size()));
    std::vector<Digest> unneeded;
    const auto note_all = [&](const RepositoryManifest& manifest) {
        for (Digest& digest : reach(manifest)) unneeded.push_back(std::move(digest));
    };
    TRY(change(name, [&](Repository& repository) -> Result<> {
        if (mark == text.size()) {
            if (repository.empty()) return error(Errc::not_found, "no repository '{}'", text);
            for (const auto& manifest : repository.manifests) note_all(manifest);
            for (const auto& [digest, since] : repository.pending) unneeded.push_back(digest);
            repository = {};
            return {};
        }
        bool gone = false;
        if (text[mark] == ':') {
            gone = repository.untag(rest);
        } else {
            const Digest digest = TRY(Digest::parse(rest));
            if (const auto* manifest = repository.find(digest)) note_all(*manifest);
            gone = repository.erase(digest);
        }
        if (!gone) return error(Errc::not_found, "no '{}'", text);
        return {};
    }));
    return drop_blobs(store_, unneeded);
}

}  // namespace gantry::image
