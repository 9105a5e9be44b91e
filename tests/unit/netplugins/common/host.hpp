// A pretended host for the live tests: a network namespace of its own for the test's process, namespaces that stand for
// containers, and one outside that a cable connects.
#pragma once

#include "address.hpp"

#include "gantry/driver/network.hpp"

#include "os/fd.hpp"

#include <gtest/gtest.h>

#include <filesystem>

namespace gantry::net {

// What the test program of each driver says: which one is asked.
extern const char* const tested_driver;
std::unique_ptr<driver::NetworkDriver> make_tested_driver(const std::filesystem::path& folder);

// A fresh network namespace; the caller's thread stays where it is.
os::Fd new_netns();

// What the server of one connection saw, and whether there was one at all.
struct Seen {
    bool connected = false;
    int problem = 0;   // of connect(2)
    std::string peer;  // the client's address as the server sees it
};
// A listening socket in a namespace, on every address of both families.
os::Fd listen_in(int netns, driver::Protocol protocol, std::uint16_t port);
// Connects from one namespace to an address and looks at what server (a socket of listen_in) accepts.
Seen connect_from(int netns, const std::string& address, std::uint16_t port, int server,
                  driver::Protocol protocol = driver::Protocol::tcp, int milliseconds = 2500);
// Nothing comes through within 0.3 seconds.
bool closed_to(int netns, const std::string& address, std::uint16_t port, int server);
// A datagram there and an answer back: the source that the server saw, empty if nothing came, "no answer" if only the way back
// is broken.
std::string datagram_from(int netns, const std::string& address, std::uint16_t port, int server, int client = -1);
os::Fd udp_client(int netns, const std::string& address, std::uint16_t port);

class LiveHost : public testing::Test {
protected:
    void SetUp() override;
    void TearDown() override;

    driver::NetworkConfig network(const std::string& name = "bridge");
    driver::AttachRequest request(const std::string& container, const driver::NetworkConfig& config);
    driver::AttachStatus must_prepare(const driver::AttachRequest& request, int netns);
    // Runs ip(8), nft(8), in the pretended host or in netns; returns what it printed.
    std::string run(const std::string& command, int netns = -1);
    // A namespace behind a cable: the host is 192.0.2.1 and 2001:db8::1 there, it is .2 and ::2.
    os::Fd outside();

    [[nodiscard]] int host() const { return host_.get(); }
    std::filesystem::path folder_;
    std::unique_ptr<driver::NetworkDriver> driver_;
    std::vector<driver::NetworkConfig> networks_;

private:
    os::Fd host_;
    os::Fd home_;
};

driver::PublishedPort published(std::uint16_t host_port, std::uint16_t container_port,
                                driver::Protocol protocol = driver::Protocol::tcp, const std::string& address = "");
std::string bare(const std::string& address);  // without the prefix length

}  // namespace gantry::net
