#include "http_server.hpp"

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

namespace gantry::image::test {

std::string Request::header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? std::string() : found->second;
}

// Bytes in and out, plain or TLS.
struct HttpServer::Stream {
    int fd;
    SSL* ssl = nullptr;
    std::string buffer;

    explicit Stream(int socket) : fd(socket) {}
    ~Stream() {
        if (ssl) SSL_free(ssl);
    }
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    bool more() {
        char piece[16384];
        const long got = ssl ? SSL_read(ssl, piece, sizeof piece) : recv(fd, piece, sizeof piece, 0);
        if (got <= 0) return false;
        buffer.append(piece, static_cast<std::size_t>(got));
        return true;
    }
    bool send_all(std::string_view data) const {
        while (!data.empty()) {
            const long sent = ssl ? SSL_write(ssl, data.data(), static_cast<int>(std::min<std::size_t>(data.size(), 65536)))
                                  : send(fd, data.data(), data.size(), MSG_NOSIGNAL);
            if (sent <= 0) return false;
            data.remove_prefix(static_cast<std::size_t>(sent));
        }
        return true;
    }
    bool read_request(Request& request) {
        std::size_t end;
        while ((end = buffer.find("\r\n\r\n")) == std::string::npos)
            if (buffer.size() > 65536 || buffer.starts_with('\x16') || !more()) return false;  // 0x16: TLS where none is spoken
        const std::string head = buffer.substr(0, end + 2);
        buffer.erase(0, end + 4);
        const std::size_t space = head.find(' '), second = head.find(' ', space + 1);
        if (space == std::string::npos || second == std::string::npos) return false;
        request.method = head.substr(0, space);
        request.target = head.substr(space + 1, second - space - 1);
        for (std::size_t at = head.find("\r\n") + 2; at < head.size();) {
            const std::size_t line_end = head.find("\r\n", at), colon = head.find(':', at);
            if (colon == std::string::npos || colon > line_end) return false;
            std::string name = head.substr(at, colon - at);
            std::ranges::transform(name, name.begin(), [](char c) { return static_cast<char>(tolower(c)); });
            request.headers[name] = head.substr(colon + 2, line_end - colon - 2);
            at = line_end + 2;
        }
        if (!request.header("expect").empty() && !send_all("HTTP/1.1 100 Continue\r\n\r\n")) return false;
        const std::string length = request.header("content-length");
        const std::size_t size = length.empty() ? 0 : std::stoul(length);
        while (buffer.size() < size)
            if (!more()) return false;
        request.body = buffer.substr(0, size);
        buffer.erase(0, size);
        return true;
    }
};

HttpServer::HttpServer(Handler handler, const std::string& certificate, const std::string& key) : handler_(std::move(handler)) {
    signal(SIGPIPE, SIG_IGN);  // the server's own TLS writes
    if (!certificate.empty()) {
        SSL_CTX* context = SSL_CTX_new(TLS_server_method());
        if (SSL_CTX_use_certificate_chain_file(context, certificate.c_str()) != 1 ||
            SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1)
            throw std::runtime_error("certificate");
        tls_ = context;
    }
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(listener_, 64) != 0 ||
        getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
        throw std::runtime_error("listen");
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept_loop(); });
}

HttpServer::~HttpServer() {
    down_ = true;
    acceptor_.join();
    {
        const std::scoped_lock lock(mutex_);
        for (const int fd : sockets_) shutdown(fd, SHUT_RDWR);
    }
    for (std::thread& thread : threads_) thread.join();
    for (const int fd : sockets_) close(fd);
    close(listener_);
    if (tls_) SSL_CTX_free(static_cast<SSL_CTX*>(tls_));
}

void HttpServer::accept_loop() {
    while (!down_) {
        pollfd ready{listener_, POLLIN, 0};
        if (poll(&ready, 1, 20) <= 0) continue;
        const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (fd < 0) continue;
        const std::scoped_lock lock(mutex_);
        sockets_.push_back(fd);
        threads_.emplace_back([this, fd] { serve(fd); });
    }
}

void HttpServer::serve(int fd) {
    Stream stream(fd);
    bool good = true;
    if (tls_) {
        stream.ssl = SSL_new(static_cast<SSL_CTX*>(tls_));
        SSL_set_fd(stream.ssl, fd);
        good = SSL_accept(stream.ssl) == 1;
    }
    while (good && !down_) {
        Request request;
        if (!stream.read_request(request)) break;
        {
            const std::scoped_lock lock(mutex_);
            requests_.push_back(request);
        }
        good = answer(stream, request, handler_(request));
    }
    shutdown(fd, SHUT_RDWR);
}

void HttpServer::sleep_while_up(std::chrono::milliseconds time) const {
    const auto end = std::chrono::steady_clock::now() + time;
    while (!down_ && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(std::chrono::milliseconds(5));
}

bool HttpServer::answer(Stream& stream, const Request& request, const Reply& reply) {
    sleep_while_up(reply.delay);
    if (reply.hang_up) return false;
    std::string head = "HTTP/1.1 " + std::to_string(reply.status) + " Whatever\r\n";
    for (const auto& [name, value] : reply.headers) head += name + ": " + value + "\r\n";
    if (reply.chunked)
        head += "Transfer-Encoding: chunked\r\n";
    else
        head += "Content-Length: " + std::to_string(reply.declared_length.value_or(reply.body.size())) + "\r\n";
    if (!stream.send_all(head + "\r\n")) return false;
    if (request.method == "HEAD") return true;
    return send_body(stream, reply, reply.body) && (!reply.declared_length || *reply.declared_length == reply.body.size());
}

bool HttpServer::send_body(Stream& stream, const Reply& reply, const std::string& body) {
    const std::size_t stop = std::min(reply.close_at.value_or(body.size()), reply.stall_at.value_or(body.size()));
    const std::size_t piece = reply.drip ? reply.drip : 65536;
    for (std::size_t at = 0; at < stop && !down_; at += piece) {
        const std::string data = body.substr(at, std::min(piece, stop - at));
        std::string text = data;
        if (reply.chunked) {
            char size[32];
            snprintf(size, sizeof size, "%zx\r\n", data.size());
            text = size + data + "\r\n";
        }
        if (!stream.send_all(text)) return false;
        if (reply.drip) sleep_while_up(std::chrono::milliseconds(10));
    }
    if (reply.stall_at) {
        // Until the other side has had enough.
        while (!down_) {
            pollfd ready{stream.fd, POLLIN | POLLRDHUP, 0};
            if (poll(&ready, 1, 20) > 0) break;
        }
        return false;
    }
    if (reply.close_at) return false;
    return !reply.chunked || stream.send_all("0\r\n\r\n");
}

std::vector<Request> HttpServer::requests() const {
    const std::scoped_lock lock(mutex_);
    return requests_;
}

std::size_t HttpServer::count(const std::string& method, const std::string& text) const {
    const auto all = requests();
    return static_cast<std::size_t>(std::ranges::count_if(all, [&](const Request& request) {
        return request.method == method && request.target.find(text) != std::string::npos;
    }));
}

void HttpServer::forget() {
    const std::scoped_lock lock(mutex_);
    requests_.clear();
}

}  // namespace gantry::image::test
