// The engine's configuration, /etc/gantry/gantry.toml; every key has a default and the file may be missing.
#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gantry::config {

// Folders of the engine. Tests put them elsewhere with the environment's GANTRY_ROOT (a prefix to all but lib_dir).
struct Paths {
    std::string etc = "/etc/gantry";
    std::string data = "/var/lib/gantry";
    std::string run = "/run/gantry";
    std::string cache = "/var/cache/gantry";
    std::string bpf = "/sys/fs/bpf/gantry";  // pins; in a bpffs
    std::string drivers;  // the versioned folder with storage/ and network/, from the build; GANTRY_DRIVERS overrides it

    static Paths from_environment();
    [[nodiscard]] std::string images() const { return data + "/images"; }    // an OCI layout
    [[nodiscard]] std::string storage() const { return data + "/storage"; }  // one folder per storage driver
    [[nodiscard]] std::string volumes() const { return data + "/volumes"; }
    [[nodiscard]] std::string networks() const { return data + "/networks"; }  // NAME.toml; leases below the driver's folder
    [[nodiscard]] std::string record(const std::string& name) const { return run + "/ctr/" + name; }  // one folder a container
};

struct Registry {                      // [registry."HOST[:PORT]"]
    std::vector<std::string> mirrors;  // tried first, in order: "HOST[:PORT][/PREFIX]"
    bool insecure = false;             // plain HTTP, or TLS unchecked
    std::string ca, certificate, key;  // files; else <etc>/certs.d/HOST[:PORT]/{ca.crt,client.cert,client.key} (docker's names)
    bool blocked = false;
    bool foreign_layers = false;  // layers that the registry lacks are fetched from the addresses that the manifest gives
};

// Whom a rule of the registry server is about, besides names from its htpasswd file.
inline constexpr const char* anonymous_user = "anonymous";  // without a login
inline constexpr const char* any_user = "*";                // with any

struct RegistryRule {                       // [[registry_server.rules]]
    std::vector<std::string> repositories;  // patterns: '*' within a part of the name, '**' anything
    std::vector<std::string> users;
    bool write = false;  // push and delete as well as pull
};

struct RegistryServer {                              // [registry_server], read by gantry-registry
    std::string certificate, key;                    // files; none: plain HTTP
    std::string htpasswd;                            // file of users with bcrypt passwords (htpasswd -B); none: no logins
    std::optional<std::vector<RegistryRule>> rules;  // none: everybody (with htpasswd everybody who has a login) may do all
    std::vector<std::string> names;                  // hosts of image names that are served without them, besides localhost
    bool engine_images = true;                       // serve the engine's images too
    bool read_only = false;
    std::uint64_t quota = 0, repository_quota = 0;  // bytes of all that was pushed, of one repository; 0: none
    std::map<std::string, std::string> upstreams;   // prefix of repositories ("*": all) to "HOST[:PORT][/PREFIX]"
    std::uint64_t idle_exit_seconds = 60;
};

struct Gc {  // [gc], read by the collector of images; the names are kubelet's where it has one
    // Per cent of the disk that are used: collected is from high on, until low is reached (kubelet's
    // imageGCHighThresholdPercent and imageGCLowThresholdPercent, and its defaults).
    std::uint32_t high_percent = 85, low_percent = 80;
    std::uint64_t minimum_age_seconds = 24 * 3600;  // what was of use since then stays (imageMinimumGCAge)
    std::uint64_t keep_build_cache = 0;             // bytes of build cache that stay in any case
};

struct Engine {
    std::string storage_driver = "overlayfs";
    std::string default_network = "bridge";
    std::vector<std::string> search_registries{"docker.io"};  // for short names
    std::map<std::string, Registry> registries;
    std::map<std::string, std::string> aliases;  // short name to full reference
    std::uint32_t pull_jobs = 3;                 // layers fetched at once, per image (Docker's default)
    std::uint64_t pull_stall_seconds = 30;       // a transfer below 1 KiB/s for so long is broken off and resumed
    std::uint32_t push_jobs = 5;                 // layers sent at once, per image (Docker's default)
    std::vector<std::pair<std::string, std::uint32_t>> address_pools{{"10.88.0.0/13", 16}, {"fd00:6761:6e74::/48", 64}};
    // For ports that say nothing of it.
    std::string default_bind_address;  // of the host; empty: all (Docker's "ip")
    bool bypass_firewall = false;
    std::uint64_t idle_exit_seconds = 60;
    RegistryServer registry_server;
    Gc gc;
};

// Dotted names of every key; gantry.toml(5) is compared with it.
std::vector<std::string> known_engine_keys();
Result<Engine> parse_engine(std::string_view text, const std::string& file);
// A missing file is the default.
Result<Engine> load_engine(const Paths& paths);

}  // namespace gantry::config
