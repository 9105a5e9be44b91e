// Address leases without a lock: <data_dir>/leases/NETWORK/addresses/ADDRESS is a symbolic link whose text is the container's
// name. symlink(2) makes name and content in one step and refuses a taken one, so two starts can never get the same address and
// a crash leaves no half-written file; `ls -l` shows all. containers/NAME links back ("10.88.0.7 fd00::7"), so that a container
// finds its address again without a search, after a stop and after a reboot.
#pragma once

#include "plan.hpp"

namespace gantry::net {

class Leases {
public:
    // folder: <data_dir>/leases.
    explicit Leases(std::string folder) : folder_(std::move(folder)) {}

    struct Taken {
        std::optional<Address> v4, v6;
        std::vector<Address> fresh;  // made by this call: an undo gives these back
        bool fresh_name = false;
        [[nodiscard]] std::vector<Address> all() const;
    };

    // One address of each family that the network has: the static one if asked for (Errc::in_use names who has it), else the
    // one this container had, else the first free one from a place that its name decides. Errc::no_space when all are taken.
    Result<Taken> take(const AttachPlan& plan);
    // Gives back what one take() made anew.
    void undo(const AttachPlan& plan, const Taken& taken);
    // Errc::in_use if somebody else holds a static address; takes nothing.
    Result<> check(const AttachPlan& plan) const;
    // Frees everything of one container.
    Result<> release(const std::string& network, const std::string& container);
    // Frees one address, whatever containers/NAME says of it; a name without any is forgotten.
    Result<> release_address(const driver::Lease& lease);
    Result<> remove_network(const std::string& network);
    [[nodiscard]] Result<std::vector<driver::Lease>> list(const std::string& network) const;

private:
    [[nodiscard]] std::string address_path(const std::string& network, const Address& address) const;
    [[nodiscard]] std::string name_path(const std::string& network, const std::string& container) const;
    [[nodiscard]] std::vector<Address> held(const std::string& network, const std::string& container) const;
    Result<bool> claim(const AttachPlan& plan, const Address& address, Taken& taken);
    Result<Address> choose(const AttachPlan& plan, const Range& range, const std::vector<Address>& had, Taken& taken);

    std::string folder_;
};

// The text of a symbolic link; empty where there is none.
std::string link_text(const std::string& path);

}  // namespace gantry::net
