// Digests of a context's files from one build to the next, so that a build that changes nothing reads nothing. A file is taken
// for unchanged while device, inode, size, modification and change time are what they were; the change time cannot be set by
// hand. What changed so shortly before it was read that the clock may not have moved since is read again next time (as git does
// with its index, "racy git").
#pragma once

#include "base/digest.hpp"
#include "base/result.hpp"

#include <sys/stat.h>

#include <array>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

namespace gantry::build {

class FileDigests {
public:
    // file: where they are kept; a missing, damaged or foreign one is an empty one.
    explicit FileDigests(std::string file);

    // Safe for several threads. info: as lstat(2) gave it before the content was read.
    std::optional<Digest> find(const struct stat& info);
    void add(const struct stat& info, const Digest& digest);
    // Those that were found or added; nothing is written where nothing changed.
    Result<> save();

private:
    struct Entry {
        std::uint64_t device = 0, inode = 0, size = 0;
        std::int64_t modified = 0, changed = 0;  // nanoseconds
        std::array<char, 64> sha256{};           // hexadecimal
        bool operator==(const Entry&) const = default;
    };
    static Entry entry_of(const struct stat& info);

    std::string file_;
    std::mutex mutex_;
    std::unordered_map<std::uint64_t, Entry> known_;  // by inode
    std::unordered_map<std::uint64_t, Entry> used_;
    bool changed_ = false;
};

}  // namespace gantry::build
