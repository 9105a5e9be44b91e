#include "base/error.hpp"

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

}  // namespace

Error Error::from_errno(int number, std::string_view what) {
    Error error(code_of(number), fmt::format("{}: {}", what, reason_of(number)));
    error.sys_ = number;
    return error;
}

Error Error::context(std::string_view prefix) const& {
    Error copy(*this);
    return std::move(copy).context(prefix);
}

Error Error::context(std::string_view prefix) && {
    message_ = fmt::format("{}: {}", prefix, message_);
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
