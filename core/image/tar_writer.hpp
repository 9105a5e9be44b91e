// The archives that save writes: plain files with short names and nothing else (POSIX.1-1988 ustar).
#pragma once

#include "base/result.hpp"

#include <string>
#include <string_view>

namespace gantry::image {

class TarWriter {
public:
    TarWriter(int fd, std::string name) : fd_(fd), name_(std::move(name)) {}
    // path: at most 100 bytes.
    Result<> file(std::string_view path, std::string_view text);
    // size bytes from the start of another file.
    Result<> file(std::string_view path, int from, std::uint64_t size);
    Result<> end();

private:
    Result<> header(std::string_view path, std::uint64_t size);
    Result<> pad(std::uint64_t size);

    int fd_;
    std::string name_;
};

// size bytes from one descriptor to another, in the kernel where it can (sendfile(2)).
Result<> copy_bytes(int from, int to, std::uint64_t size, std::string_view what);

}  // namespace gantry::image
