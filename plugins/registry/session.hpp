// One connection: HTTP/1.1 requests, one after the other.
#pragma once

#include "api.hpp"
#include "stream.hpp"

#include <boost/asio/thread_pool.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>

#include <atomic>
#include <chrono>

namespace gantry::registry {

class Session : public std::enable_shared_from_this<Session> {
public:
    using Clock = std::chrono::steady_clock;

    // helpers: where work that takes long is done. All three outlive the session. first: the settings that say whether TLS is
    // spoken; each request looks at the settings of its time.
    Session(Api& api, asio::thread_pool& helpers, LiveSettings& settings, tcp::socket socket, const Settings& first);

    // Until the client leaves, a limit is reached or close() is called; throws nothing.
    asio::awaitable<void> run();
    // From any thread.
    void close();
    [[nodiscard]] bool overdue(Clock::time_point now) const { return now.time_since_epoch().count() > deadline_.load(); }
    [[nodiscard]] bool waiting() const { return waiting_.load(); }  // between two requests
    asio::any_io_executor executor() { return stream_.get_executor(); }

private:
    using Parser = boost::beast::http::request_parser<boost::beast::http::buffer_body>;

    asio::awaitable<bool> serve_one();
    asio::awaitable<bool> read_head();
    asio::awaitable<Answer> answer(Request& request);
    asio::awaitable<Answer> receive_upload(Request& request);
    asio::awaitable<std::optional<Answer>> receive_manifest(Request& request);
    asio::awaitable<std::string_view> next_piece();
    asio::awaitable<void> send(bool head, const Answer& answer, bool keep);
    asio::awaitable<void> send_text(std::string_view text);
    asio::awaitable<void> send_incoming(const Answer& answer);
    asio::awaitable<void> send_part(int file, std::uint64_t offset, std::uint64_t length);
    asio::awaitable<void> send_file(int file, std::uint64_t offset, std::uint64_t length);
    asio::awaitable<void> copy_file(int file, std::uint64_t offset, std::uint64_t length);
    asio::awaitable<void> linger();
    Result<Request> request_of_head() const;
    void allow(Clock::duration time) { deadline_ = (Clock::now() + time).time_since_epoch().count(); }
    void progressed(std::size_t bytes);

    Api& api_;
    asio::thread_pool& helpers_;
    LiveSettings& settings_;
    Stream stream_;
    std::string peer_;
    boost::beast::flat_buffer buffer_;
    std::optional<Parser> parser_;
    std::vector<char> piece_;
    std::size_t since_allowed_ = 0;  // bytes, see progressed()
    std::atomic<Clock::rep> deadline_{0};
    std::atomic<bool> waiting_ = false;
};

}  // namespace gantry::registry
