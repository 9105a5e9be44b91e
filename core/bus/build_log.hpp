// What a build tells, as signals of its job: whole lines of UTF-8, no more of one step than anybody reads.
#pragma once

#include "build/events.hpp"
#include "image/transfer.hpp"

#include <map>

namespace gantry::bus {

class BuildLog {
public:
    struct Sinks {
        std::function<void(std::uint32_t step, const std::string& name, const std::string& state, const std::string& message)>
            step;
        std::function<void(std::uint32_t step, std::uint32_t stream, const std::string& text)> output;
        image::ProgressFn progress;
    };
    explicit BuildLog(Sinks sinks) : sinks_(std::move(sinks)) {}

    // As build::EventFn: one call at a time.
    void take(const build::Event& event);

    static constexpr std::size_t step_limit = 2U << 20;  // bytes of output, as BuildKit's

private:
    struct Pending {
        std::string text[2];  // of both streams: a line without its end
        std::size_t sent = 0;
        bool clipped = false;
    };
    void output(const build::Event& event);
    void send(std::uint32_t step, Pending& pending, std::uint32_t stream, std::string text);
    void end(const build::Event& event, const char* state);

    Sinks sinks_;
    std::map<std::size_t, Pending> pending_;
};

}  // namespace gantry::bus
