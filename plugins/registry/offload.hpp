// Work that blocks, beside the threads of the network.
#pragma once

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace gantry::registry {

// Runs work, which must not throw and must live until then, on the pool; the coroutine goes on on its own executor.
template <class Work>
boost::asio::awaitable<void> offload(boost::asio::thread_pool& pool, const Work& work) {
    namespace asio = boost::asio;
    const auto initiate = [&pool, &work](auto handler) {
        asio::post(pool, [&work, handler = std::move(handler)]() mutable {
            work();
            const auto executor = asio::get_associated_executor(handler);
            asio::post(executor, std::move(handler));
        });
    };
    co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(initiate, asio::use_awaitable);
}

}  // namespace gantry::registry
