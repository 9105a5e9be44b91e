#include "dns/entries.hpp"

#include "dns/servers.hpp"
#include "os/file.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <set>

namespace gantry::dns {

namespace {

constexpr std::string_view mark = "# gateways";
constexpr std::string_view internal_word = "internal", port_word = "port", servers_word = "servers";
constexpr std::size_t longest_name = 253;  // RFC 1035 bounds the wire's form to 255 bytes

std::string plain_file(const config::Paths& paths, std::string_view network, std::string_view container) {
    return fmt::format("{}/{}/{}", hosts_folder(paths), network, container);
}

std::string full_file(const config::Paths& paths, std::string_view network, std::string_view container) {
    return fmt::format("{}/{}@{}", full_folder(paths), network, container);
}

// As the kernel reads it and writes it again: nothing but an address gets into a file. Empty: it is none.
std::string canonical(std::string_view address) {
    const std::string text(address.substr(0, address.find('/')));
    unsigned char bytes[sizeof(in6_addr)];
    char out[INET6_ADDRSTRLEN];
    for (const int family : {AF_INET, AF_INET6})
        if (inet_pton(family, text.c_str(), bytes) == 1) return inet_ntop(family, bytes, out, sizeof out);
    return "";
}

std::vector<std::string> own_names(const Entry& entry, bool plain) {
    std::vector<std::string> names;
    const auto add = [&](const std::string& name) {
        if (is_host_name(name) && name != "localhost" && std::ranges::find(names, name) == names.end()) names.push_back(name);
    };
    add(entry.container);
    for (const std::string& name : entry.names) add(name);
    if (plain)
        for (const std::string& name : entry.plain) add(name);
    return names;
}

std::string lines(const Entry& entry, const std::vector<std::string>& names) {
    std::string text;
    if (names.empty()) return text;
    for (const std::string& written : entry.addresses) {
        const std::string address = canonical(written);
        if (address.empty()) continue;
        text += address;
        for (const std::string& name : names) text.append(" ").append(name);
        text += '\n';
    }
    return text;
}

std::string place_text(const Entry& entry) {
    std::string text(mark);
    for (const std::string& gateway : entry.gateways)
        if (const std::string address = canonical(gateway); !address.empty()) text += " " + address;
    return text;
}

// Not beside the file: every change in a folder that a resolver watches is read by it.
Result<> put(const std::string& file, std::string_view text, const std::string& temporary) {
    {
        const os::Fd fd = TRY(os::open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0644));
        // Whatever the umask: the resolver is another user.
        if (fchmod(fd.get(), 0644) != 0) return errno_error("change mode of '{}'", temporary);
        TRY(os::write_all(fd.get(), text, temporary));
    }
    const std::string folder = file.substr(0, file.rfind('/'));
    // The keeper removes the folder of a network that has been without containers for a while: then it is made once more.
    for (int tries = 0; tries < 100; ++tries) {
        if (::rename(temporary.c_str(), file.c_str()) == 0) return {};
        if (errno != ENOENT) break;
        if (mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) break;
        chmod(folder.c_str(), 0755);
    }
    const auto failed = errno_error("write '{}'", file);
    unlink(temporary.c_str());
    return failed;
}

Result<> remove_file(const std::string& file) {
    if (unlink(file.c_str()) != 0 && errno != ENOENT) return errno_error("remove '{}'", file);
    return {};
}

}  // namespace

std::string hosts_folder(const config::Paths& paths) { return paths.run + "/dns/hosts"; }
std::string full_folder(const config::Paths& paths) { return paths.run + "/dns/all"; }

bool is_host_name(std::string_view text) {
    if (text.empty() || text.size() > longest_name) return false;
    std::size_t label = 0;
    for (const char byte : text) {
        const bool letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9');
        if (byte == '.') {
            if (label == 0) return false;
            label = 0;
        } else if (!letter && byte != '-' && byte != '_') {
            return false;
        } else if (++label > 63) {
            return false;
        }
    }
    return label != 0;
}

std::string plain_text(const Entry& entry) {
    std::string text = place_text(entry);
    if (entry.internal) text.append(" ").append(internal_word);
    if (entry.port != 0) text += fmt::format(" {} {}", port_word, entry.port);
    std::vector<std::string> names = own_names(entry, true);
    for (const std::string& name : own_names(entry, false))
        if (std::string longer = name + "." + entry.network; is_host_name(longer)) names.push_back(std::move(longer));
    return text + "\n" + lines(entry, names);
}

std::string servers_text(const Entry& entry) {
    std::string text = place_text(entry).append(" ").append(servers_word);
    for (const std::string& server : entry.servers)
        if (const std::string address = canonical(server); !address.empty()) text += " " + address;
    return text + "\n";
}

std::string full_text(const Entry& entry) {
    std::vector<std::string> names;
    const auto add = [&](std::string name) {
        if (is_host_name(name)) names.push_back(std::move(name));
    };
    // The first is what an address is looked up as.
    for (const std::string& name : own_names(entry, false)) add(fmt::format("{}.{}.{}", name, entry.network, domain));
    if (is_host_name(entry.container)) add(fmt::format("{}.{}", entry.container, domain));
    return lines(entry, names);
}

