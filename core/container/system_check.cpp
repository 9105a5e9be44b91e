// `gantry system check`: what crashes of any part of Gantry can leave, room by room. Each finding is repaired alone; one that
// cannot be is told as it is and the rest goes on.
#include "container/build_step.hpp"
#include "container/engine_impl.hpp"
#include "container/pause.hpp"
#include "container/policy.hpp"
#include "container/services.hpp"
#include "dns/entries.hpp"
#include "os/file.hpp"

namespace gantry::container {

namespace {

using Findings = std::vector<image::Finding>;

constexpr const char* dropin_root = "/run/systemd/system";
constexpr const char* boot_links = "/etc/systemd/system/multi-user.target.wants";

class Check {
public:
    Check(Engine& engine, bool repair, bool deep) : engine_(engine), repair_(repair), deep_(deep) {}

    Findings run() {
        // Before the images: a layer that the driver finds damaged is unpacked again in the same repair.
        room("builds", [this] { return builds(); });
        room("storage", [this] { return layers(); });
        room("images", [this] { return images(); });
        room("definitions", [this] { return definitions(); });
        room("renames", [this] { return renames(); });
        room("records", [this] { return records(); });
        room("storage", [this] { return storage(); });
        room("networks", [this] { return networks(); });
        room("policies", [this] { return policies(); });
        room("services", [this] { return services(); });
        room("names", [this] { return host_names(); });
        room("volumes", [this] { return volumes(); });
        room("units", [this] { return units(); });
        room("exit statuses", [this] { return exits(); });
        return std::move(findings_);
    }

private:
    // A room that cannot be looked at is a finding of its own.
    void room(const char* name, const std::function<Result<>()>& look) {
        if (auto looked = look(); !looked.ok()) findings_.push_back({name, looked.error().message(), false});
    }

    // Notes a finding and repairs it if that is wanted and possible.
    void found(std::string object, std::string problem, const std::function<Result<>()>& mend = {}) {
        image::Finding finding{std::move(object), std::move(problem), false};
        if (repair_ && mend) {
            auto mended = mend();
            finding.repaired = mended.ok();
            if (!mended.ok()) finding.problem += ": " + mended.error().message();
        }
        findings_.push_back(std::move(finding));
    }

    void add_lines(const std::string& object, std::vector<std::string> lines) {
        for (std::string& line : lines) findings_.push_back({object, std::move(line), repair_});
    }

    Result<> builds() {
        add_lines("build", TRY(engine_.sweep_builds(repair_)));
        return {};
    }

    Result<> layers() {
        driver::StorageDriver* driver = TRY(engine_.storage());
        add_lines("storage driver '" + engine_.config().storage_driver + "'", TRY(driver->recover(!repair_)));
        return {};
    }

    Result<> images() {
        image::Store* store = TRY(engine_.images());
        for (auto& finding : TRY(store->check(repair_, deep_))) findings_.push_back(std::move(finding));
        return {};
    }

    Result<> definitions() {
        for (const std::string& folder : definition_folders(engine_.paths()).folders)
            for (const std::string& entry : TRY(os::list_dir(folder))) check_entry(folder, entry);
        for (const auto& [name, file] : TRY(config::list_definitions(definition_folders(engine_.paths())))) {
            names_.insert(name.str());
            if (auto read = config::find_definition(name, definition_folders(engine_.paths())); !read.ok())
                found("container '" + name.str() + "'", read.error().message());
            else
                for (const auto& attachment : read->definition.networks)
                    if (!attachment.service.empty()) service_owners_.insert(service_owner(attachment.service));
        }
        return {};
    }

    void check_entry(const std::string& folder, const std::string& entry) {
        const std::string file = folder + "/" + entry;
        if (entry.find(".toml.tmp-") != std::string::npos && is_engine_file(engine_.paths(), file))
            return found(file, "left by an interrupted write", [file] { return os::remove_tree(file); });
        if (!entry.ends_with(".toml")) return;
        if (auto name = ContainerName::parse(std::string_view(entry).substr(0, entry.size() - 5)); !name.ok())
            found(file, "is never read: " + name.error().message());
    }

    Result<> renames() {
        add_lines("rename", TRY(finish_renames(engine_, repair_)));
        return {};
    }

    Result<> records() {
        systemd::Manager* manager = TRY(engine_.systemd());
        for (const std::string& name : TRY(finish_pauses(engine_, repair_)))
            findings_.push_back({"container '" + name + "'", "left paused by a commit that was killed", repair_});
        for (const std::string& entry : TRY(list_records(engine_.paths()))) {
            auto name = ContainerName::parse(entry);
            if (!name.ok()) continue;
            if (is_living_build(engine_.paths(), entry) || is_up(TRY(manager->state(unit_name(*name))))) {
                alive_.push_back(entry);
                continue;
            }
            found("container '" + entry + "'", "what it held while it ran was not taken down",
                  [this, &name] { return reap(engine_.paths(), *name, false); });
        }
        return {};
    }

