// Storage drivers keep unpacked image layers and put container root file systems together from them.
//
// Life cycle: probe once per process; then layers (begin, the caller unpacks into the folder, commit or abort) in whichever
// process pulls; validate and prepare in gantry-launch; status, diff, teardown and recover anywhere. All calls run as root in
// the host's namespaces, except prepare, whose caller has a private mount namespace where wants_mount_namespace() says so.
// Calls for different ids may run in parallel, in threads and in processes; the driver guards what it shares.
#pragma once

#include "base/result.hpp"
#include "gantry/driver/abi.hpp"
#include "os/fd.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace gantry::driver {

// How deletions of a layer (".wh." entries, image-spec layer.md) are to be written by the unpacker.
enum class LayerFormat {
    overlay,  // as overlayfs reads them: a character device 0/0, "trusted.overlay.opaque" = "y"; layers are independent
    applied,  // by deleting: the folder given by layer_begin holds the parent's files already; a layer needs its parent first
};

// A layer's key: the hexadecimal sha256 of its chain ID (image-spec config.md, "Layer ChainID") for `applied`, of its
// diff ID for `overlay`. The store computes the right one from layer_format().
using LayerKey = std::string;

struct LayerStaging {
    LayerKey key;
    std::string path;  // an empty folder (overlay) or one with the parent's files (applied); on one file system with the rest
    os::Fd lock;       // who owns the staging; its end (also by a crash) makes the staging garbage for recover()
};

struct IdMap {  // one line of /proc/PID/uid_map
    std::uint32_t container = 0, host = 0, count = 0;
};

struct MountPoint {
    std::string path;  // "/etc/hosts"
    bool directory = false;
};

struct RootfsRequest {
    std::string container;                // its name, the key of its writable layer
    std::vector<LayerKey> layers;         // lowest first, as in the image's rootfs.diff_ids
    bool read_only = false;               // no writable layer at all
    std::uint64_t size_limit = 0;         // bytes of the writable layer; 0: none; refused where the driver cannot enforce it
    std::vector<IdMap> uid_map, gid_map;  // empty: no user namespace
    std::vector<std::string> options;     // "key=value" of the definition's [storage] table
    // What will be mounted on. A driver that can shows an empty folder or file (root's, 0755 and 0644) where no layer has
    // anything there, without a change of the writable layer; what is missing all the same is made by the caller.
    std::vector<MountPoint> mount_points;
};

struct Rootfs {
    os::Fd mount;  // a detached mount (fsmount(2), open_tree(2)), for move_mount(2) into the container's namespace
};

struct RootfsStatus {
    bool exists = false;      // the container has a writable layer
    std::uint64_t bytes = 0;  // used by the writable layer
    std::uint64_t inodes = 0;
};

enum class ChangeKind : char { modified = 'C', added = 'A', deleted = 'D' };  // the letters of `docker diff`
struct Change {
    ChangeKind kind;
    std::string path;  // "/etc/motd"
};

// A container's writable layer for those who make an image's layer of it.
struct WritableFiles {
    os::Fd folder;              // its files, deletions as layer_format() has them, and what else the driver keeps there
    std::vector<os::Fd> below;  // the folders of the layers below it, topmost first, each once
};

class StorageDriver {
public:
    virtual ~StorageDriver() = default;

    // Can this host do it (kernel, file system below data_dir)? Makes data_dir's own sub-folders if missing.
    virtual Result<> probe() = 0;

    [[nodiscard]] virtual LayerFormat layer_format() const = 0;
    // Errc::exists if the layer is there; waits while another process stages the same key.
    virtual Result<LayerStaging> layer_begin(const LayerKey& key, const LayerKey& parent) = 0;
    // Durable and visible at once (syncfs, then rename): after a crash a layer is whole or absent. size: bytes of its files.
    virtual Result<> layer_commit(LayerStaging staging, std::uint64_t size) = 0;
    virtual Result<> layer_abort(LayerStaging staging) = 0;
    virtual Result<bool> layer_exists(const LayerKey& key) = 0;
    virtual Result<std::uint64_t> layer_size(const LayerKey& key) = 0;
    // Errc::in_use is the caller's matter (the store knows who needs a layer); a missing layer is no error.
    virtual Result<> layer_remove(const LayerKey& key) = 0;
    virtual Result<std::vector<LayerKey>> layer_list() = 0;

    // What prepare would say, without touching anything.
    virtual Result<> validate(const RootfsRequest& request) = 0;
    // Puts the root file system together. On error nothing of this call is left.
    virtual Result<Rootfs> prepare(const RootfsRequest& request) = 0;
    virtual Result<RootfsStatus> status(const std::string& container) = 0;
    // What the writable layer changed, sorted by path.
    virtual Result<std::vector<Change>> diff(const std::string& container, const std::vector<LayerKey>& layers) = 0;
    // Containers with a writable layer.
    virtual Result<std::vector<std::string>> list() = 0;
    virtual Result<> rename(const std::string& container, const std::string& new_name) = 0;
    // Removes the writable layer; idempotent; goes on past errors and returns the first.
    virtual Result<> teardown(const std::string& container) = 0;
    // Removes what crashes left (stagings without an owner, half-removed layers). dry_run only reports.
    // Returns one line per finding.
    virtual Result<std::vector<std::string>> recover(bool dry_run) = 0;
    // Does prepare() mount anything by name? Then it is called in a private mount namespace, which costs a copy of the host's
    // mount table; detached mounts need none.
    [[nodiscard]] virtual bool wants_mount_namespace(const RootfsRequest& /*request*/) const { return true; }

    // Since ABI 1.1; only LayerFormat::overlay drivers can. Without them images cannot be committed or built.
    //
    // To read what the writable layer has over `layers` (lowest first); Errc::not_found where there is none. The container may
    // run. What a reader must leave out: every extended attribute "trusted.overlay.*" but the meaning of ".opaque".
    virtual Result<WritableFiles> writable_files(const std::string& /*container*/, const std::vector<LayerKey>& /*layers*/) {
        return error(Errc::unsupported, "this storage driver cannot make layers of what containers changed");
    }
    // The writable layer itself becomes the layer `key`, durable and visible at once as by layer_commit, without a copy; the
    // container has none any more. What the driver wrote for itself (xattrs, scratch space) is taken away; the rest, and what
    // it is to look like, is the caller's matter. Nobody has it mounted. size: as layer_commit. A layer of that key that is
    // there wins: the writable layer is just removed. An error or a crash leaves the writable layer, or a staging for
    // recover(); never half a layer. Errc::unsupported: callers unpack the layer and call teardown().
    virtual Result<> layer_adopt(const std::string& /*container*/, const LayerKey& /*key*/, std::uint64_t /*size*/) {
        return error(Errc::unsupported, "this storage driver cannot make a layer of a writable layer");
    }

    // Since ABI 1.2.
    //
    // The folder with a layer's files, to be read; Errc::not_found where the layer is not there. What is in it may be cloned
    // (FICLONE) and linked (link(2)) into a staging. A driver that gives it promises that no file of a committed layer changes
    // any more, its owner, mode, times and attributes included: another layer may have the same inode.
    // Errc::unsupported: callers write every file of a new layer anew.
    virtual Result<os::Fd> layer_files(const LayerKey& /*key*/) {
        return error(Errc::unsupported, "this storage driver does not show the files of single layers");
    }
};

}  // namespace gantry::driver
