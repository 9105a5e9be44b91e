// What the tests of this room share: a scratch folder, a storage driver that keeps layers in plain folders, tar archives built
// byte by byte (also wrong ones), images made of them.
#pragma once

#include "image/ingest.hpp"
#include "image/store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

namespace gantry::image::test {

// A folder that is gone at the end of the test.
class Scratch {
public:
    Scratch();
    ~Scratch();
    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }

private:
    std::string path_;
};

// Layers in DIR/layers/KEY, staged in DIR/staging/KEY.
class FolderDriver final : public driver::StorageDriver {
public:
    explicit FolderDriver(std::string folder, driver::LayerFormat format = driver::LayerFormat::overlay);

    Result<> probe() override { return {}; }
    [[nodiscard]] driver::LayerFormat layer_format() const override { return format_; }
    Result<driver::LayerStaging> layer_begin(const driver::LayerKey& key, const driver::LayerKey& parent) override;
    Result<> layer_commit(driver::LayerStaging staging, std::uint64_t size) override;
    Result<> layer_abort(driver::LayerStaging staging) override;
    Result<bool> layer_exists(const driver::LayerKey& key) override;
    Result<std::uint64_t> layer_size(const driver::LayerKey& key) override;
    Result<> layer_remove(const driver::LayerKey& key) override;
    Result<std::vector<driver::LayerKey>> layer_list() override;
    Result<os::Fd> layer_files(const driver::LayerKey& key) override;

    Result<> validate(const driver::RootfsRequest&) override { return {}; }
    Result<driver::Rootfs> prepare(const driver::RootfsRequest&) override {
        return error(Errc::unsupported, "not a real driver");
    }
    Result<driver::RootfsStatus> status(const std::string&) override { return driver::RootfsStatus{}; }
    Result<std::vector<driver::Change>> diff(const std::string&, const std::vector<driver::LayerKey>&) override {
        return std::vector<driver::Change>{};
    }
    Result<std::vector<std::string>> list() override { return std::vector<std::string>{}; }
    Result<> rename(const std::string&, const std::string&) override { return {}; }
    Result<> teardown(const std::string&) override { return {}; }
    Result<std::vector<std::string>> recover(bool) override { return std::vector<std::string>{}; }

    [[nodiscard]] std::string layer(const driver::LayerKey& key) const { return folder_ + "/layers/" + key; }

private:
    std::string folder_;
    driver::LayerFormat format_;
};

// Archives, header by header.
class Tar {
public:
    struct Header {
        std::string name;
        char type = '0';
        std::string link;
        std::uint32_t mode = 0644;
        std::uint32_t uid = 0, gid = 0;
        std::uint64_t mtime = 1'600'000'000;
        std::optional<std::uint64_t> size;  // of the data unless given
        std::uint32_t major = 0, minor = 0;
        bool gnu = false;
    };
    Tar& raw(const Header& header, std::string_view data = {});
    Tar& file(const std::string& name, std::string_view data, std::uint32_t mode = 0644);
    Tar& folder(const std::string& name, std::uint32_t mode = 0755);
    Tar& symlink(const std::string& name, const std::string& target);
    Tar& hardlink(const std::string& name, const std::string& target);
    // The records of the entry that follows.
    Tar& pax(const std::vector<std::pair<std::string, std::string>>& records);
    Tar& long_name(const std::string& name, char type = 'L');
    Tar& bytes(std::string_view text);
    // With the two zero blocks.
    [[nodiscard]] std::string text() const;

private:
    std::string text_;
};

std::string gzip(std::string_view plain);
std::string zstd(std::string_view plain);

// Unpacks into folder, in pieces of the given size.
Result<std::uint64_t> unpack(const std::string& archive, const std::string& folder,
                             driver::LayerFormat format = driver::LayerFormat::overlay, const UnpackLimits& limits = {},
                             std::size_t piece = 4096);

struct Blobs {
    Digest manifest, config;
    std::vector<Descriptor> layers;
    std::vector<Digest> diff_ids;
};
// An image of these plain archives, each stored as it is, gzipped or as zstd in turn.
Blobs put_image(Store& store, const std::vector<std::string>& archives, const std::string& marker = "x");
Result<> ingest(Store& store, const Descriptor& blob, const Digest& diff_id, const driver::LayerKey& parent,
                std::string_view data);

std::string read_text(const std::string& path);
config::Paths paths_below(const std::string& root);

}  // namespace gantry::image::test
