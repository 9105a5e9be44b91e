#include "firewall.hpp"

#include "detour.hpp"
#include "ruleset.hpp"

#include "os/file.hpp"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>

#include <algorithm>
#include <cerrno>

namespace gantry::net {

using os::NetlinkMessage;
using os::NetlinkReply;

namespace {

// Those whose elements are containers'.
constexpr std::array owned_sets{"any4",         "any6",         "one4",         "one6",      "guarded_any4",
                                "guarded_any6", "guarded_one4", "guarded_one6", "resolver4", "resolver6"};

std::vector<Element> network_elements(const NetworkRules& network) {
    std::vector<Element> elements{interface_element(bridges_set, network.bridge),
                                  interface_element("same", network.bridge, network.bridge),
                                  interface_element("same", "", network.bridge)};
    const auto add = [&](bool wanted, const char* set) {
        if (wanted) elements.push_back(interface_element(set, network.bridge));
    };
    add(network.internal, "internal");
    add(network.isolated, "isolated");
    add(network.open, "open");
    add(network.masquerade4, "masquerade4");
    add(network.masquerade6, "masquerade6");
    return elements;
}

std::string port_text(const PortRule& rule) {
    if (!rule.host) return fmt::format("port {}/{}", rule.host_port, protocol_name(rule.protocol));
    return fmt::format("port {}/{} of '{}'", rule.host_port, protocol_name(rule.protocol), rule.host->str());
}

std::string refused_port(const Attachment& attachment, const Element& refused) {
    for (const auto& port : attachment.ports)
        if (const Element element = port_element(port, ""); element.set == refused.set && element.key == refused.key)
            return port_text(port);
    return "port";
}

std::string container_of(const std::string& owner) { return owner.substr(owner.find('/') + 1); }

}  // namespace

std::string owner_name(const std::string& network, const std::string& container) {
    return fmt::format("{}/{}", network, container).substr(0, 254);
}

Result<Firewall> Firewall::open(const Journal& journal) {
    return Firewall(TRY(os::NetlinkSocket::open(NETLINK_NETFILTER)), journal);
}

Result<Firewall::Outcome> Firewall::commit(const std::vector<Change>& changes) {
    Outcome outcome;
    if (changes.empty()) return outcome;
    std::vector<NetlinkMessage> messages;
    messages.reserve(changes.size() + 2);
    messages.push_back(batch_begin());
    for (const auto& change : changes) {
        messages.push_back(change.kind == Change::remove ? remove_element(change.element)
                                                         : add_element(change.element, change.kind == Change::add_exclusive));
        // Only what fails is answered, and the last: thousands of answers would not fit the socket.
        if (&change != &changes.back()) messages.back().silent();
    }
    messages.push_back(batch_end());
    const auto outcomes = TRY_CONTEXT(netfilter_.exchange(messages), "change the firewall");
    for (std::size_t at = 0; at < outcomes.size(); ++at) {
        if (outcomes[at].ok()) continue;
        outcome.number = outcomes[at].number;
        outcome.words = outcomes[at].words;
        if (at >= 1 && at <= changes.size()) outcome.refused = &changes[at - 1];
        break;
    }
    return outcome;
}

Result<std::string> Firewall::owner_of(const Element& element) {
    std::string owner;
    auto got = netfilter_.request(get_element(element), "look up a published port", [&](const NetlinkReply& reply) {
        for (const auto& found : found_elements(reply)) owner = found.comment.empty() ? "?/?" : found.comment;
    });
    if (!got.ok() && got.error().sys() != ENOENT) return std::move(got).error();
    return owner;
}

Result<> Firewall::publish(const NetworkRules& network, const Attachment& attachment) {
    const std::string owner = owner_name(attachment.network, attachment.container);
    const bool guarded = std::ranges::any_of(attachment.ports, [](const PortRule& port) { return !port.bypass; });
    for (int attempt = 0;; ++attempt) {
        std::vector<Change> changes;
        for (auto& element : network_elements(network)) changes.push_back({std::move(element), Change::add});
        if (guarded)
            for (auto& mark : TRY(detour_marks())) changes.push_back({std::move(mark), Change::add});
        for (const auto& port : attachment.ports) {
            changes.push_back({port_element(port, owner), Change::add_exclusive});
            if (!port.bypass) changes.push_back({guard_element(port, owner), Change::add});
        }
        for (const auto& resolver : attachment.resolvers) changes.push_back({resolver_element(resolver, owner), Change::add});
        const Outcome outcome = TRY(commit(changes));
        if (outcome.number == 0) return {};
        const auto failed = [&] { return os::NetlinkOutcome{outcome.number, outcome.words}.error("change the firewall"); };
        if (attempt == 4) return failed();
        if (outcome.number == ENOENT) {
            TRY(make_missing(guarded));
        } else if (outcome.number != EEXIST || !outcome.refused) {
            return failed();
        } else if (const std::string other = TRY(owner_of(outcome.refused->element)); other == owner) {
            // Another start has made the table meanwhile and filled it from the journal, our note included.
            TRY(unpublish(attachment));
        } else if (!other.empty()) {
            return error(Errc::in_use, "{} is already published by '{}'", refused_port(attachment, outcome.refused->element),
                         container_of(other));
        }
    }
}

Result<> Firewall::unpublish(const Attachment& attachment) {
    const std::string owner = owner_name(attachment.network, attachment.container);
    Outcome outcome;
    // The second time, after one was found missing, each is looked for.
    for (const bool look : {false, true}) {
        std::vector<Change> changes;
        for (const auto& port : attachment.ports) {
            Element element = port_element(port, owner), guard = guard_element(port, owner);
            if (TRY(owner_of(element)) != owner) continue;
            changes.push_back({std::move(element), Change::remove});
            if (port.bypass || (look && TRY(owner_of(guard)).empty())) continue;
            changes.push_back({std::move(guard), Change::remove});
        }
        for (const auto& resolver : attachment.resolvers)
            if (Element element = resolver_element(resolver, owner); TRY(owner_of(element)) == owner)
                changes.push_back({std::move(element), Change::remove});
        outcome = TRY(commit(changes));
        if (outcome.number != ENOENT) break;
    }
    // Gone meanwhile (a flush): nothing is left to remove.
    if (outcome.number != 0 && outcome.number != ENOENT)
        return os::NetlinkOutcome{outcome.number, outcome.words}.error("change the firewall");
    return {};
}

Result<> Firewall::check_free(const std::vector<PortRule>& ports, const std::string& owner) {
    for (const auto& port : ports) {
        const std::string other = TRY(owner_of(port_element(port, owner)));
        if (!other.empty() && other != owner)
            return error(Errc::in_use, "{} is already published by '{}'", port_text(port), container_of(other));
    }
    return {};
}

Result<std::vector<Element>> Firewall::detour_marks() {
    std::vector<Element> marks = TRY(Detour::open()).marks();
    if (!marks.empty()) return marks;
    TRY(make_missing(true));
    return TRY(Detour::open()).marks();
}

Result<bool> Firewall::there(const Element& element) {
    auto found = netfilter_.request(get_set(element), "look for the firewall's tables");
    if (found.ok()) return true;
    if (found.error().sys() == ENOENT) return false;
    return std::move(found).error();
}

// Whoever held the lock before may have made them.
Result<> Firewall::make_missing(bool guarded) {
    TRY(os::make_dirs(journal_->folder(), 0755));
    const os::Fd lock = TRY(os::lock_file(journal_->folder() + "/.firewall"));
    if (!TRY(there(interface_element(bridges_set, "")))) {
        TRY(load_ruleset(ruleset_text, "table 'inet gantry'"));
        guarded |= TRY(fill());
    }
    if (!guarded) return {};
    Detour detour = TRY(Detour::open());
    const auto marks = detour.marks();
    bool whole = !marks.empty();
    for (const auto& mark : marks) whole = whole && TRY(there(mark));
    return whole ? Result<>() : detour.make();
}

Result<> Firewall::rebuild() {
    TRY(os::make_dirs(journal_->folder(), 0755));
    const os::Fd lock = TRY(os::lock_file(journal_->folder() + "/.firewall"));
    TRY(load_ruleset(ruleset_text, "table 'inet gantry'"));
    const bool guarded = TRY(fill());
    return guarded ? TRY(Detour::open()).make() : Result<>();
}

Result<bool> Firewall::fill() {
    bool guarded = false;
    std::vector<Change> changes;
    for (const Family family : {Family::v4, Family::v6})
        if (os::path_exists(fmt::format("{}/.closed{}", journal_->folder(), family == Family::v4 ? 4 : 6)))
            changes.push_back({family_element("closed", family), Change::add});
    for (const auto& network : TRY(journal_->networks())) {
        if (auto rules = journal_->read_network(network); rules.ok())
            for (auto& element : network_elements(*rules)) changes.push_back({std::move(element), Change::add});
        for (const auto& container : TRY(journal_->containers(network))) {
            const auto attachment = journal_->read(network, container);
            if (!attachment.ok()) continue;  // not ours to judge here: recover() reports it
            for (const auto& port : attachment->ports) {
                const std::string owner = owner_name(network, container);
                changes.push_back({port_element(port, owner), Change::add});
                if (port.bypass) continue;
                changes.push_back({guard_element(port, owner), Change::add});
                guarded = true;
            }
            for (const auto& resolver : attachment->resolvers)
                changes.push_back({resolver_element(resolver, owner_name(network, container)), Change::add});
        }
    }
    // One refused element (two notes that claim the same port after a crash) must not undo the others.
    Outcome outcome = TRY(commit(changes));
    while (outcome.number != 0 && outcome.refused) {
        changes.erase(changes.begin() + (outcome.refused - changes.data()));
        outcome = TRY(commit(changes));
    }
    if (outcome.number != 0) return os::NetlinkOutcome{outcome.number, outcome.words}.error("fill table 'inet gantry'");
    return guarded;
}

Result<> Firewall::remove_network(const NetworkRules& network) {
    for (auto& element : network_elements(network)) {
        const Outcome outcome = TRY(commit({{std::move(element), Change::remove}}));
        if (outcome.number != 0 && outcome.number != ENOENT)
            return os::NetlinkOutcome{outcome.number, outcome.words}.error("change the firewall");
    }
    return {};
}

Result<> Firewall::close(Family family) {
    // The note comes first: a table that is made later is filled from it.
    TRY(os::make_dirs(journal_->folder(), 0755));
    TRY(os::write_file_atomic(fmt::format("{}/.closed{}", journal_->folder(), family == Family::v4 ? 4 : 6), "", 0644, false));
    const std::vector<Change> changes{{family_element("closed", family), Change::add}};
    Outcome outcome = TRY(commit(changes));
    if (outcome.number == ENOENT) {
        TRY(make_missing(false));
        outcome = TRY(commit(changes));
    }
    if (outcome.number != 0) return os::NetlinkOutcome{outcome.number, outcome.words}.error("change the firewall");
    return {};
}

Result<std::vector<std::string>> Firewall::owners() {
    std::vector<std::string> owners;
    for (const char* set : owned_sets) {
        const std::size_t before = owners.size();
        auto listed =
            netfilter_.dump([&] { return list_elements(set); }, "list published ports", [&] { owners.resize(before); },
                            [&](const NetlinkReply& reply) {
                                for (auto& found : found_elements(reply)) owners.push_back(std::move(found.comment));
                            });
        if (!listed.ok() && listed.error().sys() != ENOENT) return std::move(listed).error();
    }
    std::ranges::sort(owners);
    owners.erase(std::unique(owners.begin(), owners.end()), owners.end());
    return owners;
}

Result<> Firewall::remove_owner(const std::string& owner) {
    std::vector<Change> changes;
    for (const char* set : owned_sets) {
        const std::size_t before = changes.size();
        auto listed =
            netfilter_.dump([&] { return list_elements(set); }, "list published ports", [&] { changes.resize(before); },
                            [&](const NetlinkReply& reply) {
                                for (auto& found : found_elements(reply))
                                    if (found.comment == owner)
                                        changes.push_back({Element{set, found.key, "", "", NFPROTO_INET}, Change::remove});
                            });
        if (!listed.ok() && listed.error().sys() != ENOENT) return std::move(listed).error();
    }
    const Outcome outcome = TRY(commit(changes));
    if (outcome.number != 0 && outcome.number != ENOENT)
        return os::NetlinkOutcome{outcome.number, outcome.words}.error("change the firewall");
    return {};
}

}  // namespace gantry::net
