// What all parts of one build share.
#pragma once

#include "build/build.hpp"
#include "image/build_cache.hpp"
#include "build/file_digests.hpp"
#include "build/ssh_agent.hpp"
#include "build/tree.hpp"
#include "build/vertex.hpp"
#include "container/build_step.hpp"
#include "dockerfile/graph.hpp"

#include <semaphore>
#include <thread>

namespace gantry::build {

// What a stage has come to: an image that need not have a name.
struct StageState {
    image::ImageConfig config;
    std::vector<image::Descriptor> layers;  // as many as config.diff_ids
    Digest key;                             // of the cache: all that it was made of
};

struct Session {
    Session(container::Engine& owner, const Fetchers& functions, const Options& wanted, image::Store& images,
            driver::StorageDriver& driver, container::BuildFolders own, os::Fd held)
        : engine(owner),
          fetchers(functions),
          options(wanted),
          store(images),
          storage(driver),
          folders(std::move(own)),
          hold(std::move(held)),
          reporter(wanted.events),
          cache(images) {}

    container::Engine& engine;
    const Fetchers& fetchers;
    const Options& options;
    image::Store& store;
    driver::StorageDriver& storage;
    container::BuildFolders folders;
    os::Fd hold;  // of the store: nothing of ours is swept
    Reporter reporter;
    image::BuildCache cache;
    std::atomic<unsigned> last_container = 0;
    std::atomic<bool> cached = true;     // no step has been carried out
    std::atomic<bool> replaced = false;  // a layer that was known may be nobody's now
    std::counting_semaphore<> commands{static_cast<std::ptrdiff_t>(std::max(1U, std::thread::hardware_concurrency()))};
    std::optional<std::int64_t> epoch;                    // SOURCE_DATE_EPOCH
    std::map<std::string, SshAgent, std::less<>> agents;  // by --ssh's ID, of those with keys
    std::string file, text;                               // the Dockerfile: its name for messages, and what is in it

    [[nodiscard]] std::string scratch() const { return container::build_scratch(engine.paths(), folders.id()); }
    [[nodiscard]] ContainerName next_container();
    // Whether somebody has failed, or the caller wants an end: everybody stops where it is.
    [[nodiscard]] bool stopped() const { return failed_ || (options.cancel && *options.cancel); }
    // The first failure is the build's; what fails afterwards follows from it.
    void fail(const Error& reason);
    [[nodiscard]] Error failure() const;
    [[nodiscard]] std::string now() const;  // RFC 3339; the epoch where there is one

    Result<> remember(const Digest& key, const image::CachedStep& step);
    // Every step of this build, carried out or found.
    void use(const Digest& key, const image::CachedStep& step);
    [[nodiscard]] std::vector<std::pair<Digest, image::CachedStep>> used_steps() const;
    Result<> push(const ImageRef& ref);

    // The root file system of a stage or image, read-only.
    Result<Tree> mount(const image::ImageConfig& config, const std::string& name);
    // With a writable layer of that container's.
    Result<os::Fd> mount_writable(const image::ImageConfig& config, const ContainerName& name);
    // The container's writable layer becomes a layer of the store; nothing where there is no change.
    Result<std::optional<image::CachedStep::Layer>> layer_of(const image::ImageConfig& config, const ContainerName& name);

private:
    std::atomic<bool> failed_ = false;
    mutable std::mutex mutex_;
    std::optional<Error> failure_;
    std::vector<std::pair<Digest, image::CachedStep>> used_;
};

}  // namespace gantry::build
