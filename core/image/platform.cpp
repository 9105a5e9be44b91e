#include "base/text.hpp"
#include "image/store.hpp"

#include <array>

namespace gantry::image {

namespace {

// Go's names for processors (GOARCH), which images use, from the kernel's and the distributions'.
Platform normalized(Platform platform) {
    std::string& arch = platform.architecture;
    if (arch == "x86_64" || arch == "x86-64") arch = "amd64";
    if (arch == "aarch64") arch = "arm64";
    if (arch == "armhf") arch = "arm", platform.variant = "v7";
    if (arch == "armel") arch = "arm", platform.variant = "v6";
    if (arch == "i386" || arch == "i686") arch = "386";
    if (arch == "ppc64el") arch = "ppc64le";
    if (arch == "arm64" && platform.variant == "8") platform.variant = "v8";
    return platform;
}

bool plain_word(std::string_view text) {
    return !text.empty() && text.size() <= 32 && std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
    });
}

}  // namespace

Platform Platform::host() {
#if defined(__x86_64__)
    return {"linux", "amd64", ""};
#elif defined(__aarch64__)
    return {"linux", "arm64", "v8"};
#elif defined(__arm__)
    return {"linux", "arm", "v7"};
#elif defined(__i386__)
    return {"linux", "386", ""};
#elif defined(__riscv)
    return {"linux", "riscv64", ""};
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
    return {"linux", "ppc64le", ""};
#elif defined(__s390x__)
    return {"linux", "s390x", ""};
#else
#error "name this processor as Go does"
#endif
}

Result<Platform> Platform::parse(std::string_view text) {
    const std::vector<std::string_view> parts = split(text, '/');
    const bool words = std::ranges::all_of(parts, plain_word);
    if (parts.size() > 3 || !words) return error(Errc::invalid, "platform '{}' is not OS/ARCHITECTURE[/VARIANT]", text);
    Platform platform = host();
    if (parts.size() == 1) {
        if (parts[0] == "linux") return platform;
        return normalized({"linux", std::string(parts[0]), ""});
    }
    return normalized({std::string(parts[0]), std::string(parts[1]), parts.size() == 3 ? std::string(parts[2]) : ""});
}

std::string Platform::str() const {
    return variant.empty() ? fmt::format("{}/{}", os, architecture) : fmt::format("{}/{}/{}", os, architecture, variant);
}

}  // namespace gantry::image
