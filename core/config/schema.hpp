// The keys of a definition: one table a section. Internal to core/config.
#pragma once

#include "config/definition.hpp"
#include "config/reading.hpp"

namespace gantry::config {

extern const std::span<const Key<Definition>> definition_keys;
extern const std::span<const Key<Mount>> mount_keys;
extern const std::span<const Key<NetworkAttachment>> network_keys;
extern const std::span<const Key<Definition>> network_section_keys;
extern const std::span<const Key<NetworkPolicy>> policy_keys;
extern const std::span<const Key<Port>> port_keys;
extern const std::span<const Key<Limits>> limit_keys;
extern const std::span<const Key<Security>> security_keys;
extern const std::span<const Key<Definition>> namespace_keys;
extern const std::span<const Key<Health>> health_keys;
extern const std::span<const Key<Credential>> credential_keys;
extern const std::span<const Key<Definition>> log_keys;
extern const std::span<const Key<Definition>> storage_keys;

// The section [network], or the shorthand for its mode alone: `network = "host"`.
void get_network(const Item& item, Definition& out);

// `ports`: strings and tables; `expose`.
void get_ports(const Item& item, std::vector<Port>& out);
void get_expose(const Item& item, std::vector<std::string>& out);

// What contradicts itself between keys, each with the place of one of them.
void check_contradictions(const Definition& definition, Reading& reading);

// "0-3,7": the kernel's list format (cpuset(7)).
Result<std::string> parse_cpu_list(std::string_view text);
// Each element of an array of strings, through a parser.
template <class T>
void get_list(const Item& item, std::vector<T>& out, Result<T> (*parse)(std::string_view)) {
    each(item, [&](const Item& element) {
        std::string text;
        if (!get(element, text)) return;
        auto parsed = parse(text);
        if (parsed.ok())
            out.push_back(std::move(parsed).value());
        else
            element.fail(parsed.error().message());
    });
}

// A section that is a table, or an error.
template <class T>
void read_section(const Item& item, std::span<const Key<T>> keys, T& out) {
    const auto* table = item.node.as_table();
    if (!table) return item.expected("a table");
    read_table(*table, item.path + ".", item.path.substr(0, item.path.find('[')), item.reading, keys, out);
}

}  // namespace gantry::config
