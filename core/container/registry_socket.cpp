#include "container/registry_socket.hpp"

#include "os/file.hpp"

#include <arpa/inet.h>

#include <charconv>

namespace gantry::container {

namespace {

constexpr const char* socket_unit = "gantry-registry.socket";
constexpr const char* service_unit = "gantry-registry.service";
constexpr const char* drop_in_folder = "/etc/systemd/system/gantry-registry.socket.d";
constexpr const char* drop_in = "/etc/systemd/system/gantry-registry.socket.d/10-gantry-listen.conf";
constexpr const char* unit_file = "/usr/lib/systemd/system/gantry-registry.socket";

bool is_port(std::string_view text) {
    unsigned port = 0;
    const auto [stop, failure] = std::from_chars(text.data(), text.data() + text.size(), port);
    return failure == std::errc() && stop == text.data() + text.size() && port > 0 && port < 65536;
}

// ListenStream= takes paths and more (systemd.socket(5)); the registry takes TCP.
bool is_listen_address(const std::string& text) {
    const std::size_t colon = text.rfind(':');
    if (colon == text.npos) return is_port(text);
    std::string host = text.substr(0, colon);
    unsigned char address[16];
    if (!is_port(std::string_view(text).substr(colon + 1))) return false;
    if (!host.starts_with('[')) return inet_pton(AF_INET, host.c_str(), address) == 1;
    return host.ends_with(']') && inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), address) == 1;
}

// As systemd reads them: an empty assignment takes back what came before.
void add_addresses(const std::string& file, std::vector<std::string>& addresses) {
    constexpr std::string_view key = "ListenStream=";
    const std::string text = os::read_file(file).value_or("");
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        const std::string_view line = std::string_view(text).substr(at, end - at);
        if (line == key)
            addresses.clear();
        else if (line.starts_with(key))
            addresses.emplace_back(line.substr(key.size()));
        at = end + 1;
    }
}

}  // namespace

Result<> registry_enable(Engine& engine, const std::vector<std::string>& listen) {
    std::string text = "# Written by gantry registry enable --listen.\n[Socket]\nListenStream=\n";
    for (const std::string& address : listen) {
        if (!is_listen_address(address))
            return error(Errc::invalid, "'{}' is not an address to listen on: ADDRESS:PORT, [ADDRESS]:PORT or PORT", address);
        text += "ListenStream=" + address + "\n";
    }
    auto* systemd = TRY(engine.systemd());
    const bool moved = !listen.empty() && os::read_file(drop_in).value_or("") != text;
    if (moved) {
        TRY(os::make_dirs(drop_in_folder));
        TRY(os::write_file_atomic(drop_in, text));
    }
    TRY(systemd->enable(socket_unit));
    TRY(systemd->daemon_reload());
    if (moved) {
        // A socket does not start again while its service runs.
        TRY(systemd->stop(service_unit));
        TRY(systemd->stop(socket_unit));
    }
    return systemd->start(socket_unit);
}

Result<> registry_disable(Engine& engine) {
    auto* systemd = TRY(engine.systemd());
    TRY(systemd->disable(socket_unit));
    TRY(systemd->stop(socket_unit));
    TRY(systemd->stop(service_unit));
    return systemd->daemon_reload();
}

Result<RegistryState> registry_state(Engine& engine) {
    auto* systemd = TRY(engine.systemd());
    RegistryState state;
    state.enabled = os::path_exists(fmt::format("/etc/systemd/system/sockets.target.wants/{}", socket_unit));
    state.listening = TRY(systemd->state(socket_unit)).active == "active";
    state.running = TRY(systemd->state(service_unit)).active == "active";
    add_addresses(unit_file, state.addresses);
    for (const std::string& name : TRY(os::list_dir(drop_in_folder)))
        if (name.ends_with(".conf")) add_addresses(fmt::format("{}/{}", drop_in_folder, name), state.addresses);
    return state;
}

}  // namespace gantry::container
