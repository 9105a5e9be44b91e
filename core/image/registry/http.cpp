#include "image/registry/http.hpp"

#include "base/text.hpp"
#include "image/registry/transfer.hpp"

#include <mutex>

namespace gantry::image::registry {

std::string HttpResponse::header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() || found->second.empty() ? std::string() : found->second.back();
}

std::optional<std::uint64_t> HttpResponse::content_length() const { return whole_number(header("content-length")); }

// Connections live in a curl multi handle. libcurl's own share of connections between threads is not safe
// (curl_share_setopt(3), CURL_LOCK_DATA_CONNECT), so whole handles go from request to request instead.
struct HttpClient::Pool {
    std::mutex mutex;
    std::vector<std::unique_ptr<CurlSession>> idle;

    std::unique_ptr<CurlSession> take() {
        const std::scoped_lock lock(mutex);
        if (idle.empty()) return std::make_unique<CurlSession>();
        auto session = std::move(idle.back());
        idle.pop_back();
        return session;
    }

    void give_back(std::unique_ptr<CurlSession> session) {
        const std::scoped_lock lock(mutex);
        idle.push_back(std::move(session));
    }
};

HttpClient::HttpClient(Settings settings) : settings_(std::move(settings)), pool_(std::make_unique<Pool>()) {}
HttpClient::~HttpClient() = default;

HttpOutcome HttpClient::perform(const HttpRequest& request) {
    auto session = pool_->take();
    HttpOutcome outcome = Transfer(*session, settings_, request).run();
    // After a fault there is nothing in it that would be worth keeping.
    if (outcome.fault == Fault::none) pool_->give_back(std::move(session));
    return outcome;
}

}  // namespace gantry::image::registry
