#include "sandbox/user.hpp"

#include "base/text.hpp"
#include "os/file.hpp"

#include <fcntl.h>

#include <charconv>

namespace gantry::sandbox {

namespace {

// Larger files are not what any image has; reading is bounded because the image wrote them.
constexpr std::size_t database_limit = 4U << 20;

std::optional<std::uint32_t> number(std::string_view text) {
    std::uint32_t value = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (code != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
    // -1 means "leave as it is" to setresuid(2).
    if (value == ~std::uint32_t{0}) return std::nullopt;
    return value;
}

// A missing or unreadable database is an empty one: images from scratch have none. Pipes and devices are not read.
std::string database(int root, const char* path) {
    auto file = os::open_in_root(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    struct stat info {};
    if (!file.ok() || fstat(file->get(), &info) != 0 || !S_ISREG(info.st_mode)) return "";
    return os::read_fd(file->get(), path, database_limit).value_or("");
}

struct Entry {  // of passwd
    std::string_view name, home;
    std::uint32_t uid = 0, gid = 0;
};

std::optional<Entry> passwd_line(std::string_view line) {
    const auto fields = split(line, ':');
    if (fields.size() < 4) return std::nullopt;
    const auto uid = number(fields[2]), gid = number(fields[3]);
    if (!uid || !gid) return std::nullopt;
    return Entry{fields[0], fields.size() > 5 ? fields[5] : "", *uid, *gid};
}

struct Group {
    std::string_view name;
    std::uint32_t gid = 0;
    std::vector<std::string_view> members;
};

std::vector<Group> groups_of(std::string_view text) {
    std::vector<Group> out;
    for (std::string_view line : split(text, '\n')) {
        const auto fields = split(line, ':');
        if (fields.size() < 3) continue;
        if (const auto gid = number(fields[2]))
            out.push_back({fields[0], *gid, fields.size() > 3 ? split(fields[3], ',') : std::vector<std::string_view>()});
    }
    return out;
}

Result<gid_t> find_group(const std::vector<Group>& groups, std::string_view text) {
    for (const Group& group : groups)
        if (group.name == text) return group.gid;
    if (const auto gid = number(text)) return *gid;
    return error(Errc::not_found, "group '{}' is not in the container's /etc/group", text);
}

}  // namespace

Result<Identity> resolve_user(int root, const std::string& run_as, const std::vector<std::string>& extra) {
    const std::string passwd = database(root, "etc/passwd"), group_text = database(root, "etc/group");
    const std::vector<Group> groups = groups_of(group_text);
    const auto colon = run_as.find(':');
    const std::string_view user = std::string_view(run_as).substr(0, colon);
    const std::string_view group = colon == std::string::npos ? "" : std::string_view(run_as).substr(colon + 1);

    Identity out;
    const auto as_number = user.empty() ? std::optional<std::uint32_t>(0) : number(user);
    std::optional<Entry> entry;
    for (std::string_view line : split(passwd, '\n')) {
        const auto candidate = passwd_line(line);
        if (!candidate) continue;
        // A name goes before a number, so that a user called "1000" is found as POSIX wants it for chown.
        if (!user.empty() && candidate->name == user) {
            entry = candidate;
            break;
        }
        if (!entry && as_number && candidate->uid == *as_number) entry = candidate;
    }
    if (!entry && !as_number) return error(Errc::not_found, "user '{}' is not in the container's /etc/passwd", user);
    if (entry) {
        out.uid = entry->uid;
        out.gid = entry->gid;
        out.name = entry->name;
        if (!entry->home.empty()) out.home = entry->home;
    } else {
        out.uid = *as_number;
    }
    if (!group.empty())
        out.gid = TRY(find_group(groups, group));
    else if (!out.name.empty())
        for (const Group& one : groups)
            if (std::ranges::find(one.members, std::string_view(out.name)) != one.members.end()) out.groups.push_back(one.gid);
    for (const std::string& name : extra) out.groups.push_back(TRY(find_group(groups, name)));
    std::ranges::sort(out.groups);
    out.groups.erase(std::unique(out.groups.begin(), out.groups.end()), out.groups.end());
    return out;
}

}  // namespace gantry::sandbox
