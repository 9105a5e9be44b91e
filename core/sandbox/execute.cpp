#include "sandbox/become.hpp"

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

}  // namespace

Error execute(const std::vector<std::string>& argv, const std::vector<std::string>& environment) {
    if (argv.empty() || argv[0].empty()) return Error::from_errno(ENOENT, "execute ''");
    const std::string& file = argv[0];
    const auto arguments = pointers(argv), variables = pointers(environment);
    if (file.find('/') != std::string::npos) {
        execve(file.c_str(), arguments.data(), variables.data());
        return errno_error("execute '{}'", file);
    }
    int reason = ENOENT;
    std::string_view path = path_of(environment);
    for (;;) {
        const auto colon = path.find(':');
        const std::string_view folder = path.substr(0, colon);
        // An empty part is the working folder (POSIX); an image's PATH must not mean that by accident.
        if (!folder.empty()) {
            execve(fmt::format("{}/{}", folder, file).c_str(), arguments.data(), variables.data());
            // execvpe(3): a file that may not be executed is remembered, the search goes on.
            if (errno == EACCES) reason = EACCES;
            else if (errno != ENOENT && errno != ENOTDIR) return errno_error("execute '{}/{}'", folder, file);
        }
        if (colon == std::string_view::npos) break;
        path.remove_prefix(colon + 1);
    }
    return Error::from_errno(reason, fmt::format("execute '{}': not found in PATH", file));
}

int exit_code_of(const Error& failure) {
    return failure.sys() == ENOENT || failure.sys() == ENOTDIR ? 127 : 126;
}

}  // namespace gantry::sandbox
