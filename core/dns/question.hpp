// Waits until resolvers know a name.
#pragma once

#include "base/result.hpp"
#include "os/fd.hpp"

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace gantry::dns {

// One UDP message that asks for the address of `name` (RFC 1035, section 4), and whether an answer has one.
std::string question_text(std::uint16_t id, std::string_view name, bool v6);
[[nodiscard]] bool is_answer(std::string_view message, std::uint16_t id);

struct Asked {
    std::string server, name;
    bool v6 = false;  // for an IPv6 address
};

// Sockets belong to the network namespace in which add() is called. A resolver that is not there yet, or does not know the name
// yet, is asked again.
class Questions {
public:
    Result<> add(Asked asked);
    // False: somebody has not answered in time. patience is for resolvers that are only being started, or busy: for those that
    // are known to be reached.
    [[nodiscard]] bool wait(std::chrono::milliseconds limit, std::chrono::milliseconds patience);
    [[nodiscard]] bool empty() const { return open_.empty(); }

private:
    struct Open {
        os::Fd socket;
        std::string message;
        std::uint16_t id = 0;
    };
    enum class Heard { nothing, refused, unknown };
    static void send(const Open& open);
    Heard take();

    std::vector<Open> open_;
};

}  // namespace gantry::dns
