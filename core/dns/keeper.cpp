#include "dns/keeper.hpp"

#include "dns/entries.hpp"
#include "dns/servers.hpp"
#include "os/file.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>

namespace gantry::dns {

namespace {

using std::chrono::milliseconds;

void complain(const std::string& text) { fmt::print(stderr, "<4>gantry-dns: {}\n", text); }

std::string text_of(const sockaddr* address) {
    char out[INET6_ADDRSTRLEN]{};
    if (address->sa_family == AF_INET)
        inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(address)->sin_addr, out, sizeof out);
    else if (address->sa_family == AF_INET6)
        inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr, out, sizeof out);
    return out;
}

// The interface that has one of the addresses; empty: there is none yet.
std::string interface_of(const std::vector<std::string>& addresses) {
    ifaddrs* list = nullptr;
    if (getifaddrs(&list) != 0) return "";
    const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(list, freeifaddrs);
    for (const ifaddrs* entry = list; entry; entry = entry->ifa_next)
        if (entry->ifa_addr && std::ranges::find(addresses, text_of(entry->ifa_addr)) != addresses.end())
            return entry->ifa_name;
    return "";
}

// What any of the network's files says.
Place place_of(const std::string& folder) {
    Place place;
    const auto files = os::list_dir(folder);
    if (!files.ok()) return place;
    for (const std::string& file : *files)
        if (const auto text = os::read_file(folder + "/" + file, 65536); text.ok() && read_place(*text, place)) break;
    return place;
}

// dnsmasq takes lists and patterns of interfaces.
bool is_plain(const std::string& interface) { return interface.find_first_of(",*") == std::string::npos; }

}  // namespace

std::vector<std::string> resolver_words(const config::Paths& paths, const ResolverPlan& plan) {
    std::vector<std::string> words{
        resolver_program,
        "--conf-file=/dev/null",
        "--keep-in-foreground",
        "--pid-file=",
        "--user=dnsmasq",
        // Sockets on the addresses of this interface alone, made as they come, and no answer to what comes in by another.
        "--bind-dynamic",
        "--interface=" + plan.interface,
        "--except-interface=lo",
        "--no-hosts",
        // Read in reverse: the full names come first, so that they are what addresses are looked up as.
        fmt::format("--hostsdir={}/{}", hosts_folder(paths), plan.network),
        "--hostsdir=" + full_folder(paths),
        "--localise-queries",
        fmt::format("--local=/{}/", domain),
        // A name that was asked for too early, or at another host, must not hide a container that comes later.
        "--cache-size=0",
        "--dns-forward-max=2000",
        "--log-async",
    };
    // Whoever may not reach the world must not tell it anything by questions.
    if (plan.internal) words.insert(words.end(), {"--no-resolv", "--address=/#/"});
    if (plan.port != 0) words.push_back(fmt::format("--port={}", plan.port));
    if (plan.servers.empty()) return words;
    words.insert(words.end(), {"--no-resolv", "--strict-order"});
    for (const std::string& server : plan.servers) words.push_back("--server=" + server);
    return words;
}

void Keeper::watch_folder(const std::string& name, Network& network) {
    if (network.watch >= 0) return;
    const std::string folder = hosts_folder(paths_) + "/" + name;
    network.watch = inotify_add_watch(events_.get(), folder.c_str(), IN_MOVED_TO | IN_ONLYDIR);
}

void Keeper::start(const std::string& name, Network& network) {
    network.started = Clock::now();
    // A folder without a file: its container is only being started. Watched first, lest it comes in between.
    watch_folder(name, network);
    const Place place = place_of(hosts_folder(paths_) + "/" + name);
    const auto [base, port] = split_resolver_name(name);
    if (place.gateways.empty() || (port != 0 && place.servers.empty())) return;
    const auto again = [&] {
        network.pause = std::clamp(network.pause * 2, milliseconds(50), milliseconds(5000));
        network.next = Clock::now() + network.pause;
    };
    if (network.watch >= 0) inotify_rm_watch(events_.get(), std::exchange(network.watch, -1));
    const std::string interface = interface_of(place.gateways);
    if (interface.empty() || !is_plain(interface)) {
        if (network.pause >= milliseconds(5000))
            complain(fmt::format("network '{}': no interface has the address '{}'", name, place.gateways.front()));
        return again();
    }
    // The names that it reads.
    if (port != 0 && !os::make_dirs(hosts_folder(paths_) + "/" + base, 0755).ok()) return again();
    const auto words = resolver_words(paths_, {base, interface, place.internal, place.servers, port});
    std::vector<char*> arguments;
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    const pid_t pid = fork();
    if (pid < 0) {
        complain(errno_error("start a resolver").message());
        return again();
    }
    if (pid == 0) {
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, nullptr);
        execv(arguments[0], arguments.data());
        complain(errno_error("execute '{}'", resolver_program).message());
        _exit(127);
    }
    network.resolver = pid;
    again();
}

void Keeper::start_missing() {
    for (auto& [name, network] : networks_)
        if (network.resolver == 0 && Clock::now() >= network.next) start(name, network);
}

Result<> Keeper::find_networks() {
    for (const std::string& name : TRY(os::list_dir(hosts_folder(paths_)))) networks_.try_emplace(name);
    return {};
}

