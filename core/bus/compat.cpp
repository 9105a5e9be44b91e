#include "bus/compat.hpp"

#include "base/utf8.hpp"

#include <systemd/sd-bus.h>

namespace gantry::bus {

namespace {

// sdbus-c++ shows neither the header's flags nor the message itself; sd-bus does.
struct Peek : sdbus::Message {
    static sd_bus_message* raw(const sdbus::Message& message) { return static_cast<sd_bus_message*>(message.*(&Peek::msg_)); }
};

}  // namespace

Caller caller_of(const sdbus::IObject& object) {
    const auto& message = current_message(object);
    Caller caller;
    caller.name = message.getSender();
    caller.interactive = sd_bus_message_get_allow_interactive_authorization(Peek::raw(message)) > 0;
    return caller;
}

sdbus::Error to_bus_error(const Error& error) { return make_error(error_name(error), valid_utf8(error.message())); }

}  // namespace gantry::bus
