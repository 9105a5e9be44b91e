#include "sandbox/seccomp.hpp"

#include "base/hash.hpp"
#include "os/file.hpp"
#include "sandbox/seccomp_profile.hpp"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace gantry::sandbox {

namespace {

constexpr std::size_t profile_limit = 1U << 20;

// Everything that the program depends on. A cache entry begins with it and is compared byte for byte, so that two inputs can
// never share one, whatever their hashes.
std::string inputs(std::string_view profile, CapSet capabilities) {
    return fmt::format("gantry seccomp 2 {} {} {:x} {}\n{}\n", GANTRY_VERSION, docker_architecture(), capabilities,
                       profile.size(), profile);
}

// An entry: inputs, then "HASH LENGTH\n" of the program, then the program.
std::optional<Filter> read_cached(int folder, const std::string& name, const std::string& wanted) {
    auto file = os::open_at(folder, name, O_RDONLY | O_NOFOLLOW);
    if (!file.ok()) return std::nullopt;
    struct stat info {};
    if (fstat(file->get(), &info) != 0 || !S_ISREG(info.st_mode) || info.st_uid != geteuid() || (info.st_mode & 022))
        return std::nullopt;
    const auto text = os::read_fd(file->get(), name, profile_limit * 2);
    if (!text.ok() || !text->starts_with(wanted)) return std::nullopt;
    std::string_view rest = std::string_view(*text).substr(wanted.size());
    const auto line = rest.find('\n');
    if (line == std::string_view::npos) return std::nullopt;
    const std::string_view program = rest.substr(line + 1);
    if (rest.substr(0, line) != fmt::format("{:x} {}", fnv1a(program), program.size())) return std::nullopt;
    if (program.empty() || program.size() % sizeof(sock_filter) != 0) return std::nullopt;
    return Filter{std::string(program)};
}

// The cache folder, if only we can have written what is in it.
std::optional<os::Fd> trusted_folder(const std::string& path) {
    auto folder = os::open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!folder.ok()) {
        if (!os::make_dirs(path.substr(0, path.rfind('/'))).ok() || !os::make_dirs(path, 0700).ok()) return std::nullopt;
        folder = os::open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
        if (!folder.ok()) return std::nullopt;
    }
    struct stat info {};
    if (fstat(folder->get(), &info) != 0 || info.st_uid != geteuid() || (info.st_mode & 022)) return std::nullopt;
    return std::move(folder).value();
}

}  // namespace

Result<Filter> load_filter(const std::string& cache, const std::string& profile, CapSet capabilities) {
    if (profile == "unconfined") return Filter{};
    std::string from_file;
    if (profile != "default") from_file = TRY_CONTEXT(os::read_file(profile, profile_limit), "seccomp profile");
    const std::string_view text = profile == "default" ? default_profile() : std::string_view(from_file);
    const std::string wanted = inputs(text, capabilities);
    // Hashing the profile of every start anew would be the longest loop of the launcher.
    const std::uint64_t hash = profile == "default" ? default_profile_hash() : fnv1a(text);
    const std::string name = fmt::format("{:016x}.bpf", fnv1a(std::string_view(wanted).substr(0, wanted.find('\n')), hash));
    const std::optional<os::Fd> folder = cache.empty() ? std::nullopt : trusted_folder(cache);
    if (folder)
        if (auto cached = read_cached(folder->get(), name, wanted)) return std::move(*cached);
    Filter filter = TRY_CONTEXT(compile_filter(text, capabilities), "seccomp profile '{}'", profile);
    if (folder) {
        const std::string entry =
            fmt::format("{}{:x} {}\n{}", wanted, fnv1a(filter.program), filter.program.size(), filter.program);
        // A cache that cannot be written costs time, not safety.
        [[maybe_unused]] const auto stored = os::write_file_atomic(fmt::format("{}/{}", cache, name), entry, 0600, false);
    }
    return filter;
}

Result<> install_filter(const Filter& filter) {
    if (filter.program.empty()) return {};
    const std::size_t count = filter.program.size() / sizeof(sock_filter);
    if (count > 65535) return error(Errc::invalid, "seccomp filter of {} instructions is too long", count);
    // sock_fprog wants a mutable pointer and does not write.
    sock_fprog program{static_cast<unsigned short>(count),
                       reinterpret_cast<sock_filter*>(const_cast<char*>(filter.program.data()))};
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) return errno_error("install the seccomp filter");
    return {};
}

}  // namespace gantry::sandbox
