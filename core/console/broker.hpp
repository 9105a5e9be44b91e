// Between a container's terminal and those who are attached to it: everything the terminal shows goes to all of them and to
// `shown`, what they type goes to the terminal. Nobody who does not read holds the container up.
#pragma once

#include "base/result.hpp"
#include "os/fd.hpp"

#include <functional>
#include <list>
#include <string>

namespace gantry::console {

// A listening socket of the protocol's kind; a file that is there is replaced.
Result<os::Fd> listen_at(const std::string& path);

class Broker {
public:
    // shown: told of all output. ended: the terminal is gone (another may come: a restart).
    Broker(os::Fd listener, std::function<void(std::string_view)> shown, std::function<void()> ended)
        : listener_(std::move(listener)), shown_(std::move(shown)), ended_(std::move(ended)) {}

    // One round: waits at most timeout milliseconds (-1: for ever) and serves what has come.
    Result<> serve(int timeout);

private:
    struct Client {
        os::Fd socket;
        bool attached = false, ending = false;  // ending: closed when it has taken what waits
        std::list<std::string> waiting;         // packets that it has not taken yet
        std::size_t waiting_bytes = 0;
    };

    void accept_client();
    void hear_client(Client& client);
    void obey(Client& client, const std::string& packet);
    void read_terminal();
    void write_input();
    void show(std::string_view data);
    void send(Client& client, std::string packet);
    void flush(Client& client);
    void terminal_ended();

    os::Fd listener_, terminal_, kept_, input_;  // input_: the writing end of a standard input without terminal
    std::function<void(std::string_view)> shown_;
    std::function<void()> ended_;
    std::list<Client> clients_;
    std::string typed_;   // not yet taken by the container
    std::string recent_;  // what the terminal has shown since it came, until it is too much
    bool input_closing_ = false;
};

}  // namespace gantry::console
