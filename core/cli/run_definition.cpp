#include "base/units.hpp"
#include "base/text.hpp"
#include "cli/run_flags.hpp"
#include "config/reader.hpp"
#include "os/file.hpp"

#include <cstdlib>
#include <filesystem>
#include <set>
#include <unistd.h>

namespace gantry::cli {

namespace {

using config::Definition;

Result<std::int64_t> integer(const std::string& flag, const std::string& text) {
    char* end = nullptr;
    errno = 0;
    const long long number = std::strtoll(text.c_str(), &end, 10);
    if (text.empty() || *end || errno) return error(Errc::invalid, "{}: '{}' is not a number", flag, text);
    return number;
}

// One line KEY=VALUE (or KEY) each; '#' starts a comment, as `docker run --env-file` reads them.
Result<Strings> file_lines(const std::string& file) {
    const std::string text = TRY(os::read_file(file));
    Strings lines;
    std::size_t number = 0;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        std::string line = text.substr(at, end - at);
        at = end + 1;
        ++number;
        if (!line.empty() && line.back() == '\r') line.pop_back();
        line.erase(0, line.find_first_not_of(" \t"));
        if (line.empty() || line[0] == '#') continue;
        const std::string key = line.substr(0, line.find('='));
        if (key.empty() || key.find_first_of(" \t") != std::string::npos)
            return error(Errc::invalid, "{}:{}: variable '{}' contains white space or no name", file, number, key);
        lines.push_back(line);
    }
    return lines;
}

Result<> fill_env(const RunFlags& flags, Definition& definition) {
    Strings all;
    for (const auto& file : flags.env_files)
        for (auto& line : TRY_CONTEXT(file_lines(file), "--env-file")) all.push_back(line);
    all.insert(all.end(), flags.env.begin(), flags.env.end());
    for (const auto& text : all) {
        const auto equals = text.find('=');
        const std::string key = text.substr(0, equals);
        if (key.empty()) return error(Errc::invalid, "--env: '{}' has no name", text);
        if (equals != std::string::npos) {
            definition.env.emplace_back(key, text.substr(equals + 1));
        } else if (const char* value = std::getenv(key.c_str())) {
            definition.env.emplace_back(key, value);  // NAME alone passes the caller's value on, if it has one
        }
    }
    return {};
}

Result<> fill_identity(const RunFlags& flags, Definition& definition) {
    definition.hostname = flags.hostname;
    definition.domainname = flags.domainname;
    definition.auto_remove = flags.rm;
    Strings labels;
    for (const auto& file : flags.label_files)
        for (auto& line : TRY_CONTEXT(file_lines(file), "--label-file")) labels.push_back(line);
    labels.insert(labels.end(), flags.labels.begin(), flags.labels.end());
    for (const auto& label : labels) {
        const auto [key, value] = split_once(label, '=');
        if (key.empty()) return error(Errc::invalid, "--label: '{}' has no name", label);
        definition.labels[key] = value;
    }
    for (const auto& annotation : flags.annotations) {
        const auto [key, value] = split_once(annotation, '=');
        definition.annotations[key] = value;
    }
    return {};
}

Result<> fill_process(const RunFlags& flags, Definition& definition) {
    if (flags.entrypoint) definition.entrypoint = flags.entrypoint->empty() ? Strings{} : Strings{*flags.entrypoint};
    definition.run_as = flags.user;
    definition.groups = flags.group_add;
    definition.workdir = flags.workdir;
    definition.tty = flags.tty;
    definition.open_stdin = flags.interactive;
    definition.init = flags.init;
    if (!flags.systemd.empty() && flags.systemd != "true") definition.machine = flags.systemd == "always";
    if (!flags.stop_signal.empty()) {
        TRY_CONTEXT(config::parse_signal(flags.stop_signal), "--stop-signal");
        definition.stop_signal = flags.stop_signal;
    }
    if (flags.stop_timeout) {
        definition.stop_timeout = *flags.stop_timeout < 0
                                      ? std::chrono::microseconds::max()
                                      : std::chrono::microseconds(std::chrono::seconds(*flags.stop_timeout));
    }
    if (!flags.restart.empty())
        std::tie(definition.restart, definition.restart_max) = TRY_CONTEXT(config::parse_restart(flags.restart), "--restart");
    if (flags.rm && definition.restart != config::Restart::no)
        return error(Errc::invalid, "--restart and --rm contradict each other");
    if (flags.ready == "notify")
        definition.ready = config::Ready::notify;
    else if (flags.ready == "healthy")
        definition.ready = config::Ready::healthy;
    else if (!flags.ready.empty() && flags.ready != "started")
        return error(Errc::invalid, "--ready: '{}' is none of started, notify, healthy", flags.ready);
    definition.requires_ = flags.requires_units;
    definition.after = flags.after_units;
    return {};
}

// On the command line a source may be relative to where the caller is; a definition knows absolute ones only.
Result<config::Mount> volume_from(const std::string& text) {
    if (!text.starts_with("./") && !text.starts_with("../") && text != "." && text != "..") return config::parse_volume(text);
    const auto colon = text.find(':');
    return config::parse_volume(std::filesystem::absolute(text.substr(0, colon)).lexically_normal().string() +
                                text.substr(std::min(colon, text.size())));
}

Result<> fill_files(const RunFlags& flags, Definition& definition) {
    for (const auto& text : flags.volumes) definition.mounts.push_back(TRY_CONTEXT(volume_from(text), "--volume"));
    for (const auto& text : flags.mounts) definition.mounts.push_back(TRY_CONTEXT(config::parse_mount(text), "--mount"));
    for (const auto& text : flags.tmpfs) definition.mounts.push_back(TRY_CONTEXT(config::parse_tmpfs(text), "--tmpfs"));
    definition.read_only = flags.read_only;
    for (const auto& text : flags.storage_opt) {
        const auto [key, value] = split_once(text, '=');
        if (key != "size") return error(Errc::invalid, "--storage-opt: '{}' is not known, only size=BYTES", key);
        definition.storage_size = TRY_CONTEXT(parse_bytes(value), "--storage-opt");
    }
    return {};
}

// "NAME" or Docker's long form "name=...,alias=...,ip=...".
Result<config::NetworkAttachment> parse_network_flag(const std::string& text) {
    config::NetworkAttachment attachment;
    if (text.find('=') == std::string::npos) {
        attachment.name = text;
        return attachment;
    }
    for (std::size_t at = 0; at <= text.size();) {
        const std::size_t end = std::min(text.find(',', at), text.size());
        const auto [key, value] = split_once(text.substr(at, end - at), '=');
        at = end + 1;
        if (key == "name")
            attachment.name = value;
        else if (key == "alias")
            attachment.aliases.push_back(value);
        else if (key == "ip")
            attachment.ipv4 = value;
        else if (key == "ip6")
            attachment.ipv6 = value;
        else if (key == "mac-address")
            attachment.mac = value;
        else if (key == "interface")
            attachment.interface = value;
        else if (key == "default-route")
            attachment.default_route = value != "false";
        else if (key == "rate-up")
            attachment.rate_up = TRY_CONTEXT(config::parse_rate(value), "--network");
        else if (key == "rate-down")
            attachment.rate_down = TRY_CONTEXT(config::parse_rate(value), "--network");
        else if (key == "service")
            attachment.service = value;
        else if (key == "service-weight")
            attachment.service_weight = TRY_CONTEXT(config::parse_service_weight(value), "--network");
        else if (key == "driver-opt") {
            const auto [name, setting] = split_once(value, '=');
            attachment.options[name] = setting;
        } else
            return error(Errc::invalid, "--network: field '{}' is not known", key);
    }
    return attachment;
}

Result<> fill_networks(const RunFlags& flags, Definition& definition) {
    for (const auto& text : flags.networks) {
        const bool special = text == "none" || text == "host" || text.starts_with("container:");
        if (special && flags.networks.size() > 1)
            return error(Errc::invalid, "--network {} cannot be combined with other networks", text);
        if (text == "none")
            definition.network_mode = config::NetworkMode::none;
        else if (text == "host")
            definition.network_mode = config::NetworkMode::host;
        else if (special) {
            definition.network_mode = config::NetworkMode::container;
            definition.network_container = text.substr(10);
        } else if (text != "default")
            definition.networks.push_back(TRY(parse_network_flag(text)));
    }
    const bool settings =
        !flags.ip.empty() || !flags.ip6.empty() || !flags.mac_address.empty() || !flags.network_aliases.empty();
    if (settings) {
        if (definition.network_mode != config::NetworkMode::networks)
            return error(Errc::invalid, "--ip, --ip6, --mac-address and --network-alias need a network of the container's own");
        if (definition.networks.empty()) definition.networks.emplace_back().name = "bridge";
        auto& first = definition.networks.front();
        if (!flags.ip.empty()) first.ipv4 = flags.ip;
        if (!flags.ip6.empty()) first.ipv6 = flags.ip6;
        if (!flags.mac_address.empty()) first.mac = flags.mac_address;
        first.aliases.insert(first.aliases.end(), flags.network_aliases.begin(), flags.network_aliases.end());
    }
    for (const auto& text : flags.publish) definition.ports.push_back(TRY_CONTEXT(config::parse_port(text), "--publish"));
    definition.publish_all = flags.publish_all;
    definition.expose = flags.expose;
    definition.dns = flags.dns;
    definition.dns_search = flags.dns_search;
    definition.dns_options = flags.dns_options;
    for (const auto& text : flags.add_hosts) {
        const auto [name, address] = split_once(text, text.find('=') < text.find(':') ? '=' : ':');
        if (name.empty() || address.empty()) return error(Errc::invalid, "--add-host: '{}' is not NAME:ADDRESS", text);
        definition.extra_hosts.emplace_back(name, address);
    }
    if (!flags.links.empty()) return error(Errc::unsupported, "--link is a legacy feature: put both containers on one network");
    return {};
}

Result<> fill_rates(const std::string& flag, const Strings& texts, std::vector<config::DeviceRate>& into) {
    for (const auto& text : texts)
        into.push_back(TRY_CONTEXT(config::parse_device_rate(text, flag.ends_with("bps")), "{}", flag));
    return {};
}

// Docker's --cpu-shares (2..262144, default 1024) to cgroup v2's weight, as runc converts it (OCI runtime-spec
// config-linux.md).
std::uint32_t weight_of_shares(std::int64_t shares) {
    return static_cast<std::uint32_t>(1 + ((std::clamp<std::int64_t>(shares, 2, 262144) - 2) * 9999) / 262142);
}

Result<> fill_cpu(const RunFlags& flags, config::Limits& limits) {
    if (!flags.cpus.empty()) {
        char* end = nullptr;
        const double cpus = std::strtod(flags.cpus.c_str(), &end);
        if (*end || !(cpus >= 0) || cpus > 10000)
            return error(Errc::invalid, "--cpus: '{}' is not a number of CPUs", flags.cpus);
        if (flags.cpu_quota || flags.cpu_period) return error(Errc::invalid, "--cpus contradicts --cpu-quota and --cpu-period");
        if (cpus > 0) limits.cpus = cpus;
    } else if (flags.cpu_quota && *flags.cpu_quota > 0) {
        const std::int64_t period = flags.cpu_period.value_or(100000);
        if (period < 1000 || period > 1000000) return error(Errc::invalid, "--cpu-period: {} is not in 1000..1000000", period);
        limits.cpus = static_cast<double>(*flags.cpu_quota) / static_cast<double>(period);
    }
    if (flags.cpu_shares && *flags.cpu_shares != 0) limits.cpu_weight = weight_of_shares(*flags.cpu_shares);
    limits.cpuset = flags.cpuset_cpus;
    limits.cpuset_mems = flags.cpuset_mems;
    return {};
}

Result<> fill_limits(const RunFlags& flags, config::Limits& limits) {
    if (!flags.memory.empty()) {
        limits.memory = TRY_CONTEXT(parse_bytes(flags.memory), "--memory");
        if (*limits.memory && *limits.memory < (6U << 20))  // Docker's own minimum
            return error(Errc::invalid, "--memory: the minimum memory limit allowed is 6MB");
    }
    if (!flags.memory_reservation.empty())
        limits.memory_reservation = TRY_CONTEXT(parse_bytes(flags.memory_reservation), "--memory-reservation");
    if (flags.memory_swap == "-1")
        limits.memory_swap = ~0ULL;
    else if (!flags.memory_swap.empty())
        limits.memory_swap = TRY_CONTEXT(parse_bytes(flags.memory_swap), "--memory-swap");
    TRY(fill_cpu(flags, limits));
    if (!flags.pids_limit.empty()) {
        const std::int64_t pids = TRY(integer("--pids-limit", flags.pids_limit));
        if (pids > 0) limits.pids = static_cast<std::uint64_t>(pids);
    }
    if (flags.blkio_weight && *flags.blkio_weight) {
        if (*flags.blkio_weight < 10 || *flags.blkio_weight > 1000)
            return error(Errc::invalid, "--blkio-weight: {} is not in 10..1000", *flags.blkio_weight);
        limits.io_weight = static_cast<std::uint32_t>(1 + (*flags.blkio_weight - 10) * 9999 / 990);
    }
    if (flags.oom_score_adj) {
        if (*flags.oom_score_adj < -1000 || *flags.oom_score_adj > 1000)
            return error(Errc::invalid, "--oom-score-adj: {} is not in -1000..1000", *flags.oom_score_adj);
        limits.oom_score_adj = static_cast<int>(*flags.oom_score_adj);
    }
    if (flags.oom_kill_disable) return error(Errc::unsupported, "--oom-kill-disable: cgroup v2 has no such switch");
    if (!flags.shm_size.empty()) limits.shm_size = TRY_CONTEXT(parse_bytes(flags.shm_size), "--shm-size");
    for (const auto& text : flags.ulimits) {
        const auto [name, value] = split_once(text, '=');
        limits.ulimits[name] = TRY_CONTEXT(config::parse_ulimit(value), "--ulimit {}", name);
    }
    TRY(fill_rates("--device-read-bps", flags.device_read_bps, limits.read_bps));
    TRY(fill_rates("--device-write-bps", flags.device_write_bps, limits.write_bps));
    TRY(fill_rates("--device-read-iops", flags.device_read_iops, limits.read_iops));
    return fill_rates("--device-write-iops", flags.device_write_iops, limits.write_iops);
}

Result<> fill_security(const RunFlags& flags, Definition& definition) {
    auto& security = definition.security;
    security.cap_add = flags.cap_add;
    security.cap_drop = flags.cap_drop;
    security.privileged = flags.privileged;
    for (const auto& text : flags.security_opt) {
        const auto [key, value] = split_once(text, text.find('=') == std::string::npos ? ':' : '=');
        if (key == "no-new-privileges" && (value.empty() || value == "true" || value == "false")) {
            security.no_new_privileges = value != "false";
        } else if (key == "seccomp") {
            security.seccomp = value == "builtin" ? "default" : value;
            if (value != "unconfined" && value != "builtin") security.seccomp = std::filesystem::absolute(value).string();
        } else if (key == "systempaths" && value == "unconfined") {
            security.unmask_all = true;
        } else if ((key == "apparmor" && value == "unconfined") || (key == "label" && value == "disable")) {
            // There is no profile and no label that these would take away.
        } else {
            return error(Errc::invalid, "--security-opt: '{}' is not supported", text);
        }
    }
    for (const auto& text : flags.devices) definition.devices.push_back(TRY_CONTEXT(config::parse_device(text), "--device"));
    definition.device_cgroup_rules = flags.device_cgroup_rules;
    for (const auto& text : flags.sysctls) {
        const auto [key, value] = split_once(text, '=');
        if (key.empty() || value.empty()) return error(Errc::invalid, "--sysctl: '{}' is not NAME=VALUE", text);
        definition.sysctls[key] = value;
    }
    const auto fill = [](const char* flag, const std::string& text, config::NamespaceMode& mode) -> Result<> {
        if (!text.empty()) mode = TRY_CONTEXT(config::parse_namespace(text), "{}", flag);
        return {};
    };
    TRY(fill("--pid", flags.pid, definition.pid));
    TRY(fill("--ipc", flags.ipc == "shareable" ? "private" : flags.ipc, definition.ipc));  // ours can always be shared
    TRY(fill("--uts", flags.uts, definition.uts));
    TRY(fill("--cgroupns", flags.cgroupns, definition.cgroup));
    return fill("--userns", flags.userns, definition.user);
}

Result<> fill_health(const RunFlags& flags, Definition& definition) {
    auto& health = definition.health;
    if (flags.no_healthcheck && !flags.health_cmd.empty())
        return error(Errc::invalid, "--no-healthcheck contradicts --health-cmd");
    health.disabled = flags.no_healthcheck;
    if (!flags.health_cmd.empty()) health.command = {"CMD-SHELL", flags.health_cmd};
    const auto fill = [](const char* flag, const std::string& text, std::optional<config::Microseconds>& into) -> Result<> {
        if (!text.empty()) into = TRY_CONTEXT(parse_duration(text), "{}", flag);
        return {};
    };
    TRY(fill("--health-interval", flags.health_interval, health.interval));
    TRY(fill("--health-timeout", flags.health_timeout, health.timeout));
    TRY(fill("--health-start-period", flags.health_start_period, health.start_period));
    health.retries = flags.health_retries;
    return {};
}

Result<> fill_logs(const RunFlags& flags, Definition& definition) {
    if (flags.log_driver == "none") definition.log_to_journal = false;
    // Docker's file drivers are there for `logs` and keep output on this host: the journal does both.
    else if (!std::set<std::string>{"", "journald", "journal", "json-file", "local"}.contains(flags.log_driver))
        return error(Errc::unsupported,
                     "--log-driver: '{}' is not supported: output goes to the journal (journald) or nowhere (none)",
                     flags.log_driver);
    for (const auto& text : flags.log_opt) {
        const auto [key, value] = split_once(text, '=');
        if (key == "tag")
            definition.log_fields["CONTAINER_TAG"] = value;
        else if (key == "direct") {
            if (value != "true" && value != "false")
                return error(Errc::invalid, "--log-opt: direct is true or false, not '{}'", value);
            definition.log_direct = value == "true";
        }
        // Rotation is the journal's; labels and env select what Docker copies, here all labels are fields already.
        else if (key != "max-size" && key != "max-file" && key != "compress" && key != "labels" && key != "env" &&
                 key != "mode")
            return error(Errc::invalid, "--log-opt: '{}' is not known", key);
    }
    return {};
}

}  // namespace

Result<config::Definition> definition_from(const RunFlags& flags) {
    Definition definition;
    TRY(refuse_foreign_flags(flags));
    if (flags.image_and_command.empty()) return error(Errc::invalid, "an image is needed: [OPTIONS] IMAGE [COMMAND] [ARG...]");
    const std::string& image = flags.image_and_command.front();
    if (image.starts_with("-")) return error(Errc::invalid, "unknown flag: {}", image);
    definition.image = image;
    if (flags.image_and_command.size() > 1)
        definition.command.emplace(flags.image_and_command.begin() + 1, flags.image_and_command.end());
    TRY(fill_identity(flags, definition));
    TRY(fill_env(flags, definition));
    TRY(fill_process(flags, definition));
    TRY(fill_files(flags, definition));
    TRY(fill_networks(flags, definition));
    TRY(fill_limits(flags, definition.limits));
    TRY(fill_security(flags, definition));
    TRY(fill_health(flags, definition));
    TRY(fill_logs(flags, definition));
    return definition;
}

}  // namespace gantry::cli