bool read_place(std::string_view text, Place& place) {
    if (!text.starts_with(mark)) return false;
    std::string_view line = text.substr(0, text.find('\n'));
    line.remove_prefix(mark.size());
    std::string_view before;
    std::vector<std::string>* addresses = &place.gateways;
    while (!line.empty()) {
        line.remove_prefix(1);
        const std::string_view word = line.substr(0, line.find(' '));
        line.remove_prefix(word.size());
        if (before == port_word)
            std::from_chars(word.data(), word.data() + word.size(), place.port);
        else if (word == internal_word)
            place.internal = true;
        else if (word == servers_word)
            addresses = &place.servers;
        else if (const std::string address = canonical(word); !address.empty())
            addresses->push_back(address);
        before = word;
    }
    return !place.gateways.empty();
}

bool has_resolver(const config::Paths& paths) { return os::path_exists(hosts_folder(paths)); }

std::vector<std::string> own_addresses(const std::vector<std::string>& gateways) {
    std::vector<std::string> own;
    for (const std::string& gateway : gateways) {
        sockaddr_in6 six{};
        sockaddr_in four{};
        const bool is_six = inet_pton(AF_INET6, gateway.c_str(), &six.sin6_addr) == 1;
        if (!is_six && inet_pton(AF_INET, gateway.c_str(), &four.sin_addr) != 1) continue;
        six.sin6_family = AF_INET6;
        four.sin_family = AF_INET;
        const auto* address = is_six ? reinterpret_cast<const sockaddr*>(&six) : reinterpret_cast<const sockaddr*>(&four);
        const os::Fd socket(::socket(address->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        // Only the host's own addresses can be bound.
        if (socket && bind(socket.get(), address, is_six ? sizeof six : sizeof four) == 0) own.push_back(gateway);
    }
    return own;
}

namespace {

Result<> publish_by(const config::Paths& paths, const Entry& entry, const std::string& temporary) {
    // This order makes the full name the one that an address is looked up as: the first that a resolver reads.
    TRY(put(full_file(paths, entry.network, entry.container), full_text(entry), temporary));
    TRY(put(plain_file(paths, entry.network, entry.container), plain_text(entry), temporary));
    if (entry.port == 0) return {};
    TRY(put(plain_file(paths, resolver_name(entry.network, entry.port), entry.container), servers_text(entry), temporary));
    if (is_reserved(paths, entry.port, entry.servers)) return {};
    return error(Errc::unavailable, "port {} is the resolver's of other servers by now", entry.port);
}

}  // namespace

Result<> publish(const config::Paths& paths, const Entry& entry) {
    return publish_by(paths, entry, paths.record(entry.container) + "/names");
}

Result<> publish_service(const config::Paths& paths, const Entry& entry) {
    return publish_by(paths, entry, fmt::format("{}/services/.{}@{}", paths.run, entry.network, entry.container));
}

Result<> withdraw(const config::Paths& paths, const std::string& network, const std::string& container) {
    FirstError first;
    // From the folders of its further resolvers too.
    for (const std::string& name : os::list_dir(hosts_folder(paths)).value_or({}))
        if (split_resolver_name(name).first == network) first.note(remove_file(plain_file(paths, name, container)));
    first.note(remove_file(full_file(paths, network, container)));
    return first.result();
}

void forget_network(const config::Paths& paths, const std::string& network) {
    const auto names = os::list_dir(hosts_folder(paths));
    if (!names.ok()) return;
    for (const std::string& name : *names)
        if (split_resolver_name(name).first == network) [[maybe_unused]]
            const int removed = rmdir((hosts_folder(paths) + "/" + name).c_str());
    [[maybe_unused]] const auto freed = forget_servers(paths);
}

bool is_published(const config::Paths& paths, const std::string& network, const std::string& container) {
    return os::path_exists(plain_file(paths, network, container));
}

std::uint16_t published_port(const config::Paths& paths, const std::string& network, const std::string& container) {
    Place place;
    const auto text = os::read_file(plain_file(paths, network, container), 65536);
    return text.ok() && read_place(*text, place) ? place.port : 0;
}

Result<std::vector<Published>> list(const config::Paths& paths) {
    std::set<std::pair<std::string, std::string>> found;
    for (const std::string& network : TRY(os::list_dir(hosts_folder(paths))))
        for (const std::string& container : TRY(os::list_dir(hosts_folder(paths) + "/" + network)))
            found.emplace(container, split_resolver_name(network).first);
    for (const std::string& entry : TRY(os::list_dir(full_folder(paths)))) {
        const auto at = entry.find('@');
        if (at != std::string::npos) found.emplace(entry.substr(at + 1), entry.substr(0, at));
    }
    std::vector<Published> all;
    for (const auto& [container, network] : found) all.push_back({container, network});
    return all;
}

}  // namespace gantry::dns
