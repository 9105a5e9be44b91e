// One file from any web server: ADD URL, contexts, `gantry import URL`.
#include "image/filters.hpp"
#include "image/registry/endpoint.hpp"
#include "image/registry/http.hpp"
#include "image/registry/retry.hpp"
#include "image/registry/url.hpp"
#include "image/transfer.hpp"

#include <ctime>

namespace gantry::image {

namespace {

using namespace registry;

bool is_redirect(long status) { return status == 301 || status == 302 || status == 303 || status == 307 || status == 308; }

// HTTP-date, the fixed form of RFC 9110 section 5.6.7.
std::optional<std::int64_t> parse_date(const std::string& text) {
    std::tm parts{};
    const char* end = strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    if (!end || *end) return std::nullopt;
    return static_cast<std::int64_t>(timegm(&parts));
}

// attachment; filename="x.tar" (RFC 6266). Nothing where it is no plain name.
std::string file_name_of(const std::string& disposition) {
    const auto at = disposition.find("filename=");
    if (at == std::string::npos) return "";
    std::string name = disposition.substr(at + 9);
    name = name.starts_with('"') ? name.substr(1, name.find('"', 1) - 1) : name.substr(0, name.find(';'));
    return name.find('/') == std::string::npos && name != "." && name != ".." ? name : "";
}

class Downloader {
public:
    Downloader(const config::Paths& paths, const config::Engine& engine, const std::string& url, const DownloadOptions& options)
        : paths_(paths), engine_(engine), url_(url), options_(options), client_(settings_of(engine, options)) {}

    Result<Downloaded> run() {
        Url url = TRY(parse_url(url_));
        for (int hops = 0; hops <= client_.settings().redirects; ++hops) {
            HttpOutcome outcome = client_.perform(request_for(url));
            if (outcome.error) return std::move(*outcome.error);
            if (!is_redirect(outcome.response.status)) return take(outcome.response);
            Url next = TRY_CONTEXT(resolve_url(url, outcome.response.header("location")), "redirect");
            if (url.scheme == "https" && next.scheme != "https")
                return error(Errc::denied, "'{}' redirects to '{}', which does not use TLS", url.host, next.origin());
            url = std::move(next);
        }
        return error(Errc::unavailable, "'{}': more than {} redirects", url_, client_.settings().redirects);
    }

private:
    static Settings settings_of(const config::Engine& engine, const DownloadOptions& options) {
        Settings settings;
        settings.stall_window = std::chrono::seconds(engine.pull_stall_seconds);
        settings.cancelled = [cancel = options.cancel] { return cancel && *cancel; };
        return settings;
    }

    HttpRequest request_for(const Url& url) {
        HttpRequest request;
        request.url = url.text;
        if (const auto endpoint = endpoint_of(paths_, engine_, url.host); endpoint.ok()) request.tls = endpoint->tls;
        request.begin = [this](const HttpResponse& response) -> Result<> {
            total_ = response.content_length().value_or(0);
            return {};
        };
        request.sink = [this](std::string_view data) -> Result<> {
            received_ += data.size();
            if (received_ > options_.limit) return error(Errc::invalid, "'{}' is larger than {} bytes", url_, options_.limit);
            if (options_.progress) options_.progress({"", "Downloading", received_, total_});
            return options_.sink(data);
        };
        return request;
    }

    Result<Downloaded> take(const HttpResponse& response) const {
        if (response.status == 404) return error(Errc::not_found, "'{}' is not there (HTTP 404)", url_);
        if (response.status != 200) return error(Errc::unavailable, "'{}': HTTP {}", url_, response.status);
        return Downloaded{received_, parse_date(response.header("last-modified")),
                          file_name_of(response.header("content-disposition"))};
    }

    const config::Paths& paths_;
    const config::Engine& engine_;
    const std::string& url_;
    const DownloadOptions& options_;
    HttpClient client_;
    std::uint64_t received_ = 0, total_ = 0;
};

}  // namespace

Result<Downloaded> download(const config::Paths& paths, const config::Engine& engine, const std::string& url,
                            const DownloadOptions& options) {
    return Downloader(paths, engine, url, options).run().context(fmt::format("download '{}'", url));
}

}  // namespace gantry::image
