// The objects of io.gantry1 as they are on the bus; adaptors are generated from the XML files beside this one.
#pragma once

#include "bus/host.hpp"
#include "container/policy.hpp"

#include "io.gantry1.Container.adaptor.hpp"
#include "io.gantry1.Image.adaptor.hpp"
#include "io.gantry1.Job.adaptor.hpp"
#include "io.gantry1.Manager.adaptor.hpp"
#include "io.gantry1.Network.adaptor.hpp"
#include "io.gantry1.Volume.adaptor.hpp"

#include <atomic>

namespace gantry::bus {

using Texts = std::vector<std::string>;
using TextMap = std::map<std::string, std::string>;
using Filters = std::map<std::string, Texts>;
using PolicyRules = std::vector<sdbus::Struct<std::string, Texts>>;
using PolicyAnswers = std::vector<sdbus::Struct<std::string, bool, std::string, std::string>>;
using Flows = std::vector<sdbus::Struct<std::string, std::string, std::string, std::uint16_t, bool, std::string,
                                        std::map<std::string, std::uint64_t>>>;

using PublishedPorts = std::vector<sdbus::Struct<std::string, std::string, uint16_t, uint16_t>>;
using PortChecks =
    std::vector<sdbus::Struct<std::string, uint16_t, uint16_t, std::string, std::string, std::string, bool, std::string>>;

// Of an action "io.gantry1.ACTION".
Permission permission(const std::string& action, std::map<std::string, std::string> details = {});

// What a prune answers.
gantry::Result<std::tuple<Texts, uint64_t>> pruned(gantry::Result<container::Engine::Pruned> result);

// "app:1" as a name to give; nothing for "".
gantry::Result<std::optional<ImageRef>> given_name(const std::string& text);

// An object that shows one View and tells what of it changed. Registered last and unregistered first, by the derived class.
template <class Adaptor, class View>
class ObjectOf : public sdbus::AdaptorInterfaces<Adaptor, sdbus::ManagedObject_adaptor> {
public:
    using Base = sdbus::AdaptorInterfaces<Adaptor, sdbus::ManagedObject_adaptor>;
    // By reference: the path is a function of the view, and arguments are evaluated in any order.
    ObjectOf(Host& host, const std::string& path, const View& view)
        : Base(host.connection, sdbus::ObjectPath(path)), host_(host), view_(view) {}

protected:
    ~ObjectOf() = default;  // nobody owns an object by this base

    using Change = std::pair<const char*, bool>;
    void tell(std::initializer_list<Change> changes) {
        PropertyNames names;
        for (const auto& [name, changed] : changes)
            if (changed) names.emplace_back(name);
        if (!names.empty()) this->getObject().emitPropertiesChangedSignal(Adaptor::INTERFACE_NAME, names);
    }

    Host& host_;
    View view_;
};

class ContainerObject final : public ObjectOf<io::gantry1::Container_adaptor, container::Container> {
public:
    ContainerObject(Host& host, container::Container view);
    ~ContainerObject();
    void update(container::Container view);
    // Main thread: tells who has subscribed.
    void denied(const container::Denial& denial, const std::string& peer);

private:
    using Done = sdbus::Result<>&&;
    void Start(Done result) override;
    void Stop(Done result) override;
    void Restart(Done result) override;
    void Kill(Done result, int32_t signal) override;
    void Pause(Done result) override;
    void Unpause(Done result) override;
    void Remove(Done result, bool force, bool volumes) override;
    void Rename(sdbus::Result<sdbus::ObjectPath>&& result, std::string name) override;
    void Update(Done result, std::string definition) override;
    void GetDefinition(sdbus::Result<std::string>&& result) override;
    void Connect(Done result, std::string network, std::string ipv4, std::string ipv6) override;
    void ConnectWith(Done result, std::string network, TextMap options) override;
    void UpdateConnection(Done result, std::string network, TextMap options) override;
    void Disconnect(Done result, std::string network) override;
    void SetNetworkPolicy(sdbus::Result<bool>&& result, Texts egress, Texts ingress, Texts listen) override;
    void GetNetworkPolicy(sdbus::Result<Texts, PolicyRules, PolicyRules, Texts>&& result) override;
    void TestNetworkPolicy(sdbus::Result<PolicyAnswers>&& result, std::string direction, std::string peer) override;
    void ListFlows(sdbus::Result<Flows>&& result) override;
    void AddPorts(sdbus::Result<PublishedPorts>&& result, Texts ports, bool runtime) override;
    void RemovePorts(Done result, Texts ports, bool runtime) override;
    void CheckPorts(sdbus::Result<PortChecks>&& result, std::string source) override;
    void Commit(sdbus::Result<sdbus::ObjectPath>&& result, std::string name, std::string author, std::string message,
                Texts changes, bool pause) override;

