#include "build/run_step.hpp"

#include "container/exit_note.hpp"
#include "container/record.hpp"
#include "container/units.hpp"
#include "image/image_text.hpp"
#include "os/pipe.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

namespace gantry::build {

namespace {

Result<os::Fd> make_event() {
    os::Fd event(eventfd(0, EFD_CLOEXEC));
    if (!event) return errno_error("make an event descriptor");
    return event;
}

void raise_event(const os::Fd& event) {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t told = write(event.get(), &one, sizeof one);
}

// Copies a step's output to its vertex, and looks whether somebody wants the build to end.
class OutputThread {
public:
    static Result<std::unique_ptr<OutputThread>> start(Session& session, Vertex& vertex) {
        std::unique_ptr<OutputThread> self(new OutputThread(session, vertex));
        self->ended_ = TRY(make_event());
        self->cancelled_ = TRY(make_event());
        for (auto& pipe : self->pipes_) pipe = TRY(os::make_output_pipe());
        self->thread_ = std::thread([copy = self.get()] { copy->run(); });
        return self;
    }
    ~OutputThread() { finish(); }

    [[nodiscard]] int output() const { return pipes_[0].write.get(); }
    [[nodiscard]] int errors() const { return pipes_[1].write.get(); }
    // Readable once the build is to end.
    [[nodiscard]] int cancelled() const { return cancelled_.get(); }
    // The unit has its own copies.
    void handed_over() {
        for (auto& pipe : pipes_) pipe.write.reset();
    }
    // What is in the pipes still comes; a descriptor that somebody kept does not hold us up.
    void finish() {
        if (!thread_.joinable()) return;
        handed_over();
        raise_event(ended_);
        thread_.join();
    }

private:
    OutputThread(Session& session, Vertex& vertex) : session_(session), vertex_(vertex) {}

    bool copy(std::size_t at) {
        char buffer[65536];
        const ssize_t got = read(pipes_[at].read.get(), buffer, sizeof buffer);
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) return true;
        if (got > 0) vertex_.output({buffer, static_cast<std::size_t>(got)}, at == 1);
        return got > 0;
    }

    void run() {
        bool ending = false, told = false, open[2] = {true, true};
        while (open[0] || open[1]) {
            pollfd fds[3] = {{open[0] ? pipes_[0].read.get() : -1, POLLIN, 0},
                             {open[1] ? pipes_[1].read.get() : -1, POLLIN, 0},
                             {ending ? -1 : ended_.get(), POLLIN, 0}};
            const int ready = poll(fds, 3, 100);
            if (ready < 0 && errno != EINTR) return;
            if (ready == 0 && ending) return;
            if (!told && session_.stopped()) {
                told = true;
                raise_event(cancelled_);
            }
            if (ready <= 0) continue;
            if (fds[2].revents) ending = true;
            for (std::size_t at = 0; at < 2; ++at)
                if (fds[at].revents && !copy(at)) open[at] = false;
        }
    }

