// OpenPGP signatures, verified by gpgv(1): the part of GnuPG that trusts a key ring and nothing else.
#pragma once

#include "base/result.hpp"
#include "os/fd.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace gantry::image::registry {

// The keys of a policy's files, in memory only: nothing is left behind whatever happens to us.
class KeyRing {
public:
    // Contents of key files, each binary or in ASCII armor (RFC 4880 section 6.2; several blocks too).
    static Result<KeyRing> of(const std::vector<std::string>& contents);

    // message: a signed message that carries its text (what gpg --sign makes). Returns the text where just one signature is on
    // it, made by a key of the ring that is neither expired nor revoked, as the signature is not. Errc::denied says which of
    // these fails; Errc::unsupported where this host has no gpgv.
    [[nodiscard]] Result<std::string> verify(const std::string& message) const;

private:
    explicit KeyRing(os::Fd file) : file_(std::move(file)) {}
    os::Fd file_;
};

// The bytes in ASCII armor; text without any is returned as it is.
Result<std::string> unarmored(std::string_view text);

}  // namespace gantry::image::registry
