// Definition to TOML. Written by hand instead of by toml++: keys keep the order people read them in, defaults are left out.
#include "config/reader.hpp"

#include <cmath>

namespace gantry::config {

namespace {

std::string in_quotes(std::string_view text) {
    std::string out = "\"";
    for (char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        switch (c) {
        case '"': out += "\\\""; break;
        case '\\': out += "\\\\"; break;
        case '\n': out += "\\n"; break;
        case '\t': out += "\\t"; break;
        case '\r': out += "\\r"; break;
        default:
            if (byte < 0x20 || byte == 0x7f)
                out += fmt::format("\\u{:04X}", byte);
            else
                out += c;
        }
    }
    return out + "\"";
}

std::string key_text(std::string_view key) {
    const bool bare = !key.empty() && std::ranges::all_of(key, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    });
    return bare ? std::string(key) : in_quotes(key);
}

std::string duration_text(Microseconds span) {
    const auto us = span.count();
    if (span == Microseconds::max()) return "infinity";
    if (us % 1'000'000 == 0) return fmt::format("{}s", us / 1'000'000);
    if (us % 1000 == 0) return fmt::format("{}ms", us / 1000);
    return fmt::format("{}us", us);
}

std::string bytes_text(std::uint64_t bytes) {
    if (bytes == ~std::uint64_t{0}) return in_quotes("unlimited");
    for (const auto& [unit, shift] : {std::pair('g', 30), std::pair('m', 20), std::pair('k', 10)})
        if (bytes != 0 && bytes % (1ULL << shift) == 0) return fmt::format("\"{}{}\"", bytes >> shift, unit);
    // An integer of TOML has 63 bits.
    return bytes >> 63 ? in_quotes(std::to_string(bytes)) : std::to_string(bytes);
}

std::string limit_text(const Ulimit& limit) {
    const auto one = [](std::uint64_t value) {
        return value == ~std::uint64_t{0} ? std::string("unlimited") : std::to_string(value);
    };
    return limit.soft == limit.hard ? one(limit.soft) : one(limit.soft) + ":" + one(limit.hard);
}

std::string mode_text(const NamespaceMode& mode) {
    switch (mode.kind) {
    case NamespaceMode::Kind::private_: return "private";
    case NamespaceMode::Kind::host: return "host";
    case NamespaceMode::Kind::container: return "container:" + mode.container;
    }
    return "private";
}

class Writer {
public:
    std::string text;

    void section(std::string_view header) { pending_ = fmt::format("\n{}\n", header); }
    // An element of an array of tables is written even when empty.
    void element(std::string_view header) {
        text += fmt::format("\n[[{}]]\n", header);
        pending_.clear();
    }

