// Pull: long work behind a job object.
#include "bus/daemon.hpp"
#include "image/transfer.hpp"

namespace gantry::bus {

namespace {

// Registries deliver in small pieces; nobody reads more than ten lines a second of one layer.
class Throttle {
public:
    bool lets_pass(const image::Progress& progress) {
        const auto now = std::chrono::steady_clock::now();
        Last& last = last_[progress.layer];
        if (progress.status == last.status && now < last.when + std::chrono::milliseconds(100) &&
            progress.current != progress.total)
            return false;
        last = {progress.status, now};
        return true;
    }

private:
    struct Last {
        std::string status;
        std::chrono::steady_clock::time_point when;
    };
    std::map<std::string, Last> last_;
};

Result<std::string> pull(container::Engine& engine, const ImageRef& reference, const image::PullOptions& options) {
    image::Store* store = TRY(engine.images());
    const image::PullResult pulled = TRY(image::pull(*store, engine.config(), reference, options));
    return object_path("image", std::string(pulled.image.id.hex()));
}

}  // namespace

std::string Daemon::start_pull(const Caller& caller, ImageRef reference, std::optional<image::Platform> platform) {
    JobView view;
    view.path = object_path("job", std::to_string(next_job_++));
    view.description = "pull " + reference.normalized().str();
    view.owner = caller.name;
    const std::string path = view.path;
    auto job = std::make_unique<JobObject>(*this, std::move(view));
    job->emitInterfacesAddedSignal();
    const auto cancelled = job->cancelled;
    jobs_.emplace(path, std::move(job));
    const auto with_job = [this, path](std::function<void(JobObject&)> act) {
        workers.post_main([this, path, act = std::move(act)] {
            if (const auto found = jobs_.find(path); found != jobs_.end()) act(*found->second);
        });
    };
    workers.post([this, reference = std::move(reference), platform = std::move(platform), cancelled, with_job] {
        Throttle throttle;
        image::PullOptions options;
        options.platform = platform;
        options.cancel = cancelled.get();
        options.progress = [&](const image::Progress& progress) {
            if (throttle.lets_pass(progress))
                with_job([progress](JobObject& object) {
                    object.progress(progress.layer, progress.status, progress.current, progress.total);
                });
        };
        const auto all = [&]() -> Result<std::string> {
            container::Engine engine = TRY(container::Engine::open());
            return pull(engine, reference, options);
        };
        auto result = all();
        refresh(images_kind);
        with_job([result](JobObject& object) { object.finish(result); });
    });
    return path;
}

}  // namespace gantry::bus
