// What a request is answered with.
#pragma once

#include "base/result.hpp"
#include "os/fd.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace gantry::registry {

class Incoming;

struct Answer {
    int status = 200;
    std::vector<std::pair<std::string, std::string>> headers;  // without Content-Length
    std::string body;
    // Instead of a text, where length is not 0: so many bytes of the file, or of what is still coming in, from offset on.
    os::Fd file;
    std::shared_ptr<Incoming> incoming;  // see upstream.hpp
    std::uint64_t offset = 0, length = 0;

    Answer&& with(std::string name, std::string value) && {
        headers.emplace_back(std::move(name), std::move(value));
        return std::move(*this);
    }
    [[nodiscard]] std::uint64_t size() const { return length > 0 ? length : body.size(); }
};

// distribution-spec "Error Codes", with the status that goes with each.
struct Fault {
    const char* code;
    int status;
};
inline constexpr Fault blob_unknown{"BLOB_UNKNOWN", 404};
inline constexpr Fault upload_invalid{"BLOB_UPLOAD_INVALID", 400};
inline constexpr Fault upload_range{"BLOB_UPLOAD_INVALID", 416};
inline constexpr Fault upload_busy{"BLOB_UPLOAD_INVALID", 409};
inline constexpr Fault upload_unknown{"BLOB_UPLOAD_UNKNOWN", 404};
inline constexpr Fault digest_invalid{"DIGEST_INVALID", 400};
inline constexpr Fault manifest_blob_unknown{"MANIFEST_BLOB_UNKNOWN", 404};
inline constexpr Fault manifest_invalid{"MANIFEST_INVALID", 400};
inline constexpr Fault manifest_unknown{"MANIFEST_UNKNOWN", 404};
inline constexpr Fault name_invalid{"NAME_INVALID", 400};
inline constexpr Fault name_unknown{"NAME_UNKNOWN", 404};
inline constexpr Fault page_invalid{"PAGINATION_NUMBER_INVALID", 400};
inline constexpr Fault size_invalid{"SIZE_INVALID", 400};
inline constexpr Fault too_large{"SIZE_INVALID", 413};
inline constexpr Fault unauthorized{"UNAUTHORIZED", 401};
inline constexpr Fault denied{"DENIED", 403};
inline constexpr Fault unsupported{"UNSUPPORTED", 405};
inline constexpr Fault too_many{"TOOMANYREQUESTS", 429};

Answer refuse(const Fault& fault, std::string_view message);
// For errors of the engine: a full disk is 507, a source that cannot be reached 502, a fault of ours 500.
Answer failure(const Error& error);
Answer json(std::string body, int status = 200);

}  // namespace gantry::registry
