// A folder that a hostile archive is unpacked into: paths are found below it, never outside, whatever links the archive made.
#pragma once

#include "base/result.hpp"
#include "os/fd.hpp"

#include <sys/stat.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace gantry::image {

// "./a//b/../c/" becomes "a/c", the root itself "". Leaving the root by ".." is Errc::invalid (Docker calls it a breakout), as
// are names with zero bytes and longer than PATH_MAX. "/a" is "a".
Result<std::string> clean_path(std::string_view path);

std::string_view parent_path(std::string_view clean);

class UnpackTree {
public:
    explicit UnpackTree(int root) : root_(root) {}

    // The folder that path (clean) names, with links in its course resolved as if the root were "/" (openat2(2),
    // RESOLVE_IN_ROOT). Missing ones are made (root's, 0755) unless make is false. The descriptor is good until next_entry().
    Result<int> folder(std::string_view path, bool make = true);
    // Remembers a folder that was just made or opened, so that its children need no lookup.
    void remember(std::string_view path, os::Fd folder);
    // Removes what name in parent is: a whole tree too, without following links. Missing: no error. path only for errors.
    Result<> remove(int parent, const std::string& name, std::string_view path);
    // Calls for each name in a folder; the callback may remove it.
    static Result<> each_child(int parent, const std::string& name, const std::function<Result<>(const std::string&)>& call);
    // Something that other paths may go through was replaced: they are looked up again.
    void forget();
    // Descriptors that folder() gave are used no more.
    void next_entry() { retired_.clear(); }

    // Called for each folder that folder() had to make. over_whiteout: a character device 0/0 was in its place.
    std::function<Result<>(std::string_view path, int parent, const std::string& name, bool over_whiteout)> made;

private:
    static constexpr std::size_t cache_limit = 128;
    Result<> make_folder(std::string_view path);
    Result<> remove_folder(int parent, const std::string& name, std::string_view path, int depth);

    int root_;
    std::unordered_map<std::string, os::Fd> cache_;
    std::vector<os::Fd> retired_;  // forgotten, but perhaps still the parent of the entry at hand
    std::string last_path_;
    int last_ = -1;
};

}  // namespace gantry::image
