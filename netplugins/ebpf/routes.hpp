// The network as an interface that stands for the gateway, and programs that carry packets between it and the containers by
// address. bpf/route has the programs.
#pragma once

#include "fabric.hpp"

#include "gantry/driver/network.hpp"
#include "os/bpf.hpp"
#include "route/pins.hpp"

#include <functional>
#include <memory>
#include <optional>

namespace gantry::ebpf {

struct Places {
    std::string run_dir;  // of the engine: notes and locks are below its net/
    std::string pins = "/sys/fs/bpf/gantry";
    // Loads the programs and pins them in a folder: gantry-bpf-load, or in tests the library that it is made of.
    std::function<Result<>(const std::string& into)> load;
    // Root cgroup of those on this host whose connections to published ports are translated; empty: nobody's.
    std::string cgroup = "/sys/fs/cgroup";
    // A container's pair has a filter, a network's interface tcx, where the kernel has both; tests try the others.
    enum class Ways : std::uint8_t { usual, filters, tcx } ways = Ways::usual;
};

class Routes final : public net::Fabric {
public:
    static Result<Routes> open(Places places);

    Result<> probe() override;
    // A pair whose near end is the network's interface; nothing ever gets to the far one.
    Result<> ensure_network(const net::NetworkPlan& network, bool mend) override;
    Result<> connect(const net::AttachPlan& plan, const net::Wire& wire, int netns) override;
    // The program on the host's end, and the entries of the maps.
    Result<> change(const net::AttachPlan& plan, const net::Attachment& attachment, int netns) override;
    Result<> reconnect(const net::NetworkPlan& network, const net::Attachment& attachment) override;
    // For clients on the host, by its loopback address, and TCP of those outside; all others go through the firewall's table.
    Result<> publish(const net::Attachment& attachment) override;
    Result<> unpublish(const net::Attachment& attachment) override;
    Result<> forget(const net::Attachment& attachment) override;
    Result<std::vector<net::PortLink>> ports(const net::NetworkPlan& network) override;
    Result<bool> translates(const net::PortRule& port, unsigned interface) override;
    Result<> leave_to_table(const net::ProbePacket& packet, bool leave) override;

private:
    Routes(os::NetlinkSocket route, Places places) : Fabric(std::move(route)), places_(std::move(places)) {}
    // What is pinned; loaded where it is missing, and then filled with all that runs.
    Result<route::Pins*> pins();
    Result<> fill(route::Pins& pins, const std::string& folder);
    Result<> attach_wire(route::Pins& pins, const std::string& bridge, const std::string& host_interface,
                         const std::string& mac, const std::vector<net::Address>& addresses);
    // The programs for clients outside, where the kernel can attach them.
    Result<> attach_outside(route::Pins& pins);
    // Interfaces of the host that others are behind: Ethernet, with an address, and no network's own.
    Result<std::vector<unsigned>> outside_interfaces();
    Result<> attach_network(route::Pins& pins, const std::string& bridge);
    Result<> attach(int program, const char* name, unsigned interface, os::InterfaceSide side, bool often);

    Places places_;
    std::optional<route::Pins> pins_;
};

// The driver `ebpf`.
std::unique_ptr<driver::NetworkDriver> make_driver(std::string data_dir, Places places);

}  // namespace gantry::ebpf
