// Long work behind a job object.
#include "bus/daemon.hpp"

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

}  // namespace

std::string Daemon::start_job(const Caller& caller, JobWork work) {
    JobView view;
    view.path = object_path("job", std::to_string(next_job_++));
    view.description = work.description;
    view.owner = caller.name;
    view.action = work.action;
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
    workers.post([this, work = std::move(work), cancelled, with_job] {
        Throttle throttle;
        const image::ProgressFn tell = [&](const image::Progress& progress) {
            if (throttle.lets_pass(progress))
                with_job([progress](JobObject& object) {
                    object.progress(progress.layer, progress.status, progress.current, progress.total);
                });
        };
        const auto all = [&]() -> Result<std::string> {
            container::Engine engine = TRY(container::Engine::open());
            return work.run(engine, *cancelled, tell);
        };
        auto result = all();
        refresh(work.kinds);
        with_job([result](JobObject& object) { object.finish(result); });
    });
    return path;
}

}  // namespace gantry::bus
