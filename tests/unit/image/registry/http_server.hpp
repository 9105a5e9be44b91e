// An HTTP/1.1 server on loopback for tests, one thread a connection, that can misbehave in every way a test asks for.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace gantry::image::test {

struct Request {
    std::string method, target;                  // target with its query
    std::map<std::string, std::string> headers;  // names in lower case
    std::string body;
    [[nodiscard]] std::string header(const std::string& name) const;
    [[nodiscard]] std::string path() const { return target.substr(0, target.find('?')); }
};

struct Reply {
    int status = 200;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
    std::optional<std::uint64_t> declared_length;   // a Content-Length that is not the body's
    bool chunked = false;                           // no Content-Length
    std::optional<std::size_t> close_at, stall_at;  // after so many bytes of the body
    std::size_t drip = 0;                           // so many bytes at once, every 10 ms
    std::chrono::milliseconds delay{0};             // before the status line
    bool hang_up = false;                           // no answer at all
};

class HttpServer {
public:
    using Handler = std::function<Reply(const Request&)>;
    // certificate and key (PEM files) make it speak TLS.
    explicit HttpServer(Handler handler, const std::string& certificate = {}, const std::string& key = {});
    ~HttpServer();
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    [[nodiscard]] int port() const { return port_; }
    [[nodiscard]] std::string host() const { return "127.0.0.1:" + std::to_string(port_); }
    [[nodiscard]] std::vector<Request> requests() const;  // all so far
    // How many of a method whose target contains the text.
    [[nodiscard]] std::size_t count(const std::string& method, const std::string& text) const;
    void forget();

    struct Stream;

private:
    void accept_loop();
    void serve(int fd);
    bool answer(Stream& stream, const Request& request, const Reply& reply);
    bool send_body(Stream& stream, const Reply& reply, const std::string& body);
    void sleep_while_up(std::chrono::milliseconds time) const;

    Handler handler_;
    void* tls_ = nullptr;  // SSL_CTX
    int listener_ = -1;
    int port_ = 0;
    std::atomic<bool> down_ = false;
    mutable std::mutex mutex_;
    std::vector<Request> requests_;
    std::list<std::thread> threads_;
    std::vector<int> sockets_;
    std::thread acceptor_;
};

}  // namespace gantry::image::test
