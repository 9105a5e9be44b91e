// Layers of zstd:chunked that share most of their files with one that is here.
#include "fake_registry.hpp"

#include "image/hasher.hpp"
#include "image/registry/chunked_writer.hpp"
#include "os/file.hpp"

#include <nlohmann/json.hpp>

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <random>

namespace gantry::image::test {

using nlohmann::json;

class AssemblyTest : public RegistryTest {
protected:
    struct Chunked {
        MadeLayer layer;
        std::map<std::string, std::string> annotations;
    };
    FakeRegistry registry_;
    std::string first_ = registry_.host() + "/app:1", second_ = registry_.host() + "/app:2";
    std::map<std::string, std::string> files_;

    AssemblyTest() {
        for (int number = 0; number < 40; ++number) files_[fmt::format("dir/file{}", number)] = noise(number, 50'000);
        registry_.intercept([this](const Request& request) { return ranges(request); });
    }
    static std::string noise(int seed, std::size_t bytes) {
        std::mt19937_64 source(static_cast<unsigned>(seed));
        std::string text(bytes, '\0');
        for (char& c : text) c = static_cast<char>(source());
        return text;
    }
    // multiple: what the archive is padded to; GNU tar's default is its record.
    [[nodiscard]] std::string tar(std::size_t multiple = 10'240, std::uint64_t mtime = 1'600'000'000) const {
        Tar tar;
        tar.folder("dir/");
        for (const auto& [name, data] : files_) tar.raw({.name = name, .mtime = mtime}, data);
        std::string text = tar.symlink("link", "dir/file1").text();
        text.resize((text.size() + multiple - 1) / multiple * multiple);
        return text;
    }
    static Chunked chunked(const std::string& tar, int level = 0) {
        std::size_t at = 0;
        FunctionSource source([&](char* buffer, std::size_t room) -> Result<std::size_t> {
            const std::size_t count = std::min(room, tar.size() - at);
            std::copy_n(tar.data() + at, count, buffer);
            at += count;
            return count;
        });
        std::string blob;
        auto written = registry::write_chunked(source, level, [&](std::string_view data) {
            blob += data;
            return Result<>();
        });
        EXPECT_TRUE(written.ok());
        return {{blob, digest_of(blob), digest_of(tar)}, std::move(written).value()};
    }
    void serve(const std::string& tag, const Chunked& chunked) {
        MadeImage image = make_image({chunked.layer}, {.marker = tag});
        json manifest = json::parse(image.manifest);
        manifest["layers"][0]["annotations"] = chunked.annotations;
        image.manifest = manifest.dump();
        image.digest = digest_of(image.manifest);
        registry_.put("app", tag, image);
    }
    // Tag 2, of which one file is another.
    Chunked serve_changed() {
        files_["dir/file7"] = noise(1000, 60'000);
        Chunked renewed = chunked(tar());
        serve("2", renewed);
        return renewed;
    }
    // As registries answer ranges with an end, which the fake one does not know.
    std::optional<Reply> ranges(const Request& request) {
        const std::string range = request.header("range");
        if (request.method != "GET" || range.empty() || range.ends_with('-')) return std::nullopt;
        ++ranges_;
        if (answer_ == Answer::whole) {
            Request plain = request;
            plain.headers.erase("range");
            return registry_.honest(plain);
        }
        if (answer_ == Answer::broken && ranges_ > 1) {
            Reply reply;
            reply.hang_up = true;
            return reply;
        }
        if (answer_ == Answer::refusal) return Reply{416, {}, ""};
        if (answer_ == Answer::whole_after_first && ranges_ > 1) return Reply{416, {}, ""};
        const std::size_t first = std::stoul(range.substr(6)), last = std::stoul(range.substr(range.find('-') + 1));
        Reply reply = registry_.honest(request);
        const std::string total = reply.headers[0].second.substr(reply.headers[0].second.find('/'));
        const std::size_t told = answer_ == Answer::other_range ? first + 1 : first;
        reply.headers = {{"Content-Range", fmt::format("bytes {}-{}{}", told, last, total)}};
        reply.body = reply.body.substr(0, last - first + 1);
        if (answer_ == Answer::tampered && ranges_ > 1) reply.body[reply.body.size() / 2] ^= 1;
        sent_ += reply.body.size();
        return reply;
    }
    [[nodiscard]] std::size_t whole_fetches(const Chunked& chunked) {
        std::size_t count = 0;
        for (const Request& request : registry_.server().requests())
            if (request.method == "GET" && request.target.ends_with(chunked.layer.digest.str()) &&
                (request.header("range").empty() || request.header("range").ends_with('-')))
                ++count;
        return count;
    }
    void pull_first(const Chunked& chunked) {
        serve("1", chunked);
        const auto pulled = pull(first_);
        ASSERT_TRUE(pulled.ok()) << pulled.error().message();
        registry_.server().forget();
    }
    void expect_files(const Chunked& chunked) {
        for (const auto& [name, data] : files_) EXPECT_TRUE(read_text(layer_file(chunked.layer, name)) == data) << name;
        expect_clean();
    }

    // Does the file system of the store?
    [[nodiscard]] bool clones() {
        const std::string from = scratch_.path() + "/clone-from", to = scratch_.path() + "/clone-to";
        EXPECT_TRUE(os::write_file_atomic(from, "x").ok());
        const os::Fd one(open(from.c_str(), O_RDONLY | O_CLOEXEC)),
            other(open(to.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        return ioctl(other.get(), FICLONE, one.get()) == 0;
    }
    nlink_t links(const Chunked& chunked, const std::string& name) {
        struct stat info {};
        EXPECT_EQ(lstat(layer_file(chunked.layer, name).c_str(), &info), 0) << name;
        return info.st_nlink;
    }

    enum class Answer { honest, whole, refusal, whole_after_first, other_range, tampered, broken };
    Answer answer_ = Answer::honest;
    int ranges_ = 0;
    std::size_t sent_ = 0;
};

TEST_F(AssemblyTest, OnlyWhatChangedIsFetched) {
    const Chunked old = chunked(tar());
    pull_first(old);
    files_["dir/file7"] = noise(1000, 60'000);
    files_.erase("dir/file20");
    files_["dir/new"] = noise(1001, 10'000);
    const Chunked renewed = chunked(tar());
    serve("2", renewed);
    const auto pulled = pull(second_);
    ASSERT_TRUE(pulled.ok()) << pulled.error().message();
    EXPECT_EQ(whole_fetches(renewed), 0U);
    EXPECT_GT(sent_, 70'000U);
    EXPECT_LT(sent_, 110'000U);
    expect_files(renewed);
    EXPECT_EQ(read_text(store_.blob_path(renewed.layer.digest)), renewed.layer.data);
    EXPECT_EQ(links(renewed, "dir/file3"), clones() ? 1U : 2U);
    EXPECT_EQ(links(renewed, "dir/file7"), 1U);
}

TEST_F(AssemblyTest, ArchivesThatArePaddedOtherwise) {
    const Chunked old = chunked(tar());
    pull_first(old);
    const Chunked renewed = chunked(tar(20'480 * 3));
    ASSERT_NE(old.layer.diff_id, renewed.layer.diff_id);
    serve("2", renewed);
    const auto pulled = pull(second_);
    ASSERT_TRUE(pulled.ok()) << pulled.error().message();
    EXPECT_EQ(whole_fetches(renewed), 0U);
    EXPECT_LT(sent_, 30'000U);
    expect_files(renewed);
}

// As after a fresh checkout.
TEST_F(AssemblyTest, OtherTimesOfAllFilesCostTheTable) {
    const Chunked old = chunked(tar());
    pull_first(old);
    const Chunked renewed = chunked(tar(10'240, 1'700'000'000));
    serve("2", renewed);
    ASSERT_TRUE(pull(second_).ok());
    EXPECT_EQ(whole_fetches(renewed), 0U);
    EXPECT_EQ(ranges_, 1);
    EXPECT_LT(sent_, 30'000U);
    EXPECT_EQ(links(renewed, "dir/file3"), 1U);
    expect_files(renewed);
}

TEST_F(AssemblyTest, AnotherLevelOfCompression) {
    pull_first(chunked(tar(), 7));
    files_["dir/file7"] = noise(1000, 60'000);
    for (const int level : {7, 1}) {
        const Chunked renewed = chunked(tar(), level);
        serve("2", renewed);
        registry_.server().forget();
        ASSERT_TRUE(pull(second_).ok());
        if (level == 7) {
            EXPECT_EQ(whole_fetches(renewed), 0U);
        }
        expect_files(renewed);
        ASSERT_TRUE(store_.remove(second_, {}, true).ok());
    }
}

// What no image could tell apart from another file, and what programs count the links of.
TEST_F(AssemblyTest, OnlyFilesOfOneNameAreLinked) {
    files_["dir/small"] = noise(50, 9'000);
    const auto made = [&](const std::string& moved, bool with_link) {
        Tar tar;
        tar.folder("dir/");
        for (const auto& [name, data] : files_) tar.file(name == "dir/file3" ? moved : name, data);
        if (with_link) tar.hardlink("dir/other-name", "dir/file5");
        return chunked(tar.text());
    };
    const Chunked old = made("dir/file3", true);
    pull_first(old);
    const Chunked renewed = made("dir/moved", false);
    serve("2", renewed);
    ASSERT_TRUE(pull(second_).ok());
    EXPECT_EQ(whole_fetches(renewed), 0U);
    EXPECT_EQ(links(renewed, "dir/file4"), clones() ? 1U : 2U);
    EXPECT_EQ(links(renewed, "dir/moved"), 1U);
    EXPECT_EQ(links(renewed, "dir/file5"), 1U);
    EXPECT_EQ(links(renewed, "dir/small"), 1U);
    EXPECT_EQ(read_text(layer_file(renewed.layer, "dir/moved")), files_["dir/file3"]);
    expect_clean();
}

// Opening a device can do things, opening a pipe waits.
TEST_F(AssemblyTest, WhatIsNoFileInALayerHereIsNotOpened) {
    const Chunked old = chunked(tar());
    pull_first(old);
    const std::string path = layer_file(old.layer, "dir/file3");
    ASSERT_EQ(unlink(path.c_str()), 0);
    ASSERT_EQ(mkfifo(path.c_str(), 0644), 0);
    const Chunked renewed = serve_changed();
    ASSERT_TRUE(pull(second_).ok());
    EXPECT_EQ(whole_fetches(renewed), 0U);
    for (const auto& [name, data] : files_) EXPECT_TRUE(read_text(layer_file(renewed.layer, name)) == data) << name;
}

TEST_F(AssemblyTest, OtherAttributesAreNotLinked) {
    const Chunked old = chunked(tar());
    pull_first(old);
    Tar other;
    other.folder("dir/");
    for (const auto& [name, data] : files_) other.file(name, data, 0600);
    const Chunked renewed = chunked(other.text());
    serve("2", renewed);
    ASSERT_TRUE(pull(second_).ok());
    struct stat info {};
    ASSERT_EQ(stat(layer_file(renewed.layer, "dir/file3").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0600U);
    ASSERT_EQ(stat(layer_file(old.layer, "dir/file3").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0644U);
    expect_files(renewed);
}

TEST_F(AssemblyTest, TamperedRangesEndInAWholeFetch) {
    pull_first(chunked(tar()));
    const Chunked renewed = serve_changed();
    answer_ = Answer::tampered;
    const auto pulled = pull(second_);
    ASSERT_TRUE(pulled.ok()) << pulled.error().message();
    EXPECT_GT(ranges_, 1);
    EXPECT_EQ(whole_fetches(renewed), 1U);
    expect_files(renewed);
}

TEST_F(AssemblyTest, APullThatBrokeOffGoesOn) {
    pull_first(chunked(tar()));
    const Chunked renewed = serve_changed();
    answer_ = Answer::broken;
    const auto broken = pull(second_);
    ASSERT_FALSE(broken.ok());
    EXPECT_EQ(broken.error().code(), Errc::unavailable) << broken.error().message();
    answer_ = Answer::honest;
    sent_ = 0;
    const auto pulled = pull(second_);
    ASSERT_TRUE(pulled.ok()) << pulled.error().message();
    EXPECT_EQ(whole_fetches(renewed), 0U);
    EXPECT_LT(sent_, 100'000U);
    expect_files(renewed);
}

TEST_F(AssemblyTest, ATableThatIsNotTheAnnotationsIsNotUsed) {
    pull_first(chunked(tar()));
    files_["dir/file7"] = noise(1000, 60'000);
    Chunked renewed = chunked(tar());
    for (auto& [name, value] : renewed.annotations)
        if (name.ends_with("checksum")) value = digest_of("something else").str();
    serve("2", renewed);
    ASSERT_TRUE(pull(second_).ok());
    EXPECT_EQ(whole_fetches(renewed), 1U);
    expect_files(renewed);
}

TEST_F(AssemblyTest, PositionsThatMakeNoSenseAreNotUsed) {
    pull_first(chunked(tar()));
    files_["dir/file7"] = noise(1000, 60'000);
    const Chunked renewed = chunked(tar());
    for (const char* position :
         {"", "1:2", "0:5:5:1", "18446744073709551615:9:9:1", "9:18446744073709551615:9:1", "99:99:99:7", "a:b:c:d",
          "99:99:33554433:1", "99:33554433:99:1", "99:99:18446744073709551615:1", "99:99:99:1:1"}) {
        Chunked bad = renewed;
        for (auto& [name, value] : bad.annotations)
            if (name.ends_with("manifest-position")) value = position;
        serve("2", bad);
        registry_.server().forget();
        const auto pulled = pull(second_);
        ASSERT_TRUE(pulled.ok()) << position << ": " << pulled.error().message();
        EXPECT_EQ(whole_fetches(renewed), 1U) << position;
        ASSERT_TRUE(store_.remove(second_, {}, true).ok());
    }
}

TEST_F(AssemblyTest, ARegistryWithoutRangesSendsTheWhole) {
    pull_first(chunked(tar()));
    const Chunked renewed = serve_changed();
    for (const Answer answer : {Answer::whole, Answer::refusal, Answer::whole_after_first, Answer::other_range}) {
        answer_ = answer;
        ranges_ = 0;
        registry_.server().forget();
        const auto pulled = pull(second_);
        ASSERT_TRUE(pulled.ok()) << pulled.error().message();
        EXPECT_EQ(whole_fetches(renewed), 1U) << static_cast<int>(answer);
        expect_files(renewed);
        ASSERT_TRUE(store_.remove(second_, {}, true).ok());
    }
}

TEST_F(AssemblyTest, ALayerHereThatIsDamagedSpoilsNothing) {
    const Chunked old = chunked(tar());
    pull_first(old);
    const auto damage = [](const std::string& path, std::size_t at) {
        std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(static_cast<std::streamoff>(at));
        file.put('!').put('?');
    };
    damage(store_.blob_path(old.layer.digest), 300'000);
    damage(layer_file(old.layer, "dir/file3"), 40'000);
    const Chunked renewed = serve_changed();
    ASSERT_TRUE(pull(second_).ok());
    EXPECT_EQ(whole_fetches(renewed), 1U);
    for (const auto& [name, data] : files_) EXPECT_TRUE(read_text(layer_file(renewed.layer, name)) == data) << name;
}

TEST_F(AssemblyTest, WhatHasLittleInCommonIsFetchedAsAWhole) {
    pull_first(chunked(tar()));
    for (auto& [name, data] : files_)
        if (name != "dir/file7" && name != "dir/file8")
            data = noise(static_cast<int>(name.size() * 100 + data.size()), 49'000) + name;
    const Chunked renewed = chunked(tar());
    serve("2", renewed);
    ASSERT_TRUE(pull(second_).ok());
    EXPECT_EQ(whole_fetches(renewed), 1U);
    expect_files(renewed);
}

}  // namespace gantry::image::test
