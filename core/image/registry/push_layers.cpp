#include "image/registry/push_layers.hpp"

namespace gantry::image::registry {

namespace {

class LayerPush {
public:
    LayerPush(Store& store, Repository& repository, const PushJob& job, Reporter& reporter, const StopSign& stop)
        : store_(store),
          repository_(repository),
          job_(job),
          reporter_(reporter),
          stop_(stop),
          name_(short_digest(job.layer.diff_id)),
          progress_(reporter, name_) {}

    Result<LayerVariant> run() {
        const Descriptor& source = job_.layer.source;
        LayerVariant variant{source.digest, source.size, {}};
        if (!job_.as_it_is) variant = TRY(compressed());
        const os::Fd fd = TRY(store_.open_blob(variant.digest));
        UploadPlan plan;
        plan.mounts = job_.mounts;
        plan.progress = [&](std::uint64_t sent) { progress_.at("Pushing", sent, variant.size); };
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
        request.progress = [this, total = request.source.size](std::uint64_t done) {
            progress_.at("Compressing", done, total);
        };
        request.cancelled = [this] { return stop_.cancelled(); };
        return make_variant(store_, request);
    }

    Store& store_;
    Repository& repository_;
    const PushJob& job_;
    Reporter& reporter_;
    const StopSign& stop_;
    std::string name_;
    LayerProgress progress_;
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
    for (const std::size_t at : order) reporter.layer(short_digest(layers[at].layer.diff_id), "Preparing");
    for (std::size_t at = threads_of(order.size(), jobs); at < order.size(); ++at)
        reporter.layer(short_digest(layers[order[at]].layer.diff_id), "Waiting");

    std::mutex mutex;
    std::map<std::string, LayerVariant> done;  // by diff ID
    TRY(in_parallel(order.size(), jobs, stop, [&](std::size_t at) -> Result<> {
        const PushJob& job = layers[order[at]];
        LayerVariant variant = TRY(LayerPush(store, repository, job, reporter, stop).run());
        const std::scoped_lock lock(mutex);
        done.emplace(job.layer.diff_id.str(), std::move(variant));
        return {};
    }));
    std::vector<LayerVariant> all;
    for (const PushJob& job : layers) all.push_back(done.at(job.layer.diff_id.str()));
    return all;
}

}  // namespace gantry::image::registry
