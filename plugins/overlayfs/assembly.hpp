// The thin layer over the kernel: one overlay mount from its folders, on old and new kernels, idmapped or not.
#pragma once

#include "base/result.hpp"
#include "gantry/driver/storage.hpp"
#include "os/fd.hpp"

#include <string>
#include <vector>

namespace gantry::overlayfs {

struct Parts {
    std::vector<std::string> lowers;  // topmost first, at least two where there is no upper
    std::string upper, work;          // both or neither; no upper: read-only
    std::string mount_point;          // an empty folder, for kernels that cannot make a detached overlay mount
    unsigned attributes = 0;          // MOUNT_ATTR_*
};

// A detached overlay mount. On error nothing is left in the caller's mount namespace.
Result<os::Fd> assemble(const Parts& parts);
// Whether this kernel makes it without a mount point (6.7).
bool detached_overlay_possible();

// Its two ways. by_descriptor: fsopen(2) with "lowerdir+", kernel 6.7. by_options: mount(2) with one string of at most 4095
// bytes, in which every folder is "/proc/self/fd/N" so that some 200 layers fit (5.19 and later are tried).
Result<os::Fd> assemble_by_descriptor(const Parts& parts);
Result<os::Fd> assemble_by_options(const Parts& parts);

// While it lives, everything at and below `folder` is seen in the caller's (private) mount namespace through an idmapped mount:
// what belongs to id `container` on disk belongs to `host` there; and the calling thread makes files as the mapped root. The
// disk keeps the container's view of owners, so that maps may change from start to start.
class IdmappedView {
public:
    static Result<IdmappedView> enter(const std::string& folder, const std::vector<driver::IdMap>& uids,
                                      const std::vector<driver::IdMap>& gids);
    IdmappedView(IdmappedView&& other) noexcept;
    IdmappedView& operator=(IdmappedView&&) = delete;
    ~IdmappedView();

    // Can the file system of `folder` be idmapped? Touches nothing.
    static Result<> possible(const std::string& folder, const std::vector<driver::IdMap>& uids,
                             const std::vector<driver::IdMap>& gids);

private:
    explicit IdmappedView(std::string folder) : folder_(std::move(folder)) {}
    std::string folder_;  // empty: moved from
};

}  // namespace gantry::overlayfs
