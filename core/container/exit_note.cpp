#include "container/exit_note.hpp"

#include "os/file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>

namespace gantry::container {

namespace {

std::string file_of(const config::Paths& paths, const ContainerName& name) {
    return fmt::format("{}/attach/{}.exit", paths.run, name.str());
}

Result<> add_line(const config::Paths& paths, const ContainerName& name, std::string line) {
    const std::string path = file_of(paths, name);
    auto file = os::open(path, O_WRONLY | O_APPEND | O_NOFOLLOW);
    if (!file.ok()) return file.error().sys() == ENOENT ? Result<>() : Result<>(std::move(file).error());
    // Whoever waits holds a lock: a file without one is of a command that was killed.
    if (flock(file->get(), LOCK_EX | LOCK_NB) == 0) {
        unlink(path.c_str());
        return {};
    }
    std::ranges::replace(line, '\n', ' ');
    return os::write_all(file->get(), line + "\n", path);
}

}  // namespace

Result<ExitNote> ExitNote::open(const config::Paths& paths, const ContainerName& name) {
    const std::string path = file_of(paths, name);
    TRY(os::make_dirs(paths.run + "/attach", 0700));
    unlink(path.c_str());
    os::Fd file = TRY(os::open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
    if (flock(file.get(), LOCK_SH) != 0) return errno_error("lock '{}'", path);
    return ExitNote(path, std::move(file));
}

ExitNote::~ExitNote() {
    if (file_) unlink(path_.c_str());
}

ExitNote::Told ExitNote::read() const {
    Told told;
    std::string text(65536, 0);
    const ssize_t got = pread(file_.get(), text.data(), text.size(), 0);
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        const std::string_view line = std::string_view(text).substr(at, end - at);
        at = end + 1;
        int status = 0;
        if (line.starts_with("failure ")) told.failure = line.substr(8);
        if (line.starts_with("status ") &&
            std::from_chars(line.data() + 7, line.data() + line.size(), status).ec == std::errc())
            told.status = status;
    }
    return told;
}

Result<> note_exit(const config::Paths& paths, const ContainerName& name, int status) {
    return add_line(paths, name, fmt::format("status {}", status));
}

Result<> note_failure(const config::Paths& paths, const ContainerName& name, const std::string& reason) {
    return add_line(paths, name, "failure " + reason);
}

}  // namespace gantry::container
