// Prometheus' text format, version 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gantry::metrics {

using Labels = std::vector<std::pair<std::string_view, std::string>>;

// Collects samples in any order; all of one metric come out together, as the format wants it.
class Exposition {
public:
    enum class Kind { counter, gauge };
    // The first call for a name says its kind and help; names and label names are the caller's and valid.
    void add(Kind kind, const std::string& name, std::string_view help, const Labels& labels, double value);
    [[nodiscard]] std::string text() const;

private:
    struct Metric {
        Kind kind;
        std::string help, samples;
    };
    std::map<std::string, Metric> metrics_;
};

}  // namespace gantry::metrics
