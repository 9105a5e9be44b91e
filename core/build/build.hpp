// `gantry build`: a Dockerfile and a context become an image. Runs as root in the host's namespaces; steps run as transient
// units.
//
// Everything that a build makes on its way is in two folders of its own (container/build_step.hpp) and among the store's roots
// of kind "build" (image/build_cache.hpp): interrupted or killed, it leaves a clean store, and the next build goes on from its
// cache.
#pragma once

#include "build/events.hpp"
#include "container/engine.hpp"
#include "image/download.hpp"
#include "image/transfer.hpp"

#include <atomic>

namespace gantry::build {

struct Secret {  // --secret id=ID[,src=FILE | env=NAME]
    std::string id, file, variable;
    std::optional<std::string> value;  // given as it is; then neither of the others
};
struct SshSource {  // --ssh ID[=SOCKET|KEY[,KEY]...]
    std::string id, socket;
    std::vector<std::string> keys;  // files, for an agent of the build's own; then there is no socket
};

// What the build cannot do by itself: it needs the registry client and libarchive, which not every program wants to load.
// Called from several threads, and only where there is something to fetch or to unpack.
struct Fetchers {
    decltype(&image::pull) pull;
    decltype(&image::download) download;
    decltype(&image::push) push;
    // An archive (tar, also compressed) into the folder of root, owners kept; false for what is none.
    Result<bool> (*unpack)(int file, int root, const std::string& folder);
};

struct Options {
    std::string
        context;  // a folder, a URL of an archive or Dockerfile, a git reference, "-" for an archive or Dockerfile on input
    std::string dockerfile;  // -f: a path, "-" for standard input; empty: "Dockerfile" in the context
    // Standard input for either "-". As a context it may be a folder too; its files are copied before they are looked at.
    int input = -1;
    // Whether folders and repositories of this host may be named, which are read with the rights of this process.
    bool host_files = true;
    std::vector<ImageRef> names;
    std::map<std::string, std::string, std::less<>> build_args;
    std::map<std::string, std::string> labels;
    std::map<std::string, std::string> contexts;    // --build-context NAME=SOURCE
    std::vector<std::string> cache_from, cache_to;  // see cache_transfer.hpp
    std::string target;
    std::optional<image::Platform> platform;
    bool no_cache = false;
    std::vector<std::string> no_cache_stages;  // --no-cache-filter
    bool pull = false;                         // base images are looked for in their registries even if they are here
    bool squash = false;
    bool remember = true;            // an image is made and named; else only the root file system is wanted
    std::string network;             // of RUN steps that say nothing: "default", "none", "host" or a network's name
    std::vector<std::string> allow;  // "network.host", "security.insecure"
    std::vector<std::pair<std::string, std::string>> extra_hosts;
    std::vector<Secret> secrets;
    std::vector<SshSource> ssh;
    config::Limits limits;  // of each step: memory, cpus, ulimits, shm size
    const std::atomic<bool>* cancel = nullptr;
    EventFn events;
};

struct Outcome {
    std::optional<image::Image> image;  // with Options::remember
    Digest id;                          // of the configuration
    Digest manifest;
    std::vector<driver::LayerKey> layers;  // lowest first
    bool cached = true;                    // every step was
};

// Errors have their place in the Dockerfile in front; the lines around it and the last output of a command that failed come as
// events. Errc::cancelled after Options::cancel.
Result<Outcome> build(container::Engine& engine, const Fetchers& fetchers, const Options& options);

// `gantry build --check`: the findings as text, empty where there are none. The second is their number.
Result<std::pair<std::string, std::size_t>> check(container::Engine& engine, const Fetchers& fetchers, const Options& options);

}  // namespace gantry::build
