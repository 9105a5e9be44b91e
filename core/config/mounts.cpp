// Mounts in Docker's spellings: -v, --tmpfs, --mount.
#include "base/units.hpp"
#include "base/text.hpp"
#include "config/reader.hpp"

#include <charconv>

namespace gantry::config {

namespace {

std::string_view shown(std::string_view text) { return text.substr(0, 120); }

// One word after the second colon of -v.
Result<> volume_option(std::string_view option, Mount& mount) {
    if (option == "ro" || option == "rw")
        mount.read_only = option == "ro";
    else if (is_propagation(option))
        mount.propagation = option;
    else if (option == "nocopy" || option == "copy")
        mount.copy = option == "copy";
    else if (option == "bind" || option == "rbind")
        mount.recursive = option == "rbind";
    // SELinux labels and Docker Desktop's cache modes change nothing on this kind of host.
    else if (option != "z" && option != "Z" && option != "cached" && option != "delegated" && option != "consistent")
        return error(Errc::invalid, "option '{}' is not known", shown(option));
    return {};
}

Result<> set_tmpfs_mode(std::string_view text, Mount& mount) {
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), mount.mode, 8);
    if (failure != std::errc() || end != text.data() + text.size() || mount.mode > 07777)
        return error(Errc::invalid, "mode '{}' is not an octal number", shown(text));
    return {};
}

Result<bool> parse_flag(std::string_view value) {
    if (value.empty() || value == "true" || value == "1") return true;
    if (value == "false" || value == "0") return false;
    return error(Errc::invalid, "'{}' is not true or false", shown(value));
}

// One KEY[=VALUE] of --mount.
Result<> mount_option(std::string_view key, std::string_view value, Mount& mount) {
    if (key == "type") {
        mount.type = TRY(parse_mount_type(value));
    } else if (key == "source" || key == "src") {
        mount.source = value;
    } else if (key == "target" || key == "destination" || key == "dst") {
        mount.target = value;
    } else if (key == "readonly" || key == "ro") {
        mount.read_only = TRY(parse_flag(value));
    } else if (key == "bind-propagation") {
        if (!is_propagation(value)) return error(Errc::invalid, "propagation '{}' is not known", shown(value));
        mount.propagation = value;
    } else if (key == "bind-nonrecursive") {
        mount.recursive = !TRY(parse_flag(value));
    } else if (key == "bind-recursive") {
        mount.recursive = value != "disabled";
    } else if (key == "bind-create-src") {
        mount.create_source = TRY(parse_flag(value));
    } else if (key == "volume-nocopy") {
        mount.copy = !TRY(parse_flag(value));
    } else if (key == "tmpfs-size") {
        mount.size = TRY(parse_bytes(value));
    } else if (key == "tmpfs-mode") {
        TRY(set_tmpfs_mode(value, mount));
    } else if (key != "consistency") {
        return error(Errc::invalid, "key '{}' is not known", shown(key));
    }
    return {};
}

}  // namespace

bool is_propagation(std::string_view text) {
    if (text.starts_with('r')) text.remove_prefix(1);
    return text == "private" || text == "slave" || text == "shared";
}

Result<MountType> parse_mount_type(std::string_view text) {
    if (text == "bind") return MountType::bind;
    if (text == "volume") return MountType::volume;
    if (text == "tmpfs") return MountType::tmpfs;
    return error(Errc::invalid, "mount type '{}' is not one of bind, volume, tmpfs", shown(text));
}

// A name that works as a tmpfs option: nothing that mount(2) would take for a second option.
bool is_mount_option(std::string_view text) {
    return !text.empty() && text.size() <= 64 &&
           text.find_first_not_of(
               "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
               "0123456789_=%.-") == std::string_view::npos;
}

