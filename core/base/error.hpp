// The one error type of Gantry. An Error is made where the fact is known (the callee names the
// object and the kernel's reason) and gains a prefix where the intent is known (the caller says what it tried):
//     start container 'web': mount '/data' on '/srv': no such file or directory
// Lower case, no full stop, values in single quotes. A function returns an error or logs it, never both.
#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>

namespace gantry {

// What kind of failure it was, for those who decide on it: exit codes of the command line, D-Bus error names, retries.
enum class Errc {
    invalid,      // bad input: a definition, a flag, an image, an archive; the user can mend it
    not_found,    // the named object does not exist
    exists,       // an object of that name exists already
    in_use,       // the object cannot be changed or removed while others use it
    denied,       // permissions, a login that failed, a policy
    unavailable,  // a service, registry or driver that cannot be reached now; trying again may help
    corrupt,      // stored data is not what it should be (digest, size, syntax)
    no_space,     // disk or quota full
    unsupported,  // this host or driver cannot do it
    cancelled,    // somebody asked to stop
    timeout,      // it took longer than allowed
    io,           // any other refusal of the kernel; see sys()
    internal,     // a fault of Gantry
};

class Error {
public:
    // Messages quote what others wrote. Whatever that was, a message is one line of valid UTF-8: control characters and stray
    // bytes become \xNN, so no journal line can be forged and D-Bus takes every error.
    Error(Errc code, std::string message);

    // From an errno value; the code is derived from it, the message becomes "what: strerror".
    static Error from_errno(int number, std::string_view what);

    Error(const Error& other);
    Error(Error&& other) noexcept : facts_(std::exchange(other.facts_, nullptr)) {}
    Error& operator=(Error other) noexcept {
        std::swap(facts_, other.facts_);
        return *this;
    }
    ~Error() {
        if (facts_) drop();
    }

    [[nodiscard]] Errc code() const { return facts_->code; }
    // The errno value behind it, 0 where there was none.
    [[nodiscard]] int sys() const { return facts_->sys; }
    [[nodiscard]] const std::string& message() const { return facts_->message; }

    // The same error with "prefix: " in front.
    [[nodiscard]] Error context(std::string_view prefix) const&;
    [[nodiscard]] Error context(std::string_view prefix) &&;

private:
    // One pointer: a Result is hardly larger than its value, and passing an error on costs a word. Null once moved from.
    struct Facts {
        Errc code;
        int sys;
        std::string message;
    };
    void drop() noexcept;

    Facts* facts_;
};

// The name of a code as it is written in JSON and in D-Bus error names ("NotFound").
const char* errc_name(Errc code);

// error(Errc::invalid, "port '{}' is not a number", text)
template <class... Args>
Error error(Errc code, fmt::format_string<Args...> format, Args&&... args) {
    return Error(code, fmt::format(format, std::forward<Args>(args)...));
}

// errno_error("open '{}'", path): takes errno before it formats.
template <class... Args>
Error errno_error(fmt::format_string<Args...> format, Args&&... args);

namespace detail {
int current_errno();
}

template <class... Args>
Error errno_error(fmt::format_string<Args...> format, Args&&... args) {
    const int number = detail::current_errno();
    return Error::from_errno(number, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace gantry
