#include "fake_registry.hpp"

#include "base/base64.hpp"
#include "image/hasher.hpp"
#include "image/registry/chunked_writer.hpp"
#include "image/registry/tar_split.hpp"

#include <nlohmann/json.hpp>

#include <random>

namespace gantry::image::test {

using nlohmann::json;

class ChunkedTest : public testing::Test {
protected:
    std::string blob_;
    std::map<std::string, std::string> annotations_;

    void write(const std::string& tar) {
        std::size_t at = 0;
        FunctionSource source([&](char* buffer, std::size_t room) -> Result<std::size_t> {
            const std::size_t count = std::min({room, tar.size() - at, std::size_t{10'007}});
            std::copy_n(tar.data() + at, count, buffer);
            at += count;
            return count;
        });
        blob_.clear();
        auto written = registry::write_chunked(source, 0, [&](std::string_view data) {
            blob_ += data;
            return Result<>();
        });
        ASSERT_TRUE(written.ok()) << written.error().message();
        annotations_ = *written;
    }
    static std::string plain(std::string_view data) {
        auto decompressor = make_decompressor(Compression::zstd).value();
        std::string text, buffer(100'000, '\0');
        for (;;) {
            const auto step = decompressor->run(data, buffer.data(), buffer.size());
            EXPECT_TRUE(step.ok());
            if (!step.ok() || (step->consumed == 0 && step->produced == 0)) return text;
            data.remove_prefix(step->consumed);
            text.append(buffer, 0, step->produced);
        }
    }
    std::vector<std::uint64_t> numbers(const char* annotation) {
        std::vector<std::uint64_t> list;
        std::stringstream text(annotations_.at(annotation));
        for (std::string part; std::getline(text, part, ':');) list.push_back(std::stoull(part));
        return list;
    }
    json table() {
        const auto place = numbers(registry::chunked_position_annotation);
        const std::string data = blob_.substr(place[0], place[1]);
        EXPECT_EQ(digest_of(data).str(), annotations_.at(registry::chunked_checksum_annotation));
        EXPECT_EQ(place[3], 1u);
        const std::string text = plain(data);
        EXPECT_EQ(text.size(), place[2]);
        return json::parse(text);
    }
    static std::string noise(std::size_t bytes) {
        std::mt19937_64 source(3);
        std::string text(bytes, '\0');
        for (char& c : text) c = static_cast<char>(source());
        return text;
    }
};

TEST_F(ChunkedTest, IsTheLayerForOthersAndATableForUs) {
    const std::string large = noise(900'000);
    const std::string tar = Tar()
                                .folder("dir/")
                                .file("dir/small", "little")
                                .file("dir/empty", "")
                                .pax({{"SCHILY.xattr.user.x", std::string("v\0w", 3)}})
                                .file("dir/large", large, 04755)
                                .symlink("link", "dir/small")
                                .hardlink("hard", "dir/small")
                                .text() +
                            std::string(10'000, '\0');
    write(tar);
    EXPECT_TRUE(plain(blob_) == tar);
    const json toc = table();
    EXPECT_EQ(toc["version"], 1);
    std::map<std::string, json> by_name;
    std::vector<json> chunks;
    for (const json& entry : toc["entries"]) (entry["type"] == "chunk" ? chunks : chunks).push_back(entry);
    std::erase_if(chunks, [&](const json& entry) {
        if (entry["type"] == "chunk") return false;
        by_name[entry["name"]] = entry;
        return true;
    });
    EXPECT_EQ(by_name.at("dir/")["type"], "dir");
    EXPECT_EQ(by_name.at("link")["linkName"], "dir/small");
    EXPECT_EQ(by_name.at("hard")["type"], "hardlink");
    EXPECT_FALSE(by_name.at("dir/empty").contains("digest"));
    EXPECT_EQ(by_name.at("dir/large")["mode"], 04755);
    EXPECT_EQ(by_name.at("dir/large")["xattrs"]["user.x"], gantry::base64_encode(std::string("v\0w", 3)));
    EXPECT_EQ(by_name.at("dir/large")["modtime"], "2020-09-13T12:26:40Z");
    for (const auto& [name, content] : {std::pair{"dir/small", std::string("little")}, {"dir/large", large}}) {
        const json& entry = by_name.at(name);
        const std::uint64_t start = entry["offset"], end = entry["endOffset"];
        EXPECT_TRUE(plain(std::string_view(blob_).substr(start, end - start)) == content) << name;
        EXPECT_EQ(entry["digest"], digest_of(content).str());
        EXPECT_EQ(entry["size"], content.size());
    }
    // The pieces of the large file, one after the other.
    ASSERT_GT(chunks.size(), 3u);
    const json& whole = by_name.at("dir/large");
    std::uint64_t at = whole["chunkSize"];
    for (std::size_t number = 0; number < chunks.size(); ++number) {
        const json& chunk = chunks[number];
        EXPECT_EQ(chunk["chunkOffset"], at);
        const std::uint64_t start = chunk["offset"];
        const std::uint64_t end = number + 1 < chunks.size() ? chunks[number + 1]["offset"].get<std::uint64_t>()
                                                             : whole["endOffset"].get<std::uint64_t>();
        const std::string piece = plain(std::string_view(blob_).substr(start, end - start));
        EXPECT_EQ(piece.size(), chunk["chunkSize"]);
        EXPECT_EQ(chunk["chunkDigest"], digest_of(piece).str());
        at += piece.size();
    }
    EXPECT_EQ(at, large.size());
}

TEST_F(ChunkedTest, TheTarSplitGivesTheArchiveBack) {
    const std::string tar =
        Tar().file("a", "first").file("b", std::string(700, 'b')).folder("c").text() + std::string(300'000, '\0');
    write(tar);
    const auto place = numbers(registry::chunked_tarsplit_annotation);
    const std::string data = blob_.substr(place[0], place[1]);
    EXPECT_EQ(table()["tarSplitDigest"], digest_of(data).str());
    const std::string text = plain(data);
    EXPECT_EQ(text.size(), place[2]);
    const std::map<std::string, std::string> files{{"a", "first"}, {"b", std::string(700, 'b')}};
    std::string again;
    std::uint64_t position = 0;
    std::stringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        const json entry = json::parse(line);
        EXPECT_EQ(entry["position"], position++);
        if (entry["type"] == 2) {
            again += *gantry::base64_decode(entry["payload"].get<std::string>());
        } else if (entry.contains("size")) {
            const std::string& content = files.at(entry["name"]);
            EXPECT_EQ(entry["size"], content.size());
            again += content;
        } else {
            EXPECT_TRUE(entry["payload"].is_null());
        }
    }
    EXPECT_TRUE(again == tar);
}

TEST_F(ChunkedTest, TheFooterSaysWhatTheAnnotationsSay) {
    write(Tar().file("a", "first").text());
    ASSERT_GT(blob_.size(), 72u);
    EXPECT_EQ(blob_.substr(blob_.size() - 8), "GNUlInUx");
    const auto number = [&](std::size_t at) {
        std::uint64_t value = 0;
        std::memcpy(&value, blob_.data() + blob_.size() - 64 + at * 8, 8);
        return value;
    };
    const auto table = numbers(registry::chunked_position_annotation), split = numbers(registry::chunked_tarsplit_annotation);
    EXPECT_EQ((std::vector{number(0), number(1), number(2), number(3)}), table);
    EXPECT_EQ((std::vector{number(4), number(5), number(6)}), split);
}

TEST_F(ChunkedTest, AnInsertionMovesFewCuts) {
    std::string content = noise(2'000'000);
    const auto digests = [&] {
        std::set<std::string> all;
        write(Tar().file("f", content).text());
        const json toc = table();
        for (const json& entry : toc["entries"]) all.insert(entry["chunkDigest"].get<std::string>());
        return all;
    };
    const auto before = digests();
    content.insert(1'000'000, "something new");
    const auto after = digests();
    std::vector<std::string> changed;
    std::ranges::set_difference(after, before, std::back_inserter(changed));
    EXPECT_GT(before.size(), 10u);
    EXPECT_LE(changed.size(), 3u);
}

TEST_F(ChunkedTest, ABrokenArchiveIsAnError) {
    FunctionSource source([done = false](char* buffer, std::size_t) mutable -> Result<std::size_t> {
        if (std::exchange(done, true)) return std::size_t{0};
        std::fill_n(buffer, 600, 'x');
        return std::size_t{600};
    });
    EXPECT_FALSE(registry::write_chunked(source, 0, [](std::string_view) { return Result<>(); }).ok());
}

TEST(Crc64Test, AsGoHasIt) {  // hash/crc64's own test values for the ISO table
    const auto sum = [](std::string_view text) {
        registry::Crc64 crc;
        crc.update(text);
        return crc.value();
    };
    EXPECT_EQ(sum(""), 0u);
    EXPECT_EQ(sum("a"), 0x3420000000000000u);
    EXPECT_EQ(sum("abc"), 0x3776c42000000000u);
}

}  // namespace gantry::image::test
