// The manager's registry: what was pushed to this host. Whether it is served is its socket's business, which is systemd's.
#include "bus/objects.hpp"
#include "image/repositories.hpp"

namespace gantry::bus {

void ManagerObject::ListRepositories(sdbus::Result<std::vector<RepositoryRow>>&& result) {
    using Rows = std::vector<RepositoryRow>;
    answer<Rows>(host_, getObject(), std::move(result), {}, 0, [](container::Engine& engine) -> Result<std::tuple<Rows>> {
        const image::Repositories repositories(*TRY(engine.images()));
        Rows rows;
        for (const auto& name : TRY(repositories.list())) {
            const auto repository = repositories.read(name);
            if (!repository.ok() && repository.error().code() == Errc::not_found) continue;  // gone since we looked
            if (!repository.ok()) return repository.error();
            const auto tags = (*repository)->tags();
            rows.emplace_back(name.str(), Texts(tags.begin(), tags.end()),
                              static_cast<std::uint32_t>((*repository)->manifests.size()),
                              image::sum_of(repositories.contents(**repository)));
        }
        return std::tuple(std::move(rows));
    });
}

void ManagerObject::RemoveFromRegistry(sdbus::Result<>&& result, std::string name) {
    answer<>(host_, getObject(), std::move(result), permission("registry.remove", {{"image", name}}), 0,
             [name](container::Engine& engine) -> Result<Nothing> {
                 TRY(image::Repositories(*TRY(engine.images())).remove(name));
                 return Nothing{};
             });
}

void ManagerObject::CollectRegistry(sdbus::Result<Texts, uint64_t>&& result, bool untagged) {
    answer<Texts, uint64_t>(host_, getObject(), std::move(result), permission("registry.collect"), 0,
                            [untagged](container::Engine& engine) -> Result<std::tuple<Texts, uint64_t>> {
                                image::Store* store = TRY(engine.images());
                                Texts removed = TRY(image::Repositories(*store).collect_all(untagged));
                                return std::tuple(std::move(removed), TRY(store->sweep()));
                            });
}

}  // namespace gantry::bus
