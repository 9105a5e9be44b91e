#include "image/registry/policy/policy.hpp"

#include "base/base64.hpp"
#include "image/registry/policy/strict_json.hpp"
#include "os/file.hpp"

#include <filesystem>

namespace gantry::image::registry {

namespace {

constexpr std::size_t policy_limit = 1U << 20;

Error wrong(const StrictObject& object, std::string_view member, std::string_view why) {
    return error(Errc::invalid, "{}: {}", object.place(member), why);
}

// "host[:port]", a namespace or a repository, complete and without tag and digest.
bool is_prefix(const std::string& text) {
    const auto ref = ImageRef::parse(text + "/x");
    return ref.ok() && !ref->domain.empty() && ref->repository() == text + "/x";
}

Result<Identity> parse_identity(const Json& json, const std::string& where) {
    StrictObject object = TRY(StrictObject::of(json, where));
    const std::string type = TRY(object.text("type"));
    Identity identity;
    using Kind = Identity::Kind;
    const Kind kinds[] = {Kind::repo_digest_or_exact, Kind::exact, Kind::repository, Kind::exact_reference,
                          Kind::exact_repository,     Kind::remap};
    const auto* const found = std::ranges::find_if(kinds, [&](Kind kind) { return type == identity_name(kind); });
    if (found == std::end(kinds)) return wrong(object, "type", fmt::format("'{}' is not known", type));
    identity.kind = *found;
    if (identity.kind == Kind::exact_reference) {
        identity.reference = TRY(object.text("dockerReference"));
        const auto ref = ImageRef::parse(identity.reference);
        if (!ref.ok() || (ref->tag.empty() && !ref->digest))
            return wrong(object, "dockerReference", "not an image's name with a tag or a digest");
    } else if (identity.kind == Kind::exact_repository) {
        identity.reference = TRY(object.text("dockerRepository"));
        const auto ref = ImageRef::parse(identity.reference);
        if (!ref.ok() || !ref->tag.empty() || ref->digest)
            return wrong(object, "dockerRepository", "not the name of a repository, without tag and digest");
    } else if (identity.kind == Kind::remap) {
        identity.reference = TRY(object.text("prefix"));
        identity.signed_prefix = TRY(object.text("signedPrefix"));
        if (!is_prefix(identity.reference)) return wrong(object, "prefix", "not a registry, namespace or repository");
        if (!is_prefix(identity.signed_prefix)) return wrong(object, "signedPrefix", "not a registry, namespace or repository");
    }
    TRY(object.finish());
    return identity;
}

// Of keyPath, keyPaths and keyData just one. none_good: keys may also come from what is not supported.
Result<> read_keys(StrictObject& object, Requirement& requirement, bool none_good) {
    const auto path = TRY(object.optional_text("keyPath"));
    auto paths = TRY(object.optional_texts("keyPaths"));
    const auto data = TRY(object.optional_text("keyData"));
    const int count = (path ? 1 : 0) + (paths ? 1 : 0) + (data ? 1 : 0);
    if (count > 1 || (count == 0 && !none_good))
        return error(Errc::invalid, "{}: just one of keyPath, keyPaths and keyData must be there", object.where());
    if (path) requirement.key_files = {*path};
    if (paths) requirement.key_files = std::move(*paths);
    for (const std::string& file : requirement.key_files)
        if (!file.starts_with('/')) return error(Errc::invalid, "{}: '{}' is not an absolute path", object.where(), file);
    if (!data) return {};
    auto plain = base64_decode(*data);
    if (!plain || plain->empty()) return wrong(object, "keyData", "not base64");
    requirement.key_data = std::move(*plain);
    return {};
}

Result<> read_identity(StrictObject& object, Requirement& requirement) {
    if (const Json* json = object.member("signedIdentity"))
        requirement.identity = TRY(parse_identity(*json, object.place("signedIdentity")));
    return {};
}

Result<> read_signed_by(StrictObject& object, Requirement& requirement) {
    const std::string type = TRY(object.text("keyType"));
    // The other names that containers/image reserves.
    if (type == "signedByGPGKeys" || type == "X509Certificates" || type == "signedByX509CAs")
        requirement.unsupported = fmt::format("keyType '{}'", type);
    else if (type != "GPGKeys")
        return wrong(object, "keyType", fmt::format("'{}' is not known", type));
    TRY(read_keys(object, requirement, false));
    return read_identity(object, requirement);
}

Result<> read_sigstore(StrictObject& object, Requirement& requirement) {
    // Certificates and logs of transparency: who signs without a key of his own.
    for (const char* member : {"keyDatas", "fulcio", "pki", "rekorPublicKeyPath", "rekorPublicKeyPaths", "rekorPublicKeyData",
                               "rekorPublicKeyDatas"})
        if (object.member(member)) requirement.unsupported = fmt::format("member '{}'", member);
    TRY(read_keys(object, requirement, !requirement.unsupported.empty()));
    return read_identity(object, requirement);
}

Result<Requirement> parse_requirement(const Json& json, const std::string& where) {
    StrictObject object = TRY(StrictObject::of(json, where));
    const std::string type = TRY(object.text("type"));
    Requirement requirement;
    using Kind = Requirement::Kind;
    const Kind kinds[] = {Kind::reject, Kind::accept, Kind::signed_by, Kind::sigstore};
    const auto* const found = std::ranges::find_if(kinds, [&](Kind kind) { return type == requirement_name(kind); });
    if (found == std::end(kinds)) return wrong(object, "type", fmt::format("'{}' is not known", type));
    requirement.kind = *found;
    if (requirement.kind == Kind::signed_by) TRY(read_signed_by(object, requirement));
    if (requirement.kind == Kind::sigstore) TRY(read_sigstore(object, requirement));
    TRY(object.finish());
    return requirement;
}

Result<Policy::Requirements> parse_requirements(const Json& json, const std::string& where) {
    if (!json.is_array() || json.empty()) return error(Errc::invalid, "{}: not a list of one or more requirements", where);
    Policy::Requirements list;
    for (std::size_t at = 0; at < json.size(); ++at)
        list.push_back(TRY(parse_requirement(json[at], fmt::format("{}[{}]", where, at))));
    return list;
}

// Those of other transports are checked as well: a mistake there is one of the file.
Result<> read_transports(const Json& json, const std::string& where, Policy& policy) {
    if (!json.is_object()) return error(Errc::invalid, "{}: not an object", where);
    for (auto transport = json.begin(); transport != json.end(); ++transport) {
        const std::string place = fmt::format("{}.{}", where, transport.key());
        if (!transport->is_object()) return error(Errc::invalid, "{}: not an object", place);
        for (auto scope = transport->begin(); scope != transport->end(); ++scope) {
            auto list = TRY(parse_requirements(*scope, fmt::format("{}[\"{}\"]", place, scope.key())));
            if (transport.key() == "docker") policy.scopes[scope.key()] = std::move(list);
        }
    }
    return {};
}

}  // namespace

const char* requirement_name(Requirement::Kind kind) {
    switch (kind) {
    case Requirement::Kind::reject: return "reject";
    case Requirement::Kind::signed_by: return "signedBy";
    case Requirement::Kind::sigstore: return "sigstoreSigned";
    case Requirement::Kind::accept: break;
    }
    return "insecureAcceptAnything";
}

Result<Policy> parse_policy(std::string_view text, const std::string& file) {
    const std::string what = fmt::format("policy '{}'", file);
    const Json root = TRY(parse_strict(text, what));
    for (auto item = root.begin(); item != root.end(); ++item)
        if (item.key() != "default" && item.key() != "transports")
            return error(Errc::invalid, "{}: member '{}' is not known", what, item.key());
    if (!root.contains("default")) return error(Errc::invalid, "{}: member 'default' is missing", what);
    Policy policy;
    policy.file = file;
    policy.otherwise = TRY(parse_requirements(root["default"], what + ": default"));
    if (root.contains("transports")) TRY(read_transports(root["transports"], what + ": transports", policy));
    return policy;
}

Result<Policy> load_policy(const config::Paths& paths) {
    const std::string own = paths.etc + "/policy.json";
    const std::string shared = std::filesystem::path(paths.etc).parent_path().string() + "/containers/policy.json";
    for (const std::string& file : {own, shared}) {
        const auto text = os::read_file(file, policy_limit);
        if (text.ok()) return parse_policy(*text, file);
        if (text.error().sys() != ENOENT) return text.error().context("signature policy");
    }
    Policy everything;
    everything.otherwise.push_back({.kind = Requirement::Kind::accept});
    return everything;
}

Policy::Found Policy::find(const ImageRef& image) const {
    std::vector<std::string> names = namespaces_of(image);
    names.insert(names.begin(), exact_name(image));
    names.emplace_back();
    for (const std::string& name : names)
        if (const auto found = scopes.find(name); found != scopes.end())
            return {&found->second, name.empty() ? "the default of transport 'docker'" : fmt::format("scope '{}'", name)};
    return {&otherwise, "the default"};
}

}  // namespace gantry::image::registry