    void raw(std::string_view key, std::string_view value) {
        text += pending_;
        pending_.clear();
        text += fmt::format("{} = {}\n", key_text(key), value);
    }
    void string(std::string_view key, std::string_view value, std::string_view standard = "") {
        if (value != standard) raw(key, in_quotes(value));
    }
    void flag(std::string_view key, bool value, bool standard = false) {
        if (value != standard) raw(key, value ? "true" : "false");
    }
    void duration(std::string_view key, const std::optional<Microseconds>& value) {
        if (value) raw(key, in_quotes(duration_text(*value)));
    }
    void bytes(std::string_view key, const std::optional<std::uint64_t>& value) {
        if (value) raw(key, bytes_text(*value));
    }
    void bytes(std::string_view key, std::uint64_t value, std::uint64_t standard) {
        if (value != standard) raw(key, bytes_text(value));
    }
    template <class T>
    void number(std::string_view key, const std::optional<T>& value) {
        if (value) raw(key, std::to_string(*value));
    }
    // Short lists on one line, long ones one element a line.
    template <class List, class Text>
    void list(std::string_view key, const List& values, Text&& to_text) {
        if (!values.empty()) raw(key, list_text(values, to_text));
    }
    // Also where it is empty: [] is not the same as no list.
    template <class List, class Text>
    void whole_list(std::string_view key, const List& values, Text&& to_text) {
        raw(key, list_text(values, to_text));
    }
    void list(std::string_view key, const std::vector<std::string>& values) { list(key, values, same); }
    // to_text gives TOML.
    template <class List, class Text>
    void raw_list(std::string_view key, const List& values, Text&& to_text) {
        if (!values.empty()) raw(key, raw_list_text(values, to_text));
    }
    void command(std::string_view key, const std::optional<std::vector<std::string>>& values) {
        if (values) raw(key, list_text(*values, same));
    }
    void table(std::string_view header, const std::map<std::string, std::string>& values) {
        section(fmt::format("[{}]", header));
        for (const auto& [key, value] : values) raw(key, in_quotes(value));
    }

private:
    static std::string same(const std::string& value) { return value; }
    template <class List, class Text>
    static std::string list_text(const List& values, Text&& to_text) {
        return raw_list_text(values, [&](const auto& value) { return in_quotes(to_text(value)); });
    }
    template <class List, class Text>
    static std::string raw_list_text(const List& values, Text&& to_text) {
        std::string line = "[", lines = "[\n";
        for (const auto& value : values) {
            const std::string element = to_text(value);
            line += (line.size() > 1 ? ", " : "") + element;
            lines += "    " + element + ",\n";
        }
        return line.size() <= 100 ? line + "]" : lines + "]";
    }

