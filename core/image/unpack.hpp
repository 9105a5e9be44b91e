// Entries of a layer's archive become files: the rules of image-spec layer.md, applied to hostile input.
#pragma once

#include "image/ingest.hpp"
#include "image/local_files.hpp"
#include "image/tar_reader.hpp"
#include "image/unpack_tree.hpp"

#include <set>

namespace gantry::image {

class Unpacker {
public:
    // local: files that need not be written again; nullptr: none. All of this outlives the unpacker.
    Unpacker(ByteSource& source, int root, driver::LayerFormat format, const UnpackLimits& limits,
             const LocalFiles* local = nullptr);

    // Everything, to the end of the source. Returns the bytes of all regular files.
    Result<std::uint64_t> run();

private:
    // Where an entry goes: parent is open, name is one component; both empty for the root itself.
    struct Place {
        std::string path;
        int parent = -1;
        std::string name;
    };

    Result<> place_entry(const TarEntry& entry);
    Result<> make_entry(const TarEntry& entry, const Place& place);
    Result<> make_root(const TarEntry& entry);
    Result<> make_folder(const TarEntry& entry, const Place& place);
    Result<> make_file(const TarEntry& entry, const Place& place);
    Result<os::Fd> create_file(const Place& place);
    Result<> finish_file(const TarEntry& entry, const Place& place, int fd);
    Result<> make_hard_link(const TarEntry& entry, const Place& place);
    Result<> make_symbolic_link(const TarEntry& entry, const Place& place);
    Result<> make_node(const TarEntry& entry, const Place& place);
    Result<> write_data(const TarEntry& entry, int fd);
    Result<> charge(std::uint64_t bytes, const std::string& path);

    [[nodiscard]] std::optional<LocalFile> find_local(const TarEntry& entry, const Place& place) const;
    Result<> take_local(const TarEntry& entry, const Place& place, const LocalFile& local);
    bool can_clone(int from);
    Result<bool> link_local(const TarEntry& entry, const Place& place, int from);

    Result<> whiteout(const Place& place, const std::string& hidden);
    Result<> opaque(const Place& folder_of);
    Result<> mark_opaque(int folder, const std::string& path);
    Result<> remove_from_below(int parent, const std::string& name, const std::string& path);
    [[nodiscard]] bool made_here(const std::string& path) const;
    void note_made(std::string_view path);

    Result<> set_owner_and_mode(const TarEntry& entry, int fd, const std::string& path);
    Result<> set_xattrs(const TarEntry& entry, const std::string& path,
                        const std::function<int(const char* name, const std::string& value)>& set);
    Result<> set_folder_times();

    TarReader reader_;
    ByteSource& source_;
    int root_;
    driver::LayerFormat format_;
    UnpackLimits limits_;
    const LocalFiles* local_;
    std::optional<bool> can_clone_;  // can the file system? Nobody has asked yet
    UnpackTree tree_;
    std::uint64_t bytes_ = 0, entries_ = 0;
    struct Times {
        TarTime accessed, modified;
    };
    std::map<std::string, Times, std::less<>> folder_times_;  // set at the end: filling a folder changes its time
    std::set<std::string, std::less<>> made_;                 // `applied` only: what this layer has, for whiteouts
};

}  // namespace gantry::image
