#include "logins.hpp"

#include "base/base64.hpp"
#include "base/names.hpp"
#include "image/hasher.hpp"
#include "os/file.hpp"

#include <openssl/crypto.h>
#include <openssl/hmac.h>

#include <crypt.h>
#include <sys/stat.h>

#include <charconv>

namespace gantry::registry {

namespace {

constexpr std::chrono::minutes remember_for{5};
constexpr std::size_t remember_at_most = 10'000;
// For a user that does not exist: an answer must take as long as for one who does.
constexpr const char* nobody = "$2y$05$abcdefghijklmnopqrstuuXF7pQv3cnKkVLP8l3Y9c1dJkO5r6m6C";

bool same(std::string_view a, std::string_view b) {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

bool fits(const std::string& hash, const std::string& password) {
    crypt_data scratch{};
    const char* got = crypt_r(password.c_str(), hash.c_str(), &scratch);
    const bool good = got && got[0] != '*' && same(got, hash);
    OPENSSL_cleanse(&scratch, sizeof scratch);
    return good;
}

std::string memory_of(const std::string& user, const std::string& password) {
    return image::digest_of(fmt::format("{}:{}", user, password)).str();
}

std::map<std::string, std::string> parse_htpasswd(std::string_view text) {
    std::map<std::string, std::string> hashes;
    while (!text.empty()) {
        std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        if (line.ends_with('\r')) line.remove_suffix(1);
        const std::size_t colon = line.find(':');
        if (line.starts_with('#') || colon == line.npos) continue;
        const std::string_view hash = line.substr(colon + 1);
        if (hash.starts_with("$2")) hashes[std::string(line.substr(0, colon))] = hash;
    }
    return hashes;
}

}  // namespace

Result<> Htpasswd::refresh(const std::string& file) {
    struct stat info {};
    if (stat(file.c_str(), &info) != 0) return errno_error("stat '{}'", file);
    std::string state = fmt::format("{}.{} {} {}", info.st_mtim.tv_sec, info.st_mtim.tv_nsec, info.st_size, info.st_ino);
    if (file == file_ && state == state_) return {};
    hashes_ = parse_htpasswd(TRY(os::read_file(file)));
    known_.clear();
    file_ = file;
    state_ = std::move(state);
    return {};
}

bool Htpasswd::remembered(const std::string& file, const std::string& user, const std::string& password) {
    const std::lock_guard lock(mutex_);
    if (!refresh(file).ok()) return false;
    const auto found = known_.find(memory_of(user, password));
    return found != known_.end() && found->second > Clock::now();
}

Result<bool> Htpasswd::check(const std::string& file, const std::string& user, const std::string& password) {
    if (remembered(file, user, password)) return true;
    std::string hash = nobody;
    bool exists = false;
    {
        const std::lock_guard lock(mutex_);
        TRY(refresh(file));
        if (const auto found = hashes_.find(user); found != hashes_.end()) {
            hash = found->second;
            exists = true;
        }
    }
    const bool good = fits(hash, password) && exists;
    const std::lock_guard lock(mutex_);
    if (known_.size() >= remember_at_most) known_.clear();
    if (good) known_[memory_of(user, password)] = Clock::now() + remember_for;
    return good;
}

std::optional<std::pair<std::string, std::string>> parse_basic(std::string_view authorization) {
    constexpr std::string_view scheme = "basic ";
    if (authorization.size() < scheme.size() || strncasecmp(authorization.data(), scheme.data(), scheme.size()) != 0)
        return std::nullopt;
    const auto plain = base64_decode(authorization.substr(scheme.size()));
    if (!plain) return std::nullopt;
    const std::size_t colon = plain->find(':');
    if (colon == plain->npos || plain->find('\0') != plain->npos) return std::nullopt;
    return std::pair(plain->substr(0, colon), plain->substr(colon + 1));
}

Result<Tokens> Tokens::open(const std::string& key_file) {
    Key key;
    std::string text = os::read_file(key_file, 4096).value_or("");
    if (text.size() != key.size()) {
        text = random_container_id();
        TRY(os::make_dirs(key_file.substr(0, key_file.rfind('/')), 0700));
        TRY(os::write_file_atomic(key_file, text, 0600, false));
    }
    text.copy(key.data(), key.size());
    return Tokens(key);
}

std::string Tokens::sign(std::string_view text) const {
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()), reinterpret_cast<const unsigned char*>(text.data()),
         text.size(), mac, &size);
    std::string hex;
    for (unsigned at = 0; at < size; ++at) hex += fmt::format("{:02x}", mac[at]);
    return hex;
}

// UNTIL.KIND.USER.MAC, the user in base64.
std::string Tokens::issue(const std::optional<std::string>& user, std::int64_t now) const {
    const std::string text =
        fmt::format("{}.{}.{}", now + lifetime.count(), user ? "u" : "a", base64_encode(user.value_or("")));
    return text + "." + sign(text);
}

std::optional<Tokens::Bearer> Tokens::check(std::string_view token, std::int64_t now) const {
    const std::size_t dot = token.rfind('.');
    if (dot == token.npos || !same(sign(token.substr(0, dot)), token.substr(dot + 1))) return std::nullopt;
    // From here on it is text of ours.
    const std::string_view text = token.substr(0, dot);
    std::int64_t until = 0;
    const auto [stop, failure] = std::from_chars(text.data(), text.data() + text.size(), until);
    if (failure != std::errc() || until < now) return std::nullopt;
    const std::string_view rest = text.substr(static_cast<std::size_t>(stop - text.data()));
    if (rest.starts_with(".a.")) return Bearer{};
    auto user = base64_decode(rest.substr(3));
    if (!user) return std::nullopt;
    return Bearer{std::move(*user)};
}

}  // namespace gantry::registry
