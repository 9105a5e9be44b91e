// The sockets that systemd hands over, and the threads that serve them.
#pragma once

#include "session.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include <list>
#include <mutex>

namespace gantry::registry {

class Server {
public:
    Server(Api& api, LiveSettings& settings);

    // sockets: listening, TCP. Returns when nobody has asked for anything for as long as the configuration says, or after
    // SIGTERM, when what was under way is done (at most 10 s later).
    Result<> run(std::vector<os::Fd> sockets);

private:
    using Clock = Session::Clock;

    Result<> add_acceptor(os::Fd socket);
    asio::awaitable<void> accept(tcp::acceptor& acceptor);
    asio::awaitable<void> serve(std::shared_ptr<Session> session);
    asio::awaitable<void> watch();  // the clock
    void close_overdue(Clock::time_point now);
    [[nodiscard]] bool idle(Clock::time_point now);
    [[nodiscard]] std::size_t count();

    Api& api_;
    LiveSettings& settings_;
    asio::io_context io_;
    asio::thread_pool helpers_;
    asio::signal_set signals_;
    std::list<tcp::acceptor> acceptors_;
    std::mutex mutex_;
    std::list<std::shared_ptr<Session>> sessions_;
    Clock::time_point last_use_ = Clock::now();
    std::optional<Clock::time_point> leaving_;  // since when
};

}  // namespace gantry::registry
