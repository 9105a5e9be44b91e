#include "container/machine.hpp"

#include <set>

namespace gantry::container {

std::vector<std::string> command_words(const config::Definition& definition, const std::vector<std::string>& entrypoint,
                                       const std::vector<std::string>& command) {
    std::vector<std::string> words = definition.entrypoint ? *definition.entrypoint : entrypoint;
    // Docker: another entrypoint makes the image's own arguments meaningless.
    const std::vector<std::string> none;
    const auto& arguments = definition.command ? *definition.command : definition.entrypoint ? none : command;
    words.insert(words.end(), arguments.begin(), arguments.end());
    return words;
}

bool is_machine(const config::Definition& definition, const std::vector<std::string>& entrypoint,
                const std::vector<std::string>& command) {
    if (definition.machine) return *definition.machine;
    using Kind = config::NamespaceMode::Kind;
    if (definition.init || definition.pid.kind != Kind::private_ || definition.cgroup.kind != Kind::private_) return false;
    const auto words = command_words(definition, entrypoint, command);
    if (words.empty()) return false;
    // podman-run(1), --systemd.
    static const std::set<std::string_view> known{"/sbin/init", "/usr/sbin/init", "/usr/local/sbin/init"};
    const std::string& first = words.front();
    return known.contains(first) || first.substr(first.rfind('/') + 1) == "systemd";
}

}  // namespace gantry::container
