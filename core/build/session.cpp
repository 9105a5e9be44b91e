#include "build/session.hpp"

#include "base/text.hpp"
#include "image/compose.hpp"

#include <fcntl.h>

#include <ctime>

namespace gantry::build {

ContainerName Session::next_container() {
    return ContainerName::parse(fmt::format("build-{}-{}", folders.id(), ++last_container)).value();
}

void Session::fail(const Error& reason) {
    const std::lock_guard lock(mutex_);
    if (!failure_ || (failure_->code() == Errc::cancelled && reason.code() != Errc::cancelled)) failure_ = reason;
    failed_ = true;
}

Error Session::failure() const {
    const std::lock_guard lock(mutex_);
    if (options.cancel && *options.cancel) return error(Errc::cancelled, "cancelled");
    return failure_.value_or(error(Errc::internal, "a stage failed without a reason"));
}

std::string Session::now() const { return rfc3339(epoch.value_or(std::time(nullptr))); }

Result<> Session::remember(const Digest& key, const image::CachedStep& step) {
    if (TRY(cache.put(key, step))) replaced = true;
    return {};
}

void Session::use(const Digest& key, const image::CachedStep& step) {
    const std::lock_guard lock(mutex_);
    used_.emplace_back(key, step);
}

std::vector<std::pair<Digest, image::CachedStep>> Session::used_steps() const {
    const std::lock_guard lock(mutex_);
    return used_;
}

Result<> Session::push(const ImageRef& ref) {
    image::PushOptions how;
    how.cancel = options.cancel;
    TRY(fetchers.push(store, engine.config(), ref, how));
    return {};
}

Result<Tree> Session::mount(const image::ImageConfig& config, const std::string& name) {
    driver::RootfsRequest request;
    request.container = fmt::format("build-{}-0", folders.id());
    request.layers = store.layer_keys(config);
    request.read_only = true;
    Tree tree;
    tree.root = TRY_CONTEXT(storage.prepare(request), "{}", name).mount;
    tree.name = name;
    tree.keep_owner = true;
    return tree;
}

Result<os::Fd> Session::mount_writable(const image::ImageConfig& config, const ContainerName& name) {
    driver::RootfsRequest request;
    request.container = name.str();
    request.layers = store.layer_keys(config);
    return std::move(TRY_CONTEXT(storage.prepare(request), "root file system").mount);
}

Result<std::optional<image::CachedStep::Layer>> Session::layer_of(const image::ImageConfig& config, const ContainerName& name) {
    image::LayerOptions wanted;
    wanted.clamp = epoch;
    wanted.consume = true;
    wanted.skip_empty = true;
    wanted.cancel = options.cancel;
    auto made = image::layer_of_changes(store, name.str(), store.layer_keys(config), wanted);
    if (!made.ok() || made->empty) [[maybe_unused]]
        const auto removed = storage.teardown(name.str());
    if (!made.ok()) return std::move(made).error();
    if (made->empty) return std::nullopt;
    image::ImageConfig above = config;
    above.diff_ids.push_back(made->diff_id);
    return image::CachedStep::Layer{made->blob, store.layer_keys(above).back(), made->diff_id, made->size};
}

}  // namespace gantry::build
