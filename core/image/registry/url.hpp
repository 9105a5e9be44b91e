// Addresses: which host, is it this machine, where does a redirect lead.
#pragma once

#include "base/result.hpp"

#include <string>
#include <string_view>

namespace gantry::image::registry {

struct Url {
    std::string scheme;  // lower case
    std::string host;    // lower case; with the port where it is not the scheme's own; "[::1]:5000"
    std::string text;    // the whole address
    [[nodiscard]] std::string origin() const { return scheme + "://" + host; }
};

// Absolute http and https addresses without user and password.
Result<Url> parse_url(const std::string& text);
// A Location header, which may be relative to base.
Result<Url> resolve_url(const Url& base, const std::string& location);

// The host (and port) of an address, for messages; the whole text where it is none.
std::string host_of(const std::string& url);

// "localhost", 127.0.0.0/8 and ::1, with or without a port.
bool is_loopback_host(std::string_view host);

// Percent-encoding for a query (RFC 3986: unreserved characters stay).
std::string escape(std::string_view text);

}  // namespace gantry::image::registry
