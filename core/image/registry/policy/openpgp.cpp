#include "image/registry/policy/openpgp.hpp"

#include "base/base64.hpp"
#include "os/file.hpp"
#include "os/process.hpp"

#include <sys/mman.h>
#include <unistd.h>

namespace gantry::image::registry {

namespace {

std::string_view take_line(std::string_view& text) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    while (line.ends_with('\r') || line.ends_with(' ') || line.ends_with('\t')) line.remove_suffix(1);
    return line;
}

// From behind the BEGIN line to the END line. The checksum is left out: what is damaged is no key.
Result<std::string> armored_block(std::string_view& text) {
    while (!text.empty() && !take_line(text).empty()) {
    }  // headers, up to an empty line
    std::string code;
    while (!text.empty()) {
        const std::string_view line = take_line(text);
        if (line.starts_with("-----END PGP ")) {
            auto bytes = base64_decode(code);
            if (!bytes || bytes->empty()) break;
            return std::move(*bytes);
        }
        if (!line.starts_with('=')) code += line;
    }
    return error(Errc::invalid, "the ASCII armor of a key is damaged");
}

// What gpgv says with --status-fd (doc/DETAILS of GnuPG, "Format of the --status-fd output").
struct Status {
    int texts = 0, signatures = 0, good = 0, valid = 0;
    std::string problem;

    void read(std::string_view line) {
        static constexpr std::string_view mark = "[GNUPG:] ";
        if (!line.starts_with(mark)) return;
        line.remove_prefix(mark.size());
        const std::string_view word = line.substr(0, line.find(' '));
        std::string_view rest = line.substr(std::min(line.size(), word.size() + 1));
        const std::string key(rest.substr(0, rest.find(' ')));
        if (word == "PLAINTEXT") ++texts;
        if (word == "NEWSIG") ++signatures;
        if (word == "GOODSIG") ++good;
        if (word == "VALIDSIG") ++valid;
        if (word == "BADSIG") fail("it is not what the key '{}' signed", key);
        if (word == "EXPSIG") fail("it has expired (key '{}')", key);
        if (word == "EXPKEYSIG") fail("the key '{}' has expired", key);
        if (word == "REVKEYSIG") fail("the key '{}' is revoked", key);
        if (word == "NO_PUBKEY") fail("the policy does not name the key '{}' that made it", key);
        if (word == "ERRSIG") later_ = fmt::format("it cannot be checked (key '{}')", key);
    }
    // The first problem; ERRSIG has a reason behind it that says more.
    [[nodiscard]] std::string told() const {
        if (!problem.empty()) return problem;
        if (!later_.empty()) return later_;
        return texts == 1 && signatures == 1 && good == 1 && valid == 1 ? "" : "it is not one text with one signature";
    }

private:
    void fail(fmt::format_string<const std::string&> format, const std::string& key) {
        if (problem.empty()) problem = fmt::format(format, key);
    }
    std::string later_;
};

}  // namespace

Result<std::string> unarmored(std::string_view text) {
    if (text.find("-----BEGIN PGP ") == std::string_view::npos) return std::string(text);
    std::string all;
    while (!text.empty())
        if (take_line(text).starts_with("-----BEGIN PGP ")) all += TRY(armored_block(text));
    return all;
}

Result<KeyRing> KeyRing::of(const std::vector<std::string>& contents) {
    os::Fd file(memfd_create("gantry-keys", MFD_CLOEXEC));
    if (!file) return errno_error("memory for a key ring");
    for (const std::string& content : contents) {
        const std::string keys = TRY(unarmored(content));
        // A public key packet, of the old format or the new (RFC 4880 sections 4.2 and 4.3).
        const auto first = static_cast<unsigned char>(keys.empty() ? 0 : keys[0]);
        if ((first & 0xfc) != 0x98 && first != 0xc6) return error(Errc::invalid, "it holds no OpenPGP public key");
        TRY(os::write_all(file.get(), keys, "key ring"));
    }
    return KeyRing(std::move(file));
}

Result<std::string> KeyRing::verify(const std::string& message) const {
    os::Command command{{"gpgv", "--homedir", "/nonexistent", "--log-file", "/dev/null", "--keyring",
                         fmt::format("/proc/{}/fd/{}", getpid(), file_.get()), "--status-fd", "2", "--output", "-", "-"}};
    command.input = message;
    const auto finished = os::run(command);
    if (!finished.ok() && finished.error().code() == Errc::not_found)
        return error(Errc::unsupported, "signatures of OpenPGP are checked by gpgv, and there is none on this host");
    if (!finished.ok()) return finished.error().context("gpgv");
    Status status;
    for (std::string_view text = finished->errors; !text.empty();) status.read(take_line(text));
    std::string problem = status.told();
    if (problem.empty() && finished->status != 0) problem = fmt::format("gpgv ended with status {}", finished->status);
    if (!problem.empty()) return error(Errc::denied, "{}", problem);
    return finished->output;
}

}  // namespace gantry::image::registry
