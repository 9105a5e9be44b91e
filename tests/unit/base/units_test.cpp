#include "base/units.hpp"

#include <gtest/gtest.h>

using namespace gantry;
using namespace std::chrono_literals;

TEST(Bytes, takes_what_docker_takes) {
    EXPECT_EQ(parse_bytes("512").value(), 512U);
    EXPECT_EQ(parse_bytes("512b").value(), 512U);
    EXPECT_EQ(parse_bytes("64k").value(), 65536U);
    EXPECT_EQ(parse_bytes("10KB").value(), 10240U);
    EXPECT_EQ(parse_bytes("512M").value(), 512ULL << 20);
    EXPECT_EQ(parse_bytes("1.5g").value(), 3ULL << 29);
    EXPECT_EQ(parse_bytes("2GiB").value(), 2ULL << 30);
    EXPECT_EQ(parse_bytes("32 kb").value(), 32768U);
    EXPECT_EQ(parse_bytes("0.1m").value(), 104857U);
    EXPECT_EQ(parse_bytes("18446744073709551615").value(), ~0ULL);
}

TEST(Bytes, refuses_the_rest) {
    for (const char* bad : {"",
                            "-1",
                            "k",
                            "1x",
                            "1kk",
                            "1kbb",
                            "1.",
                            "1.k",
                            ".5g",
                            "1e9",
                            "0x10",
                            " 1",
                            "1  k",
                            "1 k ",
                            "nan",
                            "inf",
                            "18446744073709551616",
                            "17179869184g",
                            "16e",
                            "99999999999999999999999999999999"})
        EXPECT_FALSE(parse_bytes(bad).ok()) << bad;
}

TEST(Duration, takes_go_and_systemd_spellings) {
    EXPECT_EQ(parse_duration("10").value(), 10s);
    EXPECT_EQ(parse_duration("0").value(), 0s);
    EXPECT_EQ(parse_duration("10s").value(), 10s);
    EXPECT_EQ(parse_duration("1m30s").value(), 90s);
    EXPECT_EQ(parse_duration("1min 30s").value(), 90s);
    EXPECT_EQ(parse_duration("1h1m1s").value(), 3661s);
    EXPECT_EQ(parse_duration("500ms").value(), 500ms);
    EXPECT_EQ(parse_duration("1.5s").value(), 1500ms);
    EXPECT_EQ(parse_duration("2500ns").value(), 2us);
    EXPECT_EQ(parse_duration("7us").value(), 7us);
    EXPECT_EQ(parse_duration("2d").value(), 48h);
}

TEST(Duration, refuses_the_rest) {
    for (const char* bad :
         {"", "s", "-1s", "1x", "1M", "1m30", "1 2", "1s ,", "1..5s", "99999999999999999999s", "999999999999w"})
        EXPECT_FALSE(parse_duration(bad).ok()) << bad;
}

TEST(HumanSize, prints_as_docker_does) {
    EXPECT_EQ(human_size(0), "0B");
    EXPECT_EQ(human_size(999), "999B");
    EXPECT_EQ(human_size(1000), "1kB");
    EXPECT_EQ(human_size(187'400'000), "187MB");
    EXPECT_EQ(human_size(1'210'000'000), "1.21GB");
    EXPECT_EQ(human_size(999'600), "1MB");
    EXPECT_EQ(human_size(1'848'123'456, 4), "1.848GB");
    EXPECT_EQ(human_size(999'600, 4), "999.6kB");
    EXPECT_EQ(human_size(~0ULL), "18.4EB");
    EXPECT_EQ(human_size_binary(0), "0B");
    EXPECT_EQ(human_size_binary(2'048'000), "1.953MiB");
    EXPECT_EQ(human_size_binary(1048064), "1024KiB");
}

TEST(HumanDuration, prints_as_docker_does) {
    EXPECT_EQ(human_duration(0s), "Less than a second");
    EXPECT_EQ(human_duration(1s), "1 second");
    EXPECT_EQ(human_duration(59s), "59 seconds");
    EXPECT_EQ(human_duration(60s), "About a minute");
    EXPECT_EQ(human_duration(3min), "3 minutes");
    EXPECT_EQ(human_duration(60min), "About an hour");
    EXPECT_EQ(human_duration(90min), "2 hours");
    EXPECT_EQ(human_duration(48h), "2 days");
    EXPECT_EQ(human_duration(24h * 15), "2 weeks");
    EXPECT_EQ(human_duration(24h * 90), "3 months");
    EXPECT_EQ(human_duration(24h * 800), "2 years");
}

TEST(Nearest, finds_the_slip_and_nothing_far) {
    const std::vector<std::string> known{"memory", "command", "dns", "ports"};
    EXPECT_EQ(nearest("memroy", known), "memory");
    EXPECT_EQ(nearest("comand", known), "command");
    EXPECT_EQ(nearest("zzzzzzzz", known), "");
    EXPECT_EQ(nearest(std::string(1 << 20, 'x'), known), "");
    EXPECT_EQ(edit_distance("ab", "ba"), 1U);
    EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
    EXPECT_EQ(edit_distance("", "abc"), 3U);
}
