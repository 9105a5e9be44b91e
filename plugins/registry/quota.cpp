#include "quota.hpp"

namespace gantry::registry {

namespace {

std::uint64_t left(std::uint64_t quota, std::uint64_t used) { return used < quota ? quota - used : 0; }

}  // namespace

// A blob in several repositories is there once.
Result<std::uint64_t> Quota::used_by_all() {
    constexpr std::chrono::seconds good_for{5};
    const auto now = std::chrono::steady_clock::now();
    const std::lock_guard lock(mutex_);
    if (used_ && now - counted_ < good_for) return *used_;
    std::map<Digest, std::uint64_t> all;
    for (const image::RepositoryName& name : TRY(library_.pushed().list()))
        if (const auto repository = library_.pushed().read(name); repository.ok())
            all.merge(library_.pushed().contents(**repository));
    used_ = image::sum_of(all);
    counted_ = now;
    return *used_;
}

Result<std::uint64_t> Quota::room(const config::RegistryServer& server, const image::RepositoryName& name) {
    std::uint64_t room = unlimited;
    if (server.repository_quota > 0) {
        std::uint64_t used = uploads_.bytes(&name);
        if (const auto repository = library_.pushed().read(name); repository.ok())
            used += image::sum_of(library_.pushed().contents(**repository));
        room = left(server.repository_quota, used);
    }
    if (server.quota > 0) room = std::min(room, left(server.quota, TRY(used_by_all()) + uploads_.bytes(nullptr)));
    return room;
}

void Quota::changed() {
    const std::lock_guard lock(mutex_);
    used_.reset();
}

}  // namespace gantry::registry
