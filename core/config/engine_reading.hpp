// What the readers of gantry.toml's parts share. Internal to core/config.
#pragma once

#include "config/engine.hpp"
#include "config/reading.hpp"

namespace gantry::config {

template <class T>
void read_inner(const Item& item, std::span<const Key<T>> keys, const std::string& scope, T& out) {
    const auto* table = item.node.as_table();
    if (!table) return item.expected("a table");
    read_table(*table, item.path + ".", scope, item.reading, keys, out);
}

void get_file(const Item& item, std::string& out);  // an absolute path
void get_seconds(const Item& item, std::uint64_t& out);
// "HOST[:PORT]", checked as the first part of an image's name.
bool is_registry(std::string_view host);
// Several of them; what: how an error calls one.
void get_registries(const Item& item, std::vector<std::string>& out, std::string_view what);

// [registry_server], and the dotted names of its keys.
void read_registry_server(const Item& item, RegistryServer& out);
std::vector<std::string> registry_server_key_names();

}  // namespace gantry::config
