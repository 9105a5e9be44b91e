// /v2/NAME/blobs/...
#include "api.hpp"
#include "log.hpp"
#include "range.hpp"
#include "rights.hpp"

#include <sys/stat.h>

#include <ctime>

namespace gantry::registry {

namespace {

std::string blob_location(const Request& request, const Digest& digest) {
    return fmt::format("/v2/{}/blobs/{}", request.repository().str(), digest.str());
}

Answer created(const Request& request, const Digest& digest) {
    Answer answer;
    answer.status = 201;
    answer.headers = {{"Location", blob_location(request, digest)}, {"Docker-Content-Digest", digest.str()}};
    return answer;
}

Answer unknown(const Request& request, const Digest& digest) {
    return refuse(blob_unknown, fmt::format("no blob '{}' in '{}'", digest.str(), request.repository().str()));
}

// The claim's own errors have codes of their own.
Answer no_claim(const Error& error) {
    if (error.code() == Errc::not_found) return refuse(upload_unknown, error.message());
    if (error.code() == Errc::in_use) return refuse(upload_busy, error.message());
    return failure(error);
}

}  // namespace

Answer Api::blob(const Request& request) {
    const auto digest = Digest::parse(request.route.reference);
    if (!digest.ok()) return refuse(digest_invalid, digest.error().message());
    if (request.is_read()) return get_blob(request, *digest);
    if (request.method == "DELETE") return delete_blob(request, *digest);
    return refuse(unsupported, "only GET, HEAD and DELETE");
}

// One that the repository's upstream has: sent while it comes in. For a HEAD its manifest knows enough.
std::optional<Answer> Api::fetch_blob(const Request& request, const Digest& digest, Answer& answer) {
    const auto repository = library_.pushed().read(request.repository());
    const auto blob = repository.ok() ? library_.pushed().named_blob(**repository, digest) : std::nullopt;
    if (!blob || !Upstream::source(request.server(), request.repository())) return unknown(request, digest);
    answer.length = blob->size;
    if (request.method == "HEAD") return std::nullopt;
    auto incoming = upstream_.fetch(request.settings, request.repository(), *blob);
    if (!incoming.ok()) return failure(incoming.error());
    quota_.changed();
    answer.incoming = std::move(incoming).value();
    return std::nullopt;
}

Answer Api::get_blob(const Request& request, const Digest& digest) {
    if (!library_.has_blob(request.server(), request.repository(), digest)) return unknown(request, digest);
    Answer answer;
    auto file = library_.store().open_blob(digest);
    struct stat info {};
    if (file.ok() && fstat(file->get(), &info) == 0) {
        answer.length = static_cast<std::uint64_t>(info.st_size);
        answer.file = std::move(file).value();
    } else if (auto refused = fetch_blob(request, digest, answer)) {
        return std::move(*refused);
    }
    const std::uint64_t size = answer.length;
    answer.headers = {{"Content-Type", "application/octet-stream"},
                      {"Docker-Content-Digest", digest.str()},
                      {"ETag", '"' + digest.str() + '"'},
                      {"Accept-Ranges", "bytes"},
                      {"Cache-Control", "max-age=31536000"}};  // it never changes
    if (request.if_none_match == '"' + digest.str() + '"') {
        answer.status = 304;
        return answer;
    }
    const auto range = parse_range(request.method == "GET" ? request.range : "", size);
    if (std::holds_alternative<OutsideRange>(range))
        return refuse({"UNKNOWN", 416}, "the range is outside of the blob")
            .with("Content-Range", fmt::format("bytes */{}", size));
    if (const auto* part = std::get_if<Range>(&range)) {
        answer.status = 206;
        answer.offset = part->first;
        answer.length = part->last - part->first + 1;
        answer.headers.emplace_back("Content-Range", fmt::format("bytes {}-{}/{}", part->first, part->last, size));
    }
    return answer;
}

Answer Api::delete_blob(const Request& request, const Digest& digest) {
    bool gone = false;
    const auto done = library_.pushed().change(request.repository(), [&](image::Repository& repository) -> Result<> {
        gone = repository.pending.erase(digest) != 0;
        return {};
    });
    if (!done.ok()) return failure(done.error());
    if (!gone) {
        if (!library_.has_blob(request.server(), request.repository(), digest)) return unknown(request, digest);
        return refuse(denied, "a manifest names the blob; it goes with the last one that does");
    }
    drop({digest});
    note("{} deleted blob {} of {}", request.sender(), digest.str(), request.repository().str());
    Answer answer;
    answer.status = 202;
    return answer;
}

// From another repository that the sender may read.
std::optional<Answer> Api::mount(const Request& request) {
    const auto digest = Digest::parse(request.route.parameter("mount"));
    const auto from = image::RepositoryName::parse(request.route.parameter("from"));
    if (!digest.ok() || !from.ok() || !may(request.server(), request.user, from->str(), Right::read)) return std::nullopt;
    struct stat info {};
    const auto room = quota_.room(request.server(), request.repository());
    if (stat(library_.store().blob_path(*digest).c_str(), &info) != 0 || !room.ok() ||
        *room < static_cast<std::uint64_t>(info.st_size))
        return std::nullopt;
    bool there = false;
    const auto done = library_.pushed().change(request.repository(), [&](image::Repository& repository) -> Result<> {
        there = library_.has_blob(request.server(), *from, *digest) && library_.store().has_blob(*digest);
        if (there && !library_.has_blob(request.server(), request.repository(), *digest))
            repository.pending[*digest] = std::time(nullptr);
        return {};
    });
    if (!done.ok() || !there) return std::nullopt;
    quota_.changed();
    return created(request, *digest);
}

Answer Api::start_upload(const Request& request) {
    if (request.method != "POST") return refuse(unsupported, "only POST");
    if (!request.route.parameter("mount").empty())
        if (auto mounted = mount(request)) return std::move(*mounted);
    const auto claim = uploads_.begin(request.repository());
    if (!claim.ok()) {
        if (claim.error().code() == Errc::in_use) return refuse(too_many, claim.error().message()).with("Retry-After", "10");
        return failure(claim.error());
    }
    return upload_state(**claim, 202);
}

Answer Api::upload_state(const Upload& upload, int status) const {
    Answer answer;
    answer.status = status;
    const std::uint64_t size = upload.blob.size();
    answer.headers = {{"Location", fmt::format("/v2/{}/blobs/uploads/{}", upload.repository.str(), upload.id)},
                      {"Range", fmt::format("0-{}", size > 0 ? size - 1 : 0)},
                      {"Docker-Upload-UUID", upload.id}};
    return answer;
}

Answer Api::upload(const Request& request) {
    if (request.method != "GET" && request.method != "HEAD" && request.method != "DELETE")
        return refuse(unsupported, "only GET, HEAD, PATCH, PUT and DELETE");
    auto claim = uploads_.claim(request.route.reference, request.repository());
    if (!claim.ok()) return no_claim(claim.error());
    if (request.method != "DELETE") return upload_state(**claim, 204);
    claim->drop();
    Answer answer;
    answer.status = 204;
    return answer;
}

bool Api::is_upload(const Request& request) {
    if (request.route.endpoint == Endpoint::upload) return request.method == "PATCH" || request.method == "PUT";
    return request.route.endpoint == Endpoint::uploads && request.method == "POST" && request.route.query.contains("digest");
}

std::variant<Answer, Uploads::Claim> Api::begin_upload(const Request& request) {
    if (request.method != "PATCH")
        if (const auto digest = Digest::parse(request.route.parameter("digest")); !digest.ok())
            return refuse(digest_invalid, digest.error().message());
    // Before the claim: it counts what has come so far.
    const auto room = quota_.room(request.server(), request.repository());
    if (!room.ok()) return failure(room.error());
    if (*room < request.content_length.value_or(0))
        return refuse(denied, fmt::format("the quota of '{}' leaves {} bytes", request.repository().str(), *room));
    auto claim = request.method == "POST" ? uploads_.begin(request.repository())
                                          : uploads_.claim(request.route.reference, request.repository());
    if (!claim.ok()) {
        if (request.method == "POST" && claim.error().code() == Errc::in_use)
            return refuse(too_many, claim.error().message()).with("Retry-After", "10");
        return no_claim(claim.error());
    }
    Upload& upload = **claim;
    upload.room = *room;
    if (!request.content_range.empty()) {
        const auto range = parse_chunk_range(request.content_range);
        if (!range) return refuse(upload_invalid, fmt::format("Content-Range '{}' is no range", request.content_range));
        if (range->first != upload.blob.size()) {
            Answer answer = refuse(upload_range, fmt::format("the next byte is {}, not {}", upload.blob.size(), range->first));
            for (auto& header : upload_state(upload, 416).headers) answer.headers.push_back(std::move(header));
            return answer;
        }
        if (request.content_length && *request.content_length != range->last - range->first + 1)
            return refuse(size_invalid, "Content-Range and Content-Length differ");
    }
    return std::move(claim).value();
}

Result<> Api::write(Upload& upload, std::string_view data) {
    if (data.size() > upload.room) return error(Errc::denied, "the quota of '{}' is used up", upload.repository.str());
    TRY(upload.blob.write(data));
    upload.size = upload.blob.size();
    if (upload.room != Quota::unlimited) upload.room -= data.size();
    return {};
}

Answer Api::end_upload(const Request& request, Uploads::Claim& claim) {
    if (request.method == "PATCH") return upload_state(*claim, 202);
    const auto digest = Digest::parse(request.route.parameter("digest"));
    claim.drop();
    if (!digest.ok()) return refuse(digest_invalid, digest.error().message());
    const auto done = library_.pushed().change(request.repository(), [&](image::Repository& repository) -> Result<> {
        TRY(claim->blob.finish(*digest));
        if (!library_.has_blob(request.server(), request.repository(), *digest))
            repository.pending[*digest] = std::time(nullptr);
        return {};
    });
    if (!done.ok()) return failure(done.error());
    quota_.changed();
    return created(request, *digest);
}

}  // namespace gantry::registry
