#include "exposition.hpp"

#include <fmt/format.h>

#include <cmath>

namespace gantry::metrics {

namespace {

std::string escaped(std::string_view value) {
    std::string out;
    for (const char c : value) {
        if (c == '\\' || c == '"') out += '\\';
        out += c == '\n' ? std::string("\\n") : std::string(1, c);
    }
    return out;
}

}  // namespace

void Exposition::add(Kind kind, const std::string& name, std::string_view help, const Labels& labels, double value) {
    auto [metric, fresh] = metrics_.try_emplace(name);
    if (fresh) {
        metric->second.kind = kind;
        metric->second.help = help;
    }
    std::string& text = metric->second.samples;
    text += name;
    for (std::size_t i = 0; i < labels.size(); ++i)
        text += fmt::format("{}{}=\"{}\"", i == 0 ? '{' : ',', labels[i].first, escaped(labels[i].second));
    if (!labels.empty()) text += '}';
    // Counters are whole numbers: all their digits, as long as a double has them.
    text +=
        value == std::floor(value) && std::abs(value) < 9e15 ? fmt::format(" {:.0f}\n", value) : fmt::format(" {}\n", value);
}

std::string Exposition::text() const {
    std::string out;
    for (const auto& [name, metric] : metrics_)
        out += fmt::format("# HELP {0} {1}\n# TYPE {0} {2}\n{3}", name, metric.help,
                           metric.kind == Kind::counter ? "counter" : "gauge", metric.samples);
    return out;
}

}  // namespace gantry::metrics
