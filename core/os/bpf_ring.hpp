// A ring buffer that BPF programs write to (BPF_MAP_TYPE_RINGBUF, Linux 5.8; Documentation/bpf/ringbuf.rst), read without
// libbpf. It has one reader: each reader makes a ring of its own and puts it into a map of maps. CAP_BPF.
#pragma once

#include "base/result.hpp"
#include "os/fd.hpp"

#include <functional>
#include <span>

namespace gantry::os {

class BpfRing {
public:
    // bytes: a power of two, at least a page.
    static Result<BpfRing> create(std::uint32_t bytes);
    BpfRing(BpfRing&& other) noexcept;
    BpfRing& operator=(BpfRing&&) = delete;
    ~BpfRing();

    // The map: what goes into the map of maps, and what poll(2) says is readable when there are records.
    [[nodiscard]] int map() const { return map_.get(); }
    // Everything that is there, oldest first; record is the ring's, for the length of the call.
    void read(const std::function<void(std::span<const std::byte> record)>& use);

private:
    BpfRing(Fd map, std::size_t bytes) : map_(std::move(map)), bytes_(bytes) {}
    Fd map_;
    std::size_t bytes_;
    void *consumer_ = nullptr, *producer_ = nullptr;  // a page with our position; a page with the kernel's and the data, twice
};

}  // namespace gantry::os
