#include "driver/object_file.hpp"

#include "os/file.hpp"

#include <fcntl.h>
#include <link.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <vector>

namespace gantry::driver {

namespace {

Result<> read_at(int fd, void* into, std::size_t size, std::uint64_t offset) {
    const ssize_t got = pread(fd, into, size, static_cast<off_t>(offset));
    if (got < 0) return errno_error("read");
    if (static_cast<std::size_t>(got) != size) return error(Errc::unsupported, "cannot be loaded: file too short");
    return {};
}

}  // namespace

Result<> check_object_file(const std::string& file) {
    const os::Fd fd = TRY(os::open(file, O_RDONLY | O_NONBLOCK));
    struct stat info {};
    if (fstat(fd.get(), &info) != 0) return errno_error("stat");
    const auto size = static_cast<std::uint64_t>(info.st_size);
    ElfW(Ehdr) header;
    TRY(read_at(fd.get(), &header, sizeof header, 0));
    if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_type != ET_DYN ||
        header.e_phentsize != sizeof(ElfW(Phdr)))
        return error(Errc::unsupported, "cannot be loaded: not an ELF shared object");
    std::vector<ElfW(Phdr)> segments(header.e_phnum);
    TRY(read_at(fd.get(), segments.data(), segments.size() * sizeof(ElfW(Phdr)), header.e_phoff));
    for (const auto& segment : segments)
        if (segment.p_type == PT_LOAD && (segment.p_offset > size || segment.p_filesz > size - segment.p_offset))
            return error(Errc::unsupported, "cannot be loaded: file too short");
    return {};
}

}  // namespace gantry::driver
