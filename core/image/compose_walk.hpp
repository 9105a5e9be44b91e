// A writable layer of overlayfs, read as an image's layer. Its files are hostile and may change while they are read: links are
// not followed, what vanishes is left out, a file that shrinks is filled up with zeros.
#pragma once

#include "image/compose.hpp"
#include "image/layer_tar.hpp"

#include <sys/stat.h>

namespace gantry::image {

// The merged view of the layers below the one at hand.
class LayersBelow {
public:
    explicit LayersBelow(const std::vector<os::Fd>& folders) : folders_(folders) {}

    struct Seen {
        bool exists = false;
        std::vector<std::size_t> folders;  // which layers, topmost first, show a path as one merged folder
    };
    // The root.
    [[nodiscard]] Seen root() const;
    // path (relative) where its parent is seen so.
    Result<Seen> look_up(const std::string& path, const Seen& parent) const;
    // Owner and mode of "/", as a container on these layers has it.
    [[nodiscard]] Result<struct stat> root_info() const;

private:
    const std::vector<os::Fd>& folders_;
};

class ChangeWalk {
public:
    ChangeWalk(const driver::WritableFiles& files, LayerTar& tar, const LayerOptions& options)
        : top_(files.folder.get()), below_(files.below), tar_(tar), options_(options) {}

    // The whole layer into the tar, without its end. With options.consume the files are made what unpacking the tar would give.
    Result<> run();

    [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
    [[nodiscard]] bool empty() const { return empty_; }

private:
    struct Place {
        int parent;        // the folder it is in
        std::string name;  // in it
        std::string path;  // in the layer, without '/' in front
        struct stat info;
    };

    Result<> root_entry();
    Result<> children(int folder, const std::string& path, const LayersBelow::Seen& below, int depth);
    Result<> child(const Place& place, const LayersBelow::Seen& below, int depth);
    Result<> whiteout(const Place& place, const LayersBelow::Seen& below);
    Result<> folder(const Place& place, const LayersBelow::Seen& below, int depth);
    Result<> opaque(int fd, const std::string& path, LayersBelow::Seen& seen);
    Result<> file(const Place& place);
    Result<> content(int fd, std::uint64_t size, const std::string& path);
    Result<> other(const Place& place);
    Result<bool> linked(const Place& place);
    Result<> put(const TarEntry& entry);

    Result<TarEntry> entry_of(TarType type, const std::string& path, const struct stat& info) const;
    Result<> take_xattrs(int fd, TarEntry& entry) const;
    Result<> settle_times(int fd, const Place& place) const;
    [[nodiscard]] std::int64_t time_of(const struct stat& info) const;

    int top_;
    LayersBelow below_;
    LayerTar& tar_;
    const LayerOptions& options_;
    std::uint64_t bytes_ = 0;
    bool empty_ = true;
    std::map<ino_t, std::string> links_;  // first names of what has several; a writable layer is on one file system
    std::vector<char> buffer_;
};

}  // namespace gantry::image
