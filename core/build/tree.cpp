#include "build/tree.hpp"

#include "os/file.hpp"

#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <filesystem>

namespace gantry::build {

namespace {

std::string joined(const std::string& folder, const std::string& name) { return folder.empty() ? name : folder + "/" + name; }

std::string folder_path(int folder) { return fmt::format("/proc/self/fd/{}", folder); }

// "a/../b/" is "b", "/" is "", "../x" is "x": nothing is above a tree.
std::string clean(const std::string& word) {
    const std::string normal = std::filesystem::path("/" + word).lexically_normal().string();
    const auto first = normal.find_first_not_of('/');
    if (first == std::string::npos) return "";
    return normal.substr(first, normal.find_last_not_of('/') + 1 - first);
}

// One walk below a source.
class Lister {
public:
    Lister(const Tree& tree, const dockerfile::Patterns& exclude, std::vector<Item>& items)
        : tree_(tree), exclude_(exclude), items_(items) {}

    // path: in the tree; below: in the source.
    Result<> walk(int folder, const std::string& path, const std::string& below, int depth) {
        if (depth > tree_depth)
            return error(Errc::invalid, "'{}...' is nested deeper than {} folders", path.substr(0, 64), tree_depth);
        for (const std::string& name : TRY(os::list_dir(folder_path(folder)))) {
            Item item{joined(below, name), {}};
            const std::string place = joined(path, name);
            if (fstatat(folder, name.c_str(), &item.info, AT_SYMLINK_NOFOLLOW) != 0) return errno_error("stat '{}'", place);
            if (S_ISSOCK(item.info.st_mode)) continue;  // as Docker: an image has no sockets
            const bool left_out = tree_.ignore.matches(place) || exclude_.matches(item.path);
            if (!S_ISDIR(item.info.st_mode)) {
                if (!left_out) items_.push_back(std::move(item));
                continue;
            }
            if (left_out && tree_.ignore.prunable(place) && exclude_.prunable(item.path)) continue;
            const std::size_t before = items_.size();
            const std::string inner = item.path;
            items_.push_back(std::move(item));
            const os::Fd opened = TRY_CONTEXT(os::open_at(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW), "'{}'", place);
            TRY(walk(opened.get(), place, inner, depth + 1));
            // A folder that is left out is there only for what an exception took back.
            if (left_out && items_.size() == before + 1) items_.pop_back();
        }
        return {};
    }

private:
    const Tree& tree_;
    const dockerfile::Patterns& exclude_;
    std::vector<Item>& items_;
};

Error not_there(const Tree& tree, const std::string& path, bool ignored) {
    return error(Errc::not_found, "'/{}' is not in {}{}", path, tree.name, ignored ? ": .dockerignore leaves it out" : "");
}

// Where a path leads, as a path in the tree.
Result<std::string> path_of(const Tree& tree, int object) {
    char root[PATH_MAX], path[PATH_MAX];
    const ssize_t above = readlink(folder_path(tree.root.get()).c_str(), root, sizeof root);
    const ssize_t length = readlink(folder_path(object).c_str(), path, sizeof path);
    if (above < 0 || length < 0) return errno_error("read a link of /proc/self/fd");
    std::string text(path, static_cast<std::size_t>(length));
    // A detached mount's root is "/", and so are paths below it.
    const std::string prefix(root, static_cast<std::size_t>(above));
    if (prefix != "/" && text.starts_with(prefix)) text.erase(0, prefix.size());
    return clean(text);
}

Result<Source> open_source(const Tree& tree, const std::string& wanted, const dockerfile::Patterns& exclude) {
    Source source{&tree, wanted, wanted, wanted, {}};
    auto opened = os::open_in_root(tree.root.get(), wanted.empty() ? "." : wanted, O_PATH);
    if (!opened.ok()) {
        const int number = opened.error().sys();
        if (number == ENOENT || number == ENOTDIR) return not_there(tree, wanted, false);
        return std::move(opened).error();
    }
    struct stat info {};
    if (fstat(opened->get(), &info) != 0) return errno_error("stat '{}'", wanted);
    source.path = TRY(path_of(tree, opened->get()));
    if (!source.path.empty() && tree.ignore.matches(source.path) && tree.ignore.prunable(source.path))
        return not_there(tree, wanted, true);
    source.items.push_back({"", info});
    if (!S_ISDIR(info.st_mode)) return source;
    const os::Fd folder =
        TRY(os::open_in_root(tree.root.get(), source.path.empty() ? "." : source.path, O_RDONLY | O_DIRECTORY));
    TRY(Lister(tree, exclude, source.items).walk(folder.get(), source.path, "", 0));
    return source;
}

// Every path below folder that the parts of a pattern from `part` on match.
Result<> match_parts(const Tree& tree, const std::string& folder, const std::vector<std::string>& parts, std::size_t part,
                     std::vector<std::string>& found) {
    auto opened = os::open_in_root(tree.root.get(), folder.empty() ? "." : folder, O_RDONLY | O_DIRECTORY);
    if (!opened.ok()) return {};
    for (const std::string& name : TRY(os::list_dir(folder_path(opened->get())))) {
        if (!TRY(dockerfile::wildcard_match(parts[part], name))) continue;
        const std::string path = joined(folder, name);
        if (tree.ignore.matches(path) && tree.ignore.prunable(path)) continue;
        if (part + 1 == parts.size())
            found.push_back(path);
        else
            TRY(match_parts(tree, path, parts, part + 1, found));
    }
    return {};
}

Result<std::vector<std::string>> expand_word(const Tree& tree, const std::string& path) {
    std::vector<std::string> found, parts;
    for (const auto& part : std::filesystem::path(path)) parts.push_back(part.string());
    TRY(match_parts(tree, "", parts, 0, found));
    if (found.empty()) return not_there(tree, path, false);
    return found;
}

std::size_t parts_of(const std::string& path) {
    return path.empty() ? 0 : 1 + static_cast<std::size_t>(std::ranges::count(path, '/'));
}

std::string without_parts(std::string path, std::size_t count) {
    for (; count > 0; --count) {
        const auto slash = path.find('/');
        path = slash == std::string::npos ? "" : path.substr(slash + 1);
    }
    return path;
}

void add_text(image::Hasher& hasher, std::string_view text) {
    hasher.update(fmt::format("{}:", text.size()));
    hasher.update(text);
}

class SourceHasher {
public:
    SourceHasher(const Source& source, image::Hasher& hasher) : source_(source), hasher_(hasher) {}

