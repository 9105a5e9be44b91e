// gantry-metrics: answers one HTTP request on its standard input, which is a connection that gantry-metrics.socket accepted,
// and ends.
#include "series.hpp"

#include "os/file.hpp"

#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace gantry::metrics {

namespace {

namespace http = boost::beast::http;

// Whoever is slower than this between two packets is not answered.
constexpr timeval patience{5, 0};

struct Answer {
    int status = 200;
    std::string body, type = "text/plain; charset=utf-8", extra;
};

// A whole header, of at most 8 KiB (the parser's own limit).
Result<http::request<http::empty_body>> read_request(int connection) {
    http::request_parser<http::empty_body> parser;
    std::string text;
    while (!parser.is_header_done()) {
        char buffer[4096];
        const ssize_t got = read(connection, buffer, sizeof buffer);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return errno_error("read the request");
        if (got == 0) return error(Errc::invalid, "the client closed the connection");
        text.append(buffer, static_cast<std::size_t>(got));
        boost::beast::error_code failure;
        const std::size_t used = parser.put(boost::asio::buffer(text), failure);
        text.erase(0, used);
        if (failure && failure != http::error::need_more) return error(Errc::invalid, "{}", failure.message());
    }
    return parser.release();
}

Answer answer(const http::request<http::empty_body>& request) {
    const std::string target(request.target().substr(0, request.target().find('?')));
    if (request.method() != http::verb::get && request.method() != http::verb::head)
        return {405, "only GET and HEAD\n", "text/plain; charset=utf-8", "Allow: GET, HEAD\r\n"};
    if (target == "/") return {200, "metrics of containers are at /metrics\n"};
    if (target != "/metrics") return {404, "there is /metrics\n"};
    Exposition series;
    collect(config::Paths::from_environment(), series);
    return {200, series.text(), "text/plain; version=0.0.4; charset=utf-8"};
}

Result<> serve(int connection) {
    setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    const auto request = read_request(connection);
    const Answer said = request.ok() ? answer(*request) : Answer{400, request.error().message() + "\n"};
    const std::string header = fmt::format(
        "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n{}Connection: close\r\n\r\n", said.status,
        std::string(http::obsolete_reason(static_cast<http::status>(said.status))), said.type, said.body.size(), said.extra);
    const bool head = request.ok() && request->method() == http::verb::head;
    return os::write_all(connection, head ? header : header + said.body, "the client");
}

}  // namespace

}  // namespace gantry::metrics

int main() {
    // Nobody else's business: a client that goes, or says nothing.
    if (const auto served = gantry::metrics::serve(STDIN_FILENO); !served.ok())
        fmt::print(stderr, SD_DEBUG "{}\n", served.error().message());
    return 0;
}
