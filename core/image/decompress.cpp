#include "image/decompress.hpp"

#include <isa-l/igzip_lib.h>
#include <zstd.h>

namespace gantry::image {

namespace {

class PlainDecompressor final : public Decompressor {
public:
    Result<Step> run(std::string_view input, char* output, std::size_t room) override {
        const std::size_t count = std::min(input.size(), room);
        if (count > 0) std::memcpy(output, input.data(), count);
        return Step{count, count};
    }
    Result<> end() override { return {}; }
};

// igzip inflates two to three times as fast as zlib. A file is one or more members (RFC 1952 2.2): pigz and eStargz write many.
class Gzip final : public Decompressor {
public:
    Gzip() { start_member(); }

    Result<Step> run(std::string_view input, char* output, std::size_t room) override {
        Step step;
        if (state_->block_state == ISAL_BLOCK_FINISH) step.consumed = TRY(next_member(input));
        if (state_->block_state == ISAL_BLOCK_FINISH) return step;
        // The library only reads from next_in; its interface forgot the const.
        state_->next_in = const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(input.data() + step.consumed));
        state_->avail_in = static_cast<std::uint32_t>(std::min<std::size_t>(input.size() - step.consumed, UINT32_MAX));
        state_->next_out = reinterpret_cast<std::uint8_t*>(output);
        state_->avail_out = static_cast<std::uint32_t>(std::min<std::size_t>(room, UINT32_MAX));
        const std::uint32_t had_in = state_->avail_in;
        const std::uint32_t had_out = state_->avail_out;
        const int code = isal_inflate(state_.get());
        if (code < 0) return error(Errc::corrupt, "gzip data is damaged ({})", reason(code));
        in_member_ = true;
        step.consumed += had_in - state_->avail_in;
        step.produced = had_out - state_->avail_out;
        return step;
    }

    Result<> end() override {
        if (in_member_ && state_->block_state != ISAL_BLOCK_FINISH) return error(Errc::corrupt, "gzip data ends early");
        return {};
    }

private:
    void start_member() {
        isal_inflate_init(state_.get());
        state_->crc_flag = ISAL_GZIP;  // header and trailer are parsed and checked
        in_member_ = false;
    }

    // Between members: zeros are padding (gzip(1) allows it on tapes), anything else must be a member's magic.
    Result<std::size_t> next_member(std::string_view input) {
        std::size_t zeros = 0;
        while (zeros < input.size() && input[zeros] == 0) ++zeros;
        if (zeros == input.size()) return zeros;
        if (zeros > 0 || input[0] != '\x1f') return error(Errc::corrupt, "gzip data is followed by something else");
        start_member();
        return std::size_t{0};
    }

    static const char* reason(int code) {
        switch (code) {
        case ISAL_INCORRECT_CHECKSUM: return "checksum";
        case ISAL_INVALID_WRAPPER: return "header";
        case ISAL_UNSUPPORTED_METHOD: return "method";
        default: return "block";
        }
    }

    // 80 KiB of tables: not for the stack.
    std::unique_ptr<inflate_state> state_ = std::make_unique<inflate_state>();
    bool in_member_ = false;
};

class Zstd final : public Decompressor {
public:
    Zstd() : stream_(ZSTD_createDStream()) {
        // A frame may ask for a window of gigabytes; 128 MiB is what zstd(1) accepts by default (--long=27).
        ZSTD_DCtx_setParameter(stream_.get(), ZSTD_d_windowLogMax, 27);
    }

    Result<Step> run(std::string_view input, char* output, std::size_t room) override {
        if (input.empty() && complete_) return Step{};  // the library would take it for the start of another frame
        ZSTD_inBuffer in{input.data(), input.size(), 0};
        ZSTD_outBuffer out{output, room, 0};
        const std::size_t hint = ZSTD_decompressStream(stream_.get(), &out, &in);
        if (ZSTD_isError(hint)) return error(Errc::corrupt, "zstd data is damaged ({})", ZSTD_getErrorName(hint));
        complete_ = hint == 0;  // at the end of a frame with everything flushed
        return Step{in.pos, out.pos};
    }

    Result<> end() override {
        if (!complete_) return error(Errc::corrupt, "zstd data ends early");
        return {};
    }

private:
    struct Free {
        void operator()(ZSTD_DStream* stream) const { ZSTD_freeDStream(stream); }
    };
    std::unique_ptr<ZSTD_DStream, Free> stream_;
    bool complete_ = true;
};

}  // namespace

Compression compression_of(std::string_view head) {
    if (head.starts_with("\x1f\x8b")) return Compression::gzip;
    if (head.starts_with("\x28\xb5\x2f\xfd")) return Compression::zstd;
    // A skippable frame (RFC 8878 3.1.2) may come first: 0x184D2A50 to 5F, little-endian.
    if (head.size() >= 4 && (head[0] & '\xf0') == '\x50' && head.substr(1, 3) == "\x2a\x4d\x18") return Compression::zstd;
    if (head.starts_with("\xfd"
                         "7zXZ") ||
        head.starts_with("BZh"))
        return Compression::unsupported;
    return Compression::none;
}

Result<std::unique_ptr<Decompressor>> make_decompressor(Compression compression) {
    switch (compression) {
    case Compression::none: return std::unique_ptr<Decompressor>(std::make_unique<PlainDecompressor>());
    case Compression::gzip: return std::unique_ptr<Decompressor>(std::make_unique<Gzip>());
    case Compression::zstd: return std::unique_ptr<Decompressor>(std::make_unique<Zstd>());
    case Compression::unsupported: break;
    }
    return error(Errc::unsupported, "data is compressed with xz or bzip2; gzip, zstd and none are known");
}

}  // namespace gantry::image
