// One HTTP exchange on libcurl's handles; http.cpp's inner half.
#pragma once

#include "image/registry/http.hpp"

#include <curl/curl.h>

#include <signal.h>

namespace gantry::image::registry {

// A curl multi handle (which owns connections) and the one easy handle that runs in it.
class CurlSession {
public:
    CurlSession();
    ~CurlSession();
    CurlSession(const CurlSession&) = delete;
    CurlSession& operator=(const CurlSession&) = delete;
    [[nodiscard]] CURLM* multi() const { return multi_; }
    [[nodiscard]] CURL* easy() const { return easy_; }

private:
    CURLM* multi_;
    CURL* easy_;
};

// OpenSSL writes to sockets with write(2): a closed connection would end the process. Keeps SIGPIPE out of this thread.
class SigpipeGuard {
public:
    SigpipeGuard();
    ~SigpipeGuard();
    SigpipeGuard(const SigpipeGuard&) = delete;
    SigpipeGuard& operator=(const SigpipeGuard&) = delete;

private:
    sigset_t before_{};
    bool pending_ = false;
};

class Transfer {
public:
    Transfer(CurlSession& session, const Settings& settings, const HttpRequest& request)
        : session_(session), settings_(settings), request_(request) {}
    HttpOutcome run();

private:
    using Clock = std::chrono::steady_clock;

    void set_up();
    void set_up_tls();
    void drive();
    void finish(CURLcode code);
    bool stalled();
    void fail(Fault fault, Error error);
    std::size_t on_header(std::string_view line);
    std::size_t on_body(std::string_view data);
    bool streamed() const;
    bool give_to_sink(std::string_view data);
    void set_up_body();
    std::size_t on_send(char* buffer, std::size_t room);
    [[nodiscard]] bool awaits_answer() const;

    CurlSession& session_;
    const Settings& settings_;
    const HttpRequest& request_;
    HttpOutcome outcome_;
    std::unique_ptr<curl_slist, void (*)(curl_slist*)> headers_{nullptr, curl_slist_free_all};
    std::array<char, CURL_ERROR_SIZE> message_{};
    std::size_t header_bytes_ = 0;
    bool begun_ = false;
    bool enough_ = false;  // of an error's body
    std::uint64_t sent_ = 0;
    Clock::time_point window_start_;
    Clock::duration in_sink_{};  // within the window
    std::uint64_t window_bytes_ = 0;
};

}  // namespace gantry::image::registry
