#include "systemd/connection.hpp"

namespace gantry::systemd {

Manager::Manager(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Manager::Manager(Manager&&) noexcept = default;
Manager& Manager::operator=(Manager&&) noexcept = default;
Manager::~Manager() = default;

Result<Manager> Manager::connect() {
    auto impl = std::make_unique<Impl>();
    TRY(impl->open());
    return Manager(std::move(impl));
}

Result<> Manager::kill(const std::string& unit, const std::string& who, int signal) {
    TRY_CONTEXT(impl_->call("KillUnit", "ssi", unit.c_str(), who.c_str(), signal), "kill unit '{}'", unit);
    return {};
}

Result<> Manager::freeze(const std::string& unit) {
    TRY_CONTEXT(impl_->call("FreezeUnit", "s", unit.c_str()), "freeze unit '{}'", unit);
    return {};
}

Result<> Manager::thaw(const std::string& unit) {
    TRY_CONTEXT(impl_->call("ThawUnit", "s", unit.c_str()), "thaw unit '{}'", unit);
    return {};
}

Result<> Manager::reset_failed(const std::string& unit) {
    auto done = impl_->call("ResetFailedUnit", "s", unit.c_str());
    // Not in memory: nothing to forget.
    if (!done.ok() && done.error().code() != Errc::not_found)
        return std::move(done).error().context("reset unit '" + unit + "'");
    return {};
}

Result<> Manager::enable(const std::string& unit) {
    // files, runtime, force: an administrator's own link of another kind is not ours to replace.
    TRY_CONTEXT(impl_->call("EnableUnitFiles", "asbb", 1, unit.c_str(), 0, 0), "enable unit '{}'", unit);
    return {};
}

Result<> Manager::disable(const std::string& unit) {
    TRY_CONTEXT(impl_->call("DisableUnitFiles", "asb", 1, unit.c_str(), 0), "disable unit '{}'", unit);
    return {};
}

Result<> Manager::daemon_reload() {
    TRY_CONTEXT(impl_->call("Reload", ""), "daemon-reload");
    return {};
}

sd_bus* Manager::bus() { return impl_->bus.get(); }

}  // namespace gantry::systemd
