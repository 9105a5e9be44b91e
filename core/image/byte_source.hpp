// A stream of bytes to be read in order, without copying where the consumer can work on the piece that is there.
#pragma once

#include "base/result.hpp"
#include "os/fd.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace gantry::image {

class ByteSource {
public:
    virtual ~ByteSource() = default;

    // Bytes that are unread; empty only at the end. Valid until consume().
    virtual Result<std::string_view> peek() = 0;
    // At most as many as peek() gave.
    virtual void consume(std::size_t count) = 0;
    // Over the next count bytes; fewer left is an error.
    virtual Result<> skip(std::uint64_t count);
};

// Exactly size bytes; false where the stream had ended before the first, an error where it ends within.
Result<bool> read_exactly(ByteSource& source, char* buffer, std::size_t size);

// From a function that fills a buffer and returns 0 at the end.
class FunctionSource final : public ByteSource {
public:
    using Read = std::function<Result<std::size_t>(char*, std::size_t)>;
    explicit FunctionSource(Read read) : read_(std::move(read)), buffer_(256U << 10) {}
    Result<std::string_view> peek() override;
    void consume(std::size_t count) override { at_ += count; }

private:
    Read read_;
    std::vector<char> buffer_;
    std::size_t at_ = 0, end_ = 0;
};

// What read(2) gives of an open file, pipe or socket, to its end. name: for errors. cancel is looked at every 50 ms, also while
// a pipe has nothing.
FunctionSource::Read descriptor_read(int fd, const std::string& name, const std::atomic<bool>* cancel = nullptr);
FunctionSource descriptor_source(int fd, const std::string& name, const std::atomic<bool>* cancel = nullptr);

// A part of an open file, by pread(2): several may read one descriptor. Skipping costs nothing.
class FileSource final : public ByteSource {
public:
    FileSource(int fd, std::string name, std::uint64_t offset, std::uint64_t size);
    Result<std::string_view> peek() override;
    void consume(std::size_t count) override { at_ += count, position_ += count; }
    Result<> skip(std::uint64_t count) override;
    [[nodiscard]] std::uint64_t position() const { return position_; }  // in the file

private:
    int fd_;
    std::string name_;
    std::uint64_t position_, limit_;
    std::vector<char> buffer_;
    std::size_t at_ = 0, end_ = 0;
};

}  // namespace gantry::image
