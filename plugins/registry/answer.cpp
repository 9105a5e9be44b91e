#include "base/json.hpp"
#include "answer.hpp"

namespace gantry::registry {

namespace {

Fault fault_of(const Error& error) {
    switch (error.code()) {
    case Errc::invalid: return {"MANIFEST_INVALID", 400};
    case Errc::not_found: return {"NAME_UNKNOWN", 404};
    case Errc::denied: return denied;
    case Errc::unsupported: return unsupported;
    case Errc::in_use: return upload_busy;
    case Errc::corrupt: return digest_invalid;
    case Errc::no_space: return {"UNKNOWN", 507};
    case Errc::unavailable:
    case Errc::timeout: return {"UNAVAILABLE", 502};
    default: return {"UNKNOWN", 500};
    }
}

}  // namespace

Answer json(std::string body, int status) {
    Answer answer;
    answer.status = status;
    answer.headers.emplace_back("Content-Type", "application/json");
    answer.body = std::move(body);
    return answer;
}

Answer refuse(const Fault& fault, std::string_view message) {
    const Json error{{"code", fault.code}, {"message", message}};
    const Json root{{"errors", Json::array({error})}};
    return json(dump_json(root) + "\n", fault.status);
}

Answer failure(const Error& error) { return refuse(fault_of(error), error.message()); }

}  // namespace gantry::registry
