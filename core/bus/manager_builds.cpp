// The manager's builds, their cache, and what is collected when the disk is filling.
#include "archive/archive.hpp"
#include "bus/build_request.hpp"
#include "bus/objects.hpp"
#include "container/collect.hpp"
#include "image/download.hpp"

#include <sched.h>
#include <sys/stat.h>

#include <thread>

namespace gantry::bus {

namespace {

constexpr build::Fetchers fetchers{image::pull, image::download, image::push, archive::unpack_archive};

// In a thread of its own, whose threads take after it: a driver may want a mount namespace, and files that are made for an
// image the mask that a command line has, where gantryd's own are nobody's business.
Result<build::Outcome> build_aside(container::Engine& engine, const build::Options& options) {
    std::optional<Result<build::Outcome>> outcome;
    std::thread([&] {
        if (unshare(CLONE_FS) != 0) {
            outcome.emplace(errno_error("unshare"));
            return;
        }
        umask(0022);
        outcome.emplace(build::build(engine, fetchers, options));
    }).join();
    return std::move(*outcome);
}

}  // namespace

void ManagerObject::BuildImage(sdbus::Result<sdbus::ObjectPath>&& result, sdbus::UnixFd context,
                               std::map<std::string, sdbus::Variant> options) {
    const auto request = std::make_shared<const Result<BuildRequest>>(build_request(options));
    const bool insecure = request->ok() && (*request)->insecure;
    const std::string names = request->ok() ? (*request)->names : "";
    const auto look = [request, input = std::make_shared<os::Fd>(context.release()),
                       caller = caller_of(getObject())]() -> Result<JobWork> {
        if (!request->ok()) return request->error();
        const build::Options& wanted = (*request)->options;
        if (wanted.context == "-") TRY(check_context(input->get(), caller));
        return JobWork{"build " + ((*request)->names.empty() ? "an image" : (*request)->names), images_kind,
                       [request, input](container::Engine& engine, const std::atomic<bool>& cancel,
                                        const Teller& tell) -> Result<std::string> {
                           build::Options how = (*request)->options;
                           how.input = input->get();
                           how.cancel = &cancel;
                           how.events = tell.build;
                           const build::Outcome outcome = TRY(build_aside(engine, how));
                           return object_path("image", std::string(outcome.id.hex()));
                       }};
    };
    answer_job(host_, getObject(), std::move(result),
               permission(insecure ? "image.build-insecure" : "image.build", {{"image", names}}), look);
}

void ManagerObject::PruneBuildCache(sdbus::Result<Texts, uint64_t>&& result, bool all, int64_t unused_since, uint64_t keep) {
    image::CachePrune wanted;
    wanted.all = all;
    if (unused_since != 0) wanted.unused_since = unused_since;
    wanted.keep = keep;
    answer<Texts, uint64_t>(host_, getObject(), std::move(result), permission("cache.prune"), 0,
                            [wanted](container::Engine& engine) { return pruned(engine.prune_build_cache(wanted)); });
}

void ManagerObject::CollectGarbage(sdbus::Result<std::vector<CollectedItem>, uint64_t, uint64_t, bool>&& result, bool dry_run) {
    using Outcome = std::tuple<std::vector<CollectedItem>, uint64_t, uint64_t, bool>;
    answer<std::vector<CollectedItem>, uint64_t, uint64_t, bool>(
        host_, getObject(), std::move(result), permission("system.collect"), dry_run ? Kind{} : images_kind,
        [dry_run](container::Engine& engine) -> Result<Outcome> {
            auto done = TRY(container::collect_images(engine, dry_run));
            std::vector<CollectedItem> items;
            for (auto& item : done.items)
                items.emplace_back(std::move(item.kind), std::move(item.id), std::move(item.name), item.used, item.bytes);
            return Outcome(std::move(items), done.bytes, done.missing, done.transfer);
        });
}

}  // namespace gantry::bus
