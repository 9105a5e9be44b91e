// gantry-denials: what network policies refused since the last time, as entries of the journal, and ends. gantry-denials.timer
// runs it while there are containers with a policy; when there are none any more it stops the timer.
#include "container/policy.hpp"
#include "systemd/manager.hpp"

#include <sys/uio.h>
#include <syslog.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>

#include <cstdio>

namespace {

using namespace gantry;

// Of one run, which comes every ten seconds: the most that a container can write into the journal by being refused.
constexpr std::size_t entry_limit = 50, container_limit = 10;

// "journalctl -u ctr@NAME" shows it. No CONTAINER_ID_FULL: it is not the container's own output.
void write_entry(const std::string& unit, const std::string& name, const std::string& text,
                 const std::vector<std::string>& more) {
    std::vector<std::string> fields{"MESSAGE=" + text,
                                    fmt::format("PRIORITY={}", LOG_NOTICE),
                                    "SYSLOG_IDENTIFIER=gantry",
                                    "MESSAGE_ID=7e2f700d8e504870b1b5afe0bd52a883",
                                    "OBJECT_SYSTEMD_UNIT=" + unit,
                                    "CONTAINER_NAME=" + name};
    fields.insert(fields.end(), more.begin(), more.end());
    std::vector<iovec> pieces;
    for (std::string& field : fields) pieces.push_back({field.data(), field.size()});
    sd_journal_sendv(pieces.data(), static_cast<int>(pieces.size()));
}

Result<> report(const config::Paths& paths) {
    std::map<std::string, std::size_t> written, left;
    std::size_t all = 0;
    const auto names = TRY(container::PeerNames::read(paths));
    for (const auto& denial : TRY(container::unreported_denials(paths, ""))) {
        const auto name = ContainerName::parse(denial.container);
        if (!name.ok()) continue;
        if (all >= entry_limit || written[denial.container] >= container_limit) {
            ++left[denial.container];
            continue;
        }
        ++all;
        ++written[denial.container];
        const std::string peer = names.of(denial.key.remote);
        write_entry(
            unit_name(*name), denial.container, "network policy: " + container::denial_text(denial, names),
            {std::string("GANTRY_DIRECTION=") + container::direction_text(denial.key.direction), "GANTRY_PEER=" + peer,
             fmt::format("GANTRY_PORT={}", denial.key.port), "GANTRY_PROTOCOL=" + config::protocol_text(denial.key.protocol),
             std::string("GANTRY_REASON=") + container::reason_text(denial.counted.reason)});
    }
    for (const auto& [container, count] : left)
        if (const auto name = ContainerName::parse(container); name.ok())
            write_entry(unit_name(*name), container,
                        fmt::format("network policy: {} more kinds of denials: gantry net flows --denied {}", count, container),
                        {});
    return {};
}

Result<> run() {
    const config::Paths paths = config::Paths::from_environment();
    TRY(report(paths));
    if (TRY(container::has_policies(paths))) return {};
    auto manager = TRY(systemd::Manager::connect());
    return manager.stop("gantry-denials.timer");
}

}  // namespace

int main() {
    if (const auto done = run(); !done.ok()) {
        fmt::print(stderr, SD_ERR "{}\n", done.error().message());
        return 1;
    }
    return 0;
}
