#include "support.hpp"

#include "image/compress.hpp"

#include <random>

namespace gantry::image::test {
namespace {

// Words that repeat, with noise in between: compressible, and longer than several blocks of either kind.
std::string sample(std::size_t size) {
    std::mt19937 random(7);
    std::string text;
    while (text.size() < size) {
        text += fmt::format("line {} of the sample: ", random() % 1000);
        for (int count = 0; count < 8; ++count) text += static_cast<char>(random());
    }
    text.resize(size);
    return text;
}

struct Output {
    std::string bytes;
    std::vector<std::size_t> members;
    CompressedFn sink() {
        return [this](std::string_view piece) {
            bytes += piece;
            members.push_back(piece.size());
            return Result<>();
        };
    }
};

Output compress(Compression kind, std::string_view plain, std::size_t piece, unsigned threads, int level = 0) {
    Output output;
    auto compressor = make_compressor(kind, level, output.sink(), threads);
    EXPECT_TRUE(compressor.ok());
    for (std::size_t at = 0; at < plain.size(); at += piece) EXPECT_TRUE((*compressor)->write(plain.substr(at, piece)).ok());
    EXPECT_TRUE((*compressor)->end().ok());
    return output;
}

std::string decompress(Compression kind, std::string_view data) {
    auto decompressor = make_decompressor(kind).value();
    std::string plain, buffer(100'000, '\0');
    for (;;) {
        const auto step = decompressor->run(data, buffer.data(), buffer.size());
        EXPECT_TRUE(step.ok()) << step.error().message();
        if (!step.ok() || (step->consumed == 0 && step->produced == 0)) break;
        data.remove_prefix(step->consumed);
        plain.append(buffer, 0, step->produced);
    }
    EXPECT_TRUE(decompressor->end().ok());
    return plain;
}

struct CompressTest : testing::TestWithParam<Compression> {};
INSTANTIATE_TEST_SUITE_P(Kinds, CompressTest, testing::Values(Compression::gzip, Compression::zstd),
                         [](const auto& kind) { return kind.param == Compression::gzip ? "gzip" : "zstd"; });

TEST_P(CompressTest, ComesBack) {
    for (const std::size_t size : {0UL, 1UL, 999UL, 1UL << 20, (1UL << 20) + 1, 9'876'543UL}) {
        const std::string plain = sample(size);
        const Output output = compress(GetParam(), plain, 65'536, 3);
        EXPECT_EQ(compression_of(output.bytes), GetParam());
        EXPECT_TRUE(decompress(GetParam(), output.bytes) == plain) << size;
        EXPECT_LT(output.bytes.size(), 100 + size * 3 / 4);
    }
}

TEST_P(CompressTest, SameBytesHoweverItIsWrittenAndByHowMany) {
    const std::string plain = sample(13'000'000);
    const std::string once = compress(GetParam(), plain, plain.size(), 1).bytes;
    for (const unsigned threads : {1U, 2U, 7U, 0U})
        for (const std::size_t piece : {4'097UL, 3UL << 20})
            EXPECT_TRUE(compress(GetParam(), plain, piece, threads).bytes == once) << threads << " " << piece;
}

TEST(CompressHeader, NoTimeAndNoSystem) {
    const std::string bytes = compress(Compression::gzip, sample(2'000'000), 70'000, 2).bytes;
    EXPECT_EQ(bytes.substr(0, 8), std::string("\x1f\x8b\x08\0\0\0\0\0", 8));  // method, FLG, MTIME (RFC 1952 2.3)
    EXPECT_EQ(bytes[9], '\xff');                                              // OS
}

TEST_P(CompressTest, CutsStandAlone) {
    const std::vector<std::string> parts{sample(10), sample(2'500'000), "", sample(777)};
    Output output;
    auto compressor = make_compressor(GetParam(), 0, output.sink(), 2).value();
    std::array<std::uint64_t, 4> offsets{};
    for (std::size_t at = 0; at < parts.size(); ++at) {
        ASSERT_TRUE(compressor->write(parts[at]).ok());
        ASSERT_TRUE(compressor->cut(&offsets[at]).ok());
    }
    ASSERT_TRUE(compressor->end().ok());
    EXPECT_EQ(offsets[0], output.members.front());
    EXPECT_EQ(offsets[1], output.bytes.size() - output.members.back());
    EXPECT_EQ(offsets[2], offsets[1]);
    EXPECT_EQ(offsets[3], output.bytes.size());
    const std::size_t middle = GetParam() == Compression::gzip ? 3 : 1;
    ASSERT_EQ(output.members.size(), 2 + middle);
    EXPECT_EQ(decompress(GetParam(), std::string_view(output.bytes).substr(0, output.members.front())), parts[0]);
    EXPECT_EQ(decompress(GetParam(), std::string_view(output.bytes).substr(output.bytes.size() - output.members.back())),
              parts[3]);
    EXPECT_TRUE(decompress(GetParam(), output.bytes) == parts[0] + parts[1] + parts[3]);
}

TEST_P(CompressTest, TheSinksErrorIsFinal) {
    const std::string plain = sample(30'000'000);
    int calls = 0;
    const CompressedFn sink = [&](std::string_view) -> Result<> {
        if (++calls == 2) return error(Errc::no_space, "disk full");
        return {};
    };
    auto compressor = make_compressor(GetParam(), 1, sink, 2).value();
    Result<> outcome;
    for (std::size_t at = 0; at < plain.size() && outcome.ok(); at += 1'000'000)
        outcome = compressor->write(std::string_view(plain).substr(at, 1'000'000));
    for (const Result<>& said : {outcome, compressor->write("more"), compressor->cut(), compressor->end()}) {
        ASSERT_FALSE(said.ok());
        EXPECT_EQ(said.error().message(), "disk full");
    }
    EXPECT_EQ(calls, 2);
}

TEST_P(CompressTest, GivenUpInTheMiddle) {
    Output output;
    auto compressor = make_compressor(GetParam(), 0, output.sink(), 3).value();
    ASSERT_TRUE(compressor->write(sample(20'000'000)).ok());
    compressor.reset();  // threads end without a word
}

TEST(CompressLevels, Bounds) {
    const CompressedFn sink = [](std::string_view) { return Result<>(); };
    for (const auto& [kind, level] : {std::pair{Compression::gzip, 13}, {Compression::gzip, -1}, {Compression::zstd, 23}}) {
        const auto made = make_compressor(kind, level, sink);
        ASSERT_FALSE(made.ok());
        EXPECT_EQ(made.error().code(), Errc::invalid);
    }
    EXPECT_TRUE(make_compressor(Compression::gzip, 12, sink).ok());
    EXPECT_TRUE(make_compressor(Compression::zstd, 22, sink).ok());
    EXPECT_EQ(make_compressor(Compression::unsupported, 0, sink).error().code(), Errc::unsupported);
}

TEST(CompressLevels, NonePassesOn) { EXPECT_EQ(compress(Compression::none, "as it is", 3, 0).bytes, "as it is"); }

}  // namespace
}  // namespace gantry::image::test
