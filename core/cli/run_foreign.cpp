// Flags of Docker's that cannot be honoured: a limit or a setting is never dropped without a word, the answer says what to do
// instead. One that is given its only possible value is fine.
#include "cli/run_flags.hpp"
#include "cli/verb.hpp"

#include <map>
#include <set>

namespace gantry::cli {

void declare_foreign_flags(Verb& verb, RunFlags& flags) {
    for (const char* name :
         {"--blkio-weight-device", "--cgroup-parent", "--cpu-count", "--cpu-percent", "--cpu-rt-period", "--cpu-rt-runtime",
          "--gpus", "--health-start-interval", "--io-maxbandwidth", "--io-maxiops", "--isolation", "--kernel-memory",
          "--link-local-ip", "--memory-swappiness", "--runtime", "--volume-driver"})
        verb.add_option(name, flags.foreign[name]).hidden();
    verb.add_flag("--disable-content-trust", flags.content_trust, "accepted: it is the default").hidden();
}

Result<> refuse_foreign_flags(const RunFlags& flags) {
    struct Answer {
        std::set<std::string> fine;
        std::string why;
    };
    const std::string v1 = "cgroup v2 has no such setting", windows = "it is for Windows";
    static const std::map<std::string, Answer> answers{
        {"--blkio-weight-device", {{}, "set IODeviceWeight= of the unit (systemctl edit)"}},
        {"--cgroup-parent", {{""}, "set Slice= of the unit (systemctl edit)"}},
        {"--cpu-count", {{"0"}, windows}},
        {"--cpu-percent", {{"0"}, windows}},
        {"--cpu-rt-period", {{"0"}, v1}},
        {"--cpu-rt-runtime", {{"0"}, v1}},
        {"--gpus", {{""}, "pass the devices with --device"}},
        {"--health-start-interval", {{"0", "0s"}, "probes come at --health-interval from the start"}},
        {"--io-maxbandwidth", {{"0"}, windows}},
        {"--io-maxiops", {{"0"}, windows}},
        {"--isolation", {{"", "default"}, windows}},
        {"--kernel-memory", {{"0"}, v1}},
        {"--link-local-ip", {{}, "use --ip or --ip6"}},
        {"--memory-swappiness", {{"-1"}, v1}},
        {"--runtime", {{"", "runc", "io.containerd.runc.v2"}, "containers are started by gantry-launch"}},
        {"--volume-driver", {{"", "local"}, "there is only 'local'"}}};
    for (const auto& [name, value] : flags.foreign) {
        if (!value) continue;
        const Answer& answer = answers.at(name);
        if (!answer.fine.contains(*value)) return error(Errc::unsupported, "{} is not supported: {}", name, answer.why);
    }
    return {};
}

}  // namespace gantry::cli
