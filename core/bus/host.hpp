// What gantryd's objects share: the connection, the workers and the picture of the world that the objects show. The main
// thread alone touches the connection and the objects; workers see the Engine only.
#pragma once

#include "build/events.hpp"
#include "bus/compat.hpp"
#include "bus/workers.hpp"
#include "container/engine.hpp"
#include "image/transfer.hpp"

#include <atomic>
#include <set>
#include <type_traits>

namespace gantry::bus {

enum Kind : unsigned { containers_kind = 1, images_kind = 2, networks_kind = 4, volumes_kind = 8, every_kind = 15 };

// What the engine said at one moment, about the kinds asked for.
struct Snapshot {
    unsigned kinds = 0;
    std::uint64_t ticket = 0;  // later ones are newer: an older one that comes late is dropped
    std::vector<container::Container> containers;
    std::vector<image::Image> images;
    std::vector<container::NetworkInfo> networks;
    std::vector<container::VolumeInfo> volumes;
};

// What work says while it runs, from any of its threads.
struct Teller {
    image::ProgressFn progress;  // to everybody
    build::EventFn build;        // to who started the job; one call at a time
};

// Long work on a worker thread; the path of the object made, "/" for none.
struct JobWork {
    std::string description;
    unsigned kinds = 0;  // that it may change
    std::function<Result<std::string>(container::Engine&, const std::atomic<bool>& cancel, const Teller&)> run;
    std::string action = {};  // of polkit, that it was started by: who may cancel it besides its owner
};

class Host {
public:
    explicit Host(sdbus::IConnection& bus) : connection(bus) {}
    virtual ~Host() = default;
    Host(const Host&) = delete;
    Host& operator=(const Host&) = delete;

    sdbus::IConnection& connection;
    Workers workers;

    // Main thread: somebody uses the daemon, it does not leave yet.
    virtual void touch() = 0;
    virtual void subscribe(const std::string& caller, bool wanted) = 0;
    virtual const Snapshot& world() const = 0;
    // Main thread: a new job's object and the work that goes on behind it.
    virtual std::string start_job(const Caller& caller, JobWork work) = 0;
    // Worker thread: looks again (at nothing for 0); the objects change on the main thread before any task posted to it later.
    virtual void refresh(unsigned kinds) = 0;
};

// Nothing to return but success.
using Nothing = std::tuple<>;

// Answers an asynchronous call: permission is asked for (an empty action: a reader's), then work runs on a worker with an
// engine of its own, the objects of `kinds` are brought up to date, and the reply is sent from the main thread.
template <class... Out>
void answer(Host& host, const sdbus::IObject& object, sdbus::Result<Out...>&& result, Permission permission, unsigned kinds,
            std::type_identity_t<std::function<Result<std::tuple<Out...>>(container::Engine&)>> work) {
    host.touch();
    auto reply = std::make_shared<sdbus::Result<Out...>>(std::move(result));
    host.workers.post(
        [&host, reply, caller = caller_of(object), permission = std::move(permission), kinds, work = std::move(work)] {
            const auto all = [&]() -> Result<std::tuple<Out...>> {
                if (!permission.action.empty()) TRY(authorise(caller, permission));
                container::Engine engine = TRY(container::Engine::open());
                return work(engine);
            };
            auto outcome = std::make_shared<Result<std::tuple<Out...>>>(all());
            // After a failure too: half of a prune may have happened.
            host.refresh(kinds);
            host.workers.post_main([reply, outcome] {
                if (!outcome->ok()) return reply->returnError(to_bus_error(outcome->error()));
                std::apply([&](const auto&... values) { reply->returnResults(values...); }, outcome->value());
            });
        });
}

// Answers a call that starts a job: permission is asked for and look() refuses what can be refused at once, on a worker.
inline void answer_job(Host& host, const sdbus::IObject& object, sdbus::Result<sdbus::ObjectPath>&& result,
                       Permission permission, std::function<Result<JobWork>()> look) {
    host.touch();
    auto reply = std::make_shared<sdbus::Result<sdbus::ObjectPath>>(std::move(result));
    host.workers.post([&host, reply, caller = caller_of(object), permission = std::move(permission), look = std::move(look)] {
        const auto all = [&]() -> Result<JobWork> {
            TRY(authorise(caller, permission));
            return look();
        };
        auto work = std::make_shared<Result<JobWork>>(all());
        if (work->ok()) (*work)->action = permission.action;
        host.workers.post_main([&host, reply, caller, work] {
            if (!work->ok()) return reply->returnError(to_bus_error(work->error()));
            reply->returnResults(sdbus::ObjectPath(host.start_job(caller, std::move(*work).value())));
        });
    });
}

}  // namespace gantry::bus
