// gantry-insight start|stop FOLDER CGROUP: attaches the programs that count what containers talk to, or takes them away.
// gantry-insight.service runs it. FOLDER: where things are pinned, in a bpffs; CGROUP: of all containers.
// What another build left is taken away in either case: with its programs, what they counted.
#include "insight/counters.hpp"
#include "load/object.hpp"
#include "load/pins.hpp"
#include "os/file.hpp"

#include "insight.skel.h"

#include <fcntl.h>

#include <cstdio>

using namespace gantry;

namespace {

Result<> stop(const std::string& folder) {
    const auto names = os::list_dir(folder);
    if (!names.ok()) return names.error().code() == Errc::not_found ? Result<>() : Result<>(names.error());
    FirstError first;
    for (const std::string& name : *names)
        if (name.starts_with("insight-")) first.note(bpf::remove_pins(folder + "/" + name));
    return first.result();
}

Result<> start(const std::string& folder, const std::string& slice) {
    TRY(stop(folder));
    const os::Fd cgroup = TRY(os::open(slice, O_RDONLY | O_DIRECTORY));
    const std::string pins = insight::pins(folder);
    std::size_t size = 0;
    const auto* bytes = static_cast<const char*>(insight_bpf__elf_bytes(&size));
    TRY(bpf::load_and_pin({bytes, size}, "insight", pins));
    insight_control control{};
    control.slice = TRY(os::cgroup_id(cgroup.get()));
    const std::uint32_t zero = 0;
    const os::Fd map = TRY(os::bpf_open(pins + "/control"));
    TRY(os::bpf_put(map.get(), &zero, &control));
    for (const auto& [name, type] : {std::pair{"egress", BPF_CGROUP_INET_EGRESS}, std::pair{"ingress", BPF_CGROUP_INET_INGRESS},
                                     std::pair{"socket_events", BPF_CGROUP_SOCK_OPS}}) {
        const os::Fd program = TRY(os::bpf_open(fmt::format("{}/insight_{}", pins, name)));
        const os::Fd link = TRY_CONTEXT(os::bpf_link_cgroup(program.get(), cgroup.get(), type), "program '{}'", name);
        TRY(os::bpf_pin(link.get(), fmt::format("{}/{}", pins, name)));
    }
    return {};
}

}  // namespace

int main(int count, char** arguments) {
    const std::string_view verb = count == 4 ? arguments[1] : "";
    if (verb != "start" && verb != "stop") {
        std::fputs("usage: gantry-insight start|stop FOLDER CGROUP\n", stderr);
        return 2;
    }
    auto done = verb == "start" ? start(arguments[2], arguments[3]) : stop(arguments[2]);
    if (done.ok()) return 0;
    if (verb == "start") [[maybe_unused]]
        const auto undone = stop(arguments[2]);
    fmt::print(stderr, "{}\n", done.error().message());
    return 1;
}
