#include "image/registry/pull_layers.hpp"

#include "image/ingest.hpp"
#include "image/registry/assembly.hpp"
#include "image/registry/choose.hpp"
#include "os/lock.hpp"

#include <thread>

namespace gantry::image::registry {

namespace {

constexpr auto lock_interval = std::chrono::milliseconds(50);

// A layer that is smaller is fetched as fast as its table of contents.
constexpr std::uint64_t assembled_size = 256U << 10;

// Looked for when the first layer needs them, for all layers of an image.
class LocalLayersOnce {
public:
    LocalLayersOnce(const Store& store, std::string repository) : store_(store), repository_(std::move(repository)) {}
    const LocalLayers& get() {
        std::call_once(once_, [this] { layers_ = find_local_layers(store_, repository_); });
        return layers_;
    }

private:
    const Store& store_;
    const std::string repository_;
    std::once_flag once_;
    LocalLayers layers_;
};

// One layer, from the first source that has it in good order.
class LayerPull {
public:
    LayerPull(Store& store, const std::vector<Repository*>& sources, const LayerJob& job, LocalLayersOnce& local,
              Reporter& reporter, const StopSign& stop)
        : store_(store),
          sources_(sources),
          job_(job),
          local_layers_(local),
          reporter_(reporter),
          stop_(stop),
          name_(short_digest(job.blob.digest)),
          progress_(reporter, name_) {}

    Result<> run() {
        const os::Fd alone = TRY(lock());
        std::optional<Error> last;
        for (std::size_t at = 0; at < sources_.size() && !stop_.cancelled();) {
            auto done = attempt(*sources_[at]);
            if (done.ok()) return {};
            last = std::move(done).error();
            if (!another_source_helps(last->code()) || local_) return std::move(*last);
            // Kept bytes of an earlier pull, or those of other layers, may be what was wrong: the same source again, from the
            // start.
            const bool again = bad_data(last->code()) && (resumed_ || is_assembled()) && !fresh_;
            fresh_ = fresh_ || bad_data(last->code());
            if (!again) ++at;
        }
        if (stop_.cancelled()) return error(Errc::cancelled, "cancelled");
        return std::move(*last);
    }

private:
    // Wrong bytes show up as wrong digests, or as archives that make no sense.
    static bool bad_data(Errc code) { return code == Errc::corrupt || code == Errc::invalid || code == Errc::unsupported; }

    static bool another_source_helps(Errc code) {
        return bad_data(code) || code == Errc::not_found || code == Errc::unavailable || code == Errc::denied ||
               code == Errc::timeout || code == Errc::io;
    }

    // One puller for a blob at a time, in all threads and processes; whoever waited finds it done. Waiting here instead of in
    // LayerIngest::begin can be cancelled.
    Result<os::Fd> lock() {
        const std::string file = store_.paths().images() + "/.pulling";
        for (bool told = false;; told = true) {
            auto mine = os::lock_name(file, job_.blob.digest.str(), false);
            if (mine.ok() || mine.error().code() != Errc::in_use) return mine;
            if (stop_.cancelled()) return error(Errc::cancelled, "cancelled");
            if (!told) reporter_.layer(name_, "Waiting");
            std::this_thread::sleep_for(lock_interval);
        }
    }

    Result<> attempt(Repository& source) {
        TRY(plan(source));
        local_ = true;  // until the source is asked
        auto begun = LayerIngest::begin(store_, job_.blob, job_.diff_id, job_.key, job_.parent, assembly_.get());
        if (!begun.ok() && begun.error().code() == Errc::exists) {
            reporter_.layer(name_, "Already exists");
            return {};
        }
        ingest_ = TRY(std::move(begun));
        if (fresh_ && ingest_->offset() > 0) TRY(ingest_->restart());
        resumed_ = ingest_->offset() > 0;
        auto done = fill(source);
        ingest_.reset();  // keeps what came for the next attempt
        return done;
    }

    // Without an assembly the layer is fetched as a whole: one that has no table of contents, a bad one, or that failed before.
    Result<> plan(Repository& source) {
        assembly_.reset();
        if (fresh_ || job_.blob.size < assembled_size || store_.has_blob(job_.blob.digest)) return {};
        const auto place = table_place(job_.blob);
        if (!place.ok() || !*place || local_layers_.get().empty()) return {};
        auto planned = Assembly::plan(source, job_.blob, **place, local_layers_.get());
        if (!planned.ok()) {
            if (bad_data(planned.error().code())) return {};
            return std::move(planned).error();
        }
        assembly_ = std::move(planned).value();
        return {};
    }

    // Of what other layers have.
    [[nodiscard]] bool is_assembled() const { return assembly_ && assembly_->pays(); }

