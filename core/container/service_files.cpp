#include "container/service_files.hpp"

#include "base/text.hpp"
#include "os/file.hpp"
#include "os/lock.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace gantry::container::detail {

namespace {

// Not the bare name: a file that is being written has one that a container could have.
constexpr std::string_view suffix = ".member";
constexpr std::array states{MemberState::waiting, MemberState::serving, MemberState::leaving};

std::string folder_of(const config::Paths& paths, const std::string& network, const std::string& service) {
    return fmt::format("{}/{}/{}", services_folder(paths), network, service);
}

std::string file_of(const config::Paths& paths, const std::string& network, const std::string& service,
                    const std::string& container) {
    return fmt::format("{}/{}{}", folder_of(paths, network, service), container, suffix);
}

std::string joined(const char* key, const std::vector<std::string>& words) {
    std::string line = key;
    for (const std::string& word : words) line += " " + word;
    return line + "\n";
}

}  // namespace

std::string services_folder(const config::Paths& paths) { return paths.run + "/services"; }

Result<os::Fd> lock_service(const config::Paths& paths, const std::string& network, const std::string& service) {
    TRY(os::make_dirs(services_folder(paths), 0755));
    return os::lock_name(services_folder(paths) + "/.lock", network + "/" + service);
}

std::string member_text(const MemberFile& file) {
    return fmt::format("state {}\nweight {}\n", state_text(file.member.state), file.member.weight) +
           joined("addresses", file.member.addresses) + joined("service", file.service_addresses) +
           joined("gateways", file.gateways) + (file.internal ? "internal\n" : "");
}

Result<MemberFile> parse_member(const std::string& container, std::string_view text) {
    MemberFile file;
    file.member.container = container;
    bool stated = false, weighed = false;
    for (const std::string_view line : split(text, '\n')) {
        if (line.empty()) continue;
        const auto words = split(line, ' ');
        const std::vector<std::string> values(words.begin() + 1, words.end());
        const auto state = std::ranges::find_if(
            states, [&](MemberState known) { return values.size() == 1 && values.front() == state_text(known); });
        const auto number = values.size() == 1 ? whole_number(values.front()) : std::nullopt;
        if (words[0] == "state" && state != states.end()) {
            file.member.state = *state;
            stated = true;
        } else if (words[0] == "weight" && number && *number <= UINT32_MAX) {
            file.member.weight = static_cast<std::uint32_t>(*number);
            weighed = true;
        } else if (words[0] == "addresses") {
            file.member.addresses = values;
        } else if (words[0] == "service") {
            file.service_addresses = values;
        } else if (words[0] == "gateways") {
            file.gateways = values;
        } else if (line == "internal") {
            file.internal = true;
        } else {
            return error(Errc::corrupt, "'{}' is no line of a service's member", line.substr(0, 80));
        }
    }
    if (!stated || !weighed || file.service_addresses.empty())
        return error(Errc::corrupt, "state, weight or the service's address is missing");
    return file;
}

Result<> write_member(const config::Paths& paths, const std::string& network, const std::string& service,
                      const MemberFile& file) {
    TRY(os::make_dirs(folder_of(paths, network, service), 0755));
    return os::write_file_atomic(file_of(paths, network, service, file.member.container), member_text(file), 0644, false);
}

Result<std::optional<MemberFile>> read_member(const config::Paths& paths, const std::string& network,
                                              const std::string& service, const std::string& container) {
    const std::string path = file_of(paths, network, service, container);
    const auto text = os::read_file(path, 65536);
    if (!text.ok() && text.error().code() == Errc::not_found) return std::optional<MemberFile>();
    return std::optional(TRY_CONTEXT(parse_member(container, TRY(text)), "'{}'", path));
}

Result<> erase_member(const config::Paths& paths, const std::string& network, const std::string& service,
                      const std::string& container) {
    const std::string path = file_of(paths, network, service, container);
    if (unlink(path.c_str()) != 0 && errno != ENOENT) return errno_error("remove '{}'", path);
    return {};
}

Result<std::vector<MemberFile>> read_members(const config::Paths& paths, const std::string& network,
                                             const std::string& service) {
    std::vector<MemberFile> out;
    const auto files = os::list_dir(folder_of(paths, network, service));
    if (!files.ok() && files.error().code() == Errc::not_found) return out;
    for (const std::string& name : TRY(files)) {
        if (!name.ends_with(suffix)) continue;
        auto member = read_member(paths, network, service, name.substr(0, name.size() - suffix.size()));
        if (member.ok() && *member) out.push_back(std::move(**member));
    }
    std::ranges::sort(out, {}, [](const MemberFile& file) { return file.member.container; });
    return out;
}

Result<std::vector<std::string>> folders_in(const std::string& folder) {
    auto names = os::list_dir(folder);
    if (!names.ok() && names.error().code() == Errc::not_found) return std::vector<std::string>();
    std::vector<std::string> out;
    for (std::string& name : TRY(std::move(names)))
        if (ObjectName::parse("folder", name).ok()) out.push_back(std::move(name));
    std::ranges::sort(out);
    return out;
}

void remove_empty(const config::Paths& paths, const std::string& network, const std::string& service) {
    const std::string folder = folder_of(paths, network, service);
    if (rmdir(folder.c_str()) == 0) [[maybe_unused]]
        const int removed = rmdir(folder.substr(0, folder.rfind('/')).c_str());
}

}  // namespace gantry::container::detail
