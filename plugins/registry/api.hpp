// The OCI distribution specification 1.1 on the image store. A request goes through Gate first; what may take long (another
// registry, a slow hash) is told by slow(), so that it can be done beside the network's threads. Safe for several threads.
#pragma once

#include "answer.hpp"
#include "gate.hpp"
#include "quota.hpp"
#include "upstream.hpp"

#include <variant>

namespace gantry::registry {

class Api {
public:
    Api(image::Store& store, Tokens tokens);

    [[nodiscard]] bool slow(const Request& request) { return gate_.slow(request); }
    // Nothing: go on with one of the two below.
    std::optional<Answer> admit(Request& request) { return gate_.admit(request); }

    // A request whose body is data of a blob: claimed, then fed piece by piece (an error ends the upload: drop the claim), then
    // ended.
    [[nodiscard]] static bool is_upload(const Request& request);
    std::variant<Answer, Uploads::Claim> begin_upload(const Request& request);
    Result<> write(Upload& upload, std::string_view data);
    Answer end_upload(const Request& request, Uploads::Claim& claim);

    // Every other request; request.body holds the manifest of a PUT. asks_upstream: it may block.
    [[nodiscard]] static bool asks_upstream(const Request& request);
    Answer handle(const Request& request);

    // Breaks off what is fetched from upstreams.
    void stop() { upstream_.stop(); }
    // Forgets uploads that were given up; false while somebody's work is under way.
    [[nodiscard]] bool tidy();

private:
    Answer catalog(const Request& request) const;
    Answer tags(const Request& request);
    Answer referrers(const Request& request) const;
    Answer manifest(const Request& request);
    Answer get_manifest(const Request& request);
    Answer put_manifest(const Request& request);
    Answer delete_manifest(const Request& request);
    Answer blob(const Request& request);
    Answer get_blob(const Request& request, const Digest& digest);
    std::optional<Answer> fetch_blob(const Request& request, const Digest& digest, Answer& answer);
    Answer delete_blob(const Request& request, const Digest& digest);
    Answer start_upload(const Request& request);
    std::optional<Answer> mount(const Request& request);
    Answer upload(const Request& request);
    Answer upload_state(const Upload& upload, int status) const;
    Result<> check_named(const Request& request, const image::Repository& repository, const image::ManifestFacts& facts) const;
    void keep_named(const Request& request, image::Repository& repository, const image::ManifestFacts& facts) const;

    void drop(const std::vector<Digest>& unneeded);  // after a repository lost them

    Library library_;
    Uploads uploads_;
    Quota quota_;
    Gate gate_;
    Upstream upstream_;  // last: its threads use the rest
};

}  // namespace gantry::registry
