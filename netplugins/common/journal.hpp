// The write-ahead notes of what lives outside a container's namespace: <run_dir>/net/NETWORK/CONTAINER, one plain text file for
// each attachment, written before any of it exists and removed after all of it is gone. <run_dir>/net/NETWORK/.network has what
// the firewall must know of the network itself: with both, any start can rebuild the whole table after a flush.
#pragma once

#include "plan.hpp"

namespace gantry::net {

struct Attachment {
    std::string network, container;
    std::string host_interface;      // the pair's end on the host
    std::int32_t namespace_id = -1;  // of the container's, see Fabric::namespace_id()
    std::string mac;                 // six bytes, of the container's end
    std::vector<Address> addresses;
    std::vector<PortRule> ports;
    std::vector<ResolverRule> resolvers;
};

// The part of a NetworkPlan that the firewall's sets hold, and who made the interface in them.
struct NetworkRules {
    std::string driver;  // that made the network's interfaces
    std::string bridge;
    bool internal = false, isolated = true, open = false;
    bool masquerade4 = false, masquerade6 = false;
    bool operator==(const NetworkRules&) const = default;
};
NetworkRules rules_of(const NetworkPlan& plan);

class Journal {
public:
    // folder: <run_dir>/net.
    explicit Journal(std::string folder) : folder_(std::move(folder)) {}

    Result<> write(const Attachment& attachment);
    // Errc::not_found where there is none.
    [[nodiscard]] Result<Attachment> read(const std::string& network, const std::string& container) const;
    Result<> erase(const std::string& network, const std::string& container);
    [[nodiscard]] Result<std::vector<std::string>> containers(const std::string& network) const;
    [[nodiscard]] Result<std::vector<std::string>> networks() const;

    // Writes only what is new or changed.
    Result<> write_network(const std::string& network, const NetworkRules& rules);
    [[nodiscard]] Result<NetworkRules> read_network(const std::string& network) const;
    Result<> erase_network(const std::string& network);

    [[nodiscard]] const std::string& folder() const { return folder_; }

private:
    std::string folder_;
};

std::string attachment_text(const Attachment& attachment);
// Errc::corrupt for anything that attachment_text() does not write.
Result<Attachment> parse_attachment(std::string_view text);

}  // namespace gantry::net
