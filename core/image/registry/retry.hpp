// When to try again, and how long to wait before.
#pragma once

#include "image/registry/http.hpp"

namespace gantry::image::registry {

class Retry {
public:
    // connect_retries: how often a failed first contact is tried again.
    Retry(const Settings& settings, int connect_retries) : settings_(settings), connect_left_(connect_retries) { progressed(); }

    // Worth another attempt? Then waits as long as is right (Retry-After, or the backoff). False: no, or cancelled meanwhile.
    bool again(const HttpOutcome& outcome);
    // The attempt brought something: start counting anew.
    void progressed();

private:
    bool worth_it(const HttpOutcome& outcome);
    bool wait(Milliseconds time) const;

    const Settings& settings_;
    int left_ = 0;
    int connect_left_;
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
