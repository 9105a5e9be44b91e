// Targets, ranges and pages: what a request may say.
#include "registry/paging.hpp"
#include "registry/range.hpp"
#include "registry/route.hpp"

#include <gtest/gtest.h>

namespace gantry::registry {
namespace {

struct Expected {
    const char* target;
    Endpoint endpoint;
    const char *repository, *reference;
};

TEST(RouteTest, EveryEndPointOfTheSpecification) {
    const Expected table[] = {
        {"/v2", Endpoint::root, "", ""},
        {"/v2/", Endpoint::root, "", ""},
        {"/v2/token?service=x", Endpoint::token, "", ""},
        {"/v2/_catalog?n=3", Endpoint::catalog, "", ""},
        {"/v2/a/manifests/latest", Endpoint::manifest, "a", "latest"},
        {"/v2/a/b/c/manifests/sha256:00", Endpoint::manifest, "a/b/c", "sha256:00"},
        {"/v2/docker.io/library/nginx/manifests/1", Endpoint::manifest, "docker.io/library/nginx", "1"},
        {"/v2/a/blobs/sha256:00", Endpoint::blob, "a", "sha256:00"},
        {"/v2/a/blobs/uploads", Endpoint::uploads, "a", ""},
        {"/v2/a/blobs/uploads/?digest=x", Endpoint::uploads, "a", ""},
        {"/v2/a/blobs/uploads/12-34", Endpoint::upload, "a", "12-34"},
        {"/v2/a/b/tags/list", Endpoint::tags, "a/b", ""},
        {"/v2/a/referrers/sha256:00", Endpoint::referrers, "a", "sha256:00"},
        // Names with parts that are called like end points.
        {"/v2/manifests/manifests/manifests", Endpoint::manifest, "manifests", "manifests"},
        {"/v2/blobs/uploads/blobs/uploads/x", Endpoint::upload, "blobs/uploads", "x"},
        {"/v2/tags/list/tags/list", Endpoint::tags, "tags/list", ""},
        {"/v2/a/blobs/b/manifests/c", Endpoint::manifest, "a/blobs/b", "c"},
    };
    for (const Expected& expected : table) {
        const auto route = parse_target(expected.target);
        ASSERT_TRUE(route.ok()) << expected.target << ": " << route.error().message();
        EXPECT_EQ(route->endpoint, expected.endpoint) << expected.target;
        EXPECT_EQ(route->repository ? route->repository->str() : "", expected.repository) << expected.target;
        EXPECT_EQ(route->reference, expected.reference) << expected.target;
    }
}

TEST(RouteTest, HostileTargets) {
    const std::string long_name(221, 'a');
    for (const std::string& target : std::vector<std::string>{"",
                                                              "/",
                                                              "v2/",
                                                              "/v1/",
                                                              "/v2/a",
                                                              "/v2/a/b",
                                                              "http://x/v2/",
                                                              "/v2//manifests/x",
                                                              "/v2/manifests/x",
                                                              "/v2/a//b/manifests/x",
                                                              "/v2/../x/manifests/y",
                                                              "/v2/a/../b/manifests/x",
                                                              "/v2/./manifests/x",
                                                              "/v2/.a/manifests/x",
                                                              "/v2/a./manifests/x",
                                                              "/v2/A/manifests/x",
                                                              "/v2/a%2fb/manifests/x",
                                                              "/v2/a+b/manifests/x",
                                                              "/v2/a:1/manifests/x",
                                                              "/v2/a@b/manifests/x",
                                                              "/v2/a/tags/list/",
                                                              "/v2/a/tags/list?n=%",
                                                              "/v2/a/tags/list?n=%00",
                                                              "/v2/" + long_name + "/manifests/x",
                                                              "/v2/a/_upload/manifests/x",
                                                              std::string("/v2/a\0b/manifests/x", 19)}) {
        const auto route = parse_target(target);
        EXPECT_FALSE(route.ok()) << target;
        if (!route.ok()) {
            EXPECT_EQ(route.error().message().find('\n'), std::string::npos) << target;
        }
    }
    EXPECT_TRUE(parse_target("/v2/" + long_name.substr(1) + "/manifests/x").ok());
}

TEST(RouteTest, QueriesAreDecoded) {
    const auto route = parse_target("/v2/a/blobs/uploads/?digest=sha256%3Aab&mount=&from=x%2Fy&from=second&flag");
    ASSERT_TRUE(route.ok());
    EXPECT_EQ(route->parameter("digest"), "sha256:ab");
    EXPECT_EQ(route->parameter("from"), "x/y");
    EXPECT_EQ(route->parameter("flag"), "");
    EXPECT_EQ(route->parameter("other"), "");
    EXPECT_EQ(encoded("a b&c=sha256:d/e"), "a%20b%26c%3Dsha256%3Ad/e");
    std::string many = "/v2/_catalog?";
    for (int at = 0; at < 40; ++at) many += fmt::format("k{}=v&", at);
    EXPECT_FALSE(parse_target(many).ok());
}

TEST(RangeTest, WhatMayBeAskedFor) {
    const auto part = [](std::string_view header, std::uint64_t size) { return std::get<Range>(parse_range(header, size)); };
    EXPECT_EQ(part("bytes=0-0", 10), (Range{0, 0}));
    EXPECT_EQ(part("bytes=3-", 10), (Range{3, 9}));
    EXPECT_EQ(part("bytes=3-100", 10), (Range{3, 9}));
    EXPECT_EQ(part("bytes=-3", 10), (Range{7, 9}));
    EXPECT_EQ(part("bytes=-30", 10), (Range{0, 9}));
    for (const char* outside : {"bytes=10-", "bytes=10-20", "bytes=-0"})
        EXPECT_TRUE(std::holds_alternative<OutsideRange>(parse_range(outside, 10))) << outside;
    EXPECT_TRUE(std::holds_alternative<OutsideRange>(parse_range("bytes=-1", 0)));
    for (const char* ignored : {"", "items=0-1", "bytes=1-0", "bytes=a-b", "bytes=0-1,3-4", "bytes=", "bytes=-", "bytes=1",
                                "bytes=99999999999999999999-"})
        EXPECT_TRUE(std::holds_alternative<WholeRange>(parse_range(ignored, 10))) << ignored;
}

TEST(RangeTest, Chunks) {
    EXPECT_EQ(parse_chunk_range("0-99"), (Range{0, 99}));
    EXPECT_EQ(parse_chunk_range("bytes 5-5/10"), (Range{5, 5}));
    for (const char* wrong : {"", "-", "5-", "-5", "9-5", "a-b", "0-99x", "bytes=0-9"})
        EXPECT_FALSE(parse_chunk_range(wrong)) << wrong;
}

TEST(PagingTest, Pages) {
    const std::vector<std::string> sorted{"a", "b", "c", "d"};
    const auto page = [&](const char* n, const char* last) { return page_of(sorted, n, last).value(); };
    EXPECT_EQ(page("", "").entries, sorted);
    EXPECT_FALSE(page("", "").more);
    EXPECT_EQ(page("2", "").entries, (std::vector<std::string>{"a", "b"}));
    EXPECT_TRUE(page("2", "").more);
    EXPECT_EQ(page("2", "b").entries, (std::vector<std::string>{"c", "d"}));
    EXPECT_FALSE(page("2", "b").more);
    // An entry that is gone meanwhile.
    EXPECT_EQ(page("1", "bb").entries, (std::vector<std::string>{"c"}));
    EXPECT_TRUE(page("0", "").entries.empty());
    EXPECT_FALSE(page("0", "").more);
    EXPECT_TRUE(page("5", "z").entries.empty());
    EXPECT_EQ(page("99999999999999999999999", "").entries, sorted);
    for (const char* wrong : {"-1", "x", "1x", " 1"}) EXPECT_FALSE(page_of(sorted, wrong, "").ok()) << wrong;
}

}  // namespace
}  // namespace gantry::registry
