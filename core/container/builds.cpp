// What a killed build leaves: steps that still run, their records and writable layers, and the build's folders, which go last,
// so that a sweep that is killed can be repeated.
#include "container/build_step.hpp"
#include "container/engine_impl.hpp"

namespace gantry::container {

namespace {

Result<> sweep_build(Engine& engine, const std::string& id) {
    FirstError first;
    systemd::Manager* manager = TRY(engine.systemd());
    for (const auto& unit : TRY(manager->list(fmt::format("ctr-build-{}-*.service", id))))
        // One that ends by itself meanwhile is as good.
        if (auto stopped = manager->stop_now(unit.name); !stopped.ok() && stopped.error().code() != Errc::not_found)
            first.note(std::move(stopped));
    const std::string prefix = fmt::format("build-{}-", id);
    for (const std::string& entry : TRY(list_records(engine.paths())))
        if (const auto name = ContainerName::parse(entry); name.ok() && entry.starts_with(prefix))
            first.note(reap(engine.paths(), *name, true));
    driver::StorageDriver* driver = TRY(engine.storage());
    for (const std::string& container : TRY(driver->list()))
        if (container.starts_with(prefix)) first.note(driver->teardown(container));
    return first.result();
}

}  // namespace

Result<std::vector<std::string>> Engine::sweep_builds(bool remove) {
    std::vector<std::string> lines;
    for (const std::string& id : TRY(sweep_build_folders(paths(), false))) {
        lines.push_back(fmt::format("build '{}' was killed", id));
        if (remove) TRY_CONTEXT(sweep_build(*this, id), "build '{}'", id);
    }
    if (remove && !lines.empty()) TRY(sweep_build_folders(paths(), true));
    return lines;
}

}  // namespace gantry::container
