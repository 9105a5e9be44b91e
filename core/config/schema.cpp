// The keys at the top of a definition.
#include "config/schema.hpp"

#include "base/reference.hpp"
#include "config/reader.hpp"

#include <limits>
#include <set>

namespace gantry::config {

namespace {

bool only(std::string_view text, std::string_view extra) {
    return std::ranges::all_of(text, [&](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               extra.find(c) != std::string_view::npos;
    });
}

bool has_control(std::string_view text) {
    return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

// Each table of an array of tables; a single table counts as an array of one.
template <class T>
void get_tables(const Item& item, std::span<const Key<T>> keys, std::vector<T>& out,
                const std::function<void(const Item&, const T&)>& check) {
    each(item, [&](const Item& element) {
        T value{};
        const bool was_ok = element.reading.ok();
        read_section(element, keys, value);
        if (element.node.is_table() && was_ok == element.reading.ok()) check(element, value);
        out.push_back(std::move(value));
    });
}

// A string is the shell form of a Dockerfile's CMD and ENTRYPOINT, an array the exec form.
void get_command(const Item& item, std::optional<std::vector<std::string>>& out) {
    std::vector<std::string> words;
    if (item.node.is_string()) {
        std::string line;
        if (!get(item, line)) return;
        if (!line.empty()) words = {"/bin/sh", "-c", line};
    } else if (!item.node.is_array()) {
        return item.expected("a string or an array of strings");
    } else {
        get(item, words);
    }
    out = std::move(words);
}

void get_image(const Item& item, std::string& out) {
    std::string text;
    if (!get(item, text)) return;
    const bool is_id = text.size() == 64 && text.find_first_not_of("0123456789abcdef") == text.npos;
    if (!is_id)
        if (const auto ref = ImageRef::parse(text); !ref.ok()) return item.fail(ref.error().message());
    out = text;
}

void get_id(const Item& item, std::string& out) {
    std::string text;
    if (!get(item, text)) return;
    if (text.size() != 64 || text.find_first_not_of("0123456789abcdef") != text.npos)
        return item.fail("an id has 64 hexadecimal digits");
    out = text;
}

// A table NAME = VALUE, or an array of "NAME=VALUE", which keeps an order.
void get_env(const Item& item, std::vector<std::pair<std::string, std::string>>& out) {
    const auto add = [&](const Item& where, const std::string& name, const std::string& value) {
        if (name.empty() || name.find('=') != name.npos)
            return where.fail(fmt::format("'{}' is not a variable's name", printable(name)));
        out.emplace_back(name, value);
    };
    if (item.node.is_table())
        return each_key(item, [&](const std::string& name, const Item& value) {
            std::string text;
            if (get_scalar(value, text)) add(value, name, text);
        });
    if (!item.node.is_array()) return item.expected("a table or an array of strings NAME=VALUE");
    each(item, [&](const Item& element) {
        std::string text;
        if (!get(element, text)) return;
        const std::size_t equals = text.find('=');
        if (equals == text.npos) return element.fail(fmt::format("'{}' must be NAME=VALUE", printable(text)));
        add(element, text.substr(0, equals), text.substr(equals + 1));
    });
}

void get_env_files(const Item& item, std::vector<std::string>& out) {
    get(item, out);
    for (const std::string& path : out)
        if (!path.starts_with('/')) item.fail(fmt::format("'{}' is not an absolute path", printable(path)));
}

void get_user(const Item& item, std::string& out) {
    std::string text;
    if (!get_scalar(item, text)) return;
    const auto colon = text.find(':');
    if (text.empty() || colon == 0 || has_control(text) || (colon != text.npos && text.find(':', colon + 1) != text.npos))
        return item.fail(fmt::format("'{}' must be USER[:GROUP], names or numbers", printable(text)));
    out = text;
}

void get_groups(const Item& item, std::vector<std::string>& out) {
    each(item, [&](const Item& element) {
        std::string text;
        if (!get_scalar(element, text)) return;
        if (text.empty() || text.find(':') != text.npos || has_control(text))
            return element.fail(fmt::format("'{}' is not a group", printable(text)));
        out.push_back(text);
    });
}

void get_workdir(const Item& item, std::string& out) {
    if (get(item, out) && !out.starts_with('/')) item.fail(fmt::format("'{}' is not an absolute path", printable(out)));
}

void get_host(const Item& item, std::string& out) {
    std::string text;
    if (!get(item, text)) return;
    // sethostname(2) takes 64 bytes; the characters of RFC 1123 and the underscore that people use.
    if (text.empty() || text.size() > 64 || !only(text, "-._") || text.front() == '-' || text.front() == '.')
        return item.fail(fmt::format("'{}' is not a host name (at most 64 of a-z A-Z 0-9 - . _)", printable(text)));
    out = text;
}

// Text that becomes one line of a unit file or of resolv.conf.
void get_line(const Item& item, std::string& out) {
    std::string text;
    if (!get(item, text)) return;
    if (has_control(text)) return item.fail("it must be one line without control characters");
    out = text;
}

Result<std::string> parse_resolver(std::string_view text) {
    std::string address(text);
    if (!is_address(address, 0)) return error(Errc::invalid, "'{}' is not an IP address", printable(text));
    return address;
}

Result<std::string> parse_word(std::string_view text) {
    if (text.empty() || text.size() > 255 || has_control(text) || text.find(' ') != text.npos)
        return error(Errc::invalid, "'{}' is not one word", printable(text));
    return std::string(text);
}

void get_extra_hosts(const Item& item, std::vector<std::pair<std::string, std::string>>& out) {
    each(item, [&](const Item& element) {
        std::string text;
        if (!get(element, text)) return;
        const std::size_t mark = text.find_first_of(":=");
        std::string name = text.substr(0, mark), address = mark == text.npos ? "" : text.substr(mark + 1);
        if (address.size() > 2 && address.front() == '[' && address.back() == ']')
            address = address.substr(1, address.size() - 2);
        if (name.empty() || name.size() > 255 || !only(name, "-._"))
            return element.fail(fmt::format("'{}' is not a host name", printable(name)));
        if (address != "host-gateway" && !is_address(address, 0))
            return element.fail(fmt::format("'{}' must be NAME:ADDRESS or NAME:host-gateway", printable(text)));
        out.emplace_back(std::move(name), std::move(address));
    });
}

void get_restart(const Item& item, Definition& out) {
    std::string text;
    if (!get(item, text)) return;
    std::pair<Restart, std::uint32_t> policy{};
    item.take(parse_restart(text), policy);
    out.restart = policy.first;
    out.restart_max = policy.second;
}

void get_signal(const Item& item, std::optional<std::string>& out) {
    std::string text;
    if (!get_scalar(item, text)) return;
    if (const auto signal = parse_signal(text); !signal.ok()) return item.fail(signal.error().message());
    out = text;
}

void get_ready(const Item& item, Ready& out) {
    std::string text;
    if (!get(item, text)) return;
    if (text == "started")
        out = Ready::started;
    else if (text == "notify")
        out = Ready::notify;
    else if (text == "healthy")
        out = Ready::healthy;
    else
        item.fail("it must be one of started, notify, healthy");
}

// Names of containers, or of any units by their full name.
Result<std::string> parse_unit_or_container(std::string_view text) {
    if (is_unit_name(text)) return std::string(text);
    return TRY(ContainerName::parse(text)).str();
}

Result<std::string> parse_device_rule(std::string_view text) {
    const auto number = [](std::string_view part) {
        return part == "*" || (!part.empty() && part.size() <= 7 && part.find_first_not_of("0123456789") == part.npos);
    };
    const std::size_t colon = text.find(':'), space = text.find(' ', colon == text.npos ? 0 : colon);
    const std::string_view access = space == text.npos ? "" : text.substr(space + 1);
    const bool good = text.size() >= 7 && std::string_view("abc").find(text[0]) != std::string_view::npos && text[1] == ' ' &&
                      colon != text.npos && colon >= 2 && space != text.npos && number(text.substr(2, colon - 2)) &&
                      number(text.substr(colon + 1, space - colon - 1)) && !access.empty() && access.size() <= 3 &&
                      access.find_first_not_of("rwm") == access.npos;
    if (!good) return error(Errc::invalid, "'{}' is not a device rule like 'c 42:* rwm'", printable(text));
    return std::string(text);
}

void get_sysctls(const Item& item, std::map<std::string, std::string>& out) {
    each_key(item, [&](const std::string& name, const Item& value) {
        std::string text;
        if (name.find("..") != name.npos || name.front() == '/' || name.front() == '.' || !only(name, "._-/"))
            return value.fail("this is not the name of a kernel parameter");
        if (get_scalar(value, text)) out[name] = text;
    });
}

void check_credential(const Item& item, const Credential& credential) {
    if (credential.name.empty()) return item.fail("a credential needs a name");
    if (credential.value.has_value() == !credential.path.empty())
        return item.fail("a credential needs either a path or a value");
    // systemd.exec(5), LoadCredential=: an absolute path, or the name of one that the manager was given.
    if (!credential.path.empty() &&
        (has_control(credential.path) || (!credential.path.starts_with('/') && !only(credential.path, "_.-@+"))))
        return item.fail(fmt::format("path '{}' is neither absolute nor a credential's name", printable(credential.path)));
    // Seen with systemd 257: what PID 1 says to systemd-executor (254 and later) is words, and the service fails with "Failed
    // to deserialize".
    if (credential.path.find(' ') != std::string::npos)
        item.fail(fmt::format("path '{}' has a space, which systemd cannot pass on", printable(credential.path)));
}

constexpr Key<Definition> keys[] = {
    {"id", [](const Item& i, Definition& d) { get_id(i, d.id); }},
    {"image", [](const Item& i, Definition& d) { get_image(i, d.image); }},
    {"image_id",
     [](const Item& i, Definition& d) {
         if (!get(i, d.image_id)) return;
         if (const auto digest = Digest::parse(d.image_id); !digest.ok()) i.fail(digest.error().message());
     }},
    {"created", [](const Item& i, Definition& d) { get_integer(i, 0, std::numeric_limits<std::int64_t>::max(), d.created); }},
    {"entrypoint", [](const Item& i, Definition& d) { get_command(i, d.entrypoint); }},
    {"command", [](const Item& i, Definition& d) { get_command(i, d.command); }},
    {"env", [](const Item& i, Definition& d) { get_env(i, d.env); }},
    {"env_files", [](const Item& i, Definition& d) { get_env_files(i, d.env_files); }},
    {"user", [](const Item& i, Definition& d) { get_user(i, d.run_as); }},
    {"groups", [](const Item& i, Definition& d) { get_groups(i, d.groups); }},
    {"workdir", [](const Item& i, Definition& d) { get_workdir(i, d.workdir); }},
    {"hostname", [](const Item& i, Definition& d) { get_host(i, d.hostname); }},
    {"domainname", [](const Item& i, Definition& d) { get_host(i, d.domainname); }},
    {"labels", [](const Item& i, Definition& d) { get(i, d.labels); }},
    {"annotations", [](const Item& i, Definition& d) { get(i, d.annotations); }},
    {"description", [](const Item& i, Definition& d) { get_line(i, d.description); }},
    {"mounts",
     [](const Item& i, Definition& d) {
         get_tables<Mount>(i, mount_keys, d.mounts, [](const Item& element, const Mount& mount) {
             if (const auto checked = check_mount(mount); !checked.ok()) element.fail(checked.error().message());
         });
     }},
    {"volumes", [](const Item& i, Definition& d) { get_list<Mount>(i, d.mounts, parse_volume); }},
    {"tmpfs", [](const Item& i, Definition& d) { get_list<Mount>(i, d.mounts, parse_tmpfs); }},
    {"network", [](const Item& i, Definition& d) { get_network(i, d); }},
    {"networks",
     [](const Item& i, Definition& d) {
         get_tables<NetworkAttachment>(i, network_keys, d.networks, [](const Item& element, const NetworkAttachment& network) {
             if (network.name.empty()) element.fail("a network needs a name");
         });
     }},
    {"ports", [](const Item& i, Definition& d) { get_ports(i, d.ports); }},
    {"idle_stop", [](const Item& i, Definition& d) { get_duration(i, d.idle_stop); }},
    {"publish_all", [](const Item& i, Definition& d) { get(i, d.publish_all); }},
    {"expose", [](const Item& i, Definition& d) { get_expose(i, d.expose); }},
    {"dns", [](const Item& i, Definition& d) { get_list<std::string>(i, d.dns, parse_resolver); }},
    {"dns_search", [](const Item& i, Definition& d) { get_list<std::string>(i, d.dns_search, parse_word); }},
    {"dns_options", [](const Item& i, Definition& d) { get_list<std::string>(i, d.dns_options, parse_word); }},
    {"extra_hosts", [](const Item& i, Definition& d) { get_extra_hosts(i, d.extra_hosts); }},
    {"restart", [](const Item& i, Definition& d) { get_restart(i, d); }},
    {"restart_delay", [](const Item& i, Definition& d) { get_duration(i, d.restart_delay); }},
    {"auto_remove", [](const Item& i, Definition& d) { get(i, d.auto_remove); }},
    {"stop_signal", [](const Item& i, Definition& d) { get_signal(i, d.stop_signal); }},
    {"stop_timeout", [](const Item& i, Definition& d) { get_duration(i, d.stop_timeout, true); }},
    {"ready", [](const Item& i, Definition& d) { get_ready(i, d.ready); }},
    {"start_timeout", [](const Item& i, Definition& d) { get_duration(i, d.start_timeout, true); }},
    {"watchdog", [](const Item& i, Definition& d) { get_duration(i, d.watchdog); }},
    {"requires", [](const Item& i, Definition& d) { get_list<std::string>(i, d.requires_, parse_unit_or_container); }},
    {"wants", [](const Item& i, Definition& d) { get_list<std::string>(i, d.wants, parse_unit_or_container); }},
    {"after", [](const Item& i, Definition& d) { get_list<std::string>(i, d.after, parse_unit_or_container); }},
    {"read_only", [](const Item& i, Definition& d) { get(i, d.read_only); }},
    {"devices", [](const Item& i, Definition& d) { get_list<Device>(i, d.devices, parse_device); }},
    {"device_cgroup_rules",
     [](const Item& i, Definition& d) { get_list<std::string>(i, d.device_cgroup_rules, parse_device_rule); }},
    {"sysctls", [](const Item& i, Definition& d) { get_sysctls(i, d.sysctls); }},
    {"init", [](const Item& i, Definition& d) { get(i, d.init); }},
    {"machine", [](const Item& i, Definition& d) { get(i, d.machine.emplace()); }},
    {"tty", [](const Item& i, Definition& d) { get(i, d.tty); }},
    {"stdin", [](const Item& i, Definition& d) { get(i, d.open_stdin); }},
    {"limits", [](const Item& i, Definition& d) { read_section(i, limit_keys, d.limits); }},
    {"security", [](const Item& i, Definition& d) { read_section(i, security_keys, d.security); }},
    {"namespaces", [](const Item& i, Definition& d) { read_section(i, namespace_keys, d); }},
    {"health", [](const Item& i, Definition& d) { read_section(i, health_keys, d.health); }},
    {"credentials",
     [](const Item& i, Definition& d) { get_tables<Credential>(i, credential_keys, d.credentials, check_credential); }},
    {"log", [](const Item& i, Definition& d) { read_section(i, log_keys, d); }},
    {"storage", [](const Item& i, Definition& d) { read_section(i, storage_keys, d); }},
};

template <class T>
void collect(std::vector<std::string>& names, const std::string& prefix, std::span<const Key<T>> table) {
    for (const auto& key : table) names.push_back(prefix + key.name);
}

}  // namespace

const std::span<const Key<Definition>> definition_keys = keys;

bool is_unit_name(std::string_view text) {
    static constexpr std::string_view types[] = {".service", ".socket", ".target", ".mount", ".automount", ".device",
                                                 ".swap",    ".timer",  ".path",   ".slice", ".scope"};
    const bool typed =
        std::ranges::any_of(types, [&](std::string_view type) { return text.ends_with(type) && text.size() > type.size(); });
    return typed && text.size() <= 255 && only(text, ":-_.\\@");
}

std::vector<std::string> known_keys() {
    std::vector<std::string> names;
    collect(names, "", definition_keys);
    collect(names, "mounts.", mount_keys);
    collect(names, "network.", network_section_keys);
    collect(names, "network.policy.", policy_keys);
    collect(names, "networks.", network_keys);
    collect(names, "ports.", port_keys);
    collect(names, "limits.", limit_keys);
    collect(names, "security.", security_keys);
    collect(names, "namespaces.", namespace_keys);
    collect(names, "health.", health_keys);
    collect(names, "credentials.", credential_keys);
    collect(names, "log.", log_keys);
    collect(names, "storage.", storage_keys);
    std::ranges::sort(names);
    return names;
}

}  // namespace gantry::config
