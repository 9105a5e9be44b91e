#include "load/object.hpp"

#include "os/file.hpp"

#include <bpf/libbpf.h>

#include <cerrno>

namespace gantry::bpf {

namespace {

std::string log_text;  // what libbpf and the verifier said; one load at a time

__attribute__((format(printf, 2, 0))) int keep(libbpf_print_level level, const char* format, va_list arguments) {
    if (level == LIBBPF_DEBUG) return 0;
    char line[4096];
    const int length = vsnprintf(line, sizeof line, format, arguments);
    if (length > 0) log_text = std::string(line, std::min<std::size_t>(static_cast<std::size_t>(length), sizeof line - 1));
    return length;
}

Error failed(int number, const std::string& what) {
    const auto last = log_text.find_last_not_of("\n");
    std::string said = last == std::string::npos ? "" : log_text.substr(0, last + 1);
    if (const auto line = said.rfind('\n'); line != std::string::npos) said = said.substr(line + 1);
    return Error::from_errno(number, said.empty() ? what : fmt::format("{} ({})", what, said.substr(0, 300)));
}

}  // namespace

Result<> load_and_pin(std::span<const char> object, const std::string& name, const std::string& folder) {
    log_text.clear();
    libbpf_set_print(keep);
    libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
    bpf_object_open_opts options{};
    options.sz = sizeof options;
    options.object_name = name.c_str();
    const std::unique_ptr<bpf_object, void (*)(bpf_object*)> opened(
        bpf_object__open_mem(object.data(), object.size(), &options), bpf_object__close);
    if (!opened) return failed(errno, fmt::format("read the {} programs", name));
    if (const int result = bpf_object__load(opened.get()); result != 0)
        return failed(-result, fmt::format("load the {} programs", name));
    TRY(os::make_dirs(folder, 0700));
    if (const int result = bpf_object__pin(opened.get(), folder.c_str()); result != 0)
        return failed(-result, fmt::format("pin the {} programs", name));
    return {};
}

}  // namespace gantry::bpf
