#include "image/registry/blob_source.hpp"

#include "base/text.hpp"

namespace gantry::image::registry {

namespace {

std::string name_of(const Descriptor& blob) { return fmt::format("blob '{}'", blob.digest.str()); }

// One blob, over as many attempts as it takes.
class BlobTransfer {
public:
    using Perform = std::function<HttpOutcome(const ApiRequest&)>;
    BlobTransfer(Repository& repository, const Descriptor& descriptor, BlobTarget& target, Perform perform)
        : repository_(repository), descriptor_(descriptor), target_(target), perform_(std::move(perform)) {}

    BlobOutcome run() {
        const Settings& settings = repository_.connection().settings();
        Retry retry(settings, settings.retries, target_.received);
        while (target_.received < descriptor_.size) {
            const std::uint64_t before = target_.received;
            const HttpOutcome outcome = attempt();
            if (outcome.fault == Fault::none && good(outcome.response.status)) {
                if (target_.received == descriptor_.size) break;
                // A whole answer that is too short is a lie, unless it was one of several ranges.
                const bool trickle = target_.received < before + settings.progress && ++short_parts_ > settings.retries;
                if (outcome.response.status == 200 || target_.received <= before || trickle)
                    return {wrong_size(target_.received), false};
                continue;
            }
            if (outcome.fault == Fault::sink && ask_whole_) {
                ask_whole_ = false;
                no_range_ = true;
                if (auto done = start_over(); done) return std::move(*done);
                continue;
            }
            if (outcome.fault == Fault::sink) return {*outcome.error, target_failed_};
            if (outcome.fault == Fault::none && outcome.response.status == 416 && before > 0 && !no_range_) {
                no_range_ = true;
                if (auto done = start_over(); done) return std::move(*done);
                continue;
            }
            retry.reached(target_.received);
            if (!retry.again(outcome)) return {blob_error(repository_, descriptor_, outcome), false};
        }
        return {};
    }

private:
    static bool good(long status) { return status == 200 || status == 206; }
    [[nodiscard]] const Endpoint& endpoint() const { return repository_.connection().endpoint(); }
    [[nodiscard]] std::string what() const { return name_of(descriptor_); }

    HttpOutcome attempt() {
        ApiRequest request{"GET", repository_.blob_path(descriptor_.digest), repository_.scope()};
        asked_ = no_range_ ? 0 : target_.received;
        if (asked_ > 0) request.headers.push_back(fmt::format("Range: bytes={}-", asked_));
        request.begin = [this](const HttpResponse& response) { return begin(response); };
        request.sink = [this](std::string_view data) { return take(data); };
        return perform_(request);
    }

    // The headers of a good answer: does it start where we asked, can it have the right size?
    Result<> begin(const HttpResponse& response) {
        if (response.status == 206 && asked_ == 0) return lie("answers with a part that was not asked for");
        if (response.status == 206) {
            const auto range = parse_content_range(response.header("content-range"));
            if (!range || range->first != asked_ || range->last >= descriptor_.size ||
                (range->total && *range->total != descriptor_.size)) {
                ask_whole_ = true;  // it does not know how to resume; it may know how to send the whole
                return error(Errc::invalid, "another range than asked for");
            }
        } else if (target_.received > 0) {
            if (auto restarted = restart_target(); !restarted.ok()) return restarted;
        }
        const auto length = response.content_length();
        if (length && (response.status == 200 ? *length != descriptor_.size : *length > descriptor_.size - target_.received))
            return wrong_size(target_.received + *length);
        return {};
    }

    Result<> take(std::string_view data) {
        if (data.size() > descriptor_.size - target_.received)
            return error(Errc::corrupt, "registry '{}': {} is larger than the {} bytes that the manifest says",
                         endpoint().registry, what(), descriptor_.size);
        auto written = target_.write(data);
        if (!written.ok()) {
            target_failed_ = true;
            return written;
        }
        target_.received += data.size();
        target_.progress(target_.received);
        return {};
    }

    Result<> restart_target() {
        auto done = target_.restart();
        target_failed_ = !done.ok();
        if (done.ok()) target_.received = 0;
        return done;
    }

    std::optional<BlobOutcome> start_over() {
        if (target_.received == 0) return std::nullopt;
        if (auto done = restart_target(); !done.ok()) return BlobOutcome{std::move(done).error(), true};
        return std::nullopt;
    }

    [[nodiscard]] Error lie(std::string_view text) const {
        return error(Errc::corrupt, "registry '{}': {}: {}", endpoint().registry, what(), text);
    }
    [[nodiscard]] Error wrong_size(std::uint64_t size) const {
        return error(Errc::corrupt, "registry '{}': {} has {} bytes, the manifest says {}", endpoint().registry, what(), size,
                     descriptor_.size);
    }

    Repository& repository_;
    const Descriptor& descriptor_;
    BlobTarget& target_;
    Perform perform_;
    std::uint64_t asked_ = 0;
    int short_parts_ = 0;
    bool no_range_ = false, ask_whole_ = false, target_failed_ = false;
};

}  // namespace

std::optional<ContentRange> parse_content_range(std::string_view text) {
    constexpr std::string_view unit = "bytes ";
    if (!text.starts_with(unit)) return std::nullopt;
    text.remove_prefix(unit.size());
    const std::size_t dash = text.find('-'), slash = text.find('/');
    if (dash == std::string_view::npos || slash == std::string_view::npos || dash > slash) return std::nullopt;
    const auto first = whole_number(text.substr(0, dash)), last = whole_number(text.substr(dash + 1, slash - dash - 1));
    const std::string_view whole = text.substr(slash + 1);
    const auto total = whole_number(whole);
    if (!first || !last || *first > *last || (!total && whole != "*")) return std::nullopt;
    return ContentRange{*first, *last, total};
}

Error blob_error(const Repository& repository, const Descriptor& descriptor, const HttpOutcome& outcome) {
    const Connection& connection = repository.connection();
    if (connection.settings().cancelled()) return error(Errc::cancelled, "cancelled");
    if (outcome.error) return fault_error(outcome, connection.endpoint()).context(name_of(descriptor));
    return status_error(outcome.response, connection.endpoint(), name_of(descriptor));
}

BlobOutcome fetch_blob(Repository& repository, const Descriptor& descriptor, BlobTarget& target) {
    Connection& connection = repository.connection();
    return BlobTransfer(repository, descriptor, target, [&](const ApiRequest& request) { return connection.perform(request); })
        .run();
}

BlobOutcome fetch_foreign_blob(Repository& repository, const std::string& url, const Descriptor& descriptor,
                               BlobTarget& target) {
    Connection& connection = repository.connection();
    return BlobTransfer(repository, descriptor, target,
                        [&](const ApiRequest& request) { return connection.perform_foreign(url, request); })
        .run();
}

}  // namespace gantry::image::registry
