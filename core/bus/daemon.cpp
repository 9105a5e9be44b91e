#include "bus/daemon.hpp"

#include "os/file.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

namespace gantry::bus {

namespace {

constexpr const char* service_name = "io.gantry1";
constexpr auto shortest_pause = std::chrono::milliseconds(25);  // changes come in bursts: one look for all of a burst

void complain(const Error& error) { fmt::print(stderr, SD_WARNING "{}\n", error.message()); }

// Brings a map of objects in line with a list: new ones appear on the bus, gone ones disappear, the rest tells what changed.
template <class Object, class View, class KeyOf>
void sync(Host& host, std::map<std::string, std::unique_ptr<Object>>& objects, const std::vector<View>& views, KeyOf key_of) {
    std::set<std::string> there;
    for (const View& view : views) {
        const std::string key = key_of(view);
        if (!there.insert(key).second) continue;
        if (auto found = objects.find(key); found != objects.end()) {
            found->second->update(view);
            continue;
        }
        auto object = std::make_unique<Object>(host, view);
        object->emitInterfacesAddedSignal();
        objects.emplace(key, std::move(object));
    }
    std::erase_if(objects, [&](auto& entry) {
        if (there.contains(entry.first)) return false;
        entry.second->emitInterfacesRemovedSignal();
        return true;
    });
}

template <class List>
void fill(List& list, Result<List> result) {
    if (result.ok())
        list = std::move(result).value();
    else
        complain(result.error());
}

}  // namespace

Daemon::Daemon(sdbus::IConnection& bus, const config::Engine& config, const config::Paths& paths)
    : Host(bus), config_(config), paths_(paths), unit_watch_end_(eventfd(0, EFD_CLOEXEC)) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    // Before any thread is there, so that all of them block these.
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    signals_ = os::Fd(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

Daemon::~Daemon() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t put = write(unit_watch_end_.get(), &one, sizeof one);
    if (unit_watch_.joinable()) unit_watch_.join();
}

Snapshot Daemon::look(unsigned kinds) {
    Snapshot snapshot;
    snapshot.kinds = kinds;
    snapshot.ticket = ++tickets_;
    const auto start = Clock::now();
    auto engine = container::Engine::open();
    if (!engine.ok()) {
        complain(engine.error());
        snapshot.kinds = 0;
        return snapshot;
    }
    if (kinds & containers_kind) fill(snapshot.containers, engine->containers());
    if (kinds & networks_kind) fill(snapshot.networks, engine->networks());
    if (kinds & volumes_kind) fill(snapshot.volumes, engine->volumes());
    if (kinds & images_kind) {
        auto store = engine->images();
        if (store.ok())
            fill(snapshot.images, store.value()->list());
        else
            complain(store.error());
    }
    refresh_ms_ = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start).count();
    return snapshot;
}

void Daemon::apply(Snapshot snapshot) {
    const auto is_news = [&](unsigned kind) {
        if (!(snapshot.kinds & kind) || applied_[kind] > snapshot.ticket) return false;
        applied_[kind] = snapshot.ticket;
        return true;
    };
    if (is_news(containers_kind)) {
        world_.containers = std::move(snapshot.containers);
        sync(*this, containers_, world_.containers, [](const container::Container& view) { return view.name.str(); });
    }
    if (is_news(images_kind)) {
        world_.images = std::move(snapshot.images);
        sync(*this, images_, world_.images, [](const image::Image& view) { return view.id.str(); });
    }
    if (is_news(networks_kind)) {
        world_.networks = std::move(snapshot.networks);
        sync(*this, networks_, world_.networks, [](const container::NetworkInfo& view) { return view.config.name; });
    }
    if (is_news(volumes_kind)) {
        world_.volumes = std::move(snapshot.volumes);
        sync(*this, volumes_, world_.volumes, [](const container::VolumeInfo& view) { return view.name; });
    }
    watch_folders();
    if (manager_) manager_->update();
}

void Daemon::refresh(unsigned kinds) {
    if (kinds == 0) return;
    auto snapshot = std::make_shared<Snapshot>(look(kinds));
    workers.post_main([this, snapshot] { apply(std::move(*snapshot)); });
}

void Daemon::refresh_dirty() {
    if (dirty_ == 0 || refreshing_ || Clock::now() < dirty_since_ + patience()) return;
    refreshing_ = true;
    workers.post([this, kinds = std::exchange(dirty_, 0U)] {
        refresh(kinds);
        refreshing_ = false;
    });
}

// A host with a thousand containers must not spend all its time on looking at them.
std::chrono::milliseconds Daemon::patience() const {
    return std::max(shortest_pause, std::chrono::milliseconds(refresh_ms_ * 4));
}

void Daemon::watch_folders() {
    for (const char* folder : {"/usr/lib/gantry/containers"}) folders_.add(folder, containers_kind);
    for (const std::string& root : {paths_.etc, paths_.run, paths_.data}) folders_.add(root + "/containers", containers_kind);
    folders_.add(paths_.data + "/exits", containers_kind);
    folders_.add(paths_.run + "/ctr", containers_kind);
    folders_.add(paths_.images(), images_kind);
    folders_.add(paths_.networks(), networks_kind);
    folders_.add(paths_.volumes(), volumes_kind);
    for (const auto& container : world_.containers)
        if (!container.health.empty()) folders_.add(paths_.record(container.name.str()), containers_kind);
}

