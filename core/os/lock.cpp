#include "os/lock.hpp"

#include "os/file.hpp"

#include <fcntl.h>

#include <cerrno>

namespace gantry::os {

Result<Fd> lock_name(const std::string& file, std::string_view name, bool wait) {
    Fd fd = TRY(open(file, O_RDWR | O_CREAT, 0600));
    std::uint64_t hash = 14695981039346656037ULL;  // FNV-1a
    for (char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
    struct flock range {};
    range.l_type = F_WRLCK;
    range.l_whence = SEEK_SET;
    range.l_start = static_cast<off_t>(hash >> 2);  // a positive off_t, with room for the length
    range.l_len = 1;
    while (fcntl(fd.get(), wait ? F_OFD_SETLKW : F_OFD_SETLK, &range) != 0) {
        if (errno == EINTR) continue;
        if (errno == EAGAIN || errno == EACCES) return error(Errc::in_use, "'{}' is being changed by another process", name);
        return errno_error("lock '{}' in '{}'", name, file);
    }
    return fd;
}

}  // namespace gantry::os
