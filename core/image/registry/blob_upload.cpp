#include "image/registry/blob_upload.hpp"

#include "base/text.hpp"
#include "image/hasher.hpp"
#include "image/registry/choose.hpp"

namespace gantry::image::registry {

namespace {

constexpr std::uint64_t chunk_limit = 1ULL << 30;  // a registry may not make us send more at once
const char* const octets = "Content-Type: application/octet-stream";

Error refused(Repository& repository, const HttpOutcome& outcome, std::string_view object) {
    const Endpoint& endpoint = repository.connection().endpoint();
    if (repository.connection().settings().cancelled()) return error(Errc::cancelled, "cancelled");
    if (outcome.error) return fault_error(outcome, endpoint).context(object);
    const HttpResponse& response = outcome.response;
    const auto make = [&](Errc code, std::string_view what) {
        return error(code, "registry '{}': {} {} (HTTP {}{})", endpoint.registry, object, what, response.status,
                     error_suffix(response.body));
    };
    switch (response.status) {
    case 401: return make(Errc::denied, "needs a login");
    case 403: return make(Errc::denied, "is denied");
    case 404: return make(Errc::not_found, "is not taken, the repository is unknown");
    case 405: return make(Errc::denied, "is not taken, the registry is read-only");
    case 413: return make(Errc::invalid, "is larger than the registry takes");
    case 429: return make(Errc::unavailable, "not taken, too many requests");
    default: return make(response.status >= 500 ? Errc::unavailable : Errc::invalid, "is not taken");
    }
}

// One blob, over as many requests as it takes.
class Upload {
public:
    Upload(Repository& repository, const LocalBlob& blob, const UploadPlan& plan)
        : repository_(repository), blob_(blob), plan_(plan), settings_(repository.connection().settings()) {}

    Result<Uploaded> run() {
        if (TRY(has_blob(repository_, blob_.digest))) return Uploaded{Uploaded::How::existed, {}};
        for (const std::string& from : plan_.mounts)
            if (TRY(mount(from))) return Uploaded{Uploaded::How::mounted, from};
        Retry retry(settings_, settings_.connect_retries);
        while (!done_) {
            const HttpOutcome outcome = step();
            if (failure_) return std::move(*failure_);
            if (outcome.fault == Fault::none && outcome.response.status < 300) continue;
            if (starts_over(outcome)) {
                if (restarts_++ >= settings_.retries) return refused(repository_, outcome, what());
                session_.clear();
                continue;
            }
            retry.reached(offset_);
            if (!retry.again(outcome)) return refused(repository_, outcome, what());
            uncertain_ = !session_.empty();
            answered_ = outcome.fault == Fault::none;
        }
        plan_.progress(blob_.size);
        return Uploaded{};
    }

    Result<bool> only_mount(const std::string& from) {
        if (TRY(has_blob(repository_, blob_.digest)) || TRY(mount(from))) return true;
        if (session_.empty()) return false;
        ApiRequest request{"DELETE", {}, repository_.scope()};  // what was begun instead; registries forget it in the end
        request.url = session_;
        perform(request);
        return false;
    }

private:
    [[nodiscard]] std::string what() const { return fmt::format("blob '{}'", blob_.digest.str()); }
    [[nodiscard]] const std::string& name() const { return repository_.connection().endpoint().registry; }
    [[nodiscard]] std::string uploads() const { return repository_.path() + "/blobs/uploads/"; }

    HttpOutcome perform(const ApiRequest& request) { return repository_.connection().perform(request); }

    HttpOutcome step() {
        if (session_.empty()) return open();
        if (uncertain_) return ask_state();
        if (offset_ == 0 && blob_.size <= chunk_) return close(true);
        return offset_ < blob_.size ? send_chunk() : close(false);
    }

    // The registry has lost the upload, or thinks otherwise of it than we.
    [[nodiscard]] bool starts_over(const HttpOutcome& outcome) const {
        const long status = outcome.response.status;
        return outcome.fault == Fault::none && !session_.empty() && (status == 404 || status == 409 || status == 416);
    }

    // Any answer but a yes is a no: the mount may not be allowed, not known, or not there.
    Result<bool> mount(const std::string& from) {
        ApiRequest request{"POST", fmt::format("{}?mount={}&from={}", uploads(), blob_.digest.str(), escape(from)),
                           fmt::format("{} repository:{}:pull", repository_.scope(), from)};
        request.headers.emplace_back(octets);
        const HttpOutcome outcome = perform(request);
        if (settings_.cancelled()) return error(Errc::cancelled, "cancelled");
        if (outcome.fault != Fault::none) return false;
        if (outcome.response.status == 202 && session_.empty()) take_session(outcome.response);
        failure_.reset();
        return outcome.response.status == 201;
    }

