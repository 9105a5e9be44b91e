// The signature policy, applied to one pull.
#pragma once

#include "image/registry/policy/policy.hpp"
#include "image/registry/policy/signatures.hpp"

namespace gantry::image::registry {

class PolicyCheck {
public:
    // Errc::invalid where the policy cannot be understood. client and tls must outlive the check.
    static Result<PolicyCheck> load(const config::Paths& paths, HttpClient& client, TlsFn tls);

    // What can be said of an image (complete, as it was asked for) before anything is fetched: Errc::denied where it is refused
    // whatever its signatures are.
    [[nodiscard]] Result<> admits(const ImageRef& image) const;
    // Does the policy want signatures of it?
    [[nodiscard]] bool wants_signatures(const ImageRef& image) const;
    // Errc::denied, in one line, where a requirement of the image's scope is not met by the signatures of this manifest (its
    // text). Errors of fetching these are what they are.
    [[nodiscard]] Result<> check(const ImageRef& image, std::string_view manifest, Repository& repository) const;

private:
    PolicyCheck(Policy policy, const config::Paths& paths, HttpClient& client, TlsFn tls)
        : policy_(std::move(policy)), paths_(&paths), client_(&client), tls_(std::move(tls)) {}
    [[nodiscard]] Result<> meets(const Requirement& requirement, const ImageRef& image, std::string_view manifest,
                                 Repository& repository) const;

    Policy policy_;
    const config::Paths* paths_;
    HttpClient* client_;
    TlsFn tls_;
};

}  // namespace gantry::image::registry
