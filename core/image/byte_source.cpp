#include "image/byte_source.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>

namespace gantry::image {

Result<> ByteSource::skip(std::uint64_t count) {
    while (count > 0) {
        const std::string_view piece = TRY(peek());
        if (piece.empty()) return error(Errc::invalid, "archive ends early: {} bytes are missing", count);
        const std::size_t step = static_cast<std::size_t>(std::min<std::uint64_t>(count, piece.size()));
        consume(step);
        count -= step;
    }
    return {};
}

Result<bool> read_exactly(ByteSource& source, char* buffer, std::size_t size) {
    std::size_t done = 0;
    while (done < size) {
        const std::string_view piece = TRY(source.peek());
        if (piece.empty()) {
            if (done == 0) return false;
            return error(Errc::invalid, "archive ends early: {} bytes are missing", size - done);
        }
        const std::size_t step = std::min(size - done, piece.size());
        std::memcpy(buffer + done, piece.data(), step);
        source.consume(step);
        done += step;
    }
    return true;
}

Result<std::string_view> FunctionSource::peek() {
    if (at_ == end_) {
        at_ = 0;
        end_ = TRY(read_(buffer_.data(), buffer_.size()));
    }
    return std::string_view(buffer_.data() + at_, end_ - at_);
}

FunctionSource::Read descriptor_read(int fd, const std::string& name, const std::atomic<bool>* cancel) {
    return [fd, name, cancel](char* buffer, std::size_t size) -> Result<std::size_t> {
        for (;;) {
            pollfd ready{fd, POLLIN, 0};
            while (cancel) {
                if (*cancel) return error(Errc::cancelled, "cancelled");
                if (poll(&ready, 1, 50) > 0) break;
            }
            const ssize_t got = read(fd, buffer, size);
            if (got >= 0) return static_cast<std::size_t>(got);
            if (errno != EINTR) return errno_error("read '{}'", name);
        }
    };
}

FunctionSource descriptor_source(int fd, const std::string& name, const std::atomic<bool>* cancel) {
    return FunctionSource(descriptor_read(fd, name, cancel));
}

FileSource::FileSource(int fd, std::string name, std::uint64_t offset, std::uint64_t size)
    : fd_(fd),
      name_(std::move(name)),
      position_(offset),
      limit_(size > UINT64_MAX - offset ? UINT64_MAX : offset + size),
      buffer_(static_cast<std::size_t>(std::min<std::uint64_t>(256U << 10, size))) {}

Result<std::string_view> FileSource::peek() {
    while (at_ == end_ && position_ < limit_) {
        const std::size_t want = static_cast<std::size_t>(std::min<std::uint64_t>(buffer_.size(), limit_ - position_));
        const ssize_t got = pread(fd_, buffer_.data(), want, static_cast<off_t>(position_));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return errno_error("read '{}'", name_);
        at_ = 0;
        end_ = static_cast<std::size_t>(got);
        if (got == 0) break;
    }
    return std::string_view(buffer_.data() + at_, end_ - at_);
}

Result<> FileSource::skip(std::uint64_t count) {
    if (count > limit_ - position_) return error(Errc::invalid, "'{}' ends early", name_);
    position_ += count;
    if (count <= end_ - at_)
        at_ += static_cast<std::size_t>(count);
    else
        at_ = end_ = 0;
    return {};
}

}  // namespace gantry::image
