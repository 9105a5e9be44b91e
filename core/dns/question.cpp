#include "dns/question.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace gantry::dns {

namespace {

constexpr std::uint16_t dns_port = 53;

void put16(std::string& text, unsigned value) {
    text += static_cast<char>(value >> 8U);
    text += static_cast<char>(value & 0xffU);
}

unsigned get16(std::string_view text, std::size_t at) {
    return static_cast<unsigned>(static_cast<unsigned char>(text[at])) << 8U | static_cast<unsigned char>(text[at + 1]);
}

}  // namespace

std::string question_text(std::uint16_t id, std::string_view name, bool v6) {
    std::string text;
    put16(text, id);
    put16(text, 0x0100);  // recursion desired, as every resolver library asks
    for (const unsigned count : {1U, 0U, 0U, 0U}) put16(text, count);
    while (!name.empty()) {
        const std::string_view label = name.substr(0, name.find('.'));
        text += static_cast<char>(label.size());
        text += label;
        name.remove_prefix(std::min(label.size() + 1, name.size()));
    }
    text += '\0';
    put16(text, v6 ? 28 : 1);  // AAAA (RFC 3596) or A
    put16(text, 1);            // IN
    return text;
}

bool is_answer(std::string_view message, std::uint16_t id) {
    constexpr std::size_t header = 12;
    if (message.size() < header || get16(message, 0) != id) return false;
    const unsigned flags = get16(message, 2);
    return (flags & 0x8000U) != 0 && (flags & 0xfU) == 0 && get16(message, 6) > 0;
}

void Questions::send(const Open& open) {
    // A refusal (nobody listens yet) is told by the next call: the one after it sends.
    for (int tries = 0; tries < 2; ++tries)
        if (::send(open.socket.get(), open.message.data(), open.message.size(), MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) return;
}

Result<> Questions::add(Asked asked) {
    sockaddr_in6 six{};
    sockaddr_in four{};
    const bool is_six = inet_pton(AF_INET6, asked.server.c_str(), &six.sin6_addr) == 1;
    if (!is_six && inet_pton(AF_INET, asked.server.c_str(), &four.sin_addr) != 1)
        return error(Errc::invalid, "'{}' is no address", asked.server);
    six.sin6_family = AF_INET6;
    four.sin_family = AF_INET;
    six.sin6_port = four.sin_port = htons(dns_port);
    const auto* address = is_six ? reinterpret_cast<const sockaddr*>(&six) : reinterpret_cast<const sockaddr*>(&four);
    Open open;
    open.socket = os::Fd(::socket(address->sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!open.socket) return errno_error("make a socket");
    if (connect(open.socket.get(), address, is_six ? sizeof six : sizeof four) != 0)
        return errno_error("ask resolver '{}'", asked.server);
    [[maybe_unused]] const ssize_t got = getrandom(&open.id, sizeof open.id, 0);
    open.message = question_text(open.id, asked.name, asked.v6);
    send(open);
    open_.push_back(std::move(open));
    return {};
}

// Takes what has come; the questions that it answers are no longer open.
Questions::Heard Questions::take() {
    Heard heard = Heard::nothing;
    std::erase_if(open_, [&](const Open& open) {
        char buffer[1500];
        for (;;) {
            const ssize_t size = recv(open.socket.get(), buffer, sizeof buffer, MSG_DONTWAIT);
            if (size < 0) {
                if (errno == ECONNREFUSED) heard = std::max(heard, Heard::refused);
                return false;
            }
            if (is_answer({buffer, static_cast<std::size_t>(size)}, open.id)) return true;
            heard = Heard::unknown;
        }
    });
    return heard;
}

bool Questions::wait(std::chrono::milliseconds limit, std::chrono::milliseconds patience) {
    using Clock = std::chrono::steady_clock;
    using std::chrono::microseconds;
    const auto begin = Clock::now();
    auto deadline = begin + limit;
    // A running resolver answers within a fraction of the first pause, or at the second try: it was reading the name's file.
    microseconds pause(1000);
    int quick = 3;
    while (!open_.empty()) {
        auto next = Clock::now() + pause;
        for (;;) {
            const auto left = std::chrono::ceil<std::chrono::nanoseconds>(std::min(next, deadline) - Clock::now());
            if (left.count() <= 0) break;
            std::vector<pollfd> polls;
            for (const Open& open : open_) polls.push_back({open.socket.get(), POLLIN, 0});
            const timespec time{static_cast<time_t>(left.count() / 1'000'000'000),
                                static_cast<long>(left.count() % 1'000'000'000)};
            if (ppoll(polls.data(), polls.size(), &time, nullptr) <= 0) continue;
            const Heard heard = take();
            if (open_.empty()) return true;
            if (heard != Heard::nothing) deadline = begin + patience;
            if (heard == Heard::unknown && quick > 0) {
                --quick;
                next = std::min(next, Clock::now() + microseconds(300));
            }
        }
        if (Clock::now() >= deadline) return false;
        for (const Open& open : open_) send(open);
        pause = std::min<microseconds>(pause * 2, std::chrono::milliseconds(100));
    }
    return true;
}

}  // namespace gantry::dns