Result<> Keeper::read_events() {
    alignas(inotify_event) char buffer[16384];
    for (;;) {
        const ssize_t got = read(events_.get(), buffer, sizeof buffer);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && errno == EAGAIN) return {};
        if (got <= 0) return errno_error("read what changed in '{}'", hosts_folder(paths_));
        for (ssize_t at = 0; at < got;) {
            const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
            at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
            if ((event->mask & IN_Q_OVERFLOW) != 0) return error(Errc::unavailable, "too much changed at once");
            for (auto& [name, network] : networks_)
                if (network.watch == event->wd) {
                    if ((event->mask & IN_IGNORED) != 0) network.watch = -1;
                    network.next = {};
                }
            if (event->len == 0 || (event->mask & IN_ISDIR) == 0) continue;
            if ((event->mask & IN_CREATE) != 0) networks_.try_emplace(event->name);
            const auto found = networks_.find(event->name);
            if ((event->mask & IN_DELETE) == 0) continue;
            // Further resolvers of the network read its folder.
            for (auto& [name, network] : networks_)
                if (name != event->name && split_resolver_name(name).first == event->name && network.resolver != 0) {
                    network.renewed = true;
                    kill(network.resolver, SIGTERM);
                }
            if (found == networks_.end()) continue;
            found->second.renewed = found->second.resolver != 0;
            if (found->second.renewed)
                kill(found->second.resolver, SIGTERM);
            else if (!os::path_exists(fmt::format("{}/{}", hosts_folder(paths_), event->name)))
                networks_.erase(found);
        }
    }
}

void Keeper::reap() {
    int status = 0;
    for (pid_t pid = 0; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
        for (auto at = networks_.begin(); at != networks_.end(); ++at) {
            auto& [name, network] = *at;
            if (network.resolver != pid) continue;
            network.resolver = 0;
            if (std::exchange(network.renewed, false)) {
                network.pause = milliseconds(0);
                network.next = {};
                if (!os::path_exists(fmt::format("{}/{}", hosts_folder(paths_), name))) networks_.erase(at);
                break;
            }
            complain(
                fmt::format("the resolver of network '{}' ended ({})", name,
                            WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : fmt::format("status {}", WEXITSTATUS(status))));
            if (Clock::now() - network.started > std::chrono::seconds(10)) {
                network.pause = milliseconds(0);
                network.next = {};
            }
            break;
        }
}

void Keeper::remove_idle() {
    for (auto at = networks_.begin(); at != networks_.end();) {
        auto& [name, network] = *at++;
        const std::string folder = hosts_folder(paths_) + "/" + name;
        const auto files = os::list_dir(folder);
        const auto next = networks_.lower_bound(name + "@");
        const bool read_by_others = next != networks_.end() && next->first.starts_with(name + "@");
        if (!files.ok() || !files->empty() || read_by_others) {
            network.empty_since = {};
        } else if (network.empty_since == Clock::time_point()) {
            network.empty_since = Clock::now();
        } else if (Clock::now() - network.empty_since >= idle_) {
            // A container that comes now makes the folder anew, or is there first: then this fails, and it stays. What follows
            // is read_events' business.
            if (rmdir(folder.c_str()) != 0)
                network.empty_since = {};
            else if (const auto freed = forget_servers(paths_); !freed.ok())
                complain(freed.error().message());
        }
    }
}

int Keeper::timeout() const {
    milliseconds wait = idle_;
    for (const auto& [name, network] : networks_)
        if (network.resolver == 0 && network.watch < 0)
            wait = std::min(wait, std::max(milliseconds(1), std::chrono::ceil<milliseconds>(network.next - Clock::now())));
    return static_cast<int>(wait.count());
}

void Keeper::stop_all() {
    for (auto& [name, network] : networks_)
        if (network.resolver != 0) kill(network.resolver, SIGTERM);
    for (auto& [name, network] : networks_)
        if (network.resolver != 0) waitpid(network.resolver, nullptr, 0);
}

Result<> Keeper::run() {
    // The resolvers refuse to start without it.
    TRY(os::make_dirs(full_folder(paths_)));
    TRY(os::make_dirs(hosts_folder(paths_)));
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGTERM, SIGINT, SIGCHLD}) sigaddset(&set, signal);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    signals_ = os::Fd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    events_ = os::Fd(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    if (!signals_ || !events_) return errno_error("watch for changes");
    if (inotify_add_watch(events_.get(), hosts_folder(paths_).c_str(), IN_CREATE | IN_DELETE | IN_ONLYDIR) < 0)
        return errno_error("watch '{}'", hosts_folder(paths_));
    TRY(find_networks());
    Result<> result;
    bool stopped = false;
    while (!stopped && !networks_.empty()) {
        start_missing();
        pollfd polls[2]{{events_.get(), POLLIN, 0}, {signals_.get(), POLLIN, 0}};
        const int ready = poll(polls, 2, timeout());
        if (ready == 0) remove_idle();
        if (polls[0].revents != 0)
            if (result = read_events(); !result.ok()) break;
        signalfd_siginfo info{};
        while (read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
            if (info.ssi_signo == SIGCHLD)
                reap();
            else
                stopped = true;
        }
    }
    stop_all();
    return result;
}

}  // namespace gantry::dns
