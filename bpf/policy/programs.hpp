// The programs and maps that all containers of a host share, pinned in FOLDER/policy-BUILD, and what belongs to one container:
// links, pinned in FOLDER/ctr/NAME and, for its socket unit, NAME@socket (dots of the name as commas), and the storage of its
// cgroup. FOLDER is /sys/fs/bpf/gantry. BUILD is a digest of the programs: an upgraded engine loads its own beside those that
// running containers have. Root (CAP_BPF, CAP_NET_ADMIN) in the host's mount namespace. Processes may do all of this at the
// same time.
#pragma once

#include "policy/tables.hpp"

#include "base/result.hpp"
#include "os/bpf.hpp"

#include <functional>

namespace gantry::policy {

// Of the programs that this was built with.
std::string this_build();

struct Verdict {
    bool allowed = false;
    std::uint32_t rule = 0;    // that allows it; 0: none is needed
    std::uint32_t reason = 0;  // enum policy_reason
};

// A packet that `test` asks about.
struct Question {
    config::Prefix remote;  // an address
    std::uint8_t protocol = 6;
    std::uint16_t port = 0;  // the remote's on the way out, the container's on the way in
};

class Programs {
public:
    // The pinned ones. Where there are none load is called with a folder to pin them in, which then gets its name.
    static Result<Programs> open(const std::string& folder, const std::function<Result<>(const std::string& into)>& load);

    // Attaches every program to the cgroup, with that state. Replaces the links that are there, of an earlier run or another
    // build's programs, which decide until the new ones do. On error nothing is left but those.
    Result<> attach(int cgroup, const std::string& container, const policy_state& state);
    // What links to the cgroup of the container's socket unit go by, in place of its name. No container is called so.
    static std::string of_sockets(const std::string& container);
    // Whether every program is linked to something.
    [[nodiscard]] bool attached(const std::string& container) const;
    // Takes away the programs and maps of another build (Applied::build), which no container has any more. Idempotent.
    Result<> remove_build(const std::string& other);
    // The container's links and those of its socket unit, and their folders. Idempotent.
    Result<> detach(const std::string& container);

    Result<> put(const Tables& tables);
    Result<> erase(const Tables& tables);
    // All entries of a policy (with those of its socket unit) that nobody knows any more: looks at every entry of every policy.
    Result<> erase_policy(std::uint32_t policy);
    Result<> set_state(std::uint64_t cgroup, const policy_state& state);
    Result<std::optional<policy_state>> state(std::uint64_t cgroup);

    // Asks the rules by BPF_PROG_RUN of the same code over the same maps.
    Result<Verdict> test(const policy_state& state, policy_direction direction, const Question& question);

    // What resolvers told a container and still holds: an address, and the pattern that it is for.
    struct Learned {
        config::Prefix address;
        std::uint64_t pattern = 0;
    };
    Result<std::vector<Learned>> learned(std::uint32_t owner);

    [[nodiscard]] int denials() const { return denials_.get(); }
    // Entries of flows, denials and answers that a container left.
    Result<> forget(std::uint32_t owner);

private:
    explicit Programs(std::string folder) : folder_(std::move(folder)) {}
    [[nodiscard]] std::string links_of(std::string container) const;
    Result<> open_all(const std::string& pins);

    std::string folder_, pins_;
    os::Fd states_, targets_, ports_, names_, permits_, answers_, flows_, denials_;
};

}  // namespace gantry::policy
