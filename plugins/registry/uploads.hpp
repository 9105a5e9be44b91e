// Blobs that clients are sending (distribution-spec "Pushing blobs").
#pragma once

#include "image/partial_blob.hpp"
#include "image/repository.hpp"

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>

namespace gantry::registry {

struct Upload {
    Upload(std::string session, image::RepositoryName name, image::PartialBlob partial)
        : id(std::move(session)), repository(std::move(name)), blob(std::move(partial)) {}

    const std::string id;
    const image::RepositoryName repository;
    image::PartialBlob blob;
    std::atomic<std::uint64_t> size = 0;  // of the blob, for those who count meanwhile
    std::uint64_t room = 0;               // bytes that it may still grow, as the quota said when the request began

private:
    friend class Uploads;
    bool busy = false;
    std::chrono::steady_clock::time_point last_use;
};

class Uploads {
public:
    // One request's hold on an upload: nobody else writes to it meanwhile.
    class Claim {
    public:
        Claim(Uploads& uploads, std::shared_ptr<Upload> upload) : uploads_(&uploads), upload_(std::move(upload)) {}
        Claim(Claim&& other) noexcept = default;
        Claim& operator=(Claim&&) = delete;
        ~Claim();
        Upload* operator->() const { return upload_.get(); }
        Upload& operator*() const { return *upload_; }
        void drop();  // the upload is over, one way or the other

    private:
        Uploads* uploads_;
        std::shared_ptr<Upload> upload_;
    };

    explicit Uploads(image::Store& store) : store_(store) {}

    // Errc::in_use: there are too many (each keeps a file open).
    Result<Claim> begin(const image::RepositoryName& repository);
    // Errc::not_found for an id that this repository has not; Errc::in_use while another request has it.
    Result<Claim> claim(const std::string& id, const image::RepositoryName& repository);

    // Forgets what nobody has touched for a quarter of an hour.
    void expire();
    [[nodiscard]] bool empty() const;
    // What is being sent to one repository (nullptr: to all).
    [[nodiscard]] std::uint64_t bytes(const image::RepositoryName* repository) const;

    static constexpr std::size_t limit = 1000;
    static constexpr std::chrono::minutes patience{15};

private:
    void release(Upload& upload);
    void erase(const std::string& id);

    image::Store& store_;
    mutable std::mutex mutex_;
    std::map<std::string, std::shared_ptr<Upload>> uploads_;
};

}  // namespace gantry::registry
