#include "image/registry/policy/identity.hpp"

namespace gantry::image::registry {

namespace {

struct Name {
    std::string repository, exact;  // exact is empty for a name with neither tag nor digest
};

std::optional<Name> name_of(std::string_view text) {
    const auto ref = ImageRef::parse(text);
    if (!ref.ok()) return std::nullopt;
    const bool bare = ref->tag.empty() && !ref->digest;
    const ImageRef full = ref->normalized();
    return Name{full.repository(), bare ? std::string() : full.str()};
}

bool same_exactly(const std::string& wanted, const Name& claimed) { return !claimed.exact.empty() && claimed.exact == wanted; }

bool digest_or_exact(const ImageRef& image, const Name& claimed) {
    if (!image.digest) return same_exactly(exact_name(image), claimed);
    return !claimed.exact.empty() && claimed.repository == image.repository();
}

// Nothing where the new name is none; the image itself where the prefix is not its.
std::optional<ImageRef> remapped(const ImageRef& image, const std::string& prefix, const std::string& signed_prefix) {
    const std::string repository = image.repository();
    if (!repository.starts_with(prefix)) return image;
    if (repository.size() != prefix.size() && repository[prefix.size()] != '/') return image;
    auto ref = ImageRef::parse(signed_prefix + repository.substr(prefix.size()));
    if (!ref.ok()) return std::nullopt;
    ref->tag = image.tag;
    ref->digest = image.digest;
    return ref->normalized();
}

}  // namespace

const char* identity_name(Identity::Kind kind) {
    switch (kind) {
    case Identity::Kind::exact: return "matchExact";
    case Identity::Kind::repository: return "matchRepository";
    case Identity::Kind::exact_reference: return "exactReference";
    case Identity::Kind::exact_repository: return "exactRepository";
    case Identity::Kind::remap: return "remapIdentity";
    case Identity::Kind::repo_digest_or_exact: break;
    }
    return "matchRepoDigestOrExact";
}

bool identity_matches(const Identity& identity, const ImageRef& image, std::string_view claimed) {
    const auto name = name_of(claimed);
    if (!name) return false;
    switch (identity.kind) {
    case Identity::Kind::repo_digest_or_exact: return digest_or_exact(image, *name);
    case Identity::Kind::exact: return same_exactly(exact_name(image), *name);
    case Identity::Kind::repository: return name->repository == image.repository();
    case Identity::Kind::exact_reference: {
        const auto wanted = name_of(identity.reference);
        return wanted && !wanted->exact.empty() && same_exactly(wanted->exact, *name);
    }
    case Identity::Kind::exact_repository: {
        const auto wanted = name_of(identity.reference);
        return wanted && wanted->repository == name->repository;
    }
    case Identity::Kind::remap: {
        const auto other = remapped(image, identity.reference, identity.signed_prefix);
        return other && digest_or_exact(*other, *name);
    }
    }
    return false;
}

std::string exact_name(const ImageRef& image) {
    ImageRef named = image;
    if (named.digest) named.tag.clear();
    return named.str();
}

std::vector<std::string> namespaces_of(const ImageRef& image) {
    std::vector<std::string> names;
    std::string name = image.repository();
    for (std::size_t slash = 0;; name.resize(slash)) {
        names.push_back(name);
        slash = name.rfind('/');
        if (slash == std::string::npos) break;
    }
    // The host without its port, as containers/image has it: example.com:8443 is in *.com.
    name.resize(std::min(name.size(), name.find(':')));
    for (std::size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.')) {
        name.erase(0, dot + 1);
        names.push_back("*." + name);
    }
    return names;
}

}  // namespace gantry::image::registry
