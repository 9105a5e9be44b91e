// Long work behind a job object.
#include "bus/build_log.hpp"
#include "bus/daemon.hpp"

namespace gantry::bus {

namespace {

// Registries deliver in small pieces; nobody reads more than ten lines a second of what one layer is at.
class Throttle {
public:
    bool lets_pass(const image::Progress& progress) {
        const auto now = std::chrono::steady_clock::now();
        const auto [last, first] = last_.try_emplace({progress.layer, progress.status}, now);
        if (!first && now < last->second + std::chrono::milliseconds(100) && progress.current != progress.total) return false;
        last->second = now;
        return true;
    }

private:
    std::map<std::pair<std::string, std::string>, std::chrono::steady_clock::time_point> last_;
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
        Teller tell;
        tell.progress = [&](const image::Progress& progress) {
            if (throttle.lets_pass(progress))
                with_job([progress](JobObject& object) {
                    object.progress(progress.layer, progress.status, progress.current, progress.total);
                });
        };
        BuildLog log({[&](std::uint32_t step, const std::string& name, const std::string& state, const std::string& message) {
                          with_job([=](JobObject& object) { object.step(step, name, state, message); });
                      },
                      [&](std::uint32_t step, std::uint32_t stream, const std::string& text) {
                          with_job([=](JobObject& object) { object.output(step, stream, text); });
                      },
                      tell.progress});
        tell.build = [&](const build::Event& event) { log.take(event); };
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
