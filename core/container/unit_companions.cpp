// The units beside ctr@NAME.service: what they are told of the definition. What is the same for all stands in systemd/.
#include "container/unit_syntax.hpp"
#include "container/units.hpp"

#include "config/reader.hpp"

#include <algorithm>

namespace gantry::container {

namespace {

constexpr const char* origin = "# Made by Gantry from the container's definition.\n";

std::string listen_address(const config::Port& port, const UnitFacts& facts, std::uint32_t number) {
    const std::string& address = port.host_address.empty() ? facts.bind_address : port.host_address;
    if (address.empty()) return std::to_string(number);
    return address.find(':') == std::string::npos ? fmt::format("{}:{}", address, number)
                                                  : fmt::format("[{}]:{}", address, number);
}

}  // namespace

std::string socket_name(const ContainerName& name) { return fmt::format("ctr@{}.socket", name.str()); }

bool has_sockets(const config::Definition& definition) { return std::ranges::any_of(definition.ports, &config::Port::socket); }

std::string socket_dropin(const config::Definition& definition, const UnitFacts& facts) {
    if (!has_sockets(definition)) return "";
    UnitWriter w;
    w.section("Socket");
    for (const config::Port& port : definition.ports) {
        if (!port.socket) continue;
        const char* key = port.protocol == "udp" ? "ListenDatagram" : "ListenStream";
        for (std::uint32_t number = port.host_port; number <= std::max(port.host_port, port.host_port_end); ++number)
            w.line(key, listen_address(port, facts, number));
    }
    return origin + w.text();
}

std::string idle_dropin(const config::Definition& definition) {
    if (!definition.idle_stop) return "";
    // Ten looks in that time: a container is stopped at most a tenth late, and one that is busy costs little.
    const config::Microseconds least = std::chrono::seconds(1), most = std::chrono::minutes(1);
    const std::string interval = unit_span(std::clamp<config::Microseconds>(*definition.idle_stop / 10, least, most));
    UnitWriter w;
    w.section("Timer");
    w.line("OnActiveSec", "");  // an empty value takes back every On...Sec= of the template
    for (const char* key : {"OnActiveSec", "OnUnitInactiveSec"}) w.line(key, interval);
    return origin + w.text();
}

std::vector<std::pair<std::string, std::string>> companion_dropins(const ContainerName& name,
                                                                   const config::Definition& definition,
                                                                   const UnitFacts& facts) {
    return {{fmt::format("ctr-health@{}.timer", name.str()), health_dropin(definition, facts)},
            {socket_name(name), socket_dropin(definition, facts)},
            {fmt::format("ctr-idle@{}.timer", name.str()), idle_dropin(definition)}};
}

}  // namespace gantry::container
