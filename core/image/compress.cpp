#include "image/compress.hpp"

#include <libdeflate.h>
#include <zstd.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

namespace gantry::image {

namespace {

// Part of the format, so to speak: another size gives other digests. Deflate looks back 32 KiB, so that cuts hardly cost it
// anything; zstd's windows (2 MiB at level 3, 8 MiB from 17 on) want longer blocks.
constexpr std::size_t gzip_block = 1U << 20;
constexpr std::size_t zstd_block = 4U << 20;
constexpr unsigned most_threads = 8;

// One thread's compressor of whole blocks.
class Codec {
public:
    virtual ~Codec() = default;
    virtual Result<> run(std::string_view input, std::string& output) = 0;  // one member, behind what output has
};
using CodecFn = std::function<std::unique_ptr<Codec>()>;

// Members have no name and no time (RFC 1952: MTIME 0), and an unknown system (OS 255).
class GzipCodec final : public Codec {
public:
    explicit GzipCodec(int level) : compressor_(libdeflate_alloc_compressor(level)) {
        if (!compressor_) throw std::bad_alloc();
    }

    Result<> run(std::string_view input, std::string& output) override {
        const std::size_t before = output.size(), room = libdeflate_gzip_compress_bound(compressor_.get(), input.size());
        output.resize(before + room);
        const std::size_t size =
            libdeflate_gzip_compress(compressor_.get(), input.data(), input.size(), output.data() + before, room);
        if (size == 0) return error(Errc::internal, "libdeflate: the output is larger than its bound");
        output.resize(before + size);
        return {};
    }

private:
    struct Free {
        void operator()(libdeflate_compressor* compressor) const { libdeflate_free_compressor(compressor); }
    };
    std::unique_ptr<libdeflate_compressor, Free> compressor_;
};

class ZstdCodec final : public Codec {
public:
    explicit ZstdCodec(int level) : context_(ZSTD_createCCtx()) {
        if (!context_) throw std::bad_alloc();
        ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, level);
        ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_checksumFlag, 1);
    }

    Result<> run(std::string_view input, std::string& output) override {
        const std::size_t before = output.size(), room = ZSTD_compressBound(input.size());
        output.resize(before + room);
        const std::size_t size = ZSTD_compress2(context_.get(), output.data() + before, room, input.data(), input.size());
        if (ZSTD_isError(size)) return error(Errc::internal, "libzstd: {}", ZSTD_getErrorName(size));
        output.resize(before + size);
        return {};
    }

private:
    struct Free {
        void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
    };
    std::unique_ptr<ZSTD_CCtx, Free> context_;
};

class Plain final : public Compressor {
public:
    explicit Plain(CompressedFn sink) : sink_(std::move(sink)) {}
    Result<> write(std::string_view data) override {
        if (error_) return *error_;
        if (auto taken = sink_(data); !taken.ok()) error_ = std::move(taken).error();
        written_ += data.size();
        return end();
    }
    Result<> cut(std::uint64_t* offset) override {
        if (offset) *offset = written_;
        return end();
    }
    Result<> end() override { return error_ ? Result<>(*error_) : Result<>(); }

private:
    CompressedFn sink_;
    std::uint64_t written_ = 0;
    std::optional<Error> error_;
};

class Blocks final : public Compressor {
public:
    Blocks(CodecFn codec, std::size_t block_size, CompressedFn sink, unsigned threads)
        : make_codec_(std::move(codec)), block_size_(block_size), sink_(std::move(sink)), thread_limit_(threads) {}

    ~Blocks() override {
        {
            const std::lock_guard lock(mutex_);
            stop_ = true;
            work_.notify_all();
        }
        for (std::thread& thread : threads_) thread.join();
    }

    Result<> write(std::string_view data) override {
        if (error_) return *error_;
        while (!data.empty()) {
            if (!current_) current_ = blank();
            const std::size_t count = std::min(data.size(), block_size_ - current_->open());
            current_->input.append(data.substr(0, count));
            data.remove_prefix(count);
            if (current_->open() == block_size_) TRY(cut(nullptr));
        }
        return {};
    }

    // Many small members go to a thread together.
    Result<> cut(std::uint64_t* offset) override {
        if (error_) return *error_;
        if (!current_) current_ = blank();
        current_->members.push_back({current_->input.size(), 0, offset});
        return current_->input.size() >= block_size_ ? submit() : Result<>();
    }

    Result<> end() override {
        if (error_) return *error_;
        if (current_ || !began_) TRY(last_block());
        return deliver(0);
    }

private:
    struct Member {
        std::size_t input_end = 0, output_end = 0;
        std::uint64_t* offset = nullptr;  // whoever wants to know where it ends
    };
    struct Block {
        std::string input, output;
        std::vector<Member> members;
        Result<> outcome;
        bool done = false;

        // Bytes since the last cut.
        [[nodiscard]] std::size_t open() const { return input.size() - (members.empty() ? 0 : members.back().input_end); }
        Result<> compress(Codec& codec) {
            output.clear();
            std::size_t at = 0;
            for (Member& member : members) {
                if (member.input_end > at || input.empty())
                    TRY(codec.run(std::string_view(input).substr(at, member.input_end - at), output));
                at = member.input_end;
                member.output_end = output.size();
            }
            return {};
        }
    };

