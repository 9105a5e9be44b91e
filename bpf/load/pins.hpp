// Folders of pins: FOLDER/NAME-BUILD has the programs and maps of one build of programs NAME, which all containers share.
// Nothing here links libbpf. Root, in the host's mount namespace.
#pragma once

#include "base/result.hpp"

#include <linux/bpf.h>

#include <functional>
#include <span>
#include <string>

namespace gantry::bpf {

struct PinFolder {
    std::string folder, name, build;
    [[nodiscard]] std::string path() const { return folder + "/" + name + "-" + build; }
};

// Errc::unsupported where no bpffs is mounted there.
Result<> check_bpffs(const std::string& mount);

// Runs gantry-bpf-load, which links libbpf, in a process of its own: once a boot, where it would cost every start some
// milliseconds. programs: "policy", "route", "guard"; into: the folder to pin them in. Errc::unsupported with what the kernel
// said.
Result<> load_programs(const std::string& programs, const std::string& into);

// Where a program belongs on a cgroup.
struct CgroupHook {
    const char* program;
    bpf_attach_type type;
};
// Attaches programs that are pinned in folder under their names, and pins the links: link + the program's name is the path of
// each. What was attached before an error stays, with its pin.
Result<> link_programs(std::span<const CgroupHook> hooks, const std::string& folder, int cgroup, const std::string& link);

// Takes away a folder of pins; what is pinned lives on while something uses it. Idempotent.
Result<> remove_pins(const std::string& folder);

// Makes the folder, anew where a pin is missing in it, by one process at a time (lock: a file of the caller's). is_whole is
// asked when it is this one's turn: whoever was before may have made it. make loads and fills in a folder that nobody else
// sees, which then gets its name. Folders of other builds are removed after that: whatever still has those programs needs no
// pin of them, or has the new ones from make. On error nothing is left.
Result<> make_pins(const PinFolder& pins, const std::string& lock, const std::function<bool()>& is_whole,
                   const std::function<Result<>(const std::string& fresh)>& make);

// What open(path of the folder), a Result, gives; made as above where that is Errc::not_found.
template <class Open>
auto open_or_make_pins(const PinFolder& pins, const std::string& lock, Open open,
                       const std::function<Result<>(const std::string& fresh)>& make) -> decltype(open(lock)) {
    auto there = open(pins.path());
    if (there.ok() || there.error().code() != Errc::not_found) return there;
    TRY(make_pins(
        pins, lock, [&] { return open(pins.path()).ok(); }, make));
    return open(pins.path());
}

}  // namespace gantry::bpf
