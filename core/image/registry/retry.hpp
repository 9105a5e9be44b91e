// When to try again, and how long to wait before.
#pragma once

#include "image/registry/http.hpp"

namespace gantry::image::registry {

class Retry {
public:
    // connect_retries: how often a failed first contact is tried again. at: where a transfer that goes on begins.
    Retry(const Settings& settings, int connect_retries, std::uint64_t at = 0)
        : settings_(settings), connect_left_(connect_retries), furthest_(at) {
        progressed();
    }

    // Worth another attempt? Then waits as long as is right (Retry-After, or the backoff). False: no, or cancelled meanwhile.
    bool again(const HttpOutcome& outcome);
    // The attempt brought something: start counting anew.
    void progressed();
    // The same of a transfer that stands there now. Only what no attempt brought before is progress: a server that never
    // resumes must not keep us forever.
    void reached(std::uint64_t at);

private:
    bool worth_it(const HttpOutcome& outcome);
    bool wait(Milliseconds time) const;

    const Settings& settings_;
    int left_ = 0;
    int connect_left_;
    std::uint64_t furthest_;
    Milliseconds backoff_{};
};

// The delay that a Retry-After header asks for (seconds or an HTTP date).
std::optional<Milliseconds> retry_after(const HttpResponse& response);

// For small requests without a sink.
HttpOutcome perform_with_retries(HttpClient& client, const HttpRequest& request);

// ": MESSAGE" from a registry's error body (distribution-spec "Error Codes") or a token server's, cleaned and short; else
// empty.
std::string error_suffix(std::string_view body);

}  // namespace gantry::image::registry
