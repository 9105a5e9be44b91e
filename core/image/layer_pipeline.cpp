#include "image/layer_pipeline.hpp"

#include "image/decompress.hpp"
#include "image/hasher.hpp"
#include "image/unpack.hpp"

#include <system_error>

namespace gantry::image {

namespace {

// A bomb is told by its ratio while it explodes. Real layers stay below 20:1, ones with large empty files reach gzip's 1000:1
// for a while; so a gigabyte is free and each compressed byte may become 256 more.
constexpr std::uint64_t free_bytes = 1ULL << 30;
constexpr std::uint64_t bytes_per_byte = 256;

class PipeSource final : public ByteSource {
public:
    explicit PipeSource(ChunkPipe& pipe) : pipe_(pipe) {}
    Result<std::string_view> peek() override {
        while (at_ == chunk_.size && !ended_) {
            pipe_.give_back(std::move(chunk_));
            chunk_ = Chunk();
            at_ = 0;
            if (auto next = pipe_.pop())
                chunk_ = std::move(*next);
            else
                ended_ = true;
        }
        if (ended_ && pipe_.broken()) return error(Errc::cancelled, "the transfer was given up");
        return chunk_.view().substr(at_);
    }
    void consume(std::size_t count) override { at_ += count; }

private:
    ChunkPipe& pipe_;
    Chunk chunk_;
    std::size_t at_ = 0;
    bool ended_ = false;
};

}  // namespace

LayerPipeline::LayerPipeline(int folder, driver::LayerFormat format, std::string diff_algorithm, std::uint64_t blob_size,
                             const LocalFiles* local)
    : folder_(folder), format_(format), diff_algorithm_(std::move(diff_algorithm)), local_(local) {
    // The same bound on what headers announce: such a file is refused before its first byte is written.
    if (blob_size < limits_.bytes / bytes_per_byte)
        limits_.bytes = std::min(limits_.bytes, free_bytes + bytes_per_byte * blob_size);
}

LayerPipeline::~LayerPipeline() {
    compressed_.break_off();
    plain_.break_off();
    if (inflater_.joinable()) inflater_.join();
    if (unpacker_.joinable()) unpacker_.join();
}

Result<> LayerPipeline::start() {
    try {
        inflater_ = std::thread([this] { inflate_thread(); });
        if (folder_ >= 0) unpacker_ = std::thread([this] { unpack_thread(); });
    } catch (const std::system_error& failure) {
        return Error::from_errno(failure.code().value(), "start a thread for a layer");
    }
    return {};
}

void LayerPipeline::fail(Error error) {
    {
        const std::lock_guard lock(mutex_);
        if (!error_) error_ = std::move(error);
    }
    compressed_.break_off();
    plain_.break_off();
}

Error LayerPipeline::first_error() {
    const std::lock_guard lock(mutex_);
    return error_ ? *error_ : error(Errc::cancelled, "the transfer was given up");
}

Result<> LayerPipeline::write(Chunk chunk) {
    if (!compressed_.push(std::move(chunk))) return first_error();
    return {};
}

Result<LayerPipeline::Outcome> LayerPipeline::finish() {
    compressed_.end();
    if (inflater_.joinable()) inflater_.join();
    if (unpacker_.joinable()) unpacker_.join();
    if (compressed_.broken() || !diff_id_) return first_error();
    return Outcome{*diff_id_, bytes_};
}

void LayerPipeline::inflate_thread() {
    if (auto done = inflate(); !done.ok()) fail(std::move(done).error());
}

void LayerPipeline::unpack_thread() {
    if (auto done = unpack(); !done.ok()) fail(std::move(done).error());
}

Result<> LayerPipeline::emit(Chunk chunk) {
    if (folder_ < 0) {
        plain_.give_back(std::move(chunk));
        return {};
    }
    if (!plain_.push(std::move(chunk))) return first_error();
    return {};
}

Result<> LayerPipeline::inflate() {
    Hasher hasher(diff_algorithm_);
    std::unique_ptr<Decompressor> decompressor;
    std::uint64_t taken = 0;
    std::uint64_t given = 0;
    Chunk plain = plain_.blank();
    while (auto chunk = compressed_.pop()) {
        if (!decompressor) decompressor = TRY(make_decompressor(compression_of(chunk->view())));
        std::string_view input = chunk->view();
        taken += input.size();
        for (;;) {
            const Decompressor::Step step = TRY(decompressor->run(input, plain.bytes.get() + plain.size, plain.room()));
            input.remove_prefix(step.consumed);
            plain.size += step.produced;
            given += step.produced;
            if (given > free_bytes + bytes_per_byte * taken)
                return error(Errc::invalid, "the layer unpacks to more than {} times its size", bytes_per_byte);
            if (plain.room() == 0) {
                hasher.update(plain.view());
                TRY(emit(std::exchange(plain, plain_.blank())));
            } else if (input.empty() || (step.consumed == 0 && step.produced == 0)) {
                break;
            }
        }
        compressed_.give_back(std::move(*chunk));
    }
    if (compressed_.broken()) return first_error();
    if (decompressor) TRY(decompressor->end());
    hasher.update(plain.view());
    TRY(emit(std::move(plain)));
    diff_id_ = hasher.finish();
    plain_.end();
    return {};
}

Result<> LayerPipeline::unpack() {
    PipeSource source(plain_);
    bytes_ = TRY(Unpacker(source, folder_, format_, limits_, local_).run());
    return {};
}

}  // namespace gantry::image
