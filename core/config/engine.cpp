#include "config/engine.hpp"

#include "base/reference.hpp"
#include "config/definition.hpp"
#include "config/engine_reading.hpp"
#include "config/reader.hpp"
#include "config/reading.hpp"
#include "os/file.hpp"

#include <arpa/inet.h>

#include <charconv>
#include <cstdlib>

namespace gantry::config {

namespace {

template <class T>
void get_count(const Item& item, std::int64_t low, std::int64_t high, T& out) {
    std::int64_t number = 0;
    if (get_integer(item, low, high, number)) out = static_cast<T>(number);
}

void get_name(const Item& item, const char* kind, std::string& out) {
    std::string text;
    if (!get(item, text)) return;
    if (const auto name = ObjectName::parse(kind, text); !name.ok()) return item.fail(name.error().message());
    out = text;
}

void get_mirrors(const Item& item, std::vector<std::string>& out) {
    get(item, out);
    for (const std::string& mirror : out)
        if (!is_registry(std::string_view(mirror).substr(0, mirror.find('/'))))
            item.fail(fmt::format("'{}' is not a mirror's host[:port][/prefix]", printable(mirror)));
}

void get_host_address(const Item& item, std::string& out) {
    std::string text;
    if (!get(item, text)) return;
    if (!text.empty() && !is_address(text, 0)) return item.fail(fmt::format("'{}' is not an IP address", printable(text)));
    out = text;
}

struct Pool {
    std::string base;
    std::uint32_t size = 0;
};

constexpr Key<Pool> pool_keys[] = {
    {"base", [](const Item& i, Pool& p) { get(i, p.base); }},
    {"size", [](const Item& i, Pool& p) { get_count(i, 8, 128, p.size); }},
};

// "10.88.0.0/13" with a network size within it.
bool valid_pool(const Pool& pool) {
    const std::size_t slash = pool.base.find('/');
    if (slash == pool.base.npos) return false;
    unsigned char address[16];
    const std::string host = pool.base.substr(0, slash);
    const bool v4 = inet_pton(AF_INET, host.c_str(), address) == 1;
    if (!v4 && inet_pton(AF_INET6, host.c_str(), address) != 1) return false;
    unsigned prefix = 0;
    const char* end = pool.base.data() + pool.base.size();
    const auto [at, failure] = std::from_chars(pool.base.data() + slash + 1, end, prefix);
    return failure == std::errc() && at == end && prefix <= pool.size && pool.size <= (v4 ? 30U : 126U);
}

void get_pools(const Item& item, std::vector<std::pair<std::string, std::uint32_t>>& out) {
    std::vector<std::pair<std::string, std::uint32_t>> pools;
    each(item, [&](const Item& element) {
        Pool pool;
        read_inner<Pool>(element, pool_keys, "network.address_pools", pool);
        if (!valid_pool(pool))
            return element.fail(
                "a pool is { base = \"ADDRESS/PREFIX\", size = PREFIX OF ONE NETWORK }, the size within the base");
        pools.emplace_back(pool.base, pool.size);
    });
    out = std::move(pools);
}

constexpr Key<Registry> registry_keys[] = {
    {"mirrors", [](const Item& i, Registry& r) { get_mirrors(i, r.mirrors); }},
    {"insecure", [](const Item& i, Registry& r) { get(i, r.insecure); }},
    {"ca", [](const Item& i, Registry& r) { get_file(i, r.ca); }},
    {"certificate", [](const Item& i, Registry& r) { get_file(i, r.certificate); }},
    {"key", [](const Item& i, Registry& r) { get_file(i, r.key); }},
    {"blocked", [](const Item& i, Registry& r) { get(i, r.blocked); }},
    {"foreign_layers", [](const Item& i, Registry& r) { get(i, r.foreign_layers); }},
};

constexpr Key<Engine> storage_keys[] = {
    {"driver", [](const Item& i, Engine& e) { get_name(i, "storage driver", e.storage_driver); }},
};
constexpr Key<Engine> network_keys[] = {
    {"default", [](const Item& i, Engine& e) { get_name(i, "network", e.default_network); }},
    {"address_pools", [](const Item& i, Engine& e) { get_pools(i, e.address_pools); }},
    {"default_bind_address", [](const Item& i, Engine& e) { get_host_address(i, e.default_bind_address); }},
    {"bypass_firewall", [](const Item& i, Engine& e) { get(i, e.bypass_firewall); }},
};
constexpr Key<Engine> pull_keys[] = {
    {"jobs", [](const Item& i, Engine& e) { get_count(i, 1, 64, e.pull_jobs); }},
    {"stall",
     [](const Item& i, Engine& e) {
         std::optional<Microseconds> span;
         get_duration(i, span);
         if (span && span->count() < 1'000'000) return i.fail("less than a second");
         if (span) e.pull_stall_seconds = static_cast<std::uint64_t>(span->count() / 1'000'000);
     }},
    {"search", [](const Item& i, Engine& e) { get_registries(i, e.search_registries, "a registry's host[:port]"); }},
};
constexpr Key<Engine> push_keys[] = {
    {"jobs", [](const Item& i, Engine& e) { get_count(i, 1, 64, e.push_jobs); }},
};
constexpr Key<Engine> daemon_keys[] = {
    {"idle_exit", [](const Item& i, Engine& e) { get_seconds(i, e.idle_exit_seconds); }},
};

constexpr Key<Gc> gc_keys[] = {
    {"high_percent", [](const Item& i, Gc& g) { get_count(i, 1, 100, g.high_percent); }},
    {"low_percent", [](const Item& i, Gc& g) { get_count(i, 0, 99, g.low_percent); }},
    {"minimum_age", [](const Item& i, Gc& g) { get_seconds(i, g.minimum_age_seconds); }},
    {"keep_build_cache", [](const Item& i, Gc& g) { get_bytes(i, g.keep_build_cache); }},
};

void read_gc(const Item& item, Gc& out) {
    read_inner<Gc>(item, gc_keys, "gc", out);
    if (out.low_percent >= out.high_percent)
        item.fail(fmt::format("low_percent ({}) is not below high_percent ({})", out.low_percent, out.high_percent));
}

constexpr Key<Engine> engine_keys[] = {
    {"gc", [](const Item& i, Engine& e) { read_gc(i, e.gc); }},
    {"storage", [](const Item& i, Engine& e) { read_inner<Engine>(i, storage_keys, "storage", e); }},
    {"network", [](const Item& i, Engine& e) { read_inner<Engine>(i, network_keys, "network", e); }},
    {"pull", [](const Item& i, Engine& e) { read_inner<Engine>(i, pull_keys, "pull", e); }},
    {"push", [](const Item& i, Engine& e) { read_inner<Engine>(i, push_keys, "push", e); }},
    {"daemon", [](const Item& i, Engine& e) { read_inner<Engine>(i, daemon_keys, "daemon", e); }},
    {"registry",
     [](const Item& i, Engine& e) {
         each_key(i, [&](const std::string& host, const Item& value) {
             if (!is_registry(host)) return value.fail(fmt::format("'{}' is not a registry's host[:port]", printable(host)));
             read_inner<Registry>(value, registry_keys, "registry", e.registries[host]);
         });
     }},
    {"registry_server", [](const Item& i, Engine& e) { read_registry_server(i, e.registry_server); }},
    {"aliases",
     [](const Item& i, Engine& e) {
         get(i, e.aliases);
         for (const auto& [name, target] : e.aliases)
             if (const auto ref = ImageRef::parse(target); !ref.ok()) i.fail(ref.error().message());
     }},
};

template <class T, std::size_t N>
void collect(std::vector<std::string>& names, const std::string& prefix, const Key<T> (&table)[N]) {
    for (const auto& key : table) names.push_back(prefix + key.name);
}

std::string folder(const char* root, const char* path) { return std::string(root ? root : "") + path; }

}  // namespace

std::vector<std::string> known_engine_keys() {
    std::vector<std::string> names;
    collect(names, "", engine_keys);
    collect(names, "storage.", storage_keys);
    collect(names, "network.", network_keys);
    collect(names, "network.address_pools.", pool_keys);
    collect(names, "pull.", pull_keys);
    collect(names, "push.", push_keys);
    collect(names, "daemon.", daemon_keys);
    collect(names, "gc.", gc_keys);
    collect(names, "registry.", registry_keys);
    for (std::string& name : registry_server_key_names()) names.push_back(std::move(name));
    std::ranges::sort(names);
    return names;
}

Paths Paths::from_environment() {
    const char* root = secure_getenv("GANTRY_ROOT");
    const char* drivers = secure_getenv("GANTRY_DRIVERS");
    Paths paths;
    paths.etc = folder(root, "/etc/gantry");
    paths.data = folder(root, "/var/lib/gantry");
    paths.run = folder(root, "/run/gantry");
    paths.cache = folder(root, "/var/cache/gantry");
    paths.drivers = drivers ? drivers : GANTRY_DRIVERDIR;
    return paths;
}

Result<Engine> parse_engine(std::string_view text, const std::string& file) {
    const toml::table table = TRY(parse_toml(text, file));
    Reading reading(file);
    reading.known = known_engine_keys();
    Engine engine;
    read_table<Engine>(table, "", "", reading, engine_keys, engine);
    TRY(reading.result());
    return engine;
}

Result<Engine> load_engine(const Paths& paths) {
    const std::string file = paths.etc + "/gantry.toml";
    auto text = os::read_file(file, 1U << 20);
    if (!text.ok() && text.error().code() == Errc::not_found) return Engine{};
    return parse_engine(TRY_CONTEXT(std::move(text), "engine configuration"), file);
}

}  // namespace gantry::config