    Result<> storage() {
        driver::StorageDriver* driver = TRY(engine_.storage());
        for (const std::string& name : TRY(driver->list()))
            if (!names_.contains(name) && std::ranges::find(alive_, name) == alive_.end() &&
                !is_living_build(engine_.paths(), name))
                found("container '" + name + "'", "it has a writable layer and no definition",
                      [driver, name] { return driver->teardown(name); });
        return {};
    }

    Result<> networks() {
        std::vector<std::string> problems;
        std::vector<std::string> known(names_.begin(), names_.end());
        known.insert(known.end(), service_owners_.begin(), service_owners_.end());
        for (const NetworkInfo& network : TRY(read_networks(engine_.paths(), &problems)))
            room("networks", [&]() -> Result<> {
                driver::NetworkDriver* driver = TRY(engine_.network_driver(network.config.driver));
                add_lines("network '" + network.config.name + "'",
                          TRY(driver->recover(network.config, alive_, known, !repair_)));
                return {};
            });
        for (std::string& problem : problems) found("network", std::move(problem));
        return {};
    }

    Result<> policies() {
        for (const PolicyProblem& problem : TRY(check_policies(engine_.paths(), alive_)))
            found(problem.container.empty() ? "network policies" : "container '" + problem.container + "'", problem.problem,
                  [this, &problem] { return mend_policy(engine_.paths(), problem, alive_); });
        return {};
    }

    Result<> services() {
        for (const LostMember& lost : TRY(lost_members(engine_.paths(), alive_)))
            found("network '" + lost.network + "'",
                  fmt::format("service '{}' has container '{}', which is not running", lost.service, lost.container),
                  [this, &lost] { return remove_member(engine_.paths(), lost); });
        return {};
    }

    Result<> host_names() {
        std::set<std::pair<std::string, std::string>> services;
        for (const Service& service : TRY(read_services(engine_.paths())))
            services.emplace(service_owner(service.name), service.network);
        for (const auto& [container, network] : TRY(dns::list(engine_.paths())))
            // What has a record is the business of that.
            if (!os::path_exists(engine_.paths().record(container) + "/record.json") &&
                !services.contains({container, network}))
                found("network '" + network + "'", "knows the name of '" + container + "', which is not running",
                      [this, &container, &network] { return dns::withdraw(engine_.paths(), network, container); });
        return {};
    }

    Result<> volumes() {
        for (const std::string& path : TRY(sweep_volumes(engine_.paths(), repair_)))
            findings_.push_back({path, "left by an interrupted change of a volume", repair_});
        return {};
    }

    // Drop-ins and boot links of containers that are no more.
    Result<> units() {
        for (const std::string& entry : TRY(os::list_dir(dropin_root))) {
            if (!entry.ends_with(".d")) continue;
            auto name = container_of_unit(std::string_view(entry).substr(0, entry.size() - 2));
            if (!name.ok() || names_.contains(name->str()) || std::ranges::find(alive_, name->str()) != alive_.end()) continue;
            if (os::path_exists(fmt::format("{}/{}/10-gantry.conf", dropin_root, entry)))
                found(entry, "a drop-in for a container without a definition", [&name] { return remove_dropin(*name); });
        }
        for (const std::string& entry : TRY(os::list_dir(boot_links)))
            if (auto name = container_of_unit(entry); name.ok() && !names_.contains(name->str()))
                found(entry, "starts at boot and has no definition", [this, &name] { return engine_.set_boot(*name, false); });
        return {};
    }

    Result<> exits() {
        const std::string folder = engine_.paths().data + "/exits";
        for (const std::string& entry : TRY(os::list_dir(folder))) {
            const std::string file = folder + "/" + entry;
            const std::string name = entry.substr(0, entry.find(".json"));
            if (entry.ends_with(".new"))
                found(file, "left by an interrupted write", [file] { return os::remove_tree(file); });
            else if (!entry.ends_with(".json") || (!names_.contains(name) && std::ranges::find(alive_, name) == alive_.end()))
                found(file, "the exit status of a container that is no more", [file] { return os::remove_tree(file); });
        }
        return {};
    }

    Engine& engine_;
    bool repair_, deep_;
    Findings findings_;
    std::set<std::string> names_;
    std::set<std::string> service_owners_;  // of the leases of services that definitions name
    std::vector<std::string> alive_;
};

}  // namespace

Result<std::vector<image::Finding>> Engine::system_check(bool repair, bool deep) { return Check(*this, repair, deep).run(); }

}  // namespace gantry::container
