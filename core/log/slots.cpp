#include "log/slots.hpp"

#include "base/hash.hpp"
#include "os/file.hpp"
#include "os/unix_socket.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>

namespace gantry::log {

namespace {

std::string pool_folder(const config::Paths& paths, int pool) { return fmt::format("{}/log/{}", paths.run, pool); }

// O_NONBLOCK: opening a pipe that nobody reads fails (ENXIO, fifo(7)) instead of waiting.
Result<os::Fd> open_pipe(const std::string& path) {
    os::Fd pipe = TRY(os::open(path, O_WRONLY | O_NONBLOCK | O_NOFOLLOW));
    // The last container may have changed owner and mode through its own descriptor; any user of the container may write.
    struct stat info {};
    if (fstat(pipe.get(), &info) != 0) return errno_error("look at '{}'", path);
    if ((info.st_uid != 0 || info.st_gid != 0) && fchown(pipe.get(), 0, 0) != 0) return errno_error("take back '{}'", path);
    if ((info.st_mode & 07777) != 0622 && fchmod(pipe.get(), 0622) != 0) return errno_error("change mode of '{}'", path);
    if (fcntl(pipe.get(), F_SETFL, O_WRONLY) != 0) return errno_error("prepare '{}'", path);
    return pipe;
}

bool no_pool(const Error& reason) { return reason.sys() == ENOENT || reason.sys() == ENXIO; }

// Unset: none of `tries` slots was free. Names begin at different ones.
Result<Slot> take_from(const std::string& folder, const ContainerName& name, std::size_t tries) {
    const std::uint64_t first = fnv1a(name.str());
    for (std::size_t step = 0; step < tries; ++step) {
        Slot slot;
        slot.link = fmt::format("{}/{}", folder, (first + step) % slots_per_pool);
        if (symlink(name.str().c_str(), slot.link.c_str()) != 0) {
            if (errno == EEXIST) continue;
            return errno_error("make link '{}'", slot.link);
        }
        auto out = open_pipe(slot.link + ".out");
        auto err = open_pipe(slot.link + ".err");
        if (!out.ok() || !err.ok()) {
            unlink(slot.link.c_str());
            return out.ok() ? std::move(err).error() : std::move(out).error();
        }
        slot.out = std::move(out).value();
        slot.err = std::move(err).value();
        return slot;
    }
    return Slot();
}

std::string last_pipe(const config::Paths& paths, int pool) {
    return fmt::format("{}/{}.err", pool_folder(paths, pool), slots_per_pool - 1);
}

// gantry-log starts that pool's unit: the launcher itself makes no bus call. Asking twice does no harm.
Result<> ask_for_pool(const config::Paths& paths, int pool) {
    const std::string bell = pool_folder(paths, 0) + "/more";
    const os::Fd pipe = TRY(os::open(bell, O_WRONLY | O_NONBLOCK));
    return os::write_all(pipe.get(), std::string(1, static_cast<char>(pool)), bell);
}

Result<> wait_for_pool(const config::Paths& paths, int pool) {
    for (int tries = 0; tries < 1000; ++tries) {
        if (open_pipe(last_pipe(paths, pool)).ok()) return {};
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return error(Errc::unavailable, "'gantry-log@{}.socket' does not come up", pool);
}

// Slots of the container in every pool: links to its name.
Result<std::vector<std::string>> slots_of(const config::Paths& paths, const ContainerName& name) {
    std::vector<std::string> found;
    char target[256];
    for (const std::string& pool : TRY(os::list_dir(paths.run + "/log"))) {
        const std::string folder = fmt::format("{}/log/{}", paths.run, pool);
        for (const std::string& entry : TRY(os::list_dir(folder))) {
            if (entry.find_first_not_of("0123456789") != std::string::npos) continue;
            const std::string link = fmt::format("{}/{}", folder, entry);
            const ssize_t length = readlink(link.c_str(), target, sizeof target);
            if (length > 0 && std::string_view(target, static_cast<std::size_t>(length)) == name.str()) found.push_back(link);
        }
    }
    return found;
}

Result<> drain(const std::string& path, const std::function<Result<os::Fd>()>& open) {
    const os::Fd pipe = TRY(os::open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW));
    os::Fd to;
    char buffer[65536];
    for (;;) {
        const ssize_t got = read(pipe.get(), buffer, sizeof buffer);
        if (got < 0 && errno == EINTR) continue;
        if (got == 0 || (got < 0 && errno == EAGAIN)) return {};
        if (got < 0) return errno_error("read '{}'", path);
        if (!to) to = TRY(open());
        TRY(os::write_all(to.get(), {buffer, static_cast<std::size_t>(got)}, "the journal"));
    }
}

}  // namespace

bool has_pool(const config::Paths& paths, int pool) { return os::path_exists(last_pipe(paths, pool)); }

Result<Slot> take_slot(const config::Paths& paths, const ContainerName& name) {
    // A few tries a pool find a slot unless most are taken. Then the next pool is made while the taken ones are gone through.
    constexpr std::size_t few = 8;
    int pools = 0;
    for (const std::size_t tries : {few, static_cast<std::size_t>(slots_per_pool)}) {
        for (pools = 0; pools < most_pools; ++pools) {
            auto slot = take_from(pool_folder(paths, pools), name, tries);
            if (!slot.ok() && no_pool(slot.error())) break;
            if (!slot.ok() || slot->out) return slot;
        }
        if (pools == 0) return error(Errc::unavailable, "'gantry-log@0.socket' is not active");
        if (pools < most_pools && tries == few) TRY(ask_for_pool(paths, pools));
    }
    if (pools == most_pools) return error(Errc::unavailable, "more than {} containers run", most_pools * slots_per_pool);
    TRY(wait_for_pool(paths, pools));
    return take_from(pool_folder(paths, pools), name, slots_per_pool);
}

Result<> set_process(const Slot& slot, pid_t pid) {
    const std::string link = slot.link + ".pid";
    unlink(link.c_str());
    if (symlink(std::to_string(pid).c_str(), link.c_str()) != 0) return errno_error("make link '{}'", link);
    return {};
}

Result<> drain_slots(const config::Paths& paths, const ContainerName& name,
                     const std::function<Result<os::Fd>(int priority)>& open) {
    for (const std::string& link : TRY(slots_of(paths, name))) {
        const os::Fd lock = TRY(lock_pool(link.substr(0, link.rfind('/'))));
        TRY(drain(link + ".out", [&] { return open(6); }));
        TRY(drain(link + ".err", [&] { return open(3); }));
    }
    return {};
}

Result<> release_slots(const config::Paths& paths, const ContainerName& name) {
    for (const std::string& link : TRY(slots_of(paths, name)))
        for (const char* end : {".pid", ""})
            if (unlink((link + end).c_str()) != 0 && errno != ENOENT) return errno_error("remove '{}{}'", link, end);
    return {};
}

Result<os::Fd> lock_pool(const std::string& folder) { return os::lock_file(folder + "/lock"); }

Result<os::Fd> journal_stream(const ContainerName& name, int priority) {
    os::Fd stream = TRY(os::connect_to("/run/systemd/journal/stdout", SOCK_STREAM));
    shutdown(stream.get(), SHUT_RD);
    // Identifier, unit, priority, whether "<N>" sets it, and three copies elsewhere that are not wanted.
    const std::string header = fmt::format("{}\n{}\n{}\n1\n0\n0\n0\n", name.str(), unit_name(name), priority);
    TRY(os::write_all(stream.get(), header, "the journal"));
    return stream;
}

}  // namespace gantry::log
