// HTTP requests over libcurl. One client serves all threads; each request runs on a connection pool of its own that is kept for
// the next one. Redirects and authorization are not followed here: see connection.hpp.
#pragma once

#include "base/result.hpp"
#include "image/registry/settings.hpp"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gantry::image::registry {

struct Tls {
    std::string ca;                // a file, trusted besides the system's authorities
    std::string authorities;       // the same, as the text of certificates (PEM)
    std::string certificate, key;  // the client's, files
    bool unchecked = false;
};

struct HttpResponse {
    long status = 0;
    std::map<std::string, std::vector<std::string>> headers;  // names in lower case
    std::string body;                                         // where no sink took it; of an error at most message_limit

    // The last value of a header; empty where there is none.
    [[nodiscard]] std::string header(const std::string& name) const;
    [[nodiscard]] std::optional<std::uint64_t> content_length() const;
};

// A part of an open file as a request's body: read as it is sent, again where a redirect or a login makes us repeat it.
struct FilePart {
    int fd = -1;
    std::uint64_t offset = 0, size = 0;
    std::function<void(std::uint64_t)> progress;  // bytes of the part that are on their way
};

struct HttpRequest {
    std::string method = "GET";
    std::string url;
    std::vector<std::string> headers;  // "Name: value"
    std::string body;                  // of POST, PUT and PATCH
    std::optional<FilePart> file;      // instead of body
    Tls tls;
    std::size_t body_limit = manifest_limit;
    // Only for 200 and 206: called with the headers before the first byte, and then for every piece. An error ends the transfer
    // and comes back as Fault::sink.
    std::function<Result<>(const HttpResponse&)> begin;
    std::function<Result<>(std::string_view)> sink;
    bool only_connect = false;  // up to the end of the TLS handshake: nothing is asked
};

enum class Fault {
    none,
    connect,      // nobody answers there: name, route, refusal, timeout while connecting
    tls,          // whoever answers does not speak TLS, or none that we do
    certificate,  // the certificate is not good
    lost,         // the connection broke
    stalled,
    too_large,  // more than body_limit
    sink,       // begin or sink said no, or the file could not be read
    cancelled,
    other,
};

struct HttpOutcome {
    HttpResponse response;  // as far as it came
    Fault fault = Fault::none;
    std::optional<Error> error;  // set unless fault is none; for Fault::sink the sink's own
};

class HttpClient {
public:
    explicit HttpClient(Settings settings);
    ~HttpClient();
    HttpClient(const HttpClient&) = delete;
    HttpClient& operator=(const HttpClient&) = delete;

    // Any answer of the server, whatever its status, is Fault::none.
    HttpOutcome perform(const HttpRequest& request);
    [[nodiscard]] const Settings& settings() const { return settings_; }

    struct Pool;

private:
    Settings settings_;
    std::unique_ptr<Pool> pool_;
};

}  // namespace gantry::image::registry