Result<> check_mount(const Mount& mount) {
    const auto outside = [](std::string_view path) { return path.find("/../") != path.npos || path.ends_with("/.."); };
    if (mount.target.empty()) return error(Errc::invalid, "a mount needs a target");
    if (mount.target.front() != '/')
        return error(Errc::invalid, "mount target '{}' is not an absolute path", shown(mount.target));
    if (mount.target.find_first_not_of('/') == std::string::npos)
        return error(Errc::invalid, "mount target '{}' would hide the whole root", shown(mount.target));
    if (outside(mount.target)) return error(Errc::invalid, "mount target '{}' contains '..'", shown(mount.target));
    if (mount.target.size() > 4000 || mount.source.size() > 4000)
        return error(Errc::invalid, "mount of '{}...': the path is too long", mount.target.substr(0, 80));
    switch (mount.type) {
    case MountType::bind:
        if (mount.source.empty() || mount.source.front() != '/')
            return error(Errc::invalid, "mount on '{}': the source '{}' is not an absolute path", shown(mount.target),
                         shown(mount.source));
        if (outside(mount.source))
            return error(Errc::invalid, "mount on '{}': the source '{}' contains '..'", shown(mount.target),
                         shown(mount.source));
        break;
    case MountType::volume:
        if (!mount.source.empty()) TRY_CONTEXT(ObjectName::parse("volume", mount.source), "mount on '{}'", shown(mount.target));
        break;
    case MountType::tmpfs:
        if (!mount.source.empty()) return error(Errc::invalid, "mount on '{}': a tmpfs has no source", shown(mount.target));
        break;
    }
    const bool is_bind = mount.type == MountType::bind, is_tmpfs = mount.type == MountType::tmpfs;
    const Mount plain;
    if (!is_bind && (mount.propagation != plain.propagation || !mount.recursive || mount.create_source))
        return error(Errc::invalid, "mount on '{}': propagation, recursive and create_source are for bind mounts",
                     shown(mount.target));
    if (!is_tmpfs && (mount.size != 0 || mount.mode != plain.mode || !mount.options.empty()))
        return error(Errc::invalid, "mount on '{}': size, mode and options are for tmpfs", shown(mount.target));
    if (mount.type != MountType::volume && !mount.copy)
        return error(Errc::invalid, "mount on '{}': copy is for volumes", shown(mount.target));
    for (const std::string& option : mount.options)
        if (!is_mount_option(option))
            return error(Errc::invalid, "mount on '{}': option '{}' is not a mount option", shown(mount.target), shown(option));
    return {};
}

Result<Mount> parse_volume(std::string_view text) {
    const auto parts = split(text, ':');
    if (parts.size() > 3)
        return error(Errc::invalid, "volume '{}' has too many parts, expected [SOURCE:]TARGET[:OPTIONS]", shown(text));
    Mount mount;
    mount.target = parts.size() == 1 ? parts[0] : parts[1];
    if (parts.size() > 1) {
        mount.source = parts[0];
        if (mount.source.empty()) return error(Errc::invalid, "volume '{}': the source is empty", shown(text));
    }
    mount.type = mount.source.starts_with('/') ? MountType::bind : MountType::volume;
    mount.create_source = mount.type == MountType::bind;
    if (mount.source.starts_with('.') || (mount.type == MountType::volume && mount.source.find('/') != std::string::npos))
        return error(Errc::invalid, "volume '{}': the source must be an absolute path or a volume's name", shown(text));
    if (parts.size() == 3)
        for (std::string_view option : split(parts[2], ','))
            TRY_CONTEXT(volume_option(option, mount), "volume '{}'", shown(text));
    TRY(check_mount(mount));
    return mount;
}

Result<Mount> parse_tmpfs(std::string_view text) {
    const std::size_t colon = text.find(':');
    Mount mount;
    mount.type = MountType::tmpfs;
    mount.target = text.substr(0, colon);
    if (colon != std::string_view::npos)
        for (std::string_view option : split(text.substr(colon + 1), ',')) {
            if (option.starts_with("size="))
                mount.size = TRY_CONTEXT(parse_bytes(option.substr(5)), "tmpfs '{}'", shown(text));
            else if (option.starts_with("mode="))
                TRY_CONTEXT(set_tmpfs_mode(option.substr(5), mount), "tmpfs '{}'", shown(text));
            else if (option == "ro" || option == "rw")
                mount.read_only = option == "ro";
            else
                mount.options.emplace_back(option);
        }
    TRY(check_mount(mount));
    return mount;
}

Result<Mount> parse_mount(std::string_view text) {
    Mount mount;
    mount.type = MountType::volume;  // docker's default
    for (std::string_view field : split(text, ',')) {
        const std::size_t equals = field.find('=');
        const std::string_view value = equals == std::string_view::npos ? "" : field.substr(equals + 1);
        TRY_CONTEXT(mount_option(field.substr(0, equals), value, mount), "mount '{}'", shown(text));
    }
    TRY(check_mount(mount));
    return mount;
}

}  // namespace gantry::config