    std::string pending_;
};

void write_head(Writer& w, const Definition& d) {
    w.string("image", d.image);
    w.string("image_id", d.image_id);
    w.string("id", d.id);
    if (d.created) w.raw("created", std::to_string(d.created));
    w.string("description", d.description);
    w.command("entrypoint", d.entrypoint);
    w.command("command", d.command);
    w.list("env_files", d.env_files);
    w.string("user", d.run_as);
    w.list("groups", d.groups);
    w.string("workdir", d.workdir);
    w.string("hostname", d.hostname);
    w.string("domainname", d.domainname);
    w.flag("tty", d.tty);
    w.flag("stdin", d.open_stdin);
    w.flag("init", d.init);
    if (d.machine) w.raw("machine", *d.machine ? "true" : "false");
    w.flag("read_only", d.read_only);
}

// A table reads better, an array keeps order and repeated names.
bool env_is_table(const Definition& d) {
    for (std::size_t i = 1; i < d.env.size(); ++i)
        if (d.env[i - 1].first >= d.env[i].first) return false;
    return true;
}

std::string mode_of(const Definition& d) {
    switch (d.network_mode) {
    case NetworkMode::host: return "host";
    case NetworkMode::none: return "none";
    case NetworkMode::container: return "container:" + d.network_container;
    case NetworkMode::networks: return "";
    }
    return "";
}

// A string, or a table where that cannot say it.
std::string port_value(const Port& port) {
    std::string text = in_quotes(port_text(port));
    if (!port.bypass_firewall && !port.socket) return text;
    std::string more = port.bypass_firewall ? fmt::format(", bypass_firewall = {}", *port.bypass_firewall) : "";
    if (port.socket) more += ", socket = true";
    return fmt::format("{{ publish = {}{} }}", text, more);
}

void write_network(Writer& w, const Definition& d) {
    if (d.policy.empty()) w.string("network", mode_of(d));
    w.raw_list("ports", d.ports, port_value);
    w.duration("idle_stop", d.idle_stop);
    w.flag("publish_all", d.publish_all);
    w.list("expose", d.expose);
    w.list("dns", d.dns);
    w.list("dns_search", d.dns_search);
    w.list("dns_options", d.dns_options);
    w.list("extra_hosts", d.extra_hosts, [](const auto& host) { return host.first + ":" + host.second; });
}

void write_life(Writer& w, const Definition& d) {
    if (d.restart != Restart::no) w.string("restart", restart_text(d.restart, d.restart_max));
    w.duration("restart_delay", d.restart_delay);
    w.flag("auto_remove", d.auto_remove);
    if (d.stop_signal) w.string("stop_signal", *d.stop_signal);
    w.duration("stop_timeout", d.stop_timeout);
    if (d.ready != Ready::started) w.string("ready", d.ready == Ready::notify ? "notify" : "healthy");
    w.duration("start_timeout", d.start_timeout);
    w.duration("watchdog", d.watchdog);
    w.list("requires", d.requires_);
    w.list("wants", d.wants);
    w.list("after", d.after);
    w.list("devices", d.devices,
           [](const Device& device) { return device.host + ":" + device.container + ":" + device.permissions; });
    w.list("device_cgroup_rules", d.device_cgroup_rules);
}

void write_limits(Writer& w, const Limits& l) {
    const auto rates = [&](const char* key, const std::vector<DeviceRate>& values) {
        w.list(key, values, [](const DeviceRate& rate) { return fmt::format("{}:{}", rate.device, rate.rate); });
    };
    w.section("[limits]");
    w.bytes("memory", l.memory);
    w.bytes("memory_reservation", l.memory_reservation);
    w.bytes("memory_swap", l.memory_swap);
    if (l.cpus) {
        const std::string text = fmt::format("{}", *l.cpus);
        w.raw("cpus", text.find_first_of(".e") == text.npos ? text + ".0" : text);
    }
    w.number("cpu_weight", l.cpu_weight);
    w.string("cpuset", l.cpuset);
    w.string("cpuset_mems", l.cpuset_mems);
    if (l.pids) w.raw("pids", *l.pids == ~std::uint64_t{0} ? "-1" : std::to_string(*l.pids));
    w.number("io_weight", l.io_weight);
    rates("read_bps", l.read_bps);
    rates("write_bps", l.write_bps);
    rates("read_iops", l.read_iops);
    rates("write_iops", l.write_iops);
    w.number("oom_score_adj", l.oom_score_adj);
    w.bytes("shm_size", l.shm_size, Limits{}.shm_size);
    w.section("[limits.ulimits]");
    for (const auto& [name, limit] : l.ulimits) w.string(name, limit_text(limit), "\n");
}

void write_security(Writer& w, const Definition& d) {
    const Security& s = d.security;
    w.section("[security]");
    w.list("cap_add", s.cap_add);
    w.list("cap_drop", s.cap_drop);
    w.string("seccomp", s.seccomp, "default");
    w.flag("no_new_privileges", s.no_new_privileges);
    w.flag("privileged", s.privileged);
    w.list("masked_paths", s.masked_paths);
    w.list("readonly_paths", s.readonly_paths);
    w.flag("unmask_all", s.unmask_all);
    w.section("[namespaces]");
    w.string("pid", mode_text(d.pid), "private");
    w.string("ipc", mode_text(d.ipc), "private");
    w.string("uts", mode_text(d.uts), "private");
    w.string("cgroup", mode_text(d.cgroup), "private");
    w.string("user", mode_text(d.user), "host");
}

void write_health(Writer& w, const Health& h) {
    w.section("[health]");
    if (h.command.size() == 2 && h.command.front() == "CMD-SHELL")
        w.raw("command", in_quotes(h.command[1]));
    else if (!h.command.empty() && h.command.front() == "CMD") {
        // A program really called CMD: the reader takes one such word off.
        std::vector<std::string> command = h.command;
        command.insert(command.begin(), "CMD");
        w.list("command", command);
    } else
        w.list("command", h.command);
    w.flag("disabled", h.disabled);
    w.duration("interval", h.interval);
    w.duration("timeout", h.timeout);
    w.duration("start_period", h.start_period);
    w.number("retries", h.retries);
    if (h.on_unhealthy != OnUnhealthy::none)
        w.string("on_unhealthy", h.on_unhealthy == OnUnhealthy::restart ? "restart" : "stop");
}

void write_mounts(Writer& w, const std::vector<Mount>& mounts) {
    const Mount plain;
    for (const Mount& m : mounts) {
        w.element("mounts");
        w.string("type", m.type == MountType::bind ? "bind" : m.type == MountType::volume ? "volume" : "tmpfs");
        w.string("source", m.source);
        w.string("target", m.target);
        w.flag("read_only", m.read_only);
        w.string("propagation", m.propagation, plain.propagation);
        w.flag("recursive", m.recursive, plain.recursive);
        w.flag("create_source", m.create_source);
        w.flag("copy", m.copy, plain.copy);
        w.bytes("size", m.size, 0);
        if (m.mode != plain.mode) w.raw("mode", fmt::format("0o{:o}", m.mode));
        w.list("options", m.options);
    }
}

void write_networks(Writer& w, const std::vector<NetworkAttachment>& networks) {
    const NetworkAttachment plain;
    for (const NetworkAttachment& n : networks) {
        w.element("networks");
        w.string("name", n.name);
        w.string("interface", n.interface);
        w.string("ipv4", n.ipv4);
        w.string("ipv6", n.ipv6);
        w.string("mac", n.mac);
        w.list("aliases", n.aliases);
        w.flag("default_route", n.default_route);
        if (n.rate_up) w.string("rate_up", rate_text(n.rate_up));
        if (n.rate_down) w.string("rate_down", rate_text(n.rate_down));
        w.string("service", n.service);
        if (n.service_weight != plain.service_weight) w.raw("service_weight", std::to_string(n.service_weight));
        w.table("networks.options", n.options);
    }
}

void write_policy(Writer& w, const Definition& d) {
    if (d.policy.empty()) return;
    w.section("[network]");
    w.string("mode", mode_of(d));
    w.section("[network.policy]");
    const auto rule_text = [](const PolicyRule& rule) { return rule.text; };
    if (d.policy.egress) w.whole_list("egress", *d.policy.egress, rule_text);
    if (d.policy.ingress) w.whole_list("ingress", *d.policy.ingress, rule_text);
    if (d.policy.listen) w.whole_list("listen", *d.policy.listen, listen_text);
}

void write_credentials(Writer& w, const std::vector<Credential>& credentials) {
    for (const Credential& c : credentials) {
        w.element("credentials");
        w.string("name", c.name);
        w.string("path", c.path);
        if (c.value) w.raw("value", in_quotes(*c.value));
        w.flag("encrypted", c.encrypted);
    }
}

}  // namespace

