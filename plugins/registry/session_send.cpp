// What goes out.
#include "session.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/status.hpp>

#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

namespace gantry::registry {

namespace http = boost::beast::http;

namespace {

constexpr std::size_t send_at_once = 1U << 20;  // bytes that one sendfile(2) is asked for
constexpr std::size_t copy_at_once = 64U << 10;
constexpr std::chrono::seconds wait_time{60};  // for more of what is still coming in
constexpr std::chrono::milliseconds look_again{10};

[[noreturn]] void give_up(int number) {
    throw boost::system::system_error(boost::system::error_code(number, boost::system::system_category()));
}

std::string http_date() {
    const std::time_t now = std::time(nullptr);
    std::tm parts{};
    gmtime_r(&now, &parts);
    char text[64];
    std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    return text;
}

std::string head_text(const Answer& answer, bool keep) {
    const auto reason = http::obsolete_reason(static_cast<http::status>(answer.status));
    std::string text = fmt::format("HTTP/1.1 {} {}\r\nDate: {}\r\nDocker-Distribution-Api-Version: registry/2.0\r\n",
                                   answer.status, std::string_view(reason.data(), reason.size()), http_date());
    for (const auto& [name, value] : answer.headers) text += fmt::format("{}: {}\r\n", name, value);
    // RFC 9110, 8.6: neither of these has a body.
    if (answer.status != 204 && answer.status != 304) text += fmt::format("Content-Length: {}\r\n", answer.size());
    text += keep ? "\r\n" : "Connection: close\r\n\r\n";
    return text;
}

}  // namespace

asio::awaitable<void> Session::send(bool head, const Answer& answer, bool keep) {
    std::string text = head_text(answer, keep);
    const bool body = !head && answer.status != 204 && answer.status != 304;
    if (body) text += answer.body;
    co_await send_text(text);
    if (body && answer.incoming)
        co_await send_incoming(answer);
    else if (body && answer.length > 0)
        co_await send_part(answer.file.get(), answer.offset, answer.length);
}

// As far as it has come, and then on as it comes. Whoever fetches it gives up when its source does; we then break off.
asio::awaitable<void> Session::send_incoming(const Answer& answer) {
    const Incoming& incoming = *answer.incoming;
    asio::steady_timer timer(stream_.get_executor());
    std::uint64_t at = answer.offset;
    for (const std::uint64_t end = at + answer.length; at < end;) {
        const std::uint64_t there = std::min(end, incoming.received());
        if (there > at) {
            co_await send_part(incoming.file(), at, there - at);
            at = there;
        } else if (incoming.failed()) {
            give_up(EIO);
        } else {
            allow(wait_time);
            timer.expires_after(look_again);
            co_await timer.async_wait(asio::use_awaitable);
        }
    }
}

asio::awaitable<void> Session::send_part(int file, std::uint64_t offset, std::uint64_t length) {
    if (stream_.encrypted())
        co_await copy_file(file, offset, length);
    else
        co_await send_file(file, offset, length);
}

asio::awaitable<void> Session::send_text(std::string_view text) {
    while (!text.empty()) {
        const std::size_t sent = co_await stream_.async_write_some(asio::buffer(text.data(), text.size()), asio::use_awaitable);
        text.remove_prefix(sent);
        progressed(sent);
    }
}

// From the page cache to the socket, without a copy of ours.
asio::awaitable<void> Session::send_file(int file, std::uint64_t offset, std::uint64_t length) {
    stream_.socket().native_non_blocking(true);
    auto at = static_cast<off_t>(offset);
    while (length > 0) {
        const ssize_t sent =
            sendfile(stream_.socket().native_handle(), file, &at, std::min<std::uint64_t>(length, send_at_once));
        if (sent > 0) {
            length -= static_cast<std::uint64_t>(sent);
            progressed(static_cast<std::size_t>(sent));
        } else if (sent == 0) {
            give_up(EIO);  // the file has become shorter
        } else if (errno == EAGAIN) {
            co_await stream_.socket().async_wait(tcp::socket::wait_write, asio::use_awaitable);
        } else if (errno != EINTR) {
            give_up(errno);
        }
    }
}

asio::awaitable<void> Session::copy_file(int file, std::uint64_t offset, std::uint64_t length) {
    piece_.resize(std::max(piece_.size(), copy_at_once));
    while (length > 0) {
        const ssize_t got =
            pread(file, piece_.data(), std::min<std::uint64_t>(length, copy_at_once), static_cast<off_t>(offset));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) give_up(got < 0 ? errno : EIO);
        co_await send_text({piece_.data(), static_cast<std::size_t>(got)});
        offset += static_cast<std::uint64_t>(got);
        length -= static_cast<std::uint64_t>(got);
    }
}

}  // namespace gantry::registry
