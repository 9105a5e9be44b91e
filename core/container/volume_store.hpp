// Named and anonymous volumes: <data>/volumes/NAME/{_data, volume.json}. Made by `gantry volume create`, by the creation of a
// container that names them, or by gantry-launch for a definition written by hand.
#pragma once

#include "base/names.hpp"
#include "config/engine.hpp"

#include <map>
#include <vector>

namespace gantry::container {

struct VolumeInfo {
    std::string name, path;  // path: of the files, .../NAME/_data
    std::string driver = "local";
    std::int64_t created = 0;  // seconds since 1970
    bool anonymous = false;
    std::string owner;  // id of the container that an anonymous volume belongs to
    std::map<std::string, std::string> labels, options;
};

// Errc::not_found; a folder without a readable volume.json is a volume too (made by hand), with what is known of it.
Result<VolumeInfo> read_volume(const config::Paths& paths, std::string_view name);
Result<std::vector<VolumeInfo>> read_volumes(const config::Paths& paths);

// The volume appears whole: made beside its place, then renamed. Errc::exists.
Result<VolumeInfo> make_volume(const config::Paths& paths, VolumeInfo wanted);
// read_volume or, where there is none, make_volume.
Result<VolumeInfo> ensure_volume(const config::Paths& paths, const VolumeInfo& wanted);
// Idempotent; disappears at once by a rename, then its files are removed. Who uses it is the caller's matter.
Result<> erase_volume(const config::Paths& paths, std::string_view name);

// The name of a container's anonymous volume at a mount point: 64 hexadecimal digits, a function of the container's id and the
// target, so that every start finds the same one and nothing needs to be written into a definition.
std::string anonymous_volume_name(std::string_view container_id, std::string_view target);

// Leftovers of crashes in the folder; removes them where repair.
Result<std::vector<std::string>> sweep_volumes(const config::Paths& paths, bool repair);

}  // namespace gantry::container
