#include "image/registry/push_layers.hpp"

#include <thread>

namespace gantry::image::registry {

namespace {

using Clock = std::chrono::steady_clock;

class LayerPush {
public:
    LayerPush(Store& store, Repository& repository, const PushJob& job, Reporter& reporter, const StopSign& stop)
        : store_(store),
          repository_(repository),
          job_(job),
          reporter_(reporter),
          stop_(stop),
          name_(short_digest(job.layer.diff_id)) {}

    Result<LayerVariant> run() {
        const Descriptor& source = job_.layer.source;
        LayerVariant variant{source.digest, source.size, {}};
        if (!job_.as_it_is) variant = TRY(compressed());
        const os::Fd fd = TRY(store_.open_blob(variant.digest));
        UploadPlan plan;
        plan.mounts = job_.mounts;
        plan.progress = [&](std::uint64_t sent) { tell("Pushing", sent, variant.size); };
        const Uploaded done = TRY(push_blob(repository_, {variant.digest, variant.size, fd.get()}, plan));
        switch (done.how) {
        case Uploaded::How::existed: reporter_.layer(name_, "Layer already exists"); break;
        case Uploaded::How::mounted: reporter_.layer(name_, "Mounted from " + done.from); break;
        case Uploaded::How::sent: reporter_.layer(name_, "Pushed"); break;
        }
        return variant;
    }

private:
    Result<LayerVariant> compressed() {
        VariantRequest request = job_.layer;
        request.progress = [this, total = request.source.size](std::uint64_t done) { tell("Compressing", done, total); };
        request.cancelled = [this] { return stop_.cancelled(); };
        return make_variant(store_, request);
    }

    void tell(const char* status, std::uint64_t current, std::uint64_t total) {
        const auto now = Clock::now();
        if (current < total && now - reported_ < report_interval) return;
        reported_ = now;
        reporter_.layer(name_, status, current, total);
    }

    Store& store_;
    Repository& repository_;
    const PushJob& job_;
    Reporter& reporter_;
    const StopSign& stop_;
    std::string name_;
    Clock::time_point reported_{};
};

// The first of each layer; an image may have a layer twice.
std::vector<std::size_t> first_of_each(const std::vector<PushJob>& layers) {
    std::vector<std::size_t> firsts;
    std::set<std::string> seen;
    for (std::size_t at = 0; at < layers.size(); ++at)
        if (seen.insert(layers[at].layer.diff_id.str()).second) firsts.push_back(at);
    return firsts;
}

}  // namespace

Result<std::vector<LayerVariant>> push_layers(Store& store, Repository& repository, const std::vector<PushJob>& layers,
                                              unsigned jobs, Reporter& reporter, StopSign& stop) {
    const std::vector<std::size_t> order = first_of_each(layers);
    const std::size_t count = std::min<std::size_t>(std::clamp(jobs, 1U, 64U), order.size());
    for (const std::size_t at : order) reporter.layer(short_digest(layers[at].layer.diff_id), "Preparing");
    for (std::size_t at = count; at < order.size(); ++at)
        reporter.layer(short_digest(layers[order[at]].layer.diff_id), "Waiting");

    std::atomic<std::size_t> next = 0;
    std::mutex mutex;
    std::optional<Error> first;
    std::map<std::string, LayerVariant> done;  // by diff ID
    const auto work = [&] {
        for (std::size_t at = next++; at < order.size() && !stop.cancelled(); at = next++) {
            const PushJob& job = layers[order[at]];
            auto variant = LayerPush(store, repository, job, reporter, stop).run();
            const std::scoped_lock lock(mutex);
            if (variant.ok()) {
                done.emplace(job.layer.diff_id.str(), std::move(*variant));
                continue;
            }
            if (!first || first->code() == Errc::cancelled) first = std::move(variant).error();
            stop.failed = true;
        }
    };
    std::vector<std::jthread> threads;
    for (std::size_t at = 1; at < count; ++at) threads.emplace_back(work);
    work();
    threads.clear();
    stop.failed = false;  // it was for the others of this call
    if (first) return std::move(*first);
    if (stop.cancelled()) return error(Errc::cancelled, "cancelled");
    std::vector<LayerVariant> all;
    for (const PushJob& job : layers) all.push_back(done.at(job.layer.diff_id.str()));
    return all;
}

}  // namespace gantry::image::registry
