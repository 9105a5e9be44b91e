#include "container/policy_peers.hpp"

#include "load/pins.hpp"
#include "os/file.hpp"
#include "os/lock.hpp"

#include <fcntl.h>
#include <linux/membarrier.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace gantry::container {

using namespace detail;

namespace detail {

std::string policy_folder(const config::Paths& paths) { return paths.run + "/policy"; }
std::string policy_file(const config::Paths& paths, const std::string& container) {
    return policy_folder(paths) + "/" + container;
}
std::string number_folder(const config::Paths& paths) { return policy_folder(paths) + "/.numbers"; }
std::string number_file(const config::Paths& paths, std::uint32_t number) {
    return fmt::format("{}/{}", number_folder(paths), number);
}

Result<os::Fd> lock_policy(const config::Paths& paths, const std::string& container) {
    TRY(os::make_dirs(policy_folder(paths), 0700));
    return os::lock_name(policy_folder(paths) + "/.lock", container);
}

}  // namespace detail

namespace {

using config::NetworkPolicy;
using policy::Applied;

constexpr std::size_t policy_file_limit = 16U << 20;

// A number that no other policy of this boot has: the link is made by one process only, and says whose it is.
Result<std::uint32_t> reserve_number(const config::Paths& paths, const std::string& name) {
    TRY(os::make_dirs(number_folder(paths), 0700));
    for (int attempt = 0; attempt < 64; ++attempt) {
        std::uint32_t number = 0;
        if (getrandom(&number, sizeof number, 0) != sizeof number) return errno_error("draw a number");
        number = number >> 1 & ~1U;  // a scope has one bit more; the odd one is for a socket unit's sockets
        if (number == 0) continue;
        if (symlink(name.c_str(), number_file(paths, number).c_str()) == 0) return number;
        if (errno != EEXIST) return errno_error("reserve number {}", number);
    }
    return error(Errc::no_space, "no free number for a policy");
}

void free_number(const config::Paths& paths, std::uint32_t number) { unlink(number_file(paths, number).c_str()); }

// Of the container's socket unit. systemd makes a socket of IP in the cgroup of its unit (systemd 252, src/core/socket.c,
// socket_address_listen_in_cgroup), and the kernel what is accepted from it in the same.
Result<os::Fd> socket_cgroup(const std::string& name) {
    return os::open(fmt::format("/sys/fs/cgroup/system.slice/system-ctr.slice/ctr@{}.socket", name), O_RDONLY | O_DIRECTORY);
}

// Another run's socket unit: one that was started again since has other sockets, which the container does not have.
Result<> attach_sockets(policy::Programs& programs, const std::string& name, const Applied& applied) {
    const auto group = socket_cgroup(name);
    if (!group.ok() || TRY(os::cgroup_id(group->get())) != applied.socket_cgroup) return {};
    return programs.attach(group->get(), policy::Programs::of_sockets(name), applied.socket_state());
}

bool is_attached(const policy::Programs& programs, const std::string& name, const Applied& applied) {
    return programs.attached(name) && (applied.socket_cgroup == 0 || programs.attached(policy::Programs::of_sockets(name)));
}

// An upgrade leaves the programs of the build before where they are while containers run under them.
void drop_unused_build(const config::Paths& paths, policy::Programs& programs, const std::string& build) {
    if (build.empty() || build == policy::this_build()) return;
    const auto names = os::list_dir(policy_folder(paths));
    if (!names.ok()) return;
    for (const std::string& name : *names) {
        if (!is_policy_file(name)) continue;
        const auto applied = read_policy(paths, name);
        if (!applied.ok() || (*applied && (*applied)->build == build)) return;
    }
    [[maybe_unused]] const auto removed = programs.remove_build(build);
}

}  // namespace

namespace detail {

Result<> replace_policy(const config::Paths& paths, policy::Programs& programs, const std::string& name, const Applied& before,
                        Applied wanted) {
    wanted.owner = before.owner;
    wanted.cgroup = before.cgroup;
    wanted.socket_cgroup = before.socket_cgroup;
    wanted.socket_ports = before.socket_ports;
    wanted.build = policy::this_build();
    wanted.policy = TRY(reserve_number(paths, name));
    // Entries under another build's programs are not ours to know; they go with those.
    const bool same_build = before.build == wanted.build;
    const auto all = [&]() -> Result<> {
        TRY(programs.put(wanted.tables()));
        TRY(os::write_file_atomic(policy_file(paths, name), wanted.text(), 0600, false));
        if (same_build && is_attached(programs, name, wanted)) {
            if (wanted.socket_cgroup != 0) TRY(programs.set_state(wanted.socket_cgroup, wanted.socket_state()));
            return programs.set_state(wanted.cgroup, wanted.state());
        }
        if (wanted.socket_cgroup != 0) TRY(attach_sockets(programs, name, wanted));
        return programs.attach(TRY(policy_cgroup(paths, name)).get(), name, wanted.state());
    };
    const auto done = all();
    const Applied& old = done.ok() ? before : wanted;
    if (!done.ok()) [[maybe_unused]]
        const auto written = os::write_file_atomic(policy_file(paths, name), before.text(), 0600, false);
    // Until no processor is in a program that began with the old number (membarrier(2): a grace period of RCU).
    syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
    FirstError first;
    first.note(done);
    if (same_build || !done.ok()) first.note(programs.erase(old.tables()));
    // The owner's number stays the container's, over all its policies.
    if (old.policy != before.owner) free_number(paths, old.policy);
    if (done.ok()) drop_unused_build(paths, programs, before.build);
    return first.result();
}

}  // namespace detail