    Result<> add(const Item& item) {
        const Tree& tree = *source_.tree;
        const std::string path = item.path.empty() ? source_.path : joined(source_.path, item.path);
        add_text(hasher_, item.path);
        hasher_.update(fmt::format("{:o} ", item.info.st_mode));
        if (tree.keep_owner) hasher_.update(fmt::format("{} {} ", item.info.st_uid, item.info.st_gid));
        if (S_ISLNK(item.info.st_mode)) return add_link(path);
        if (S_ISCHR(item.info.st_mode) || S_ISBLK(item.info.st_mode)) hasher_.update(fmt::format("{} ", item.info.st_rdev));
        if (S_ISREG(item.info.st_mode)) return add_file(path, item.info);
        return {};
    }

private:
    Result<int> parent_of(const std::string& path) {
        const auto slash = path.rfind('/');
        const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash);
        if (!parent_ || folder != parent_path_) {
            parent_ = TRY(os::open_in_root(source_.tree->root.get(), folder, O_PATH | O_DIRECTORY));
            parent_path_ = folder;
        }
        return parent_.get();
    }
    static std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

    Result<> add_link(const std::string& path) {
        char text[PATH_MAX];
        const ssize_t length = readlinkat(TRY(parent_of(path)), name_of(path).c_str(), text, sizeof text);
        if (length < 0) return errno_error("read link '{}'", path);
        add_text(hasher_, {text, static_cast<std::size_t>(length)});
        return {};
    }

    Result<> add_file(const std::string& path, const struct stat& info) {
        FileDigests* const known = source_.tree->digests;
        if (known)
            if (const auto digest = known->find(info)) {
                add_text(hasher_, digest->str());
                return {};
            }
        // O_NONBLOCK: what was a file may be a pipe by now.
        const os::Fd file = TRY(os::open_at(TRY(parent_of(path)), name_of(path), O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
        const Digest digest = TRY(image::digest_of_file(file.get(), path));
        if (known) known->add(info, digest);
        add_text(hasher_, digest.str());
        return {};
    }

    const Source& source_;
    image::Hasher& hasher_;
    os::Fd parent_;
    std::string parent_path_;
};

}  // namespace

Result<std::string> read_text_file(int root, const std::string& path, std::size_t limit) {
    const os::Fd file = TRY(os::open_in_root(root, path, O_RDONLY | O_NONBLOCK));
    struct stat info {};
    if (fstat(file.get(), &info) != 0) return errno_error("stat '{}'", path);
    if (!S_ISREG(info.st_mode)) return error(Errc::invalid, "'{}' is not a regular file", path);
    return os::read_fd(file.get(), path, limit);
}

Result<std::vector<Source>> find_sources(const Tree& tree, const std::string& word, const dockerfile::Patterns& exclude) {
    const std::string path = clean(word);
    std::vector<Source> sources;
    // A name that is there as it stands is no pattern, whatever characters it has.
    const bool pattern = dockerfile::has_wildcard(path) && !os::open_in_root(tree.root.get(), path, O_PATH | O_NOFOLLOW).ok();
    const auto names = pattern ? TRY(expand_word(tree, path)) : std::vector<std::string>{path};
    const auto pivot = word.find("/./");
    const std::size_t dropped = pivot == std::string::npos ? 0 : parts_of(clean(word.substr(0, pivot)));
    for (const std::string& name : names) {
        sources.push_back(TRY(open_source(tree, name, exclude)));
        sources.back().kept = without_parts(name, dropped);
    }
    return sources;
}

Result<Digest> digest_of_sources(const std::vector<Source>& sources) {
    image::Hasher hasher;
    for (const Source& source : sources) {
        add_text(hasher, source.wanted);
        SourceHasher one(source, hasher);
        for (const Item& item : source.items) TRY(one.add(item));
    }
    return hasher.finish();
}

}  // namespace gantry::build
