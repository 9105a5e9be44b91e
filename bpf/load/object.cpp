#include "load/object.hpp"

#include "os/file.hpp"

#include <bpf/libbpf.h>

#include <cerrno>

namespace gantry::bpf {

namespace {

std::string log_text;  // what libbpf and the verifier said; one load at a time

__attribute__((format(printf, 2, 0))) int keep(libbpf_print_level level, const char* format, va_list arguments) {
    if (level == LIBBPF_DEBUG) return 0;
    va_list again;
    va_copy(again, arguments);
    const int length = vsnprintf(nullptr, 0, format, again);
    va_end(again);
    if (length <= 0) return length;
    std::string text(static_cast<std::size_t>(length) + 1, '\0');
    vsnprintf(text.data(), text.size(), format, arguments);
    text.pop_back();
    log_text += text;
    return length;
}

// The verifier gives its reason in the line before it counts what it looked at; else the last line is as good as any.
std::string_view reason() {
    std::string_view said = log_text;
    if (const auto counted = said.find("\nprocessed "); counted != std::string_view::npos) said = said.substr(0, counted);
    while (said.ends_with('\n')) said.remove_suffix(1);
    if (const auto line = said.rfind('\n'); line != std::string_view::npos) said = said.substr(line + 1);
    return said.substr(0, 300);
}

Error failed(int number, const std::string& what) {
    const auto said = reason();
    return Error::from_errno(number, said.empty() ? what : fmt::format("{} ({})", what, said));
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
