// Network namespaces: enter one for a moment, bring its loopback up.
#pragma once

#include "base/result.hpp"
#include "os/fd.hpp"

#include <initializer_list>
#include <string>
#include <utility>

namespace gantry::os {

// Puts the calling thread (only it) into a network namespace until the owner goes. What the thread opens meanwhile (sockets,
// files below /proc/sys/net) belongs to that namespace for good, so the visit can be short. Needs CAP_SYS_ADMIN in the
// namespace's owning user namespace. A thread that could not come back must not go on in the wrong namespace: the process is
// aborted then.
class NetnsVisit {
public:
    // netns: an open /proc/PID/ns/net, or anything setns(2) takes for CLONE_NEWNET.
    static Result<NetnsVisit> enter(int netns);
    NetnsVisit(NetnsVisit&&) noexcept = default;
    NetnsVisit& operator=(NetnsVisit&&) = delete;
    ~NetnsVisit();

private:
    explicit NetnsVisit(Fd home) : home_(std::move(home)) {}
    Fd home_;
};

// Sets IFF_UP on "lo" of the calling thread's namespace; the kernel adds 127.0.0.1 and ::1 by itself.
Result<> loopback_up();

// The number that programs in the kernel know the calling thread's namespace by (bpf_get_netns_cookie); Linux 5.14.
Result<std::uint64_t> netns_cookie();

// A kernel setting below /proc/sys ("net/ipv4/ip_forward") of the calling thread's namespace. A missing one is
// Errc::not_found. set_sysctl writes only what differs: some settings take the RTNL lock at every write.
Result<std::string> get_sysctl(const std::string& key);
Result<> set_sysctl(const std::string& key, const std::string& value);
// Several in one folder ("net/ipv6/conf/default"), written without looking; a missing folder is Errc::not_found. The kernel
// looks a folder below /proc/sys/net up among those of all network namespaces, one after the other: here it does so once.
Result<> set_sysctls(const std::string& folder, std::initializer_list<std::pair<const char*, const char*>> values);

}  // namespace gantry::os
