// The one Host: objects, their refreshing, jobs and the decision to leave.
#pragma once

#include "bus/folder_watch.hpp"
#include "bus/objects.hpp"

namespace gantry::bus {

class Daemon final : public Host {
public:
    Daemon(sdbus::IConnection& bus, const config::Engine& config, const config::Paths& paths);
    ~Daemon() override;

    // Exports everything, takes the name, and loops until it is time to go.
    Result<> run();

    void touch() override { last_use_ = Clock::now(); }
    void subscribe(const std::string& caller, bool wanted) override;
    const Snapshot& world() const override { return world_; }
    std::string start_job(const Caller& caller, JobWork work) override;
    void refresh(unsigned kinds) override;

private:
    using Clock = std::chrono::steady_clock;

    Snapshot look(unsigned kinds);  // any thread
    void apply(Snapshot snapshot);  // main thread from here on
    void watch_folders();
    void watch_units();
    void refresh_dirty();
    void look_for_denials();
    void drop_old_jobs();
    void poll_once();
    bool is_idle();
    [[nodiscard]] std::chrono::milliseconds patience() const;
    void leave();

    config::Engine config_;
    config::Paths paths_;
    std::atomic<std::uint64_t> tickets_ = 0;
    Snapshot world_;
    std::map<unsigned, std::uint64_t> applied_;  // newest ticket by kind
    std::unique_ptr<ManagerObject> manager_;
    std::map<std::string, std::unique_ptr<ContainerObject>> containers_;
    std::map<std::string, std::unique_ptr<ImageObject>> images_;
    std::map<std::string, std::unique_ptr<NetworkObject>> networks_;
    std::map<std::string, std::unique_ptr<VolumeObject>> volumes_;
    std::map<std::string, std::unique_ptr<JobObject>> jobs_;
    std::uint64_t next_job_ = 1;

    // Of network policies, while somebody has subscribed. The worker that looks has it.
    std::shared_ptr<container::NewDenials> denials_;
    bool looking_for_denials_ = false;
    Clock::time_point denials_seen_;

    FolderWatch folders_;
    std::set<std::string> subscribers_;
    unsigned dirty_ = 0;
    std::atomic<bool> refreshing_ = false;
    std::atomic<std::int64_t> refresh_ms_ = 0;  // what the last look cost
    Clock::time_point last_use_ = Clock::now(), dirty_since_, last_refresh_;
    os::Fd signals_, unit_watch_end_;
    std::thread unit_watch_;
    bool terminated_ = false;
};

}  // namespace gantry::bus
