#include "base/digest.hpp"

#include <gtest/gtest.h>

using gantry::Digest;

TEST(Digest, takes_the_two_registered_algorithms) {
    const auto digest = Digest::parse("sha256:" + std::string(64, 'a'));
    ASSERT_TRUE(digest.ok());
    EXPECT_EQ(digest->algorithm(), "sha256");
    EXPECT_EQ(digest->hex(), std::string(64, 'a'));
    EXPECT_TRUE(Digest::parse("sha512:" + std::string(128, '0')).ok());
}

TEST(Digest, refuses_what_could_be_a_path_or_another_spelling) {
    for (const std::string& bad :
         {std::string(), std::string("sha256:"), "sha256:" + std::string(63, 'a'), "sha256:" + std::string(64, 'A'),
          "md5:" + std::string(32, 'a'), "sha256:../" + std::string(61, 'a'), "sha512:" + std::string(64, 'a')})
        EXPECT_FALSE(Digest::parse(bad).ok()) << bad;
}
