// A cache of other registries: repositories below a prefix of [registry_server] upstreams are fetched as they are asked for,
// verified and kept as if they had been pushed.
#pragma once

#include "library.hpp"
#include "settings.hpp"

#include "image/partial_blob.hpp"

#include <atomic>

namespace gantry::registry {

// A blob while it is fetched: who waits for it reads the file as far as it has come. Safe for several threads.
class Incoming {
public:
    Incoming(image::Descriptor what, image::PartialBlob blob) : descriptor(std::move(what)), blob_(std::move(blob)) {}

    const image::Descriptor descriptor;
    [[nodiscard]] int file() const { return blob_.file(); }
    [[nodiscard]] std::uint64_t received() const { return received_.load(std::memory_order_acquire); }
    [[nodiscard]] bool failed() const { return failed_.load(std::memory_order_acquire); }

private:
    friend class Upstream;
    image::PartialBlob blob_;
    std::atomic<std::uint64_t> received_ = 0;
    std::atomic<bool> failed_ = false;
};

class Upstream {
public:
    explicit Upstream(const Library& library);
    ~Upstream();
    void stop() { stop_ = true; }  // breaks off what is under way
    Upstream(const Upstream&) = delete;
    Upstream& operator=(const Upstream&) = delete;

    // Where the repository comes from: "registry.example/library/nginx"; nothing for one of our own. The longest prefix counts.
    static std::optional<std::string> source(const config::RegistryServer& server, const image::RepositoryName& name);

    // Asks what a tag is now (or for a digest that is not there yet), and fetches it. Blocks. An upstream that cannot be
    // reached is no error where there is something to go on with.
    Result<> refresh(const std::shared_ptr<const Settings>& settings, const image::RepositoryName& name,
                     const std::string& reference);
    // The upstream's tags. Blocks.
    Result<std::vector<std::string>> tags(const std::shared_ptr<const Settings>& settings, const image::RepositoryName& name);
    // Starts to fetch a blob that a manifest of the repository names, or joins who does already. Does not block.
    Result<std::shared_ptr<Incoming>> fetch(const std::shared_ptr<const Settings>& settings, const image::RepositoryName& name,
                                            const image::Descriptor& blob);
    [[nodiscard]] bool busy() const;

private:
    struct Client;
    Result<std::shared_ptr<Client>> client(const std::shared_ptr<const Settings>& settings, const image::RepositoryName& name);
    Result<> keep(const std::shared_ptr<Client>& client, const image::RepositoryName& name, const std::string& reference,
                  const std::optional<Digest>& digest);
    Result<> bring(Client& client, Incoming& incoming);
    void run(const std::shared_ptr<Client>& client, const image::RepositoryName& name,
             const std::shared_ptr<Incoming>& incoming);

    const Library& library_;
    std::atomic<bool> stop_ = false;
    mutable std::mutex mutex_;
    std::shared_ptr<const Settings> settings_;  // of the clients
    std::map<std::string, std::shared_ptr<Client>> clients_;
    std::map<Digest, std::shared_ptr<Incoming>> incoming_;
    struct Threads;
    std::unique_ptr<Threads> threads_;
};

}  // namespace gantry::registry
