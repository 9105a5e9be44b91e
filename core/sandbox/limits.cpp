#include "sandbox/limits.hpp"

#include "base/units.hpp"
#include "os/file.hpp"

#include <fcntl.h>
#include <sys/resource.h>

#include <cerrno>

namespace gantry::sandbox {

namespace {

struct Resource {
    std::string_view name;
    int number;
};
constexpr std::array<Resource, 16> resources{{{"as", RLIMIT_AS},
                                              {"core", RLIMIT_CORE},
                                              {"cpu", RLIMIT_CPU},
                                              {"data", RLIMIT_DATA},
                                              {"fsize", RLIMIT_FSIZE},
                                              {"locks", RLIMIT_LOCKS},
                                              {"memlock", RLIMIT_MEMLOCK},
                                              {"msgqueue", RLIMIT_MSGQUEUE},
                                              {"nice", RLIMIT_NICE},
                                              {"nofile", RLIMIT_NOFILE},
                                              {"nproc", RLIMIT_NPROC},
                                              {"rss", RLIMIT_RSS},
                                              {"rtprio", RLIMIT_RTPRIO},
                                              {"rttime", RLIMIT_RTTIME},
                                              {"sigpending", RLIMIT_SIGPENDING},
                                              {"stack", RLIMIT_STACK}}};

}  // namespace

Result<int> parse_resource(std::string_view name) {
    std::vector<std::string_view> names;
    for (const Resource& one : resources) {
        if (one.name == name) return one.number;
        names.push_back(one.name);
    }
    return error(Errc::invalid, "resource limit '{}' is not known{}", name, did_you_mean(name, names));
}

Result<> set_resource_limits(const std::map<std::string, ResourceLimit>& limits) {
    for (const auto& [name, limit] : limits) {
        const rlimit value{limit.soft, limit.hard};
        if (setrlimit(static_cast<__rlimit_resource_t>(TRY(parse_resource(name))), &value) != 0) {
            if (errno == EPERM)
                return error(Errc::denied, "set limit '{}' to {}:{}: above what the host allows here", name, limit.soft,
                             limit.hard);
            return errno_error("set limit '{}' to {}:{}", name, limit.soft, limit.hard);
        }
    }
    return {};
}

Result<> set_oom_score(int value) {
    const os::Fd file = TRY(os::open("/proc/self/oom_score_adj", O_WRONLY));
    auto written = os::write_all(file.get(), fmt::format("{}", value), "oom_score_adj");
    if (!written.ok() && written.error().sys() == EACCES)
        return error(Errc::denied, "set the OOM score to {}: lower than the host allows here", value);
    return written;
}

}  // namespace gantry::sandbox