    Session& session_;
    Vertex& vertex_;
    os::Pipe pipes_[2];
    os::Fd ended_, cancelled_;
    std::thread thread_;
};

config::Definition definition_of(const Session& session, const StepRequest& request) {
    config::Definition definition;
    definition.id = random_container_id();
    definition.image = "build";
    definition.auto_remove = true;  // the reaper takes all down but the writable layer, which is not the record's
    definition.entrypoint = request.words;
    definition.command.emplace();
    definition.env = request.environment;
    definition.description = request.description;
    definition.network_mode = request.network_mode;
    if (!request.network.empty()) definition.networks.push_back({.name = request.network});
    definition.extra_hosts = session.options.extra_hosts;
    definition.limits = session.options.limits;
    definition.security.privileged = request.insecure;
    definition.mounts = request.mounts;
    definition.storage_driver = session.engine.config().storage_driver;
    return definition;
}

systemd::TransientService unit_of(const Session& session, const StepRequest& request, const config::Definition& definition) {
    const std::string launcher = GANTRY_LIBEXECDIR "/gantry-launch";
    systemd::TransientService unit;
    unit.name = container::build_unit_name(request.name);
    unit.start = {launcher, "--step", session.folders.id(), request.name.str()};
    unit.stop_post = {launcher, "--reap", request.name.str()};
    unit.properties = container::runtime_properties(definition);
    using Words = std::vector<std::string>;
    // As ctr@.service has it, but for what concerns restarts.
    for (systemd::Properties::value_type property : std::initializer_list<systemd::Properties::value_type>{
             {"Description", request.description},
             {"DefaultDependencies", false},
             {"Requires", Words{"ctr.slice"}},
             {"After", Words{"ctr.slice"}},
             {"CollectMode", std::string("inactive-or-failed")},
             {"Type", std::string("notify")},
             {"NotifyAccess", std::string("all")},
             {"Slice", std::string("ctr-build.slice")},
             {"Delegate", true},
             {"KillMode", std::string("control-group")},
             {"TimeoutStopUSec", std::uint64_t{10'000'000}},
             {"OOMPolicy", std::string("continue")},
             {"DevicePolicy", std::string(request.insecure ? "auto" : "closed")},
             {"DeviceAllow", Words{"char-* m", "block-* m", "/dev/char/5:1 rwm"}},
             {"SyslogIdentifier", request.name.str()}})
        unit.properties.push_back(std::move(property));
    return unit;
}

class Step {
public:
    Step(Session& session, const StepRequest& request, OutputThread& output, systemd::Manager& manager)
        : session_(session), request_(request), output_(output), manager_(manager) {}

    Result<int> run() {
        const config::Definition definition = definition_of(session_, request_);
        container::BuildStep step{definition, "", request_.trees, request_.mount_points};
        step.image_config = TRY(config_text());
        const auto& paths = session_.engine.paths();
        TRY(container::write_build_step(paths, session_.folders.id(), request_.name, step));
        const auto note = TRY(container::ExitNote::open(paths, request_.name));
        systemd::TransientService unit = unit_of(session_, request_, definition);
        unit.standard_output = output_.output();
        unit.standard_error = output_.errors();
        TRY(manager_.hold(unit.name));
        manager_.stop_on(output_.cancelled());
        const auto started = manager_.start_transient(unit);
        output_.handed_over();
        if (!started.ok()) return failed_start(unit.name, started.error(), note.read());
        auto ended = manager_.wait_inactive(unit.name, std::chrono::milliseconds(-1));
        if (!ended.ok()) return stop(unit.name, std::move(ended).error());
        const auto told = note.read();
        return told.status ? *told.status : ended->exit_status;
    }

private:
    // VOLUMEs are the final image's: what a step writes there belongs to its layer.
    Result<std::string> config_text() const {
        image::ImageConfig config = request_.config;
        config.volumes.clear();
        config.health.reset();
        return image::image_config_text(config);
    }

    Result<int> failed_start(const std::string& unit, const Error& failure, const container::ExitNote::Told& told) {
        if (failure.code() == Errc::cancelled) return stop(unit, failure);
        // 126 and 127: the command's own, as a shell has them.
        if (told.status && (*told.status == 126 || *told.status == 127) && !told.failure.empty())
            return error(Errc::invalid, "{}", told.failure);
        if (!told.failure.empty()) return error(failure.code(), "{}", told.failure);
        return failure;
    }

    Result<int> stop(const std::string& unit, const Error& reason) {
        manager_.stop_on(-1);
        if (auto stopped = manager_.stop_now(unit); !stopped.ok() && stopped.error().code() != Errc::not_found)
            return std::move(stopped).error();
        if (reason.code() == Errc::cancelled) return error(Errc::cancelled, "cancelled");
        return reason;
    }

    Session& session_;
    const StepRequest& request_;
    OutputThread& output_;
    systemd::Manager& manager_;
};

}  // namespace

Result<int> run_step(Session& session, const StepRequest& request, Vertex& vertex) {
    session.commands.acquire();
    auto outcome = [&]() -> Result<int> {
        const auto output = TRY(OutputThread::start(session, vertex));
        // Connections to the bus are a thread's own.
        systemd::Manager manager = TRY(systemd::Manager::connect());
        auto status = Step(session, request, *output, manager).run();
        output->finish();
        return status;
    }();
    session.commands.release();
    return outcome;
}

}  // namespace gantry::build
