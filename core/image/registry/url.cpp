#include "image/registry/url.hpp"

#include <curl/curl.h>

#include <arpa/inet.h>

#include <memory>

namespace gantry::image::registry {

namespace {

using Handle = std::unique_ptr<CURLU, void (*)(CURLU*)>;

std::string part(CURLU* url, CURLUPart which, unsigned flags = 0) {
    char* text = nullptr;
    if (curl_url_get(url, which, &text, flags) != CURLUE_OK || !text) return {};
    std::string result(text);
    curl_free(text);
    return result;
}

Result<Url> parts_of(CURLU* handle, const std::string& shown) {
    Url url{part(handle, CURLUPART_SCHEME), part(handle, CURLUPART_HOST), part(handle, CURLUPART_URL)};
    for (char& c : url.host)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (url.scheme != "http" && url.scheme != "https")
        return error(Errc::invalid, "'{}' is not an http or https address", shown);
    if (url.host.empty()) return error(Errc::invalid, "address '{}' has no host", shown);
    if (!part(handle, CURLUPART_USER).empty() || !part(handle, CURLUPART_PASSWORD).empty())
        return error(Errc::invalid, "address of '{}' has a user or password in it", url.host);
    const std::string port = part(handle, CURLUPART_PORT, CURLU_NO_DEFAULT_PORT);
    if (!port.empty()) url.host += ":" + port;
    return url;
}

// A server's text in our messages.
std::string shown_url(const std::string& text) {
    std::string plain;
    for (const char c : text.substr(0, 200)) plain += (c >= ' ' && c < 0x7f) ? c : '?';
    return plain;
}

}  // namespace

Result<Url> parse_url(const std::string& text) {
    const Handle handle(curl_url(), curl_url_cleanup);
    if (!handle || curl_url_set(handle.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK)
        return error(Errc::invalid, "'{}' is not an address", shown_url(text));
    return parts_of(handle.get(), shown_url(text));
}

Result<Url> resolve_url(const Url& base, const std::string& location) {
    const Handle handle(curl_url(), curl_url_cleanup);
    if (!handle || curl_url_set(handle.get(), CURLUPART_URL, base.text.c_str(), 0) != CURLUE_OK ||
        curl_url_set(handle.get(), CURLUPART_URL, location.c_str(), CURLU_URLENCODE) != CURLUE_OK)
        return error(Errc::invalid, "'{}' is not an address", shown_url(location));
    return parts_of(handle.get(), shown_url(location));
}

std::string host_of(const std::string& url) {
    auto parsed = parse_url(url);
    return parsed.ok() ? parsed->host : shown_url(url);
}

bool is_loopback_host(std::string_view host) {
    std::string name(host);
    if (name.starts_with('[')) {
        name = name.substr(1, name.find(']') - 1);
        in6_addr address{};
        return inet_pton(AF_INET6, name.c_str(), &address) == 1 && IN6_IS_ADDR_LOOPBACK(&address);
    }
    name = name.substr(0, name.rfind(':'));
    in_addr address{};
    if (inet_pton(AF_INET, name.c_str(), &address) == 1) return (ntohl(address.s_addr) >> 24) == 127;
    return name == "localhost";  // libcurl never asks DNS for it
}

std::string escape(std::string_view text) {
    constexpr std::string_view plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    std::string result;
    for (const char c : text) {
        if (plain.find(c) != std::string_view::npos)
            result += c;
        else
            result += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    return result;
}

}  // namespace gantry::image::registry
