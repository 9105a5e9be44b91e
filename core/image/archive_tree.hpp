// An image archive to read from in any order: a tar file (in place, or spooled where it is compressed or comes through a pipe)
// or a folder with an OCI layout.
#pragma once

#include "image/byte_source.hpp"
#include "image/store.hpp"

#include <map>

namespace gantry::image {

class ArchiveTree {
public:
    // source: a file, a folder, "-" for standard input. Spooled data are an unnamed file among the store's partial blobs, gone
    // with the process.
    static Result<ArchiveTree> open(const Store& store, const std::string& source);
    // An archive that is read to its end. cancel as in descriptor_read().
    static Result<ArchiveTree> open_stream(const Store& store, int fd, const std::atomic<bool>* cancel);

    [[nodiscard]] bool has(const std::string& name) const { return member(name).ok(); }
    // A whole small file.
    Result<std::string> text(const std::string& name) const;

    struct Member {
        os::Fd own;  // of a folder's file
        int fd = -1;
        std::uint64_t offset = 0, size = 0;
        [[nodiscard]] FileSource from(std::uint64_t start) const { return {fd, "archive", offset + start, size - start}; }
    };
    // Links within the archive are followed (old archives of docker save share layers by them), never out of it.
    Result<Member> member(const std::string& name) const;

private:
    struct Place {
        std::uint64_t offset = 0, size = 0;
        std::string link;  // then the rest is empty
    };
    Result<> read_index(const std::string& source);
    Result<const Place*> find(const std::string& name) const;

    os::Fd fd_;  // of the archive or the folder
    bool folder_ = false;
    std::map<std::string, Place> places_;
};

}  // namespace gantry::image
