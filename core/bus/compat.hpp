// The differences between sdbus-c++ 1.2 (Debian 12) and 2.1 (Debian 13), all of them, in one place. .cpp files only.
#pragma once

#include "base/result.hpp"
#include "bus/authority.hpp"

#include <sdbus-c++/sdbus-c++.h>

namespace gantry::bus {

#if GANTRY_SDBUS_MAJOR >= 2
using PropertyNames = std::vector<sdbus::PropertyName>;
inline sdbus::Error make_error(const std::string& name, const std::string& message) {
    return sdbus::Error(sdbus::Error::Name{name}, message);
}
inline void request_name(sdbus::IConnection& connection, const char* name) { connection.requestName(sdbus::ServiceName{name}); }
inline void release_name(sdbus::IConnection& connection, const char* name) { connection.releaseName(sdbus::ServiceName{name}); }
inline bool process_pending(sdbus::IConnection& connection) { return connection.processPendingEvent(); }
inline sdbus::Message current_message(const sdbus::IObject& object) { return object.getCurrentlyProcessedMessage(); }
inline sdbus::Signal make_signal(sdbus::IObject& object, const char* interface, const char* name) {
    return object.createSignal(sdbus::InterfaceName{interface}, sdbus::SignalName{name});
}
#else
using PropertyNames = std::vector<std::string>;
inline sdbus::Error make_error(const std::string& name, const std::string& message) { return sdbus::Error(name, message); }
inline void request_name(sdbus::IConnection& connection, const char* name) { connection.requestName(name); }
inline void release_name(sdbus::IConnection& connection, const char* name) { connection.releaseName(name); }
inline bool process_pending(sdbus::IConnection& connection) { return connection.processPendingRequest(); }
inline const sdbus::Message& current_message(const sdbus::IObject& object) { return *object.getCurrentlyProcessedMessage(); }
inline sdbus::Signal make_signal(sdbus::IObject& object, const char* interface, const char* name) {
    return object.createSignal(interface, name);
}
#endif

// Who sent the call that is being handled, and whether a user may be asked for a password.
Caller caller_of(const sdbus::IObject& object);

// io.gantry1.Error.NAME with the error's line, as UTF-8.
sdbus::Error to_bus_error(const Error& error);

}  // namespace gantry::bus