void Daemon::watch_units() {
    unit_watch_ = std::thread([this] {
        auto manager = systemd::Manager::connect();
        if (!manager.ok()) return complain(manager.error());
        manager->stop_on(unit_watch_end_.get());
        auto watched = manager->watch("ctr@*.service", [this](const systemd::UnitState&) {
            workers.post_main([this] {
                if (dirty_ == 0) dirty_since_ = Clock::now();
                dirty_ |= containers_kind;
            });
            return true;
        });
        if (!watched.ok() && watched.error().code() != Errc::cancelled) complain(watched.error());
    });
}

void Daemon::subscribe(const std::string& caller, bool wanted) {
    touch();
    if (wanted)
        subscribers_.insert(caller);
    else
        subscribers_.erase(caller);
}

void Daemon::look_for_denials() {
    if (subscribers_.empty()) denials_.reset();
    if (subscribers_.empty() || looking_for_denials_ || Clock::now() < denials_seen_ + std::chrono::seconds(1)) return;
    if (!denials_) denials_ = std::make_shared<container::NewDenials>();
    looking_for_denials_ = true;
    denials_seen_ = Clock::now();
    workers.post([this, denials = denials_] {
        using Told = std::vector<std::pair<container::Denial, std::string>>;
        const auto look = [&]() -> Result<Told> {
            Told told;
            auto fresh = TRY(denials->next(paths_, ""));
            if (fresh.empty()) return told;
            const auto names = TRY(container::PeerNames::read(paths_));
            for (auto& denial : fresh) {
                std::string peer = denial.counted.reason == POLICY_NOT_LISTENED ? "" : names.of(denial.key.remote);
                told.emplace_back(std::move(denial), std::move(peer));
            }
            return told;
        };
        auto told = std::make_shared<Result<Told>>(look());
        workers.post_main([this, told] {
            looking_for_denials_ = false;
            if (!told->ok()) return complain(told->error());
            for (const auto& [denial, peer] : **told)
                if (const auto object = containers_.find(denial.container); object != containers_.end())
                    object->second->denied(denial, peer);
        });
    });
}

void Daemon::drop_old_jobs() {
    std::erase_if(jobs_, [](auto& entry) {
        const auto& finished = entry.second->finished;
        if (!finished || Clock::now() < *finished + std::chrono::minutes(1)) return false;
        entry.second->emitInterfacesRemovedSignal();
        return true;
    });
}

bool Daemon::is_idle() {
    if (config_.idle_exit_seconds == 0 || Clock::now() < last_use_ + std::chrono::seconds(config_.idle_exit_seconds))
        return false;
    if (workers.busy() != 0) {
        touch();
        return false;
    }
    std::erase_if(subscribers_, [](const std::string& caller) { return !is_on_bus(caller); });
    if (!subscribers_.empty()) touch();
    return subscribers_.empty();
}

void Daemon::poll_once() {
    while (process_pending(connection)) touch();
    workers.run_main();
    if (const unsigned changed = folders_.drain(); changed != 0) {
        if (dirty_ == 0) dirty_since_ = Clock::now();
        dirty_ |= changed;
    }
    refresh_dirty();
    look_for_denials();
    drop_old_jobs();
    // Tasks above may have sent what made the bus queue something.
    const auto data = connection.getEventLoopPollData();
    int wait = data.getPollTimeout();
    const int own = dirty_ != 0 ? static_cast<int>(patience().count()) : 1000;
    wait = wait < 0 ? own : std::min(wait, own);
    pollfd fds[] = {
        {data.fd, data.events, 0}, {workers.main_fd(), POLLIN, 0}, {folders_.fd(), POLLIN, 0}, {signals_.get(), POLLIN, 0}};
    poll(fds, std::size(fds), wait);
    if (fds[3].revents != 0) terminated_ = true;
}

void Daemon::leave() {
    sd_notify(0, "STOPPING=1");
    // New calls start a new gantryd from here on; those that came before are answered still.
    release_name(connection, service_name);
    const auto end = Clock::now() + std::chrono::milliseconds(100);
    while (Clock::now() < end || (workers.busy() != 0 && !terminated_)) {
        while (process_pending(connection)) {
        }
        workers.run_main();
        pollfd fds[] = {
            {connection.getEventLoopPollData().fd, POLLIN, 0}, {workers.main_fd(), POLLIN, 0}, {signals_.get(), POLLIN, 0}};
        poll(fds, std::size(fds), 20);
        if (fds[2].revents != 0) terminated_ = true;
    }
    for (auto& [path, job] : jobs_) *job->cancelled = true;
}

Result<> Daemon::run() {
    for (const std::string& root : {paths_.run, paths_.data}) TRY(os::make_dirs(root + "/containers"));
    watch_folders();
    watch_units();
    manager_ = std::make_unique<ManagerObject>(*this, config_, paths_);
    apply(look(every_kind));
    request_name(connection, service_name);
    sd_notify(0, "READY=1");
    touch();
    while (!terminated_ && !is_idle()) poll_once();
    leave();
    return {};
}

}  // namespace gantry::bus
