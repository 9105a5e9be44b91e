#include "image/registry/retry.hpp"

#include "image/json.hpp"

#include <curl/curl.h>

#include <charconv>
#include <ctime>
#include <random>
#include <thread>

namespace gantry::image::registry {

namespace {

Milliseconds jitter(Milliseconds time) {
    thread_local std::minstd_rand source(std::random_device{}());
    return Milliseconds(std::uniform_int_distribution<Milliseconds::rep>(0, time.count() / 4)(source));
}

std::string text_of(const Json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

void Retry::progressed() {
    left_ = settings_.retries;
    backoff_ = settings_.backoff;
}

void Retry::reached(std::uint64_t at) {
    if (at < furthest_ + settings_.progress) return;
    furthest_ = at;
    progressed();
}

bool Retry::worth_it(const HttpOutcome& outcome) {
    switch (outcome.fault) {
    case Fault::none: {
        const long status = outcome.response.status;
        return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
    }
    case Fault::connect: return connect_left_-- > 0;
    case Fault::lost:
    case Fault::stalled: return true;
    default: return false;
    }
}

bool Retry::again(const HttpOutcome& outcome) {
    if (!worth_it(outcome) || left_-- <= 0) return false;
    Milliseconds time = backoff_ + jitter(backoff_);
    backoff_ = std::min(backoff_ * 2, settings_.backoff_limit);
    if (const auto asked = retry_after(outcome.response); asked && outcome.fault == Fault::none) {
        if (*asked > settings_.retry_after_limit) return false;
        time = std::max(*asked, Milliseconds(1));
    }
    return wait(time);
}

bool Retry::wait(Milliseconds time) const {
    const auto end = std::chrono::steady_clock::now() + time;
    while (std::chrono::steady_clock::now() < end) {
        if (settings_.cancelled()) return false;
        std::this_thread::sleep_for(
            std::min<std::chrono::nanoseconds>(Milliseconds(50), end - std::chrono::steady_clock::now()));
    }
    return !settings_.cancelled();
}

std::optional<Milliseconds> retry_after(const HttpResponse& response) {
    const std::string text = response.header("retry-after");
    if (text.empty()) return std::nullopt;
    std::int64_t seconds = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (code != std::errc() || end != text.data() + text.size()) {
        const time_t when = curl_getdate(text.c_str(), nullptr);
        if (when < 0) return std::nullopt;
        seconds = static_cast<std::int64_t>(when) - static_cast<std::int64_t>(time(nullptr));
    }
    return Milliseconds(std::clamp<std::int64_t>(seconds, 0, 365 * 86400) * 1000);
}

HttpOutcome perform_with_retries(HttpClient& client, const HttpRequest& request) {
    Retry retry(client.settings(), client.settings().connect_retries);
    while (true) {
        HttpOutcome outcome = client.perform(request);
        if (!retry.again(outcome)) return outcome;
    }
}

std::string error_suffix(std::string_view body) {
    const auto root = detail::parse_object(body, "error");
    if (!root.ok()) return {};
    std::string message;
    const auto errors = root->find("errors");
    if (errors != root->end() && errors->is_array() && !errors->empty() && errors->front().is_object()) {
        message = text_of(errors->front(), "message");
        if (message.empty()) message = text_of(errors->front(), "code");
    }
    for (const char* key : {"error_description", "details", "message", "error"})
        if (message.empty()) message = text_of(*root, key);
    std::string plain;
    for (const char c : message.substr(0, 200)) plain += (c >= ' ' && c < 0x7f) ? c : ' ';
    return plain.empty() ? plain : ": " + plain;
}

}  // namespace gantry::image::registry
