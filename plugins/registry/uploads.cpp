#include "uploads.hpp"

#include "base/names.hpp"

namespace gantry::registry {

Uploads::Claim::~Claim() {
    if (upload_) uploads_->release(*upload_);
}

void Uploads::Claim::drop() { uploads_->erase(upload_->id); }

Result<Uploads::Claim> Uploads::begin(const image::RepositoryName& repository) {
    {
        const std::lock_guard lock(mutex_);
        if (uploads_.size() >= limit) return error(Errc::in_use, "{} uploads are under way, try again later", limit);
    }
    const auto upload =
        std::make_shared<Upload>(random_container_id().substr(0, 32), repository, TRY(image::PartialBlob::begin(store_)));
    upload->busy = true;
    const std::lock_guard lock(mutex_);
    uploads_.emplace(upload->id, upload);
    return Claim(*this, upload);
}

Result<Uploads::Claim> Uploads::claim(const std::string& id, const image::RepositoryName& repository) {
    const std::lock_guard lock(mutex_);
    const auto found = uploads_.find(id);
    if (found == uploads_.end() || found->second->repository != repository)
        return error(Errc::not_found, "no upload '{}' to '{}'", id, repository.str());
    if (found->second->busy) return error(Errc::in_use, "another request is writing to upload '{}'", id);
    found->second->busy = true;
    return Claim(*this, found->second);
}

void Uploads::release(Upload& upload) {
    const std::lock_guard lock(mutex_);
    upload.busy = false;
    upload.last_use = std::chrono::steady_clock::now();
}

void Uploads::erase(const std::string& id) {
    const std::lock_guard lock(mutex_);
    uploads_.erase(id);
}

void Uploads::expire() {
    const auto now = std::chrono::steady_clock::now();
    const std::lock_guard lock(mutex_);
    std::erase_if(uploads_, [&](const auto& entry) { return !entry.second->busy && now - entry.second->last_use > patience; });
}

bool Uploads::empty() const {
    const std::lock_guard lock(mutex_);
    return uploads_.empty();
}

std::uint64_t Uploads::bytes(const image::RepositoryName* repository) const {
    const std::lock_guard lock(mutex_);
    std::uint64_t sum = 0;
    for (const auto& [id, upload] : uploads_)
        if (!repository || upload->repository == *repository) sum += upload->size;
    return sum;
}

}  // namespace gantry::registry