bool is_policy_file(std::string_view name) { return !name.starts_with('.') && name.find(".tmp-") == std::string_view::npos; }

bool is_ending(const config::Paths& paths, const std::string& name) {
    return access((paths.record(name) + "/ending").c_str(), F_OK) == 0;
}

Result<policy::Programs> policy_programs(const config::Paths& paths) {
    TRY(bpf::check_bpffs("/sys/fs/bpf"));
    return policy::Programs::open(paths.bpf, [](const std::string& into) { return bpf::load_programs("policy", into); });
}

Result<> apply_policy(const config::Paths& paths, const Record& record, const NetworkPolicy& rules, const std::string& cgroup,
                      bool own_net, const std::vector<policy::SocketPort>& sockets) {
    // What an earlier run left, if its reaper was killed.
    TRY(release_policy(paths, record.name));
    if (rules.empty()) return {};
    const os::Fd lock = TRY(lock_policy(paths, record.name));
    policy::Programs programs = TRY(policy_programs(paths));
    const os::Fd group = TRY(os::open(cgroup, O_RDONLY | O_DIRECTORY));
    os::Fd socket_group;
    if (!sockets.empty()) socket_group = TRY_CONTEXT(socket_cgroup(record.name), "the cgroup of its socket unit");
    Applied applied;
    applied.rules = rules;
    applied.own_net = own_net;
    const std::uint32_t number = TRY(reserve_number(paths, record.name));
    const auto all = [&]() -> Result<> {
        applied.owner = applied.policy = number;
        applied.cgroup = TRY(os::cgroup_id(group.get()));
        // Before anybody is looked up: a container that starts meanwhile finds that it is named, and waits for the lock.
        TRY(os::write_file_atomic(policy_file(paths, record.name), applied.text(), 0600, false));
        Surroundings around(paths);
        Applied resolved = TRY(resolve_peers(paths, around, record, rules, own_net, true));
        resolved.owner = resolved.policy = number;
        resolved.cgroup = applied.cgroup;
        if (!sockets.empty()) resolved.socket_cgroup = TRY(os::cgroup_id(socket_group.get()));
        resolved.socket_ports = sockets;
        resolved.build = policy::this_build();
        applied = std::move(resolved);
        TRY(os::write_file_atomic(policy_file(paths, record.name), applied.text(), 0600, false));
        TRY(programs.put(applied.tables()));
        if (!sockets.empty())
            TRY(programs.attach(socket_group.get(), policy::Programs::of_sockets(record.name), applied.socket_state()));
        return programs.attach(group.get(), record.name, applied.state());
    };
    auto done = all();
    if (!done.ok()) {
        [[maybe_unused]] const auto detached = programs.detach(record.name);
        [[maybe_unused]] const auto erased = programs.erase(applied.tables());
        unlink(policy_file(paths, record.name).c_str());
        free_number(paths, number);
    }
    return done;
}

Result<> set_policy(const config::Paths& paths, const std::string& name, const NetworkPolicy& rules) {
    const os::Fd lock = TRY(lock_policy(paths, name));
    const auto before = TRY(read_policy(paths, name));
    if (!before)
        return error(Errc::unsupported, "container '{}' was started without a policy: its definition needs one at the start",
                     name);
    const Record record = TRY(read_record(paths, name));
    policy::Programs programs = TRY(policy_programs(paths));
    Surroundings around(paths);
    return replace_policy(paths, programs, name, *before, TRY(resolve_peers(paths, around, record, rules, before->own_net)));
}

Result<std::optional<Applied>> read_policy(const config::Paths& paths, const std::string& name) {
    const auto text = os::read_file(policy_file(paths, name), policy_file_limit);
    if (!text.ok() && text.error().code() == Errc::not_found) return std::optional<Applied>();
    if (!text.ok()) return text.error();
    return std::optional(TRY_CONTEXT(Applied::parse(*text), "policy '{}'", policy_file(paths, name)));
}

Result<> release_policy(const config::Paths& paths, const std::string& name) {
    if (access(policy_file(paths, name).c_str(), F_OK) != 0) return {};
    const os::Fd lock = TRY(lock_policy(paths, name));
    const auto applied = read_policy(paths, name);
    policy::Programs programs = TRY(policy_programs(paths));
    FirstError first;
    first.note(programs.detach(name));
    if (applied.ok() && *applied) {
        if ((*applied)->build == policy::this_build()) first.note(programs.erase((*applied)->tables()));
        first.note(programs.forget((*applied)->owner));
        free_number(paths, (*applied)->policy);
        free_number(paths, (*applied)->owner);
    } else if (!applied.ok()) {
        first.note(applied.error());
    }
    if (auto so_far = first.result(); !so_far.ok() && applied.ok()) return so_far;
    TRY(os::remove_tree(policy_file(paths, name)));
    if (applied.ok() && *applied) drop_unused_build(paths, programs, (*applied)->build);
    return {};
}

}  // namespace gantry::container