    HttpOutcome open() {
        ApiRequest request{"POST", uploads(), repository_.scope()};
        request.headers.emplace_back(octets);
        HttpOutcome outcome = perform(request);
        if (outcome.fault != Fault::none || outcome.response.status >= 300) return outcome;
        if (outcome.response.status == 201) {
            failure_ = error(Errc::invalid, "registry '{}': {}: taken before a byte of it was sent", name(), what());
            return outcome;
        }
        take_session(outcome.response);
        return outcome;
    }

    void take_session(const HttpResponse& response) {
        offset_ = 0;
        uncertain_ = false;
        session_.clear();
        if (!take_location(response)) return;
        chunk_ = plan_.chunk;
        if (const auto least = whole_number(response.header("oci-chunk-min-length")))
            chunk_ = std::clamp(*least, plan_.chunk, std::max(plan_.chunk, chunk_limit));
    }

    // Where the next request of this upload goes. One that names none but an id means the place that the specification gives.
    bool take_location(const HttpResponse& response) {
        const std::string location = response.header("location"), id = response.header("docker-upload-uuid");
        if (location.empty() && !session_.empty()) return true;
        if (location.empty() && id.empty()) {
            failure_ = error(Errc::invalid, "registry '{}': {}: no address to upload to", name(), what());
            return false;
        }
        const auto base = session_.empty() ? repository_.connection().address(uploads()) : parse_url(session_);
        const auto next = base.ok() ? resolve_url(*base, location.empty() ? escape(id) : location) : base;
        if (!next.ok()) {
            failure_ = next.error().context(fmt::format("registry '{}': {}: upload", name(), what()));
            return false;
        }
        session_ = next->text;
        return true;
    }

    // After a request that may have arrived in part: where does the registry think we are?
    HttpOutcome ask_state() {
        if (closing_) {
            // It may have arrived as a whole, and the upload with it be gone.
            const auto there = has_blob(repository_, blob_.digest);
            if (there.ok() && *there) {
                done_ = true;
                return {};
            }
        }
        ApiRequest request{"GET", {}, repository_.scope()};
        request.url = session_;
        HttpOutcome outcome = perform(request);
        const long status = outcome.response.status;
        if (status == 400 || status == 405) outcome.response.status = 404;  // it cannot say: begin again
        if (outcome.fault != Fault::none || status >= 300) return outcome;
        closing_ = false;
        const auto range = parse_upload_range(outcome.response.header("range"));
        // "0-0" is one byte, and what many say of none: what it must be where the registry said no to the first request.
        const bool nothing = range && *range == 1 && answered_ && offset_ == 0;
        if (!nothing && (!range || *range <= 1 || *range > blob_.size)) {
            outcome.response.status = 416;
            return outcome;
        }
        offset_ = nothing ? 0 : *range;
        uncertain_ = false;
        take_location(outcome.response);
        return outcome;
    }

    ApiRequest part(const std::string& method, std::uint64_t size) {
        ApiRequest request{method, {}, repository_.scope()};
        request.url = session_;
        request.headers.emplace_back(octets);
        if (size > 0)
            request.file = FilePart{blob_.fd, offset_, size, [this](std::uint64_t sent) { plan_.progress(offset_ + sent); }};
        return request;
    }

    HttpOutcome send_chunk() {
        const std::uint64_t size = std::min(chunk_, blob_.size - offset_);
        ApiRequest request = part("PATCH", size);
        request.headers.push_back(fmt::format("Content-Range: {}-{}", offset_, offset_ + size - 1));
        HttpOutcome outcome = perform(request);
        if (outcome.fault == Fault::sink) failure_ = outcome.error->context(what());
        if (outcome.fault != Fault::none || outcome.response.status >= 300) return outcome;
        const auto range = parse_upload_range(outcome.response.header("range"));
        const std::uint64_t now = range.value_or(offset_ + size);
        if (now > offset_ + size || now <= offset_) {
            outcome.response.status = 416;
            return outcome;
        }
        offset_ = now;
        take_location(outcome.response);
        return outcome;
    }

