// gantry-log POOL  ExecStart= of gantry-log@POOL.service, started by PID 1 when a container has written something. Leaves when
// nothing comes any more.
#include "log/reader.hpp"
#include "os/file.hpp"
#include "systemd/manager.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>

namespace gantry::log {

namespace {

// What PID 1 passed on (sd_listen_fds(3)).
std::vector<os::Fd> passed_pipes() {
    std::vector<os::Fd> pipes;
    const char* count = getenv("LISTEN_FDS");
    for (int fd = 3; count && fd < 3 + atoi(count); ++fd) {
        fcntl(fd, F_SETFD, FD_CLOEXEC);
        pipes.emplace_back(fd);
    }
    return pipes;
}

void start_pool(const config::Paths& paths, int pool) {
    if (pool < 1 || pool >= most_pools || has_pool(paths, pool)) return;
    auto manager = systemd::Manager::connect();
    auto started = manager.ok() ? manager->start(fmt::format("gantry-log@{}.socket", pool)) : Result<>(manager.error());
    if (!started.ok()) fmt::print(stderr, "<3>gantry-log: {}\n", started.error().message());
}

int run(const std::string& pool) {
    const auto paths = config::Paths::from_environment();
    std::vector<os::Fd> pipes = passed_pipes();
    if (pipes.empty()) {
        fmt::print(stderr, "<3>gantry-log: no pipes were passed: it is started by 'gantry-log@{}.socket'\n", pool);
        return 1;
    }
    Reader reader(fmt::format("{}/log/{}", paths.run, pool), std::move(pipes), [&](int wanted) { start_pool(paths, wanted); });
    const auto result = reader.run(std::chrono::seconds(3));
    if (!result.ok()) fmt::print(stderr, "<3>gantry-log: {}\n", result.error().message());
    return result.ok() ? 0 : 1;
}

}  // namespace

}  // namespace gantry::log

int main(int argc, char** argv) {
    if (argc != 2) {
        fmt::print(stderr, "usage: gantry-log POOL\n");
        return 2;
    }
    return gantry::log::run(argv[1]);
}
