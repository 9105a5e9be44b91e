// A bound on a writable layer by the file system's project quota (ext4 and xfs with prjquota; kernel 5.14 for quotactl_fd).
#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <string>

namespace gantry::overlayfs {

// Errc::unsupported, with what is missing, where the file system of `folder` does not enforce project quotas.
Result<> quota_possible(const std::string& folder);

// Gives `folder` (empty, just made) a project of its own, which all that is made below inherits, and bounds it. `siblings`: the
// folder whose sub-folders may have projects already; all of this is done under the lock of `siblings`.
Result<> quota_start(const std::string& folder, const std::string& siblings, std::uint64_t bytes);

// Changes the bound of a folder that has a project (0: no bound); Errc::unsupported for one without.
Result<> quota_change(const std::string& folder, std::uint64_t bytes);

// The project of a folder, 0 for none.
Result<std::uint32_t> project_of(const std::string& folder);

}  // namespace gantry::overlayfs
