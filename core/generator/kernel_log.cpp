#include "generator/kernel_log.hpp"

#include "os/file.hpp"

#include <fcntl.h>
#include <unistd.h>

namespace gantry::generator {

namespace {
constexpr std::size_t longest = 900;  // of a record (LOG_LINE_MAX and its prefix, kernel/printk)
constexpr int most_lines = 50;        // the ring buffer belongs to everybody
}  // namespace

KernelLog::KernelLog() {
    // Tests name a definition folder of their own; their complaints are not the machine's.
    if (secure_getenv("GANTRY_ROOT")) return;
    if (auto opened = os::open("/dev/kmsg", O_WRONLY | O_NOCTTY); opened.ok()) kmsg_ = std::move(opened).value();
}

void KernelLog::error(std::string_view line) {
    if (++lines_ > most_lines) return;
    if (lines_ == most_lines) line = "more errors are not shown; see gantry check";
    const std::string record = fmt::format("<3>gantry-generator[{}]: {}\n", getpid(), line.substr(0, longest));
    // One write is one record (devkmsg_write); there is nobody to tell when it fails.
    const std::string_view text = kmsg_ ? std::string_view(record) : std::string_view(record).substr(3);
    [[maybe_unused]] const ssize_t put = write(kmsg_ ? kmsg_.get() : STDERR_FILENO, text.data(), text.size());
}

}  // namespace gantry::generator
