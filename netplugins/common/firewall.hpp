// The table `inet gantry` and its detour (detour.hpp): what a network and a container put into its sets and maps, and getting
// the table back after a flush.
#pragma once

#include "elements.hpp"
#include "journal.hpp"

namespace gantry::net {

class Firewall {
public:
    static Result<Firewall> open(const Journal& journal);

    // The network's elements and the container's ports and resolvers in one transaction: all or nothing. Where the table is
    // missing (first start, flush) it is made first, with everything that the journal knows. A taken port is Errc::in_use and
    // names its owner.
    Result<> publish(const NetworkRules& network, const Attachment& attachment);
    // Removes the ports and resolvers that are this attachment's; what another container owns by now stays.
    Result<> unpublish(const Attachment& attachment);
    // Errc::in_use if another container publishes one of these; changes nothing.
    Result<> check_free(const std::vector<PortRule>& ports, const std::string& owner);
    // Replaces the tables and fills them from the journal.
    Result<> rebuild();
    Result<> remove_network(const NetworkRules& network);
    // Forwarding of this family was off before: see chain closed_before.
    Result<> close(Family family);
    // The owners ("NETWORK/CONTAINER") of all elements in the maps.
    Result<std::vector<std::string>> owners();
    Result<> remove_owner(const std::string& owner);

private:
    Firewall(os::NetlinkSocket netfilter, const Journal& journal) : netfilter_(std::move(netfilter)), journal_(&journal) {}
    struct Change {
        Element element;
        enum { add, add_exclusive, remove } kind;
    };
    // The first refused change and its errno value; number 0 where all went well.
    struct Outcome {
        int number = 0;
        std::string words;
        const Change* refused = nullptr;
    };
    Result<Outcome> commit(const std::vector<Change>& changes);
    Result<std::string> owner_of(const Element& element);
    Result<std::vector<Element>> detour_marks();
    // Whether the element's set is.
    Result<bool> there(const Element& element);
    // guarded: there are ports that the host's firewall decides about, so that the detour is needed.
    Result<> make_missing(bool guarded);
    // Returns whether one of the journal's ports is guarded.
    Result<bool> fill();

    os::NetlinkSocket netfilter_;
    const Journal* journal_;
};

std::string owner_name(const std::string& network, const std::string& container);

}  // namespace gantry::net
