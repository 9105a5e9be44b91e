#include "config/engine_reading.hpp"

#include "base/reference.hpp"

namespace gantry::config {

void get_file(const Item& item, std::string& out) {
    if (get(item, out) && !out.starts_with('/')) item.fail(fmt::format("'{}' is not an absolute path", printable(out)));
}

void get_seconds(const Item& item, std::uint64_t& out) {
    std::optional<std::chrono::microseconds> span;
    get_duration(item, span);
    if (span) out = static_cast<std::uint64_t>(span->count() / 1'000'000);
}

bool is_registry(std::string_view host) {
    const auto ref = ImageRef::parse(std::string(host) + "/x");
    return ref.ok() && (ref->domain == host);
}

void get_registries(const Item& item, std::vector<std::string>& out, std::string_view what) {
    get(item, out);
    for (const std::string& host : out)
        if (!is_registry(host)) item.fail(fmt::format("'{}' is not {}", printable(host), what));
}

}  // namespace gantry::config
