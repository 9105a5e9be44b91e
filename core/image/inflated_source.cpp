#include "image/inflated_source.hpp"

namespace gantry::image {

namespace {

constexpr std::size_t head_size = 6;  // what compression_of() wants to see

}  // namespace

InflatedSource::InflatedSource(ByteSource& packed) : packed_(packed), buffer_(256U << 10) {}

Result<> InflatedSource::open() {
    while (head_.size() < head_size) {
        const std::string_view piece = TRY(packed_.peek()).substr(0, head_size - head_.size());
        if (piece.empty()) break;
        head_ += piece;
        packed_.consume(piece.size());
    }
    if (head_.empty()) return error(Errc::invalid, "the archive is empty");
    decompressor_ = TRY(make_decompressor(compression_of(head_)));
    return {};
}

Result<> InflatedSource::fill() {
    if (!decompressor_) TRY(open());
    const bool from_head = !head_.empty();
    const std::string_view input = from_head ? std::string_view(head_) : TRY(packed_.peek());
    const auto step = TRY(decompressor_->run(input, buffer_.data(), buffer_.size()));
    ended_ = input.empty() && step.produced == 0;
    // Neither taken nor given: what is left comes after the stream's end.
    const std::size_t taken = step.consumed == 0 && step.produced == 0 ? input.size() : step.consumed;
    if (from_head)
        head_.erase(0, taken);
    else
        packed_.consume(taken);
    at_ = 0;
    end_ = step.produced;
    return {};
}

Result<std::string_view> InflatedSource::peek() {
    while (at_ == end_ && !ended_) TRY(fill());
    return std::string_view(buffer_.data() + at_, end_ - at_);
}

Result<> InflatedSource::end() {
    if (!decompressor_) TRY(open());
    return decompressor_->end();
}

}  // namespace gantry::image
