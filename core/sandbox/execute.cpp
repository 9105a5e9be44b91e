#include "os/file.hpp"
#include "sandbox/become.hpp"

#include <elf.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace gantry::sandbox {

namespace {

std::vector<char*> pointers(const std::vector<std::string>& strings) {
    std::vector<char*> out;
    for (const std::string& text : strings) out.push_back(const_cast<char*>(text.c_str()));
    out.push_back(nullptr);
    return out;
}

std::string_view path_of(const std::vector<std::string>& environment) {
    for (const std::string& entry : environment)
        if (entry.starts_with("PATH=")) return std::string_view(entry).substr(5);
    return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
}

// 0 or the errno that execve would give for the file's kind and mode.
int executable(const std::string& file) {
    struct stat info {};
    if (stat(file.c_str(), &info) != 0) return errno;
    if (!S_ISREG(info.st_mode)) return EACCES;
    return faccessat(AT_FDCWD, file.c_str(), X_OK, AT_EACCESS) == 0 ? 0 : errno;
}

// "#!INTERPRETER" of a script or PT_INTERP of a 64-bit ELF file; empty where there is none or it cannot be told.
std::string interpreter_of(const std::string& file) {
    const auto fd = os::open(file, O_RDONLY | O_NONBLOCK);
    if (!fd.ok()) return "";
    char head[4096];
    const ssize_t got = pread(fd->get(), head, sizeof head, 0);
    if (got < 4) return "";
    const std::string_view text(head, static_cast<std::size_t>(got));
    if (text.starts_with("#!")) {
        const auto begin = text.find_first_not_of(" \t", 2);
        if (begin == std::string_view::npos) return "";
        return std::string(text.substr(begin, text.find_first_of(" \t\n", begin) - begin));
    }
    Elf64_Ehdr header;
    if (text.size() < sizeof header) return "";
    memcpy(&header, head, sizeof header);
    if (memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64) return "";
    for (unsigned i = 0; i < header.e_phnum && i < 64; ++i) {
        Elf64_Phdr segment;
        const auto at = static_cast<off_t>(header.e_phoff + i * sizeof segment);
        if (pread(fd->get(), &segment, sizeof segment, at) != sizeof segment) return "";
        if (segment.p_type != PT_INTERP || segment.p_filesz == 0 || segment.p_filesz > 4096) continue;
        std::string name(segment.p_filesz, 0);
        if (pread(fd->get(), name.data(), name.size(), static_cast<off_t>(segment.p_offset)) !=
            static_cast<ssize_t>(name.size()))
            return "";
        return name.c_str();
    }
    return "";
}

Result<std::string> checked(std::string file) {
    const std::string interpreter = interpreter_of(file);
    if (!interpreter.empty() && access(interpreter.c_str(), F_OK) != 0)
        return errno_error("execute '{}': its interpreter '{}'", file, interpreter);
    return file;
}

}  // namespace

Result<std::string> find_executable(const std::vector<std::string>& argv, const std::vector<std::string>& environment) {
    if (argv.empty() || argv[0].empty()) return Error::from_errno(ENOENT, "execute ''");
    const std::string& file = argv[0];
    if (file.find('/') != std::string::npos) {
        if (const int reason = executable(file)) return Error::from_errno(reason, fmt::format("execute '{}'", file));
        return checked(file);
    }
    int reason = ENOENT;
    std::string_view path = path_of(environment);
    for (;;) {
        const auto colon = path.find(':');
        const std::string_view folder = path.substr(0, colon);
        // An empty part is the working folder (POSIX); an image's PATH must not mean that by accident.
        if (!folder.empty()) {
            std::string candidate = fmt::format("{}/{}", folder, file);
            const int found = executable(candidate);
            if (found == 0) return checked(std::move(candidate));
            // execvpe(3): a file that may not be executed is remembered, the search goes on.
            if (found == EACCES) reason = EACCES;
        }
        if (colon == std::string_view::npos) break;
        path.remove_prefix(colon + 1);
    }
    return Error::from_errno(reason, fmt::format("execute '{}': searched in PATH", file));
}

Error execute_file(const std::string& file, const std::vector<std::string>& argv, const std::vector<std::string>& environment) {
    execve(file.c_str(), pointers(argv).data(), pointers(environment).data());
    return errno_error("execute '{}'", file);
}

Error execute_init(int init, const std::string& file, const std::vector<std::string>& argv,
                   const std::vector<std::string>& environment) {
    std::vector<std::string> all{"gantry-init", file};
    all.insert(all.end(), argv.begin(), argv.end());
    execveat(init, "", pointers(all).data(), pointers(environment).data(), AT_EMPTY_PATH);
    return errno_error("execute gantry-init");
}

Error execute(const std::vector<std::string>& argv, const std::vector<std::string>& environment) {
    auto file = find_executable(argv, environment);
    if (!file.ok()) return std::move(file).error();
    return execute_file(*file, argv, environment);
}

int exit_code_of(const Error& failure) { return failure.sys() == ENOENT || failure.sys() == ENOTDIR ? 127 : 126; }

}  // namespace gantry::sandbox
