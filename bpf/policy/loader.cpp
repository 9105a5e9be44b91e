#include "policy/loader.hpp"

#include "os/file.hpp"

#include "policy.skel.h"

#include <bpf/libbpf.h>

#include <cerrno>

namespace gantry::policy {

namespace {

std::string log_text;  // what libbpf and the verifier said; one load at a time

int keep(libbpf_print_level level, const char* format, va_list arguments) {
    if (level == LIBBPF_DEBUG) return 0;
    char line[4096];
    const int length = vsnprintf(line, sizeof line, format, arguments);
    if (length > 0) log_text = std::string(line, std::min<std::size_t>(static_cast<std::size_t>(length), sizeof line - 1));
    return length;
}

Error failed(int number, const char* what) {
    const auto last = log_text.find_last_not_of("\n");
    std::string said = last == std::string::npos ? "" : log_text.substr(0, last + 1);
    if (const auto line = said.rfind('\n'); line != std::string::npos) said = said.substr(line + 1);
    return Error::from_errno(number, said.empty() ? what : fmt::format("{} ({})", what, said.substr(0, 300)));
}

}  // namespace

Result<> load(const std::string& folder) {
    log_text.clear();
    libbpf_set_print(keep);
    libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
    const std::unique_ptr<policy_bpf, void (*)(policy_bpf*)> skeleton(policy_bpf__open(), policy_bpf__destroy);
    if (!skeleton) return failed(errno, "read the policy programs");
    if (const int result = policy_bpf__load(skeleton.get()); result != 0) return failed(-result, "load the policy programs");
    TRY(os::make_dirs(folder, 0700));
    if (const int result = bpf_object__pin(skeleton->obj, folder.c_str()); result != 0)
        return failed(-result, "pin the policy programs");
    return {};
}

}  // namespace gantry::policy
