// Layers: whatever the archive says, nothing outside the target folder is touched and the bounds hold.
#include "fuzz.hpp"

#include "image/ingest.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <string>

using namespace gantry;
namespace fs = std::filesystem;

namespace {

// A tmpfs in a mount namespace of our own: fast, small, and gone with the process. Its parent folder is what must stay as it
// is.
const std::string base = "/tmp/gantry-fuzz-tar";
const std::string target = base + "/target";

void prepare() {
    fs::create_directories(base);
    fuzz::require(unshare(CLONE_NEWNS) == 0, "the tar fuzzer has a mount namespace (run it as root)");
    fuzz::require(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0, "private mounts");
    fuzz::require(mount("fuzz", base.c_str(), "tmpfs", 0, "size=64M,nr_inodes=20000") == 0, "tmpfs");
    fs::create_directories(base + "/outside");
    fuzz::require(::close(::open((base + "/outside/file").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600)) == 0, "file outside");
}

bool outside_is_untouched() {
    struct stat file {};
    if (lstat((base + "/outside/file").c_str(), &file) != 0) return false;
    const auto entries = [](const std::string& folder) {
        return std::distance(fs::directory_iterator(folder), fs::directory_iterator());
    };
    return file.st_size == 0 && file.st_nlink == 1 && file.st_mode == (S_IFREG | 0600) && entries(base) == 2 &&
           entries(base + "/outside") == 1;
}

// Mutated headers have wrong checksums, and nothing behind the check would ever be reached: half of the inputs get right ones.
void mend_checksums(std::string& archive) {
    for (std::size_t at = 0; at + 512 <= archive.size(); at += 512) {
        archive.replace(at + 148, 8, 8, ' ');
        unsigned sum = 0;
        for (std::size_t i = 0; i < 512; ++i) sum += static_cast<unsigned char>(archive[at + i]);
        if (sum == 8 * ' ') {  // zeros end the archive
            archive.replace(at + 148, 8, 8, '\0');
            continue;
        }
        char digits[8];
        std::snprintf(digits, sizeof digits, "%06o", sum);
        archive.replace(at + 148, 6, digits, 6).replace(at + 154, 2, "\0 ", 2);
    }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    [[maybe_unused]] static const bool prepared = (prepare(), true);
    fs::create_directories(target);
    // The last byte, usually padding, chooses.
    const unsigned choice = size > 0 ? data[size - 1] : 0;
    std::string archive(fuzz::text(data, size));
    if (choice & 1U) mend_checksums(archive);
    {
        const os::Fd folder(::open(target.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
        std::size_t at = 0;
        const auto read = [&](char* to, std::size_t room) -> Result<std::size_t> {
            const std::size_t n = std::min(room, archive.size() - at);
            std::memcpy(to, archive.data() + at, n);
            at += n;
            return n;
        };
        const image::UnpackLimits limits{.bytes = 16U << 20, .entries = 1000};
        const auto done = image::unpack_tar(read, folder.get(),
                                            choice & 2U ? driver::LayerFormat::applied : driver::LayerFormat::overlay, limits);
        if (done)
            fuzz::require(*done <= limits.bytes, "unpacked bytes are bounded");
        else
            fuzz::require(done.error().message().find('\n') == std::string::npos, "an error is one line");
    }
    fuzz::require(outside_is_untouched(), "nothing outside the folder is touched");
    std::error_code failed;
    fs::remove_all(target, failed);
    return 0;
}