std::string write_definition(const Definition& d) {
    Writer w;
    write_head(w, d);
    if (!env_is_table(d)) w.list("env", d.env, [](const auto& entry) { return entry.first + "=" + entry.second; });
    write_network(w, d);
    write_life(w, d);
    if (env_is_table(d)) {
        w.section("[env]");
        for (const auto& [name, value] : d.env) w.raw(name, in_quotes(value));
    }
    w.table("labels", d.labels);
    w.table("annotations", d.annotations);
    w.table("sysctls", d.sysctls);
    write_limits(w, d.limits);
    write_security(w, d);
    write_health(w, d.health);
    w.section("[log]");
    w.string("driver", d.log_to_journal ? "journal" : "none", "journal");
    w.flag("direct", d.log_direct);
    w.table("log.fields", d.log_fields);
    w.section("[storage]");
    w.string("driver", d.storage_driver);
    w.bytes("size", d.storage_size, 0);
    write_mounts(w, d.mounts);
    write_policy(w, d);
    write_networks(w, d.networks);
    write_credentials(w, d.credentials);
    return w.text;
}

Result<std::string> checked_definition(const Definition& definition, const std::string& what) {
    std::string text = write_definition(definition);
    const Definition again = TRY(parse_definition(text, what));
    if (again != definition) return error(Errc::internal, "{}: the definition does not read back as it was written", what);
    return text;
}

}  // namespace gantry::config
