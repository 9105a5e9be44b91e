// [limits], [security], [namespaces], [health], [log], [storage], [[mounts]], [[networks]], [[credentials]].
#include "config/reader.hpp"
#include "config/schema.hpp"

#include <sys/socket.h>

#include <charconv>
#include <set>

namespace gantry::config {

namespace {

void get_amount(const Item& item, std::optional<std::uint64_t>& out, bool bytes) {
    // Docker writes -1 for "no limit", systemd "infinity".
    const bool minus_one = item.node.is_integer() && item.node.as_integer()->get() == -1;
    const auto* word = item.node.as_string();
    if (minus_one || (word && (word->get() == "unlimited" || word->get() == "infinity" || word->get() == "-1"))) {
        out = ~std::uint64_t{0};
        return;
    }
    std::uint64_t value = 0;
    std::int64_t number = 0;
    if (bytes) {
        value = ~std::uint64_t{0};
        get_bytes(item, value);
        if (value != ~std::uint64_t{0}) out = value;
    } else if (get_integer(item, 1, 4'194'304, number)) {
        out = static_cast<std::uint64_t>(number);
    }
}

void get_cpus(const Item& item, std::optional<double>& out) {
    const auto* integer = item.node.as_integer();
    const auto* number = item.node.as_floating_point();
    if (!integer && !number) return item.expected("a number like 1.5");
    const double value = integer ? static_cast<double>(integer->get()) : number->get();
    // systemd's CPUQuota= has no finer step than a hundredth of a percent; 0.001 of a CPU is the kernel's least (1 ms of 1 s).
    if (!(value >= 0.001 && value <= 8192)) return item.fail("the number of CPUs must be between 0.001 and 8192");
    out = value;
}

template <class T>
void get_number(const Item& item, std::int64_t low, std::int64_t high, std::optional<T>& out) {
    std::int64_t number = 0;
    if (get_integer(item, low, high, number)) out = static_cast<T>(number);
}

void get_list(const Item& item, std::string& out) {
    std::string text;
    if (item.node.is_integer() ? get_scalar(item, text) : get(item, text)) item.take(parse_cpu_list(text), out);
}

void get_rates(const Item& item, bool bytes, std::vector<DeviceRate>& out) {
    each(item, [&](const Item& element) {
        std::string text;
        DeviceRate rate;
        if (!get(element, text)) return;
        element.take(parse_device_rate(text, bytes), rate);
        if (rate.rate) out.push_back(std::move(rate));
    });
}

void get_ulimits(const Item& item, std::map<std::string, Ulimit>& out) {
    // The names of prlimit(1), which are Docker's; systemd's Limit*= has the same set.
    static const std::set<std::string, std::less<>> names{"as",      "core",     "cpu",        "data",   "fsize", "locks",
                                                          "memlock", "msgqueue", "nice",       "nofile", "nproc", "rss",
                                                          "rtprio",  "rttime",   "sigpending", "stack"};
    each_key(item, [&](const std::string& name, const Item& value) {
        std::string text;
        if (!names.contains(name)) return value.fail("such a limit is not known" + did_you_mean(name, names));
        if (get_scalar(value, text)) value.take(parse_ulimit(text), out[name]);
    });
}

void get_capabilities(const Item& item, std::vector<std::string>& out) {
    std::vector<std::string> list;
    get(item, list);
    for (const std::string& name : list)
        if (name.empty() || name.size() > 40 ||
            name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_") != name.npos)
            return item.fail(fmt::format("'{}' is not the name of a capability", printable(name)));
    out = std::move(list);
}

void get_absolute_paths(const Item& item, std::vector<std::string>& out) {
    get(item, out);
    for (const std::string& path : out)
        if (!path.starts_with('/')) return item.fail(fmt::format("'{}' is not an absolute path", printable(path)));
}

void get_namespace(const Item& item, bool joinable, NamespaceMode& out) {
    std::string text;
    if (!get(item, text)) return;
    NamespaceMode mode;
    item.take(parse_namespace(text), mode);
    if (mode.kind == NamespaceMode::Kind::container && !joinable)
        return item.fail("this namespace can be private or host only");
    out = std::move(mode);
}

void get_probe(const Item& item, Health& health) {
    if (item.node.is_string()) {
        std::string line;
        if (get(item, line)) health.command = {"CMD-SHELL", line};
        return;
    }
    std::vector<std::string> list;
    get(item, list);
    // The image configuration's spelling (Docker's HEALTHCHECK) is taken too.
    if (!list.empty() && list.front() == "CMD") list.erase(list.begin());
    if (list.size() == 1 && list.front() == "NONE") {
        health.disabled = true;
        return;
    }
    if (list.empty() || (list.front() == "CMD-SHELL" && list.size() != 2)) return item.fail("the probe's command is empty");
    health.command = std::move(list);
}

void get_address(const Item& item, int family, std::string& out) {
    std::string text;
    if (!get(item, text)) return;
    if (!is_address(text, family))
        return item.fail(fmt::format("'{}' is not an IPv{} address", printable(text), family == AF_INET ? 4 : 6));
    out = text;
}

void get_mac(const Item& item, std::string& out) {
    std::string text;
    if (!get(item, text)) return;
    bool good = text.size() == 17;
    for (std::size_t i = 0; good && i < text.size(); ++i)
        good = i % 3 == 2 ? text[i] == ':' : std::string_view("0123456789abcdefABCDEF").find(text[i]) != std::string_view::npos;
    if (!good) return item.fail(fmt::format("'{}' is not a MAC address like 02:42:ac:11:00:02", printable(text)));
    // The lowest bit of the first byte marks group addresses (IEEE 802), which no interface may have.
    if (std::stoi(text.substr(0, 2), nullptr, 16) & 1) return item.fail(fmt::format("'{}' is a multicast address", text));
    out = text;
}

void get_rate(const Item& item, std::uint64_t& out) {
    std::string text;
    if (get(item, text)) item.take(parse_rate(text), out);
}

void get_service(const Item& item, std::string& out) {
    std::string text;
    if (!get(item, text)) return;
    if (const auto name = ObjectName::parse("service", text); !name.ok()) return item.fail(name.error().message());
    out = text;
}

void get_interface(const Item& item, std::string& out) {
    std::string text;
    if (!get(item, text)) return;
    // dev_valid_name() of the kernel, IFNAMSIZ is 16 with the NUL.
    if (text.empty() || text.size() > 15 || text == "." || text == ".." || text.find_first_of("/: \t\n") != text.npos)
        return item.fail(fmt::format("'{}' is not the name of an interface", printable(text)));
    out = text;
}

constexpr Key<Mount> mounts[] = {
    {"type",
     [](const Item& i, Mount& m) {
         std::string text;
         if (get(i, text)) i.take(parse_mount_type(text), m.type);
     }},
    {"source", [](const Item& i, Mount& m) { get(i, m.source); }},
    {"target", [](const Item& i, Mount& m) { get(i, m.target); }},
    {"read_only", [](const Item& i, Mount& m) { get(i, m.read_only); }},
    {"propagation",
     [](const Item& i, Mount& m) {
         std::string text;
         if (!get(i, text)) return;
         if (!is_propagation(text)) return i.fail("it must be one of private, slave, shared, or these with an 'r' in front");
         m.propagation = text;
     }},
    {"recursive", [](const Item& i, Mount& m) { get(i, m.recursive); }},
    {"create_source", [](const Item& i, Mount& m) { get(i, m.create_source); }},
    {"copy", [](const Item& i, Mount& m) { get(i, m.copy); }},
    {"size", [](const Item& i, Mount& m) { get_bytes(i, m.size); }},
    {"mode",
     [](const Item& i, Mount& m) {
         std::int64_t mode = 0;
         if (get_integer(i, 0, 07777, mode)) m.mode = static_cast<std::uint32_t>(mode);
     }},
    {"options", [](const Item& i, Mount& m) { get(i, m.options); }},
};

constexpr Key<NetworkAttachment> networks[] = {
    {"name",
     [](const Item& i, NetworkAttachment& n) {
         if (!get(i, n.name)) return;
         if (const auto name = ObjectName::parse("network", n.name); !name.ok()) i.fail(name.error().message());
     }},
    {"interface", [](const Item& i, NetworkAttachment& n) { get_interface(i, n.interface); }},
    {"ipv4", [](const Item& i, NetworkAttachment& n) { get_address(i, AF_INET, n.ipv4); }},
    {"ipv6", [](const Item& i, NetworkAttachment& n) { get_address(i, AF_INET6, n.ipv6); }},
    {"mac", [](const Item& i, NetworkAttachment& n) { get_mac(i, n.mac); }},
    {"aliases", [](const Item& i, NetworkAttachment& n) { get(i, n.aliases); }},
    {"default_route", [](const Item& i, NetworkAttachment& n) { get(i, n.default_route); }},
    {"rate_up", [](const Item& i, NetworkAttachment& n) { get_rate(i, n.rate_up); }},
    {"rate_down", [](const Item& i, NetworkAttachment& n) { get_rate(i, n.rate_down); }},
    {"service", [](const Item& i, NetworkAttachment& n) { get_service(i, n.service); }},
    {"service_weight",
     [](const Item& i, NetworkAttachment& n) {
         std::int64_t weight = 0;
         if (get_integer(i, 0, most_service_weight, weight)) n.service_weight = static_cast<std::uint32_t>(weight);
     }},
    {"options", [](const Item& i, NetworkAttachment& n) { get(i, n.options); }},
};

constexpr Key<Limits> limits[] = {
    {"memory", [](const Item& i, Limits& l) { get_amount(i, l.memory, true); }},
    {"memory_reservation", [](const Item& i, Limits& l) { get_amount(i, l.memory_reservation, true); }},
    {"memory_swap", [](const Item& i, Limits& l) { get_amount(i, l.memory_swap, true); }},
    {"cpus", [](const Item& i, Limits& l) { get_cpus(i, l.cpus); }},
    {"cpu_weight", [](const Item& i, Limits& l) { get_number(i, 1, 10000, l.cpu_weight); }},
    {"cpuset", [](const Item& i, Limits& l) { get_list(i, l.cpuset); }},
    {"cpuset_mems", [](const Item& i, Limits& l) { get_list(i, l.cpuset_mems); }},
    {"pids", [](const Item& i, Limits& l) { get_amount(i, l.pids, false); }},
    {"io_weight", [](const Item& i, Limits& l) { get_number(i, 1, 10000, l.io_weight); }},
    {"read_bps", [](const Item& i, Limits& l) { get_rates(i, true, l.read_bps); }},
    {"write_bps", [](const Item& i, Limits& l) { get_rates(i, true, l.write_bps); }},
    {"read_iops", [](const Item& i, Limits& l) { get_rates(i, false, l.read_iops); }},
    {"write_iops", [](const Item& i, Limits& l) { get_rates(i, false, l.write_iops); }},
    {"ulimits", [](const Item& i, Limits& l) { get_ulimits(i, l.ulimits); }},
    {"oom_score_adj", [](const Item& i, Limits& l) { get_number(i, -1000, 1000, l.oom_score_adj); }},
    {"shm_size", [](const Item& i, Limits& l) { get_bytes(i, l.shm_size); }},
};

constexpr Key<Security> security[] = {
    {"cap_add", [](const Item& i, Security& s) { get_capabilities(i, s.cap_add); }},
    {"cap_drop", [](const Item& i, Security& s) { get_capabilities(i, s.cap_drop); }},
    {"seccomp",
     [](const Item& i, Security& s) {
         std::string text;
         if (!get(i, text)) return;
         if (text != "default" && text != "unconfined" && !text.starts_with('/'))
             return i.fail("it must be 'default', 'unconfined' or the absolute path of a profile");
         s.seccomp = text;
     }},
    {"no_new_privileges", [](const Item& i, Security& s) { get(i, s.no_new_privileges); }},
    {"privileged", [](const Item& i, Security& s) { get(i, s.privileged); }},
    {"masked_paths", [](const Item& i, Security& s) { get_absolute_paths(i, s.masked_paths); }},
    {"readonly_paths", [](const Item& i, Security& s) { get_absolute_paths(i, s.readonly_paths); }},
    {"unmask_all", [](const Item& i, Security& s) { get(i, s.unmask_all); }},
};

constexpr Key<Definition> namespaces[] = {
    {"pid", [](const Item& i, Definition& d) { get_namespace(i, true, d.pid); }},
    {"ipc", [](const Item& i, Definition& d) { get_namespace(i, true, d.ipc); }},
    {"uts", [](const Item& i, Definition& d) { get_namespace(i, false, d.uts); }},
    {"cgroup", [](const Item& i, Definition& d) { get_namespace(i, false, d.cgroup); }},
    {"user", [](const Item& i, Definition& d) { get_namespace(i, false, d.user); }},
};

constexpr Key<Health> health[] = {
    {"command", [](const Item& i, Health& h) { get_probe(i, h); }},
    {"disabled", [](const Item& i, Health& h) { get(i, h.disabled); }},
    {"interval", [](const Item& i, Health& h) { get_duration(i, h.interval); }},
    {"timeout", [](const Item& i, Health& h) { get_duration(i, h.timeout); }},
    {"start_period", [](const Item& i, Health& h) { get_duration(i, h.start_period); }},
    {"retries", [](const Item& i, Health& h) { get_number(i, 1, 1000, h.retries); }},
    {"on_unhealthy",
     [](const Item& i, Health& h) {
         std::string text;
         if (!get(i, text)) return;
         if (text == "none")
             h.on_unhealthy = OnUnhealthy::none;
         else if (text == "restart")
             h.on_unhealthy = OnUnhealthy::restart;
         else if (text == "stop")
             h.on_unhealthy = OnUnhealthy::stop;
         else
             i.fail("it must be one of none, restart, stop");
     }},
};

constexpr Key<Credential> credentials[] = {
    {"name",
     [](const Item& i, Credential& c) {
         std::string text;
         if (!get(i, text)) return;
         // credential_name_valid(): a file name; ':' separates it in LoadCredential=.
         if (text.empty() || text.size() > 255 || text == "." || text == ".." ||
             text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-@+") != text.npos)
             return i.fail(fmt::format("'{}' is not a name for a credential", printable(text)));
         c.name = text;
     }},
    {"path", [](const Item& i, Credential& c) { get(i, c.path); }},
    {"value",
     [](const Item& i, Credential& c) {
         std::string text;
         if (get(i, text)) c.value = text;
     }},
    {"encrypted", [](const Item& i, Credential& c) { get(i, c.encrypted); }},
};

constexpr Key<Definition> log[] = {
    {"driver",
     [](const Item& i, Definition& d) {
         std::string text;
         if (!get(i, text)) return;
         if (text != "journal" && text != "none") return i.fail("it must be 'journal' or 'none'");
         d.log_to_journal = text == "journal";
     }},
    {"direct", [](const Item& i, Definition& d) { get(i, d.log_direct); }},
    {"fields",
     [](const Item& i, Definition& d) {
         get(i, d.log_fields);
         // journald's rule, journal_field_valid(); LogExtraFields= refuses the rest.
         for (const auto& [name, value] : d.log_fields)
             if (name.size() > 64 || name.front() == '_' || (name.front() >= '0' && name.front() <= '9') ||
                 name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != name.npos)
                 i.fail(fmt::format("'{}' is not a journal field: only A-Z, 0-9 and _, no digit or _ first", printable(name)));
     }},
};

constexpr Key<Definition> storage[] = {
    {"driver",
     [](const Item& i, Definition& d) {
         if (!get(i, d.storage_driver)) return;
         if (const auto name = ObjectName::parse("storage driver", d.storage_driver); !name.ok())
             i.fail(name.error().message());
     }},
    {"size", [](const Item& i, Definition& d) { get_bytes(i, d.storage_size); }},
};

}  // namespace

const std::span<const Key<Mount>> mount_keys = mounts;
const std::span<const Key<NetworkAttachment>> network_keys = networks;
const std::span<const Key<Limits>> limit_keys = limits;
const std::span<const Key<Security>> security_keys = security;
const std::span<const Key<Definition>> namespace_keys = namespaces;
const std::span<const Key<Health>> health_keys = health;
const std::span<const Key<Credential>> credential_keys = credentials;
const std::span<const Key<Definition>> log_keys = log;
const std::span<const Key<Definition>> storage_keys = storage;

Result<std::string> parse_cpu_list(std::string_view text) {
    const auto bad = [&] {
        return error(Errc::invalid, "'{}' is not a list of numbers and ranges like 0-3,7", printable(text));
    };
    for (std::string_view rest = text;;) {
        const std::string_view part = rest.substr(0, rest.find(','));
        unsigned first = 0, last = 0;
        const char* end = part.data() + part.size();
        auto [at, failure] = std::from_chars(part.data(), end, first);
        if (failure != std::errc()) return bad();
        last = first;
        if (at != end) {
            if (*at != '-') return bad();
            const auto second = std::from_chars(at + 1, end, last);
            if (second.ec != std::errc() || second.ptr != end) return bad();
        }
        if (last < first || last > 8191) return bad();
        if (part.size() == rest.size()) return std::string(text);
        rest.remove_prefix(part.size() + 1);
    }
}

}  // namespace gantry::config
