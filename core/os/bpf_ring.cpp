#include "os/bpf_ring.hpp"

#include <linux/bpf.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

namespace gantry::os {

namespace {

std::size_t page_size() { return static_cast<std::size_t>(sysconf(_SC_PAGESIZE)); }

std::size_t load(const void* at) {
    return std::atomic_ref(*static_cast<std::size_t*>(const_cast<void*>(at))).load(std::memory_order_acquire);
}

}  // namespace

Result<BpfRing> BpfRing::create(std::uint32_t bytes) {
    bpf_attr attributes;
    std::memset(&attributes, 0, sizeof attributes);
    attributes.map_type = BPF_MAP_TYPE_RINGBUF;
    attributes.max_entries = bytes;
    const long fd = syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof attributes);
    if (fd < 0) return errno_error("make a BPF ring buffer");
    BpfRing ring(Fd(static_cast<int>(fd)), bytes);
    const auto map = [&](std::size_t size, int access, std::size_t offset) -> Result<void*> {
        void* at = mmap(nullptr, size, access, MAP_SHARED, ring.map(), static_cast<off_t>(offset));
        if (at == MAP_FAILED) return errno_error("map a BPF ring buffer");
        return at;
    };
    ring.consumer_ = TRY(map(page_size(), PROT_READ | PROT_WRITE, 0));
    ring.producer_ = TRY(map(page_size() + 2 * std::size_t{bytes}, PROT_READ, page_size()));
    return ring;
}

BpfRing::BpfRing(BpfRing&& other) noexcept
    : map_(std::move(other.map_)),
      bytes_(other.bytes_),
      consumer_(std::exchange(other.consumer_, nullptr)),
      producer_(std::exchange(other.producer_, nullptr)) {}

BpfRing::~BpfRing() {
    if (consumer_ != nullptr) munmap(consumer_, page_size());
    if (producer_ != nullptr) munmap(producer_, page_size() + 2 * bytes_);
}

void BpfRing::read(const std::function<void(std::span<const std::byte> record)>& use) {
    const std::byte* data = static_cast<const std::byte*>(producer_) + page_size();
    std::size_t position = load(consumer_);
    const std::size_t end = load(producer_);
    while (position < end) {
        // A record begins with its length, whose upper bits say that it is being written or was given up, and is padded to
        // eight bytes. One at the data's end goes on behind it, where the data are mapped once more.
        const std::byte* header = data + (position & (bytes_ - 1));
        const std::uint32_t word =
            std::atomic_ref(*reinterpret_cast<std::uint32_t*>(const_cast<std::byte*>(header))).load(std::memory_order_acquire);
        if ((word & BPF_RINGBUF_BUSY_BIT) != 0) break;
        const std::size_t length = word & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
        if ((word & BPF_RINGBUF_DISCARD_BIT) == 0) use({header + BPF_RINGBUF_HDR_SZ, length});
        position += (length + BPF_RINGBUF_HDR_SZ + 7) / 8 * 8;
        std::atomic_ref(*static_cast<std::size_t*>(consumer_)).store(position, std::memory_order_release);
    }
}

}  // namespace gantry::os
