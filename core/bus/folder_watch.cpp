#include "bus/folder_watch.hpp"

#include <sys/inotify.h>
#include <unistd.h>

namespace gantry::bus {

FolderWatch::FolderWatch() : fd_(inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {}

void FolderWatch::add(const std::string& path, unsigned kind) {
    // Every write of Gantry ends with a rename; editors also write in place.
    const int watch = inotify_add_watch(fd_.get(), path.c_str(),
                                        IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_CLOSE_WRITE | IN_ONLYDIR);
    if (watch >= 0) kinds_[watch] |= kind;
}

unsigned FolderWatch::drain() {
    unsigned changed = 0;
    alignas(inotify_event) char buffer[16384];
    for (;;) {
        const ssize_t got = read(fd_.get(), buffer, sizeof buffer);
        if (got <= 0) return changed;
        for (ssize_t at = 0; at < got;) {
            inotify_event event{};
            std::memcpy(&event, buffer + at, sizeof event);
            at += static_cast<ssize_t>(sizeof event + event.len);
            if (event.mask & IN_Q_OVERFLOW) {
                // What was lost is unknown: everything may have changed.
                for (const auto& [watch, kind] : kinds_) changed |= kind;
                continue;
            }
            const auto kind = kinds_.find(event.wd);
            if (kind == kinds_.end()) continue;
            if (event.mask & IN_IGNORED)
                kinds_.erase(kind);
            else
                changed |= kind->second;
        }
    }
}

}  // namespace gantry::bus