    HttpOutcome close(bool whole) {
        ApiRequest request = part("PUT", whole ? blob_.size : 0);
        request.url += fmt::format("{}digest={}", request.url.find('?') == std::string::npos ? "?" : "&", blob_.digest.str());
        HttpOutcome outcome = perform(request);
        if (outcome.fault == Fault::sink) failure_ = outcome.error->context(what());
        const long status = outcome.response.status;
        closing_ = true;
        if (outcome.fault != Fault::none || status >= 300) return outcome;
        if (status == 201 || status == 204)
            done_ = true;
        else
            failure_ = error(Errc::invalid, "registry '{}': {}: not said to be taken (HTTP {})", name(), what(), status);
        return outcome;
    }

    Repository& repository_;
    const LocalBlob blob_;
    const UploadPlan plan_;
    const Settings& settings_;
    std::string session_;       // address of the upload, empty before there is one
    std::uint64_t offset_ = 0;  // what the registry has of it
    std::uint64_t chunk_ = plan_.chunk;
    int restarts_ = 0;
    bool uncertain_ = false;  // a request of this upload failed
    bool answered_ = false;   // by a refusal, not by silence
    bool closing_ = false;    // it was the last one
    bool done_ = false;
    std::optional<Error> failure_;  // what no repetition mends
};

Result<bool> exists(Repository& repository, const HttpOutcome& outcome, const std::string& object) {
    if (outcome.fault == Fault::none && outcome.response.status == 404) return false;
    if (outcome.fault != Fault::none || outcome.response.status != 200) return refused(repository, outcome, object);
    return true;
}

// The engine's own registry has it only until the engine's image is removed: it wants to be given it.
bool engines_own(const HttpOutcome& outcome) { return !outcome.response.header(engine_image_header).empty(); }

}  // namespace

std::optional<std::uint64_t> parse_upload_range(std::string_view text) {
    if (text.starts_with("bytes=")) text.remove_prefix(6);
    const std::size_t dash = text.find('-');
    if (dash == std::string_view::npos || text.substr(0, dash) != "0") return std::nullopt;
    const auto last = whole_number(text.substr(dash + 1));
    if (!last || *last == UINT64_MAX) return std::nullopt;
    return *last + 1;
}

Result<bool> has_blob(Repository& repository, const Digest& digest) {
    const HttpOutcome outcome = repository.ask({"HEAD", repository.blob_path(digest), repository.scope()});
    return exists(repository, outcome, fmt::format("blob '{}'", digest.str()));
}

Result<bool> has_manifest(Repository& repository, const Digest& digest) {
    const HttpOutcome outcome = repository.ask_manifest("HEAD", digest.str());
    return TRY(exists(repository, outcome, fmt::format("manifest '{}'", digest.str()))) && !engines_own(outcome);
}

bool has_tag(Repository& repository, const std::string& tag, const Digest& digest) {
    const HttpOutcome outcome = repository.ask_manifest("HEAD", tag);
    return outcome.fault == Fault::none && outcome.response.status == 200 &&
           outcome.response.header("docker-content-digest") == digest.str() && !engines_own(outcome);
}

Result<Uploaded> push_blob(Repository& repository, const LocalBlob& blob, const UploadPlan& plan) {
    return Upload(repository, blob, plan).run();
}

Result<bool> mount_blob(Repository& repository, const Digest& digest, const std::string& from) {
    return Upload(repository, {digest, 0, -1}, {}).only_mount(from);
}

Result<> push_manifest(Repository& repository, const std::string& reference, const std::string& media_type,
                       const std::string& text) {
    const std::string what =
        fmt::format("manifest '{}{}{}'", repository.path(), reference.find(':') == std::string::npos ? ":" : "@", reference);
    ApiRequest request{"PUT", fmt::format("{}/manifests/{}", repository.path(), reference), repository.scope()};
    request.headers.push_back("Content-Type: " + media_type);
    request.body = text;
    const HttpOutcome outcome = repository.ask(request);
    if (outcome.fault != Fault::none || outcome.response.status >= 300) return refused(repository, outcome, what);
    const auto said = Digest::parse(outcome.response.header("docker-content-digest"));
    if (said.ok() && *said != digest_of(text, said->algorithm()))
        return error(Errc::corrupt, "registry '{}': {} became '{}' there", repository.connection().endpoint().registry, what,
                     said->str());
    return {};
}

}  // namespace gantry::image::registry
