#include "image/download.hpp"

#include "image/registry/blob_source.hpp"
#include "image/registry/endpoint.hpp"
#include "image/registry/retry.hpp"
#include "image/registry/url.hpp"

#include <ctime>

namespace gantry::image {

namespace {

using namespace registry;

// HTTP-date in its fixed form (RFC 9110 section 5.6.7).
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

class Download {
public:
    Download(const config::Paths& paths, const config::Engine& engine, Settings settings,
             const std::function<Result<>(std::string_view)>& sink, const DownloadOptions& options)
        : paths_(paths), engine_(engine), settings_(std::move(settings)), client_(settings_), sink_(sink), options_(options) {}

    Result<Downloaded> run(const std::string& address) {
        const Url start = TRY(parse_url(address));
        Retry retry(settings_, settings_.connect_retries);
        for (;;) {
            const std::uint64_t before = received_;
            const HttpOutcome outcome = TRY(attempt(start));
            if (outcome.fault == Fault::none && complete(outcome.response)) return told();
            if (outcome.fault == Fault::sink) return *outcome.error;
            if (outcome.fault == Fault::none && is_good(outcome.response.status))
                return error(Errc::corrupt, "'{}' ended after {} of {} bytes", start.text, received_, total_);
            if (received_ >= before + settings_.progress) retry.progressed();
            // Without a mark of the version, what follows may belong to another file.
            const bool resumable = received_ == 0 || !version_.empty();
            if (!resumable || !retry.again(outcome)) return failure(start, outcome);
        }
    }

private:
    [[nodiscard]] Downloaded told() const { return {received_, modified_, file_name_}; }
    static bool is_good(long status) { return status == 200 || status == 206; }
    static bool is_redirect(long status) {
        return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
    }
    [[nodiscard]] bool complete(const HttpResponse& response) const {
        return is_good(response.status) && (!known_ || received_ == total_);
    }

    // One request, over its redirects.
    Result<HttpOutcome> attempt(Url url) {
        for (int hops = 0;; ++hops) {
            HttpRequest request;
            request.url = url.text;
            request.tls = TRY(endpoint_of(paths_, engine_, url.host)).tls;
            if (received_ > 0) {
                request.headers = {fmt::format("Range: bytes={}-", received_), "If-Range: " + version_};
            }
            request.begin = [this](const HttpResponse& response) { return begin(response); };
            request.sink = [this](std::string_view piece) { return take(piece); };
            HttpOutcome outcome = client_.perform(request);
            if (outcome.fault != Fault::none || !is_redirect(outcome.response.status)) return outcome;
            if (hops == settings_.redirects) return error(Errc::unavailable, "'{}': more than {} redirects", url.text, hops);
            Url next = TRY_CONTEXT(resolve_url(url, outcome.response.header("location")), "redirect of '{}'", url.text);
            if (url.scheme == "https" && next.scheme != "https")
                return error(Errc::denied, "'{}' redirects to '{}', which does not use TLS", url.text, next.origin());
            url = std::move(next);
        }
    }

    Result<> begin(const HttpResponse& response) {
        if (received_ == 0) {
            if (response.status != 200) return error(Errc::invalid, "a part was sent that nobody asked for");
            const auto length = response.content_length();
            known_ = length.has_value();
            total_ = length.value_or(0);
            version_ = response.header("etag");
            modified_ = parse_date(response.header("last-modified"));
            file_name_ = file_name_of(response.header("content-disposition"));
            if (version_.starts_with("W/")) version_.clear();  // RFC 9110 13.1.5: weak ones do not do
            return {};
        }
        const auto range = parse_content_range(response.header("content-range"));
        if (response.status != 206 || !range || range->first != received_ || (known_ && range->last + 1 != total_))
            return error(Errc::unavailable, "the connection broke after {} bytes, and the server does not resume", received_);
        return {};
    }

    Result<> take(std::string_view piece) {
        if (known_ && piece.size() > total_ - received_)
            return error(Errc::corrupt, "more than the {} bytes announced", total_);
        if (piece.size() > options_.limit - received_) return error(Errc::invalid, "more than {} bytes", options_.limit);
        TRY(sink_(piece));
        received_ += piece.size();
        if (options_.progress) options_.progress(received_, total_);
        return {};
    }

    [[nodiscard]] Error failure(const Url& url, const HttpOutcome& outcome) const {
        if (settings_.cancelled()) return error(Errc::cancelled, "'{}': cancelled", url.text);
        if (outcome.error) return outcome.error->context(fmt::format("'{}'", url.text));
        const long status = outcome.response.status;
        const Errc code = status == 404 || status == 410   ? Errc::not_found
                          : status == 401 || status == 403 ? Errc::denied
                          : status >= 500 || status == 429 ? Errc::unavailable
                                                           : Errc::invalid;
        return error(code, "'{}': HTTP status {}", url.text, status);
    }

    const config::Paths& paths_;
    const config::Engine& engine_;
    Settings settings_;
    HttpClient client_;
    const std::function<Result<>(std::string_view)>& sink_;
    const DownloadOptions& options_;
    std::uint64_t received_ = 0, total_ = 0;
    bool known_ = false;   // total_ is
    std::string version_;  // a strong ETag
    std::optional<std::int64_t> modified_;
    std::string file_name_;
};

}  // namespace

Result<Downloaded> download(const config::Paths& paths, const config::Engine& engine, const std::string& url,
                            const std::function<Result<>(std::string_view)>& sink, const DownloadOptions& options) {
    Settings settings;
    settings.stall_window = std::chrono::seconds(engine.pull_stall_seconds);
    settings.cancelled = [cancel = options.cancel] { return cancel && *cancel; };
    return Download(paths, engine, std::move(settings), sink, options).run(url).context("download");
}

}  // namespace gantry::image
