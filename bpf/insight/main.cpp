// gantry-insight start|stop FOLDER CGROUP: attaches the programs that count what containers talk to, or takes them away.
// gantry-insight.service runs it. FOLDER: where things are pinned, in a bpffs; CGROUP: of all containers.
// What another build left is taken away in either case: with its programs, what they counted.
#include "insight/counters.hpp"
#include "os/file.hpp"

#include "insight.skel.h"

#include <bpf/libbpf.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

using namespace gantry;

namespace {

std::string log_text;  // what libbpf and the verifier said last

int keep(libbpf_print_level level, const char* format, va_list arguments) {
    if (level == LIBBPF_DEBUG) return 0;
    char line[4096];
    const int length = vsnprintf(line, sizeof line, format, arguments);
    if (length > 0) log_text = std::string(line, std::min<std::size_t>(static_cast<std::size_t>(length), sizeof line - 1));
    return length;
}

Error failed(int number, std::string_view what) {
    const auto last = log_text.find_last_not_of('\n');
    std::string said = last == std::string::npos ? "" : log_text.substr(0, last + 1);
    if (const auto line = said.rfind('\n'); line != std::string::npos) said = said.substr(line + 1);
    return Error::from_errno(number, said.empty() ? std::string(what) : fmt::format("{} ({})", what, said.substr(0, 300)));
}

Result<> stop(const std::string& folder) {
    const auto names = os::list_dir(folder);
    if (!names.ok()) return names.error().code() == Errc::not_found ? Result<>() : Result<>(names.error());
    FirstError first;
    for (const std::string& name : *names) {
        if (!name.starts_with("insight-")) continue;
        const std::string at = folder + "/" + name;
        const auto pinned = os::list_dir(at);
        if (!pinned.ok()) continue;
        for (const std::string& pin : *pinned)
            if (unlink((at + "/" + pin).c_str()) != 0 && errno != ENOENT) first.note(errno_error("remove '{}/{}'", at, pin));
        if (rmdir(at.c_str()) != 0 && errno != ENOENT) first.note(errno_error("remove '{}'", at));
    }
    return first.result();
}

Result<> start(const std::string& folder, const std::string& slice) {
    TRY(stop(folder));
    const os::Fd cgroup = TRY(os::open(slice, O_RDONLY | O_DIRECTORY));
    libbpf_set_print(keep);
    libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
    const std::unique_ptr<insight_bpf, void (*)(insight_bpf*)> skeleton(insight_bpf__open(), insight_bpf__destroy);
    if (!skeleton) return failed(errno, "read the insight programs");
    if (const int result = insight_bpf__load(skeleton.get()); result != 0) return failed(-result, "load the insight programs");
    insight_control control{};
    control.slice = TRY(os::cgroup_id(cgroup.get()));
    const std::uint32_t zero = 0;
    TRY(os::bpf_put(bpf_map__fd(skeleton->maps.control), &zero, &control));

    const std::string pins = insight::pins(folder);
    TRY(os::make_dirs(pins, 0700));
    if (const int result = bpf_object__pin_maps(skeleton->obj, pins.c_str()); result != 0)
        return failed(-result, "pin the insight maps");
    const std::tuple<const char*, bpf_program*, bpf_attach_type> hooks[] = {
        {"egress", skeleton->progs.insight_egress, BPF_CGROUP_INET_EGRESS},
        {"ingress", skeleton->progs.insight_ingress, BPF_CGROUP_INET_INGRESS},
        {"socket_events", skeleton->progs.insight_socket_events, BPF_CGROUP_SOCK_OPS},
    };
    for (const auto& [name, program, type] : hooks) {
        const os::Fd link =
            TRY_CONTEXT(os::bpf_link_cgroup(bpf_program__fd(program), cgroup.get(), type), "program '{}'", name);
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
