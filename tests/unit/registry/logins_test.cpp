#include "registry/logins.hpp"
#include "support.hpp"

#include "os/file.hpp"

#include <crypt.h>

namespace gantry::registry {
namespace {

using image::test::Scratch;

std::string hash_of(const char* password) {
    crypt_data scratch{};
    return crypt_r(password, "$2y$04$abcdefghijklmnopqrstuu", &scratch);
}

TEST(LoginsTest, Htpasswd) {
    const Scratch scratch;
    const std::string file = scratch / "htpasswd";
    Htpasswd users;
    EXPECT_FALSE(users.check(file, "me", "s3cret").ok());
    ASSERT_TRUE(os::write_file_atomic(file, "# users\nme:" + hash_of("s3cret") + "\r\nold:$apr1$x$y\nbroken\n\n").ok());
    EXPECT_FALSE(users.remembered(file, "me", "s3cret"));
    EXPECT_TRUE(users.check(file, "me", "s3cret").value());
    EXPECT_TRUE(users.remembered(file, "me", "s3cret"));
    EXPECT_FALSE(users.check(file, "me", "wrong").value());
    EXPECT_FALSE(users.check(file, "you", "s3cret").value());
    EXPECT_FALSE(users.check(file, "old", "x").value());
    EXPECT_FALSE(users.check(file, "", "").value());
    // A new password counts at once, the old one no more.
    ASSERT_TRUE(os::write_file_atomic(file, "me:" + hash_of("other") + "\n").ok());
    EXPECT_FALSE(users.remembered(file, "me", "s3cret"));
    EXPECT_FALSE(users.check(file, "me", "s3cret").value());
    EXPECT_TRUE(users.check(file, "me", "other").value());
}

TEST(LoginsTest, Basic) {
    EXPECT_EQ(parse_basic("Basic bWU6czNjcmV0"), std::pair(std::string("me"), std::string("s3cret")));
    EXPECT_EQ(parse_basic("bAsIc bWU6YTpi")->second, "a:b");
    for (const char* wrong : {"", "Basic", "Basic ", "Basic !", "Basic bWU=", "Bearer x", "Basic bWU6AA=="})
        EXPECT_FALSE(parse_basic(wrong)) << wrong;
}

TEST(LoginsTest, Tokens) {
    const Scratch scratch;
    const std::string file = scratch / "run/key";
    const Tokens tokens = Tokens::open(file).value();
    const std::string token = tokens.issue("alice", 1000);
    EXPECT_EQ(tokens.check(token, 1000)->user, "alice");
    EXPECT_FALSE(tokens.check(token, 1301));
    EXPECT_FALSE(tokens.check(tokens.issue(std::nullopt, 1000), 1000)->user);
    // A server that comes back knows its tokens; another one does not.
    EXPECT_TRUE(Tokens::open(file).value().check(token, 1000));
    EXPECT_FALSE(Tokens::open(scratch / "run/other").value().check(token, 1000));
    for (std::size_t at = 0; at < token.size(); ++at) {
        std::string forged = token;
        forged[at] = forged[at] == '0' ? '1' : '0';
        EXPECT_FALSE(tokens.check(forged, 1000)) << at;
    }
    for (const char* wrong : {"", ".", "..", "...", "1000.u.", "a.b.c.d"}) EXPECT_FALSE(tokens.check(wrong, 0)) << wrong;
}

}  // namespace
}  // namespace gantry::registry
