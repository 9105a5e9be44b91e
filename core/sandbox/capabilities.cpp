#include "sandbox/capabilities.hpp"

#include "base/units.hpp"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace gantry::sandbox {

namespace {

// In the order of linux/capability.h, without "CAP_".
constexpr std::array<std::string_view, 41> names{"CHOWN",
                                                 "DAC_OVERRIDE",
                                                 "DAC_READ_SEARCH",
                                                 "FOWNER",
                                                 "FSETID",
                                                 "KILL",
                                                 "SETGID",
                                                 "SETUID",
                                                 "SETPCAP",
                                                 "LINUX_IMMUTABLE",
                                                 "NET_BIND_SERVICE",
                                                 "NET_BROADCAST",
                                                 "NET_ADMIN",
                                                 "NET_RAW",
                                                 "IPC_LOCK",
                                                 "IPC_OWNER",
                                                 "SYS_MODULE",
                                                 "SYS_RAWIO",
                                                 "SYS_CHROOT",
                                                 "SYS_PTRACE",
                                                 "SYS_PACCT",
                                                 "SYS_ADMIN",
                                                 "SYS_BOOT",
                                                 "SYS_NICE",
                                                 "SYS_RESOURCE",
                                                 "SYS_TIME",
                                                 "SYS_TTY_CONFIG",
                                                 "MKNOD",
                                                 "LEASE",
                                                 "AUDIT_WRITE",
                                                 "AUDIT_CONTROL",
                                                 "SETFCAP",
                                                 "MAC_OVERRIDE",
                                                 "MAC_ADMIN",
                                                 "SYSLOG",
                                                 "WAKE_ALARM",
                                                 "BLOCK_SUSPEND",
                                                 "AUDIT_READ",
                                                 "PERFMON",
                                                 "BPF",
                                                 "CHECKPOINT_RESTORE"};
static_assert(names.size() == CAP_CHECKPOINT_RESTORE + 1);

constexpr CapSet bit(int capability) { return CapSet{1} << capability; }

std::string upper(std::string_view text) {
    std::string out(text);
    for (char& c : out)
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    return out;
}

bool is_all(std::string_view text) {
    const std::string name = upper(text);
    return name == "ALL" || name == "CAP_ALL";
}

}  // namespace

Result<int> parse_capability(std::string_view text) {
    const std::string wanted = upper(text);
    const std::string_view name = std::string_view(wanted).starts_with("CAP_") ? std::string_view(wanted).substr(4) : wanted;
    for (std::size_t i = 0; i < names.size(); ++i)
        if (names[i] == name) return static_cast<int>(i);
    return error(Errc::invalid, "capability '{}' is not known{}", text, did_you_mean(name, names));
}

std::string capability_name(int capability) {
    if (capability >= 0 && static_cast<std::size_t>(capability) < names.size()) return fmt::format("CAP_{}", names[capability]);
    return fmt::format("CAP_{}", capability);
}

CapSet default_capabilities() {
    CapSet set = 0;
    for (int one : {CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FSETID, CAP_FOWNER, CAP_MKNOD, CAP_NET_RAW, CAP_SETGID, CAP_SETUID,
                    CAP_SETFCAP, CAP_SETPCAP, CAP_NET_BIND_SERVICE, CAP_SYS_CHROOT, CAP_KILL, CAP_AUDIT_WRITE})
        set |= bit(one);
    return set;
}

CapSet all_capabilities() {
    CapSet set = 0;
    // EINVAL ends the kernel's list; 0 is one that this process (a unit with CapabilityBoundingSet=) may not grant.
    for (int one = 0; one < 64; ++one) {
        const int have = prctl(PR_CAPBSET_READ, one);
        if (have < 0) break;
        if (have == 1) set |= bit(one);
    }
    return set;
}

Result<CapSet> capability_set(const std::vector<std::string>& add, const std::vector<std::string>& drop, bool privileged) {
    const CapSet host = all_capabilities();
    CapSet added = 0, dropped = 0;
    bool add_all = privileged, drop_all = false;
    for (const std::string& name : add) {
        if (is_all(name)) {
            add_all = true;
            continue;
        }
        const int one = TRY(parse_capability(name));
        if (!(host & bit(one)))
            return error(Errc::unsupported, "capability '{}' is not this host's to give", capability_name(one));
        added |= bit(one);
    }
    for (const std::string& name : drop) {
        if (is_all(name))
            drop_all = true;
        else
            dropped |= bit(TRY(parse_capability(name)));
    }
    if (privileged) return host;
    if (add_all) return host & ~dropped;
    const CapSet base = drop_all ? 0 : default_capabilities() & ~dropped;
    return (base | added) & host;
}

Result<> limit_bounding(CapSet set) {
    for (int one = 0; one < 64; ++one) {
        if (set & bit(one)) continue;
        const int have = prctl(PR_CAPBSET_READ, one);
        if (have < 0) break;
        if (have == 1 && prctl(PR_CAPBSET_DROP, one) != 0) return errno_error("drop capability '{}'", capability_name(one));
    }
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) return errno_error("clear ambient capabilities");
    return {};
}

Result<> set_capabilities(CapSet permitted, CapSet effective) {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[2]{};
    for (int half = 0; half < 2; ++half) {
        data[half].permitted = static_cast<std::uint32_t>(permitted >> (32 * half));
        data[half].effective = static_cast<std::uint32_t>(effective >> (32 * half));
    }
    if (syscall(SYS_capset, &header, data) != 0) return errno_error("set capabilities");
    return {};
}

}  // namespace gantry::sandbox