    Result<> assemble(Repository& source, BlobTarget& target) {
        reporter_.layer(name_, fmt::format("Fetching {} of {} bytes", assembly_->missing(), job_.blob.size));
        const BlobOutcome outcome = assembly_->run(source, target);
        if (!outcome.error) return {};
        if (outcome.error->code() == Errc::unsupported && !outcome.target_failed) return fetch(source, target);
        local_ = outcome.target_failed && !bad_data(outcome.error->code());
        return *outcome.error;
    }

    Result<> fill(Repository& source) {
        BlobTarget target{ingest_->offset(), [this](std::string_view data) { return ingest_->write(data); },
                          [this] { return ingest_->restart(); }, [this](std::uint64_t received) { downloading(received); }};
        downloading(target.received);
        TRY(is_assembled() ? assemble(source, target) : fetch(source, target));
        reporter_.layer(name_, "Download complete");
        reporter_.layer(name_, "Extracting", job_.blob.size, job_.blob.size);
        if (auto finished = ingest_->finish(); !finished.ok()) {
            local_ = !bad_data(finished.error().code()) && finished.error().code() != Errc::unavailable;
            return std::move(finished).error().context(fmt::format("registry '{}'", source.connection().endpoint().registry));
        }
        reporter_.layer(name_, "Pull complete");
        return {};
    }

    Result<> fetch(Repository& source, BlobTarget& target) {
        BlobOutcome outcome = fetch_blob(source, job_.blob, target);
        const bool missing = outcome.error && outcome.error->code() == Errc::not_found;
        if (missing && !job_.blob.urls.empty()) outcome = fetch_foreign(source, target, std::move(outcome));
        if (!outcome.error) return {};
        // What the unpacker finds wrong in the data is the source's fault.
        local_ = outcome.target_failed && !bad_data(outcome.error->code());
        return std::move(*outcome.error);
    }

    BlobOutcome fetch_foreign(Repository& source, BlobTarget& target, BlobOutcome missing) {
        if (!source.connection().endpoint().foreign_layers)
            return {error(Errc::not_found, "layer '{}' is only to be had from other addresses ('{}'), which are not asked",
                          name_, host_of(job_.blob.urls.front())),
                    false};
        for (const std::string& url : job_.blob.urls) {
            missing = fetch_foreign_blob(source, url, job_.blob, target);
            if (!missing.error || missing.target_failed || stop_.cancelled()) break;
        }
        return missing;
    }

    void downloading(std::uint64_t received) { progress_.at("Downloading", received, job_.blob.size); }

    Store& store_;
    const std::vector<Repository*>& sources_;
    const LayerJob& job_;
    LocalLayersOnce& local_layers_;
    Reporter& reporter_;
    const StopSign& stop_;
    std::string name_;
    LayerProgress progress_;
    std::unique_ptr<Assembly> assembly_;  // the ingest looks into it
    std::unique_ptr<LayerIngest> ingest_;
    bool fresh_ = false;  // what is kept is not to be trusted
    bool resumed_ = false;
    bool local_ = false;  // the last failure was ours (disk, driver): no source can mend it
};

bool is_there(Store& store, const LayerJob& job) {
    return store.has_blob(job.blob.digest) && store.storage().layer_exists(job.key).value_or(false);
}

// What is to be fetched; the rest is reported as there.
std::vector<const LayerJob*> missing_layers(Store& store, const std::vector<LayerJob>& layers, Reporter& reporter) {
    std::vector<const LayerJob*> missing;
    std::set<std::pair<std::string, std::string>> seen;  // an image may have a layer twice
    for (const LayerJob& job : layers) {
        if (!seen.emplace(job.blob.digest.str(), job.key).second) continue;
        const bool there = is_there(store, job);
        reporter.layer(short_digest(job.blob.digest), there ? "Already exists" : "Pulling fs layer");
        if (!there) missing.push_back(&job);
    }
    return missing;
}

}  // namespace

Result<> pull_layers(Store& store, const std::string& repository, const std::vector<Repository*>& sources,
                     const std::vector<LayerJob>& layers, unsigned jobs, Reporter& reporter, StopSign& stop) {
    const std::vector<const LayerJob*> missing = missing_layers(store, layers, reporter);
    // A layer that needs its parent first cannot go beside it.
    if (store.storage().layer_format() == driver::LayerFormat::applied) jobs = 1;
    LocalLayersOnce local(store, repository);
    return in_parallel(missing.size(), jobs, stop,
                       [&](std::size_t at) { return LayerPull(store, sources, *missing[at], local, reporter, stop).run(); });
}

}  // namespace gantry::image::registry
