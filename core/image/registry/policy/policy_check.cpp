#include "image/registry/policy/policy_check.hpp"

#include "image/hasher.hpp"
#include "image/registry/policy/claims.hpp"
#include "image/registry/policy/openpgp.hpp"
#include "image/registry/policy/public_key.hpp"
#include "os/file.hpp"

namespace gantry::image::registry {

namespace {

constexpr std::size_t key_limit = 4U << 20;

// The contents of a requirement's keys, with what to call each in an error.
Result<std::vector<std::pair<std::string, std::string>>> keys_of(const Requirement& requirement) {
    std::vector<std::pair<std::string, std::string>> keys;
    for (const std::string& file : requirement.key_files)
        keys.emplace_back(fmt::format("key '{}'", file), TRY_CONTEXT(os::read_file(file, key_limit), "key"));
    if (!requirement.key_data.empty()) keys.emplace_back("keyData", requirement.key_data);
    return keys;
}

// Signed by whom the policy says; but is it said of this image?
Result<> check_claims(const Requirement& requirement, const ImageRef& image, std::string_view manifest, const Claims& claims) {
    const Digest digest = digest_of(manifest, claims.manifest.algorithm());
    if (claims.manifest != digest)
        return error(Errc::denied, "it is one of '{}', not of '{}'", claims.manifest.str(), digest.str());
    if (!identity_matches(requirement.identity, image, claims.reference))
        return error(Errc::denied, "it is one of '{}', which {} does not take for '{}'", claims.reference,
                     identity_name(requirement.identity.kind), exact_name(image));
    return {};
}

using Accepts = std::function<Result<>(const Signatures::One&)>;

// One good signature is enough. Else the reasons, of the first few.
Result<> one_good(const Signatures& signatures, const Accepts& accepts) {
    if (signatures.list.empty()) return error(Errc::denied, "no signature was found in {}", signatures.place);
    std::string reasons;
    for (std::size_t at = 0; at < signatures.list.size(); ++at) {
        const auto accepted = accepts(signatures.list[at]);
        if (accepted.ok()) return {};
        if (accepted.error().code() != Errc::denied && accepted.error().code() != Errc::invalid) return accepted;
        if (at < 3) reasons += fmt::format("{}signature {}: {}", at ? "; " : "", at + 1, accepted.error().message());
    }
    return error(Errc::denied, "{} signature{} in {}, none is good: {}", signatures.list.size(),
                 signatures.list.size() == 1 ? "" : "s", signatures.place, reasons);
}

Result<Accepts> openpgp_judge(const Requirement& requirement, const ImageRef& image, std::string_view manifest) {
    std::vector<std::string> contents;
    for (auto& [name, content] : TRY(keys_of(requirement))) {
        // Said of the one that is to blame.
        TRY_CONTEXT(KeyRing::of({content}), "{}", name);
        contents.push_back(std::move(content));
    }
    const auto ring = std::make_shared<KeyRing>(TRY(KeyRing::of(contents)));
    return Accepts([&requirement, &image, manifest, ring](const Signatures::One& one) -> Result<> {
        const std::string text = TRY(ring->verify(one.text));
        return check_claims(requirement, image, manifest, TRY(parse_claims(text, simple_signing_type)));
    });
}

Result<Accepts> sigstore_judge(const Requirement& requirement, const ImageRef& image, std::string_view manifest) {
    const auto keys = std::make_shared<std::vector<PublicKey>>();
    for (const auto& [name, content] : TRY(keys_of(requirement)))
        keys->push_back(TRY_CONTEXT(PublicKey::of(content), "{}", name));
    return Accepts([&requirement, &image, manifest, keys](const Signatures::One& one) -> Result<> {
        if (std::ranges::none_of(*keys, [&](const PublicKey& key) { return key.verifies(one.text, one.signature); }))
            return error(Errc::denied, "it was not made by a key of the policy, or its text is not what was signed");
        return check_claims(requirement, image, manifest, TRY(parse_claims(one.text, cosign_type)));
    });
}

}  // namespace

Result<PolicyCheck> PolicyCheck::load(const config::Paths& paths, HttpClient& client, TlsFn tls) {
    return PolicyCheck(TRY(load_policy(paths)), paths, client, std::move(tls));
}

Result<> PolicyCheck::admits(const ImageRef& image) const {
    const Policy::Found found = policy_.find(image);
    for (const Requirement& requirement : *found.requirements) {
        if (requirement.kind == Requirement::Kind::reject)
            return error(Errc::denied, "image '{}' is refused: {} of policy '{}' rejects every image", exact_name(image),
                         found.scope, policy_.file);
        if (!requirement.unsupported.empty())
            return error(Errc::denied, "image '{}' is refused: {} of policy '{}' wants {} of {}, which is not supported",
                         exact_name(image), found.scope, policy_.file, requirement.unsupported,
                         requirement_name(requirement.kind));
    }
    return {};
}

bool PolicyCheck::wants_signatures(const ImageRef& image) const {
    return std::ranges::any_of(*policy_.find(image).requirements,
                               [](const Requirement& requirement) { return requirement.kind != Requirement::Kind::accept; });
}

Result<> PolicyCheck::meets(const Requirement& requirement, const ImageRef& image, std::string_view manifest,
                            Repository& repository) const {
    const Digest digest = digest_of(manifest);
    switch (requirement.kind) {
    case Requirement::Kind::accept: return {};
    case Requirement::Kind::signed_by: {
        const Accepts accepts = TRY(openpgp_judge(requirement, image, manifest));
        const Lookaside lookaside = TRY(load_registries_d(*paths_));
        return one_good(TRY(simple_signatures(repository, *client_, tls_, lookaside, image, digest)), accepts);
    }
    case Requirement::Kind::sigstore: {
        const Accepts accepts = TRY(sigstore_judge(requirement, image, manifest));
        return one_good(TRY(attached_signatures(repository, digest)), accepts);
    }
    case Requirement::Kind::reject: break;
    }
    return error(Errc::denied, "it rejects every image");
}

Result<> PolicyCheck::check(const ImageRef& image, std::string_view manifest, Repository& repository) const {
    TRY(admits(image));
    const Policy::Found found = policy_.find(image);
    for (const Requirement& requirement : *found.requirements) {
        auto met = meets(requirement, image, manifest, repository);
        if (met.ok()) continue;
        return std::move(met).error().context(fmt::format("image '{}' is refused: {} of policy '{}' wants {}",
                                                          exact_name(image), found.scope, policy_.file,
                                                          requirement_name(requirement.kind)));
    }
    return {};
}

}  // namespace gantry::image::registry
