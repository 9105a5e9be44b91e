#include "image/registry/range_source.hpp"

namespace gantry::image::registry {

namespace {

class RangeTransfer {
public:
    RangeTransfer(Repository& repository, const Descriptor& descriptor, std::uint64_t begin, std::uint64_t end,
                  const std::function<Result<>(std::string_view)>& write)
        : repository_(repository), descriptor_(descriptor), at_(begin), end_(end), write_(write) {}

    BlobOutcome run() {
        const Settings& settings = repository_.connection().settings();
        Retry retry(settings, settings.retries, at_);
        while (at_ < end_) {
            const HttpOutcome outcome = attempt();
            if (at_ == end_) break;
            if (outcome.fault == Fault::sink) return {*outcome.error, target_failed_};
            if (outcome.fault == Fault::none && outcome.response.status == 206) return {refused("is too short"), false};
            if (outcome.fault == Fault::none && outcome.response.status == 416) return {refused("is refused"), false};
            retry.reached(at_);
            if (!retry.again(outcome)) return {blob_error(repository_, descriptor_, outcome), false};
        }
        return {};
    }

private:
    HttpOutcome attempt() {
        ApiRequest request{"GET", repository_.blob_path(descriptor_.digest), repository_.scope()};
        request.headers.push_back(fmt::format("Range: bytes={}-{}", at_, end_ - 1));
        request.begin = [this](const HttpResponse& response) { return begin(response); };
        request.sink = [this](std::string_view data) { return take(data); };
        return repository_.connection().perform(request);
    }

    Result<> begin(const HttpResponse& response) const {
        if (response.status != 206) return refused("is answered with the whole");
        const auto range = parse_content_range(response.header("content-range"));
        if (!range || range->first != at_ || range->last != end_ - 1 || (range->total && *range->total != descriptor_.size))
            return refused("is answered with another");
        return {};
    }

    Result<> take(std::string_view data) {
        if (data.size() > end_ - at_) return refused("is too long");
        auto written = write_(data);
        target_failed_ = !written.ok();
        if (written.ok()) at_ += data.size();
        return written;
    }

    [[nodiscard]] Error refused(std::string_view what) const {
        return error(Errc::unsupported, "registry '{}': a range of blob '{}' {}", repository_.connection().endpoint().registry,
                     descriptor_.digest.str(), what);
    }

    Repository& repository_;
    const Descriptor& descriptor_;
    std::uint64_t at_, end_;
    const std::function<Result<>(std::string_view)>& write_;
    bool target_failed_ = false;
};

}  // namespace

BlobOutcome fetch_range(Repository& repository, const Descriptor& descriptor, std::uint64_t begin, std::uint64_t end,
                        const std::function<Result<>(std::string_view)>& write) {
    return RangeTransfer(repository, descriptor, begin, end, write).run();
}

}  // namespace gantry::image::registry
