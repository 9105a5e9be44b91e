#include "base/error.hpp"

#include "base/utf8.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace gantry {

namespace {

Errc code_of(int number) {
    switch (number) {
    case ENOENT: return Errc::not_found;
    case EEXIST: return Errc::exists;
    case EBUSY: return Errc::in_use;
    case EPERM:
    case EACCES: return Errc::denied;
    case ENOSPC:
    case EDQUOT: return Errc::no_space;
    case EOPNOTSUPP:
    case ENOSYS: return Errc::unsupported;
    case ECANCELED: return Errc::cancelled;
    case ETIMEDOUT: return Errc::timeout;
    default: return Errc::io;
    }
}

std::string reason_of(int number) {
    std::string text = strerrordesc_np(number) ? strerrordesc_np(number) : "unknown error";
    // glibc starts its texts with a capital; ours are in the middle of a line. Acronyms ("RPC ...") stay.
    if (text.size() > 1 && text[1] >= 'a' && text[1] <= 'z') text[0] = static_cast<char>(text[0] | 0x20);
    return text;
}

std::string one_line(std::string text) {
    const auto plain = [](unsigned char c) { return c >= 0x20 && c < 0x7F; };
    if (std::all_of(text.begin(), text.end(), plain)) return text;
    std::string clean;
    for (std::size_t i = 0; i < text.size();) {
        const std::string_view character = std::string_view(text).substr(i, character_size(std::string_view(text).substr(i)));
        const std::size_t length = character.size();
        // None of the control characters, of which C1 take two bytes.
        if (length == 1 ? plain(static_cast<unsigned char>(text[i])) : length > 1 && code_point(character) >= 0xA0) {
            clean.append(text, i, length);
            i += length;
        } else {
            clean += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[i++]));
        }
    }
    return clean;
}

}  // namespace

Error::Error(Errc code, std::string message) : facts_(new Facts{code, 0, one_line(std::move(message))}) {}

Error::Error(const Error& other) : facts_(other.facts_ ? new Facts(*other.facts_) : nullptr) {}

void Error::drop() noexcept { delete facts_; }

Error Error::from_errno(int number, std::string_view what) {
    Error error(code_of(number), fmt::format("{}: {}", what, reason_of(number)));
    error.facts_->sys = number;
    return error;
}

Error Error::context(std::string_view prefix) const& {
    Error copy(*this);
    return std::move(copy).context(prefix);
}

Error Error::context(std::string_view prefix) && {
    facts_->message = one_line(fmt::format("{}: {}", prefix, facts_->message));
    return std::move(*this);
}

const char* errc_name(Errc code) {
    switch (code) {
    case Errc::invalid: return "Invalid";
    case Errc::not_found: return "NotFound";
    case Errc::exists: return "Exists";
    case Errc::in_use: return "InUse";
    case Errc::denied: return "Denied";
    case Errc::unavailable: return "Unavailable";
    case Errc::corrupt: return "Corrupt";
    case Errc::no_space: return "NoSpace";
    case Errc::unsupported: return "Unsupported";
    case Errc::cancelled: return "Cancelled";
    case Errc::timeout: return "Timeout";
    case Errc::io: return "Io";
    case Errc::internal: return "Internal";
    }
    return "Internal";
}

namespace detail {
int current_errno() { return errno; }
}  // namespace detail

}  // namespace gantry
