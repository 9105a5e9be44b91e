// Jobs: queued with one message each, waited for together through JobRemoved.
#include "systemd/connection.hpp"

#include <csignal>

namespace gantry::systemd {

namespace {

void note_answer(Job& job, sd_bus_message* reply) {
    if (const sd_bus_error* failure = sd_bus_message_get_error(reply); failure != nullptr) {
        job.refused = bus_error(-sd_bus_message_get_errno(reply), failure, job.verb + " unit '" + job.unit + "'");
        return;
    }
    const char* path = nullptr;
    if (sd_bus_message_read(reply, "o", &path) < 0)
        job.refused = error(Errc::internal, "{} unit '{}': systemd's answer cannot be read", job.verb, job.unit);
    else
        job.path = path;
}

Errc job_code(std::string_view result) {
    if (result == "timeout") return Errc::timeout;
    if (result == "canceled") return Errc::cancelled;
    if (result == "dependency" || result == "skipped") return Errc::unavailable;
    return Errc::io;
}

std::string why(const UnitState& state) {
    if (state.result == "exit-code") return fmt::format(", the process exited with status {}", state.exit_status);
    if (state.result == "signal" || state.result == "core-dump")
        return fmt::format(", signal {} ended the process", state.exit_status);
    if (state.result == "oom-kill") return ", the kernel ran out of memory for it";
    if (state.result == "timeout") return ", it took longer than its timeout";
    if (state.result == "start-limit-hit") return ", it was started too often (systemctl reset-failed lifts that)";
    if (state.result.empty() || state.result == "success") return "";
    return ", result '" + state.result + "'";
}

std::string job_text(std::string_view result) {
    if (result == "dependency") return "a unit that it requires failed";
    if (result == "canceled") return "another job took its place";
    if (result == "skipped") return "a condition does not hold";
    if (result == "timeout") return "the job took too long";
    return fmt::format("the job ended as '{}'", result);
}

using Outcomes = std::vector<std::pair<std::string, Result<>>>;

Result<> outcome_of(Manager& manager, const Job& job, const Result<>& waited) {
    if (job.refused) return *job.refused;
    if (job.result == "done") return {};
    if (job.result.empty())
        return waited.ok() ? Result<>(error(Errc::internal, "{} unit '{}': no result", job.verb, job.unit)) : waited;
    const auto state = manager.state(job.unit);
    return error(job_code(job.result), "{} unit '{}': {}{}", job.verb, job.unit, job_text(job.result),
                 state.ok() && job.result == "failed" ? why(*state) : "");
}

Outcomes all_failed(const std::vector<std::string>& units, const Error& why_not) {
    Outcomes outcomes;
    for (const std::string& unit : units) outcomes.emplace_back(unit, why_not);
    return outcomes;
}

}  // namespace

int Manager::Impl::on_job_removed(sd_bus_message* message, void* data, sd_bus_error*) {
    auto* self = static_cast<Impl*>(data);
    if (self->jobs == nullptr) return 0;
    std::uint32_t id = 0;
    const char *path = nullptr, *unit = nullptr, *result = nullptr;
    if (sd_bus_message_read(message, "uoss", &id, &path, &unit, &result) < 0) return 0;
    for (Job& job : *self->jobs)
        if (job.path == path) job.result = result;
    return 0;
}

static Outcomes run_jobs(Manager& manager, Manager::Impl& impl, const std::vector<std::string>& units, const char* member,
                         const char* verb, const std::function<void()>& queued = {}) {
    if (auto listening = impl.listen(); !listening.ok()) return all_failed(units, listening.error());
    auto shared = std::make_shared<std::vector<Job>>();  // with the handlers, which may outlive a failed wait
    std::vector<Job>& jobs = *shared;
    for (const std::string& unit : units) jobs.push_back({unit, verb, "", "", std::nullopt});
    impl.jobs = &jobs;
    Result<> waited;
    for (std::size_t index = 0; index < jobs.size() && waited.ok(); ++index)
        waited = impl.call_later(manager_path, manager_interface, member, jobs[index].unit.c_str(), "replace",
                                 [shared, index](sd_bus_message* reply) { note_answer((*shared)[index], reply); });
    if (waited.ok() && queued) queued();
    std::size_t ended = 0;  // those before it have: with a thousand jobs each signal must not look at all of them
    if (waited.ok())
        waited = impl.run([&] {
            while (ended < jobs.size() && jobs[ended].ended()) ++ended;
            return ended == jobs.size();
        });
    impl.jobs = nullptr;

    Outcomes outcomes;
    for (const Job& job : jobs) outcomes.emplace_back(job.unit, outcome_of(manager, job, waited));
    return outcomes;
}

Result<> Manager::Impl::wait_job(Manager& manager, Job job) {
    std::vector<Job> list{std::move(job)};
    jobs = &list;
    const auto waited = run([&] { return list[0].ended(); });
    jobs = nullptr;
    return outcome_of(manager, list[0], waited);
}

std::vector<std::pair<std::string, Result<>>> Manager::start_all(const std::vector<std::string>& units) {
    return run_jobs(*this, *impl_, units, "StartUnit", "start");
}

std::vector<std::pair<std::string, Result<>>> Manager::stop_all(const std::vector<std::string>& units) {
    return run_jobs(*this, *impl_, units, "StopUnit", "stop");
}

Result<> Manager::start(const std::string& unit) {
    return run_jobs(*this, *impl_, {unit}, "StartUnit", "start").front().second;
}
Result<> Manager::stop(const std::string& unit) { return run_jobs(*this, *impl_, {unit}, "StopUnit", "stop").front().second; }
Result<> Manager::restart(const std::string& unit) {
    return run_jobs(*this, *impl_, {unit}, "RestartUnit", "restart").front().second;
}

Result<> Manager::stop_now(const std::string& unit) {
    [[maybe_unused]] const auto thawed =
        thaw(unit);  // a frozen process does not die of a signal on every kernel; not frozen is fine
    const auto kill_all = [&] {
        // Messages of one connection are handled in order: the job is there when the signal is sent. No process left: fine.
        [[maybe_unused]] const auto killed = kill(unit, "all", SIGKILL);
    };
    return run_jobs(*this, *impl_, {unit}, "StopUnit", "stop", kill_all).front().second;
}

}  // namespace gantry::systemd
