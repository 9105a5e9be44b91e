#include "paging.hpp"

#include <algorithm>
#include <charconv>

namespace gantry::registry {

Result<Page> page_of(const std::vector<std::string>& sorted, const std::string& n, const std::string& last) {
    constexpr std::size_t most = 10'000;
    std::size_t count = most;
    if (!n.empty()) {
        const auto [stop, failure] = std::from_chars(n.data(), n.data() + n.size(), count);
        if (failure == std::errc::result_out_of_range)
            count = most;
        else if (failure != std::errc() || stop != n.data() + n.size())
            return error(Errc::invalid, "'{}' is not a number of entries", n);
    }
    const auto begin = last.empty() ? sorted.begin() : std::ranges::upper_bound(sorted, last);
    const auto left = static_cast<std::size_t>(sorted.end() - begin);
    count = std::min({count, most, left});
    return Page{{begin, begin + static_cast<std::ptrdiff_t>(count)}, count > 0 && count < left};
}

std::string next_link(std::string_view path, std::string_view query) {
    return fmt::format("<{}?{}>; rel=\"next\"", path, query);
}

}  // namespace gantry::registry