    std::string Name() override { return view_.name.str(); }
    std::string Id() override { return view_.id; }
    std::string Unit() override { return unit_name(view_.name); }
    std::string Image() override { return view_.definition.image; }
    std::string ImageId() override { return view_.definition.image_id; }
    std::string State() override { return view_.state; }
    std::string Health() override { return view_.health; }
    std::string Problem() override { return view_.problem.value_or(""); }
    std::string DefinitionFile() override { return view_.definition_file; }
    int64_t Created() override { return view_.definition.created; }
    TextMap Labels() override { return view_.definition.labels; }
    uint32_t Pid() override { return view_.unit.main_pid; }
    int32_t ExitCode() override;
    uint32_t Restarts() override { return view_.unit.restarts; }
    uint64_t StartedAt() override { return view_.unit.started_us; }
    uint64_t FinishedAt() override { return view_.unit.exited_us; }
    std::vector<sdbus::Struct<std::string, std::string, std::string, Texts>> Networks() override;
    std::vector<sdbus::Struct<std::string, std::string, uint16_t, uint16_t>> Ports() override;

    // A verb that systemd carries out.
    void by_systemd(Done result, const char* verb, std::function<Result<>(systemd::Manager&, const std::string&)> call);
    [[nodiscard]] Permission permission(const std::string& action) const;
};

class ImageObject final : public ObjectOf<io::gantry1::Image_adaptor, image::Image> {
public:
    ImageObject(Host& host, image::Image view);
    ~ImageObject();
    void update(image::Image view);

private:
    void Tag(sdbus::Result<>&& result, std::string name) override;
    void Remove(sdbus::Result<Texts>&& result, std::string name, bool force) override;
    std::string Id() override { return view_.id.str(); }
    std::string Manifest() override { return view_.manifest.str(); }
    Texts Names() override { return view_.names; }
    Texts Digests() override { return view_.digests; }
    uint64_t Size() override { return view_.size; }
    std::string Created() override { return view_.created; }
};

using ServiceMembers = std::vector<sdbus::Struct<std::string, std::uint32_t, std::string, Texts>>;
using Services = std::vector<sdbus::Struct<std::string, Texts, ServiceMembers>>;

class NetworkObject final : public ObjectOf<io::gantry1::Network_adaptor, container::NetworkInfo> {
public:
    NetworkObject(Host& host, container::NetworkInfo view);
    ~NetworkObject();
    void update(container::NetworkInfo view);

private:
    void Remove(sdbus::Result<>&& result) override;
    void Reload(sdbus::Result<>&& result) override;
    void ListServices(sdbus::Result<Services>&& result) override;
    std::string Name() override { return view_.config.name; }
    std::string Id() override { return view_.id; }
    std::string Driver() override { return view_.config.driver; }
    std::vector<sdbus::Struct<std::string, std::string, std::string>> Subnets() override;
    bool Internal() override { return view_.config.internal; }
    bool Predefined() override { return view_.predefined; }
    TextMap Options() override { return {view_.config.options.begin(), view_.config.options.end()}; }
    TextMap Labels() override { return view_.labels; }
    int64_t Created() override { return view_.created; }
};

class VolumeObject final : public ObjectOf<io::gantry1::Volume_adaptor, container::VolumeInfo> {
public:
    VolumeObject(Host& host, container::VolumeInfo view);
    ~VolumeObject();
    void update(container::VolumeInfo view);

private:
    void Remove(sdbus::Result<>&& result) override;
    std::string Name() override { return view_.name; }
    std::string Path() override { return view_.path; }
    bool Anonymous() override { return view_.anonymous; }
    TextMap Labels() override { return view_.labels; }
    int64_t Created() override { return view_.created; }
};

struct JobView {
    std::string description, owner;
    std::string action;  // of polkit: who may cancel it besides its owner
    std::string path;
    std::string state = "running", error, message, result = "/";
};

class JobObject final : public ObjectOf<io::gantry1::Job_adaptor, JobView> {
public:
    JobObject(Host& host, JobView view);
    ~JobObject();
    // Main thread.
    void progress(const std::string& part, const std::string& status, std::uint64_t current, std::uint64_t total);
    // Of builds; signals to the job's owner alone.
    void step(std::uint32_t number, const std::string& name, const std::string& state, const std::string& message);
    void output(std::uint32_t step, std::uint32_t stream, const std::string& text);
    void finish(const gantry::Result<std::string>& result);  // the path of the object made
    std::shared_ptr<std::atomic<bool>> cancelled = std::make_shared<std::atomic<bool>>(false);
    std::optional<std::chrono::steady_clock::time_point> finished;

private:
    void Cancel(sdbus::Result<>&& result) override;
    std::string Description() override { return view_.description; }
    std::string State() override { return view_.state; }
    std::string ErrorName() override { return view_.error; }
    std::string ErrorMessage() override { return view_.message; }
    sdbus::ObjectPath Product() override { return sdbus::ObjectPath(view_.result); }
};

// What CollectGarbage removed: kind, id, name, last use, bytes.
using CollectedItem = sdbus::Struct<std::string, std::string, std::string, int64_t, uint64_t>;

// Of ListRepositories: name, tags, number of manifests, bytes.
using RepositoryRow = sdbus::Struct<std::string, Texts, uint32_t, uint64_t>;

class ManagerObject final : public sdbus::AdaptorInterfaces<io::gantry1::Manager_adaptor, sdbus::ObjectManager_adaptor> {
public:
    ManagerObject(Host& host, const config::Engine& config, const config::Paths& paths);
    ~ManagerObject();
    // The counts changed.
    void update();

private:
    std::vector<sdbus::Struct<std::string, std::string, std::string, std::string, std::string, sdbus::ObjectPath>>
    ListContainers() override;
    void GetContainer(sdbus::Result<sdbus::ObjectPath>&& result, std::string text) override;
    void CreateContainer(sdbus::Result<sdbus::ObjectPath>&& result, std::string name, std::string definition) override;
    void CheckDefinition(sdbus::Result<>&& result, std::string name, std::string definition) override;
    void PruneContainers(sdbus::Result<Texts, uint64_t>&& result, Filters filters) override;
    std::vector<sdbus::Struct<std::string, Texts, uint64_t, std::string, sdbus::ObjectPath>> ListImages() override;
    void GetImage(sdbus::Result<sdbus::ObjectPath>&& result, std::string text) override;
    void PullImage(sdbus::Result<sdbus::ObjectPath>&& result, std::string reference, std::string platform) override;
    void ImportImage(sdbus::Result<sdbus::ObjectPath>&& result, sdbus::UnixFd archive, std::string name, std::string message,
                     Texts changes, std::string platform) override;
    void PushImage(sdbus::Result<sdbus::ObjectPath>&& result, std::string reference, std::string platform,
                   TextMap options) override;
    void LoadImages(sdbus::Result<sdbus::ObjectPath>&& result, sdbus::UnixFd archive) override;
    void SaveImages(sdbus::Result<sdbus::ObjectPath>&& result, Texts images, std::string format,
                    sdbus::UnixFd archive) override;
    void PruneImages(sdbus::Result<Texts, uint64_t>&& result, bool all, TextMap filters) override;
    void BuildImage(sdbus::Result<sdbus::ObjectPath>&& result, sdbus::UnixFd context,
                    std::map<std::string, sdbus::Variant> options) override;
    void PruneBuildCache(sdbus::Result<Texts, uint64_t>&& result, bool all, int64_t unused_since, uint64_t keep) override;
    void CollectGarbage(sdbus::Result<std::vector<CollectedItem>, uint64_t, uint64_t, bool>&& result, bool dry_run) override;
    void ListManifestLists(sdbus::Result<Texts>&& result) override;
    void GetManifestList(sdbus::Result<std::string, std::string>&& result, std::string name) override;
    void CreateManifestList(sdbus::Result<sdbus::ObjectPath>&& result, std::string name, Texts manifests, bool amend) override;
    void AnnotateManifest(sdbus::Result<>&& result, std::string name, std::string manifest, TextMap platform) override;
    void RemoveManifestList(sdbus::Result<>&& result, std::string name) override;
    void PushManifestList(sdbus::Result<sdbus::ObjectPath>&& result, std::string name, bool purge) override;
    void ListRepositories(sdbus::Result<std::vector<RepositoryRow>>&& result) override;
    void RemoveFromRegistry(sdbus::Result<>&& result, std::string name) override;
    void CollectRegistry(sdbus::Result<Texts, uint64_t>&& result, bool untagged) override;
    std::vector<sdbus::Struct<std::string, std::string, std::string, sdbus::ObjectPath>> ListNetworks() override;
    void CreateNetwork(sdbus::Result<sdbus::ObjectPath>&& result, std::string name, std::string driver,
                       std::vector<sdbus::Struct<std::string, std::string, std::string>> subnets, bool internal,
                       TextMap options, TextMap labels) override;
    void PruneNetworks(sdbus::Result<Texts>&& result, Filters filters) override;
    std::vector<sdbus::Struct<std::string, std::string, bool, sdbus::ObjectPath>> ListVolumes() override;
    void CreateVolume(sdbus::Result<sdbus::ObjectPath>&& result, std::string name, TextMap labels, TextMap options) override;
    void PruneVolumes(sdbus::Result<Texts, uint64_t>&& result, Filters filters) override;
    void SystemCheck(sdbus::Result<std::vector<sdbus::Struct<std::string, std::string, bool>>>&& result, bool repair,
                     bool deep) override;
    void Subscribe() override;
    void Unsubscribe() override;
    std::string Version() override;
    std::string StorageDriver() override { return storage_driver_; }
    std::string DefaultNetwork() override { return default_network_; }
    std::string DataFolder() override { return data_folder_; }
    uint32_t Containers() override;
    uint32_t Running() override;
    uint32_t Images() override;

    Host& host_;
    std::string storage_driver_, default_network_, data_folder_;
    std::uint32_t told_containers_ = 0, told_running_ = 0, told_images_ = 0;
};

}  // namespace gantry::bus
