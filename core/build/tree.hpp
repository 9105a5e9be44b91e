// Trees of files that COPY, ADD and bind mounts read: contexts, stages, images. Nothing outside of a tree is ever read: links
// are resolved inside of it (openat2(2) RESOLVE_IN_ROOT).
#pragma once

#include "build/file_digests.hpp"
#include "dockerfile/patterns.hpp"
#include "image/hasher.hpp"
#include "os/fd.hpp"

#include <sys/stat.h>

namespace gantry::build {

struct Tree {
    os::Fd root;       // a folder
    std::string name;  // for messages: "the build context", "stage 'base'"
    dockerfile::Patterns ignore;
    bool keep_owner = false;         // else its files belong to root (a context's owners are the builder's, not the image's)
    FileDigests* digests = nullptr;  // what is known of its files from earlier builds; null: all are read
};

struct Item {
    std::string path;  // below the source that it belongs to; "" for the source itself
    struct stat info {};
};

// A file or folder that a source word means, with all that is below it and not excluded: folders before what is in them, names
// sorted.
struct Source {
    const Tree* tree = nullptr;
    std::string path;    // in the tree without links, "" for its root
    std::string wanted;  // as the word said it, wildcards replaced, no '/' at either end
    std::string kept;    // of it, what COPY --parents keeps: all, or what is behind a "/./"
    std::vector<Item> items;
    [[nodiscard]] bool is_folder() const { return S_ISDIR(items.front().info.st_mode); }
};

constexpr int tree_depth = 512;  // levels of folders

// A regular file of a tree, whole; links are followed inside of it. A pipe or device is refused and not waited for.
Result<std::string> read_text_file(int root, const std::string& path, std::size_t limit);

// What a word of COPY or ADD means in a tree: itself, or all that it matches as a wildcard, sorted. Leading "/" and ".." are
// the tree's root. Errc::not_found: "'/x' is not in the build context" (with "..., .dockerignore leaves it out").
Result<std::vector<Source>> find_sources(const Tree& tree, const std::string& word, const dockerfile::Patterns& exclude);

// Of everything that a copy of these would show: names, types, modes, owners where the tree keeps them, contents, links; not
// times.
Result<Digest> digest_of_sources(const std::vector<Source>& sources);

}  // namespace gantry::build
