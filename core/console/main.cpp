// gantry-console NAME: the main process of ctr-console@NAME.service, the one helper that a container with a terminal (or with
// an open standard input) has. It ends with its unit.
#include "config/engine.hpp"
#include "config/reader.hpp"
#include "console/broker.hpp"
#include "console/journal_lines.hpp"
#include "os/file.hpp"

#include <csignal>
#include <systemd/sd-daemon.h>

namespace gantry::console {

namespace {

Result<> run(const std::string& text) {
    const ContainerName name = TRY(ContainerName::parse(text));
    const config::Paths paths = config::Paths::from_environment();
    const config::DefinitionFolders folders{
        {paths.etc + "/containers", paths.run + "/containers", paths.data + "/containers", "/usr/lib/gantry/containers"}};
    const config::FoundDefinition found = TRY(config::find_definition(name, folders));
    const std::string machine = os::read_file("/etc/machine-id", 64).value_or("");
    const std::string id =
        found.definition.id.empty() ? derived_container_id(machine.substr(0, 32), name) : found.definition.id;
    TRY(os::make_dirs(paths.run + "/console", 0700));
    os::Fd listener = TRY(listen_at(fmt::format("{}/console/{}.sock", paths.run, name.str())));
    JournalLines lines(name, id, found.definition);
    Broker broker(
        std::move(listener), [&](std::string_view data) { lines.add(data); }, [&] { lines.end(); });
    sd_notify(0, "READY=1");
    for (;;) TRY(broker.serve(-1));
}

}  // namespace

}  // namespace gantry::console

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);
    if (argc != 2) {
        fmt::print(stderr, "usage: gantry-console NAME\n");
        return 125;
    }
    if (auto done = gantry::console::run(argv[1]); !done.ok())
        fmt::print(stderr, "console of '{}': {}\n", argv[1], done.error().message());
    return 1;
}
