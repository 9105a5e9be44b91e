#include "image/hasher.hpp"

#include <gcrypt.h>

#include <new>

namespace gantry::image {

namespace {

// Once a process, before anything else of it (libgcrypt manual, "Initializing the library"). Digests need no locked memory.
void initialize() {
    static const bool done = [] {
        gcry_check_version(nullptr);
        gcry_control(GCRYCTL_DISABLE_SECMEM, 0);
        gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
        return true;
    }();
    static_cast<void>(done);
}

int number_of(std::string_view algorithm) { return algorithm == "sha512" ? GCRY_MD_SHA512 : GCRY_MD_SHA256; }

}  // namespace

void Hasher::Free::operator()(gcry_md_handle* context) const { gcry_md_close(context); }

Hasher::Hasher(std::string_view algorithm) : algorithm_(algorithm) {
    initialize();
    gcry_md_hd_t context = nullptr;
    // Fails for want of memory only.
    if (gcry_md_open(&context, number_of(algorithm_), 0) != 0) throw std::bad_alloc();
    context_.reset(context);
}

void Hasher::update(std::string_view data) { gcry_md_write(context_.get(), data.data(), data.size()); }

Digest Hasher::finish() {
    const unsigned length = gcry_md_get_algo_dlen(number_of(algorithm_));
    const unsigned char* bytes = gcry_md_read(context_.get(), number_of(algorithm_));
    std::string text = algorithm_ + ":";
    for (unsigned at = 0; at < length; ++at) {
        text += "0123456789abcdef"[bytes[at] >> 4];
        text += "0123456789abcdef"[bytes[at] & 15];
    }
    return Digest::parse(text).value();
}

Result<Digest> digest_of_file(int file, std::string_view name, std::string_view algorithm) {
    Hasher hasher(algorithm);
    std::vector<char> buffer(256U << 10);
    for (off_t at = 0;;) {
        const ssize_t got = pread(file, buffer.data(), buffer.size(), at);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return errno_error("read '{}'", name);
        if (got == 0) return hasher.finish();
        hasher.update({buffer.data(), static_cast<std::size_t>(got)});
        at += got;
    }
}

Digest digest_of(std::string_view data, std::string_view algorithm) {
    Hasher hasher(algorithm);
    hasher.update(data);
    return hasher.finish();
}

}  // namespace gantry::image