    std::unique_ptr<Block> blank() {
        if (spare_.empty()) {
            auto block = std::make_unique<Block>();
            block->input.reserve(block_size_);
            return block;
        }
        auto block = std::move(spare_.back());
        spare_.pop_back();
        block->input.clear();
        block->members.clear();
        block->done = false;
        return block;
    }

    // One block alone needs no thread.
    Result<> last_block() {
        if (!current_) current_ = std::make_unique<Block>();
        if (current_->open() > 0 || !began_) current_->members.push_back({current_->input.size(), 0, nullptr});
        if (began_) return submit();
        began_ = true;
        const auto codec = make_codec_();
        current_->outcome = current_->compress(*codec);
        return pass_on(std::move(current_));
    }

    Result<> submit() {
        began_ = true;
        {
            const std::lock_guard lock(mutex_);
            waiting_.push_back(current_.get());
            work_.notify_one();
        }
        in_flight_.push_back(std::move(current_));
        if (threads_.size() < std::min<std::size_t>(thread_limit_, in_flight_.size()))
            threads_.emplace_back([this] { work(); });
        return deliver(2UL * thread_limit_);
    }

    // What is done goes on to the sink; waits until no more than `most` blocks are left.
    Result<> deliver(std::size_t most) {
        while (!in_flight_.empty()) {
            {
                std::unique_lock lock(mutex_);
                if (in_flight_.size() > most) done_.wait(lock, [&] { return in_flight_.front()->done; });
                if (!in_flight_.front()->done) break;
            }
            auto block = std::move(in_flight_.front());
            in_flight_.pop_front();
            TRY(pass_on(std::move(block)));
        }
        return {};
    }

    Result<> pass_on(std::unique_ptr<Block> block) {
        Result<> taken = std::move(block->outcome);
        std::size_t at = 0;
        for (const Member& member : block->members) {
            if (taken.ok() && member.output_end > at)
                taken = sink_(std::string_view(block->output).substr(at, member.output_end - at));
            written_ += member.output_end - at;
            at = member.output_end;
            if (member.offset) *member.offset = written_;
        }
        spare_.push_back(std::move(block));
        if (!taken.ok()) error_ = taken.error();
        return taken;
    }

    void work() {
        const auto codec = make_codec_();
        std::unique_lock lock(mutex_);
        for (;;) {
            work_.wait(lock, [&] { return stop_ || !waiting_.empty(); });
            if (stop_) return;
            Block* block = waiting_.front();
            waiting_.pop_front();
            lock.unlock();
            block->outcome = block->compress(*codec);
            lock.lock();
            block->done = true;
            done_.notify_one();
        }
    }

    const CodecFn make_codec_;
    const std::size_t block_size_;
    const CompressedFn sink_;
    const unsigned thread_limit_;

    // Of the calling thread.
    std::unique_ptr<Block> current_;
    std::deque<std::unique_ptr<Block>> in_flight_;  // in order
    std::vector<std::unique_ptr<Block>> spare_;
    std::optional<Error> error_;
    std::uint64_t written_ = 0;
    bool began_ = false;

    std::mutex mutex_;
    std::condition_variable work_, done_;
    std::deque<Block*> waiting_;  // for a thread
    bool stop_ = false;
    std::vector<std::thread> threads_;  // last: they use all of the above
};

Result<int> checked_level(int level, int standard, int most, const char* what) {
    if (level == 0) return standard;
    if (level < 1 || level > most)
        return error(Errc::invalid, "compression level {} of {}: 1 to {} are known", level, what, most);
    return level;
}

}  // namespace

Result<std::unique_ptr<Compressor>> make_compressor(Compression compression, int level, CompressedFn sink, unsigned threads) {
    if (threads == 0) threads = std::clamp(std::thread::hardware_concurrency(), 1U, most_threads);
    switch (compression) {
    case Compression::none: return std::unique_ptr<Compressor>(std::make_unique<Plain>(std::move(sink)));
    case Compression::gzip: {
        const int checked = TRY(checked_level(level, default_gzip_level, 12, "gzip"));
        const CodecFn codec = [checked] { return std::make_unique<GzipCodec>(checked); };
        return std::unique_ptr<Compressor>(std::make_unique<Blocks>(codec, gzip_block, std::move(sink), threads));
    }
    case Compression::zstd: {
        const int checked = TRY(checked_level(level, default_zstd_level, ZSTD_maxCLevel(), "zstd"));
        const CodecFn codec = [checked] { return std::make_unique<ZstdCodec>(checked); };
        return std::unique_ptr<Compressor>(std::make_unique<Blocks>(codec, zstd_block, std::move(sink), threads));
    }
    case Compression::unsupported: break;
    }
    return error(Errc::unsupported, "gzip, zstd and none are what can be written");
}

}  // namespace gantry::image
