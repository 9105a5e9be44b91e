#include "base/reference.hpp"

#include <algorithm>

namespace gantry {

namespace {

constexpr std::string_view hub = "docker.io";
constexpr std::size_t longest_name = 255, longest_tag = 128;  // distribution's reference.go

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_alnum(char c) { return is_digit(c) || is_lower(c) || is_upper(c); }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

// What error messages repeat of hostile input.
std::string_view shown(std::string_view text) { return text.substr(0, 160); }

// Docker's rule for telling "host/path" from "user/repository" (reference.splitDockerDomain).
bool looks_like_domain(std::string_view component) {
    return component == "localhost" || component.find_first_of(".:[") != std::string_view::npos ||
           std::ranges::any_of(component, is_upper);
}

// domain-component := [a-zA-Z0-9] | [a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]
bool valid_host(std::string_view host) {
    if (host.size() > 2 && host.front() == '[' && host.back() == ']')
        return std::ranges::all_of(host.substr(1, host.size() - 2), [](char c) { return is_hex(c) || c == ':'; });
    while (true) {
        const std::string_view part = host.substr(0, host.find('.'));
        if (part.empty() || !is_alnum(part.front()) || !is_alnum(part.back())) return false;
        if (!std::ranges::all_of(part, [](char c) { return is_alnum(c) || c == '-'; })) return false;
        if (part.size() == host.size()) return true;
        host.remove_prefix(part.size() + 1);
    }
}

bool valid_domain(std::string_view domain) {
    const std::size_t colon = domain.rfind(':');
    const bool has_port = colon != std::string_view::npos && domain.find(']', colon) == std::string_view::npos;
    if (!has_port) return valid_host(domain);
    const std::string_view port = domain.substr(colon + 1);
    return !port.empty() && port.size() <= 5 && std::ranges::all_of(port, is_digit) && valid_host(domain.substr(0, colon));
}

// path-component := [a-z0-9]+ (separator [a-z0-9]+)*, separator := "." | "_" | "__" | "-"+
bool valid_component(std::string_view part) {
    const auto plain = [](char c) { return is_lower(c) || is_digit(c); };
    if (part.empty() || !plain(part.front()) || !plain(part.back())) return false;
    for (std::size_t at = 0; at < part.size();) {
        std::size_t end = at;
        while (end < part.size() && !plain(part[end])) ++end;
        const std::string_view separator = part.substr(at, end - at);
        if (!separator.empty() && separator != "." && separator != "_" && separator != "__" &&
            separator.find_first_not_of('-') != std::string_view::npos)
            return false;
        at = end + 1;
    }
    return true;
}

Result<> check_path(std::string_view path, std::string_view whole) {
    if (path.empty()) return error(Errc::invalid, "image reference '{}' has no name", shown(whole));
    if (std::ranges::any_of(path, is_upper))
        return error(Errc::invalid, "image reference '{}': the name must be lower case", shown(whole));
    for (std::string_view rest = path;;) {
        const std::string_view part = rest.substr(0, rest.find('/'));
        if (!valid_component(part))
            return error(Errc::invalid, "image reference '{}': '{}' is not a valid name", shown(whole), shown(part));
        if (part.size() == rest.size()) return {};
        rest.remove_prefix(part.size() + 1);
    }
}

Result<> check_tag(std::string_view tag, std::string_view whole) {
    if (tag.empty()) return error(Errc::invalid, "image reference '{}' has an empty tag", shown(whole));
    if (tag.size() > longest_tag)
        return error(Errc::invalid, "image reference '{}...': the tag is {} bytes long, the limit is {}", shown(whole),
                     tag.size(), longest_tag);
    const bool start = is_alnum(tag.front()) || tag.front() == '_';
    if (!start || !std::ranges::all_of(tag, [](char c) { return is_alnum(c) || c == '_' || c == '.' || c == '-'; }))
        return error(Errc::invalid, "image reference '{}': '{}' is not a valid tag", shown(whole), tag);
    return {};
}

std::string join(const std::string& domain, const std::string& path) { return domain.empty() ? path : domain + "/" + path; }

}  // namespace

Result<ImageRef> ImageRef::parse(std::string_view text) {
    if (text.empty()) return error(Errc::invalid, "image reference is empty");
    if (text.find("://") != std::string_view::npos)
        return error(Errc::invalid, "image reference '{}' must not have a scheme, write HOST/NAME:TAG", shown(text));
    ImageRef ref;
    std::string_view name = text;
    if (const std::size_t at = name.find('@'); at != std::string_view::npos) {
        ref.digest = TRY_CONTEXT(Digest::parse(name.substr(at + 1)), "image reference '{}'", shown(text));
        name = name.substr(0, at);
    }
    const std::size_t last_slash = name.rfind('/');
    const std::size_t colon = name.find(':', last_slash == std::string_view::npos ? 0 : last_slash);
    if (colon != std::string_view::npos) {
        TRY(check_tag(name.substr(colon + 1), text));
        ref.tag = name.substr(colon + 1);
        name = name.substr(0, colon);
    }
    const std::size_t slash = name.find('/');
    if (slash != std::string_view::npos && looks_like_domain(name.substr(0, slash))) {
        ref.domain = name.substr(0, slash);
        if (!valid_domain(ref.domain))
            return error(Errc::invalid, "image reference '{}': '{}' is not a valid registry host", shown(text), ref.domain);
        name = name.substr(slash + 1);
    }
    TRY(check_path(name, text));
    // distribution refuses it too: such a name could not be told from an image id.
    if (ref.domain.empty() && name.size() == 64 && std::ranges::all_of(name, is_hex))
        return error(Errc::invalid, "image reference '{}' is an image id, not a name", name);
    ref.path = name;
    // The limit is the completed name's (distribution's ParseNormalizedNamed): what is printed must be readable again.
    if (const std::string full = ref.normalized().repository(); full.size() > longest_name)
        return error(Errc::invalid, "image reference '{}...': the name is {} bytes long, the limit is {}", full.substr(0, 32),
                     full.size(), longest_name);
    return ref;
}

ImageRef ImageRef::normalized() const {
    ImageRef full = *this;
    if (full.domain.empty() || full.domain == "index.docker.io") full.domain = hub;
    if (full.domain == hub && full.path.find('/') == std::string::npos) full.path = "library/" + full.path;
    if (full.tag.empty() && !full.digest) full.tag = "latest";
    return full;
}

std::string ImageRef::repository() const { return join(domain, path); }

std::string ImageRef::familiar_repository() const {
    if (domain != hub) return repository();
    constexpr std::string_view library = "library/";
    if (path.starts_with(library) && path.find('/', library.size()) == std::string::npos) return path.substr(library.size());
    // "docker.io/localhost/x" without its domain would be read as another registry's.
    const std::size_t slash = path.find('/');
    if (slash == std::string::npos || looks_like_domain(std::string_view(path).substr(0, slash))) return repository();
    return path;
}

namespace {
std::string with_suffix(std::string name, const ImageRef& ref) {
    if (!ref.tag.empty()) name += ":" + ref.tag;
    if (ref.digest) name += "@" + ref.digest->str();
    return name;
}
}  // namespace

std::string ImageRef::str() const { return with_suffix(repository(), *this); }
std::string ImageRef::familiar() const { return with_suffix(familiar_repository(), *this); }

}  // namespace gantry
