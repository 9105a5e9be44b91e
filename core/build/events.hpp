// What a build tells while it runs, from any of its threads, one call at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

namespace gantry::build {

struct Event {
    enum class Kind {
        started,  // a vertex begins; name says what it is
        cached,   // it is done already
        output,   // text of its command, as it came
        status,   // text: one line of what it is at ("sha256:... Downloading"); current and total where they are known
        done,
        failed,  // text: why
        notice,  // lines for the user outside of any vertex: the Dockerfile's place of an error, warnings
    };
    Kind kind = Kind::notice;
    std::size_t vertex = 0;  // 1, 2, ...; 0: none
    std::string name;        // "[build 2/4] RUN make"
    std::string text;
    bool error_stream = false;
    std::uint64_t current = 0, total = 0;           // bytes
    std::chrono::steady_clock::duration elapsed{};  // since the vertex began
};
using EventFn = std::function<void(const Event&)>;

}  // namespace gantry::build
