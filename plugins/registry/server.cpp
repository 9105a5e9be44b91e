#include "server.hpp"

#include "log.hpp"

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/strand.hpp>

#include <csignal>
#include <sys/socket.h>
#include <thread>

namespace gantry::registry {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t network_threads = 4, helper_threads = 4;
constexpr std::size_t connection_limit = 512;  // more wait in the kernel's queue
constexpr auto leave_time = 10s;

Result<sa_family_t> family_of(int socket) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    if (getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0)
        return errno_error("name of a listening socket");
    if (address.ss_family != AF_INET && address.ss_family != AF_INET6)
        return error(Errc::unsupported, "a listening socket is not TCP");
    return address.ss_family;
}

asio::awaitable<void> pause(std::chrono::milliseconds time) {
    const auto executor = co_await asio::this_coro::executor;
    asio::steady_timer timer(executor, time);
    co_await timer.async_wait(asio::use_awaitable);
}

}  // namespace

Server::Server(Api& api, LiveSettings& settings)
    : api_(api), settings_(settings), io_(network_threads), helpers_(helper_threads), signals_(io_, SIGTERM, SIGINT) {}

Result<> Server::add_acceptor(os::Fd socket) {
    const sa_family_t family = TRY(family_of(socket.get()));
    boost::system::error_code failure;
    acceptors_.emplace_back(io_);
    acceptors_.back().assign(family == AF_INET ? tcp::v4() : tcp::v6(), socket.get(), failure);
    if (failure) return error(Errc::io, "a listening socket: {}", failure.message());
    static_cast<void>(socket.release());
    return {};
}

asio::awaitable<void> Server::serve(std::shared_ptr<Session> session) {
    co_await session->run();
    const std::lock_guard lock(mutex_);
    sessions_.remove(session);
    last_use_ = Clock::now();
}

asio::awaitable<void> Server::accept(tcp::acceptor& acceptor) {
    while (acceptor.is_open()) {
        if (count() >= connection_limit) {
            co_await pause(50ms);
            continue;
        }
        boost::system::error_code failure;
        const auto strand = asio::make_strand(io_);
        tcp::socket socket(strand);
        co_await acceptor.async_accept(socket, asio::redirect_error(asio::use_awaitable, failure));
        if (failure) {
            // Out of descriptors or memory, or the client is gone already.
            if (failure != asio::error::operation_aborted) co_await pause(50ms);
            continue;
        }
        const auto settings = settings_.current();
        if (!settings.ok()) continue;  // there was one when we started
        boost::system::error_code ignored;
        socket.set_option(tcp::no_delay(true), ignored);
        const auto session = std::make_shared<Session>(api_, helpers_, settings_, std::move(socket), **settings);
        {
            const std::lock_guard lock(mutex_);
            sessions_.push_back(session);
        }
        asio::co_spawn(strand, serve(session), asio::detached);
    }
}

std::size_t Server::count() {
    const std::lock_guard lock(mutex_);
    return sessions_.size();
}

void Server::close_overdue(Clock::time_point now) {
    const std::lock_guard lock(mutex_);
    for (const auto& session : sessions_)
        if (session->overdue(now) || (leaving_ && session->waiting())) session->close();
}

bool Server::idle(Clock::time_point now) {
    const auto settings = settings_.current();
    const std::lock_guard lock(mutex_);
    const auto patience = std::chrono::seconds(settings.ok() ? (*settings)->server.idle_exit_seconds : 60);
    return sessions_.empty() && now - last_use_ >= patience;
}

asio::awaitable<void> Server::watch() {
    for (;;) {
        co_await pause(250ms);
        const auto now = Clock::now();
        close_overdue(now);
        const bool unused = api_.tidy() && idle(now);
        if (leaving_ ? count() == 0 || now - *leaving_ > leave_time : unused) io_.stop();
    }
}

Result<> Server::run(std::vector<os::Fd> sockets) {
    for (os::Fd& socket : sockets) TRY(add_acceptor(std::move(socket)));
    const auto strand = asio::make_strand(io_);
    for (tcp::acceptor& acceptor : acceptors_) asio::co_spawn(strand, accept(acceptor), asio::detached);
    asio::co_spawn(strand, watch(), asio::detached);
    signals_.async_wait(asio::bind_executor(strand, [this](const boost::system::error_code& failure, int) {
        if (failure) return;
        leaving_ = Clock::now();
        boost::system::error_code ignored;
        for (tcp::acceptor& acceptor : acceptors_) acceptor.close(ignored);
    }));
    sd_notify(0, "READY=1");
    std::vector<std::thread> threads;
    for (std::size_t at = 1; at < network_threads; ++at) threads.emplace_back([this] { io_.run(); });
    io_.run();
    sd_notify(0, "STOPPING=1");
    api_.stop();
    for (std::thread& thread : threads) thread.join();
    helpers_.join();
    return {};
}

}  // namespace gantry::registry
