#include "image/tar_writer.hpp"

#include "os/file.hpp"

#include <sys/sendfile.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

namespace gantry::image {

Result<> TarWriter::header(std::string_view path, std::uint64_t size) {
    if (path.size() > 100) return error(Errc::internal, "archive member '{}' has a long name", path);
    std::string block(512, '\0');
    const auto put = [&](std::size_t at, std::string_view text) { block.replace(at, text.size(), text); };
    put(0, path);
    put(100, "0000644");
    put(108, "0000000");
    put(116, "0000000");
    if (size >> 33 == 0) {
        put(124, fmt::format("{:011o}", size));
    } else {
        // Above 8 GiB: GNU's big-endian number, which every reader of today knows.
        block[124] = '\x80';
        for (std::size_t at = 0; at < 8; ++at) block[128 + at] = static_cast<char>(size >> (56 - 8 * at) & 0xff);
    }
    put(136, "00000000000");  // no time: the same image gives the same archive
    put(148, "        ");
    block[156] = '0';
    put(257, std::string_view("ustar\0"
                              "00",
                              8));
    unsigned sum = 0;
    for (const char c : block) sum += static_cast<unsigned char>(c);
    put(148, fmt::format("{:06o}", sum) + std::string("\0 ", 2));
    return os::write_all(fd_, block, name_);
}

Result<> TarWriter::pad(std::uint64_t size) { return os::write_all(fd_, std::string((512 - size % 512) % 512, '\0'), name_); }

Result<> TarWriter::file(std::string_view path, std::string_view text) {
    TRY(header(path, text.size()));
    TRY(os::write_all(fd_, text, name_));
    return pad(text.size());
}

Result<> TarWriter::file(std::string_view path, int from, std::uint64_t size) {
    TRY(header(path, size));
    TRY(copy_bytes(from, fd_, size, path));
    return pad(size);
}

Result<> TarWriter::end() { return os::write_all(fd_, std::string(1024, '\0'), name_); }

Result<> copy_bytes(int from, int to, std::uint64_t size, std::string_view what) {
    std::vector<char> buffer;
    while (size > 0) {
        const std::size_t part = static_cast<std::size_t>(std::min<std::uint64_t>(size, 1U << 30));
        if (buffer.empty()) {
            const ssize_t sent = sendfile(to, from, nullptr, part);
            if (sent > 0) {
                size -= static_cast<std::uint64_t>(sent);
                continue;
            }
            if (sent == 0) return error(Errc::corrupt, "'{}' is shorter than it should be", what);
            if (errno == EINTR || errno == EAGAIN) continue;
            if (errno != EINVAL && errno != ENOSYS) return errno_error("write '{}'", what);
            buffer.resize(256U << 10);  // the target (O_APPEND, some file systems) cannot do it
        }
        const ssize_t got = read(from, buffer.data(), std::min(part, buffer.size()));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return errno_error("read '{}'", what);
        if (got == 0) return error(Errc::corrupt, "'{}' is shorter than it should be", what);
        TRY(os::write_all(to, {buffer.data(), static_cast<std::size_t>(got)}, what));
        size -= static_cast<std::uint64_t>(got);
    }
    return {};
}

}  // namespace gantry::image
