// A client's connection, with TLS or without.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <memory>
#include <optional>

namespace gantry::registry {

namespace asio = boost::asio;
using asio::ip::tcp;

// An AsyncReadStream and AsyncWriteStream (Boost.Asio's concepts). All calls on the socket's executor.
class Stream {
public:
    using executor_type = tcp::socket::executor_type;

    // context: null for plain TCP.
    Stream(tcp::socket socket, const std::shared_ptr<SSL_CTX>& context) : socket_(std::move(socket)) {
        if (!context) return;
        SSL_CTX_up_ref(context.get());
        context_.emplace(context.get());  // takes over one reference
        tls_.emplace(socket_, *context_);
    }

    executor_type get_executor() { return socket_.get_executor(); }
    tcp::socket& socket() { return socket_; }
    [[nodiscard]] bool encrypted() const { return tls_.has_value(); }

    asio::awaitable<void> handshake() {
        if (tls_) co_await tls_->async_handshake(asio::ssl::stream_base::server, asio::use_awaitable);
    }
    // Our end of the conversation.
    asio::awaitable<void> finish() {
        if (tls_) co_await tls_->async_shutdown(asio::use_awaitable);
        socket_.shutdown(tcp::socket::shutdown_send);
    }

    template <class Buffers, class Token>
    auto async_read_some(const Buffers& buffers, Token&& token) {
        if (tls_) return tls_->async_read_some(buffers, std::forward<Token>(token));
        return socket_.async_read_some(buffers, std::forward<Token>(token));
    }
    template <class Buffers, class Token>
    auto async_write_some(const Buffers& buffers, Token&& token) {
        if (tls_) return tls_->async_write_some(buffers, std::forward<Token>(token));
        return socket_.async_write_some(buffers, std::forward<Token>(token));
    }

private:
    tcp::socket socket_;
    std::optional<asio::ssl::context> context_;
    std::optional<asio::ssl::stream<tcp::socket&>> tls_;
};

}  // namespace gantry::registry
