#include "support.hpp"

using namespace gantry;
using namespace gantry::dockerfile;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(Copy, has_all_its_flags) {
    const auto copy = only<Copy>(
        "COPY --from=build --chown=app:www --chmod=u=rwX,go=rX --link=false --parents --exclude=*.o --exclude=**/tmp src/*.c "
        "include /dst/");
    EXPECT_THAT(copy.sources, ElementsAre("src/*.c", "include"));
    EXPECT_EQ(copy.destination, "/dst/");
    EXPECT_EQ(copy.from, "build");
    EXPECT_EQ(copy.chown, "app:www");
    EXPECT_EQ(copy.chmod, "u=rwX,go=rX");
    EXPECT_FALSE(copy.link);
    EXPECT_TRUE(copy.parents);
    EXPECT_THAT(copy.exclude, ElementsAre("*.o", "**/tmp"));
    EXPECT_TRUE(only<Copy>("COPY --link a b").link);
    EXPECT_THAT(only<Copy>("COPY [\"with space\", \"/d e/\"]").sources, ElementsAre("with space"));
}

TEST(Copy, refuses_what_it_cannot_mean) {
    EXPECT_EQ(refusal("COPY"),
              "COPY requires at least two arguments, but only none was provided: the destination is not known");
    EXPECT_THAT(refusal("COPY --from=$x a b"), HasSubstr("variable expansion is not supported for --from"));
    EXPECT_EQ(refusal("COPY --from= a b"), "flag '--from' of COPY is empty");
    EXPECT_THAT(refusal("COPY --chmod=999 a b"), HasSubstr("not a number of octal digits"));
    EXPECT_THAT(refusal("COPY --exclude=[ a b"), HasSubstr("--exclude: syntax error in pattern '['"));
    EXPECT_EQ(refusal("COPY --link=maybe a b"), "flag '--link' of COPY is true or false, not 'maybe'");
    EXPECT_EQ(refusal("COPY --checksum=x a b"), "unknown flag '--checksum' of COPY");
}

TEST(Add, has_all_its_flags) {
    const std::string digest = "sha256:24454f830cdb571e2c4ad15481119c43b3cafd48dd869a9b2945d1036d1dc68d";
    const auto add = only<Add>("ADD --checksum=" + digest +
                               " --keep-git-dir --unpack=true --chown=1:2 --chmod=644 --exclude=a --link https://x/y.tar /");
    EXPECT_EQ(add.checksum, digest);
    EXPECT_EQ(add.keep_git_dir, true);
    EXPECT_EQ(add.unpack, true);
    EXPECT_TRUE(add.link);
    EXPECT_EQ(only<Add>("ADD a b").unpack, std::nullopt);
    EXPECT_EQ(only<Add>("ADD --unpack=false a b").unpack, false);
    EXPECT_EQ(only<Add>("ADD --checksum=0123456789abcdef0123456789abcdef01234567 git@h:r.git b").checksum.size(), 40U);
    EXPECT_THAT(refusal("ADD --checksum=md5:x a b"), HasSubstr("--checksum"));
    EXPECT_EQ(refusal("ADD --from=x a b"), "unknown flag '--from' of ADD");
}

TEST(FileMode, octal_is_the_mode) {
    const FileMode mode = FileMode::parse("4755").value();
    EXPECT_EQ(mode.apply(0, false), 04755U);
    EXPECT_EQ(mode.apply(0777, true), 04755U);
    EXPECT_EQ(FileMode::parse("0644").value().apply(0, false), 0644U);
}

TEST(FileMode, symbolic_changes_the_old_one) {
    const auto apply = [](std::string_view text, std::uint32_t old, bool folder = false) {
        return FileMode::parse(text).value().apply(old, folder);
    };
    EXPECT_EQ(apply("+x", 0644), 0755U);
    EXPECT_EQ(apply("u+x", 0644), 0744U);
    EXPECT_EQ(apply("go-rwx", 0777), 0700U);
    EXPECT_EQ(apply("u=rwX,go=rX", 0640), 0644U);
    EXPECT_EQ(apply("u=rwX,go=rX", 0740), 0755U);
    EXPECT_EQ(apply("u=rwX,go=rX", 0600, true), 0755U);
    EXPECT_EQ(apply("a=r", 0777), 0444U);
    EXPECT_EQ(apply("u+s,g+s", 0755), 06755U);
    EXPECT_EQ(apply("+t", 0755, true), 01755U);
    EXPECT_EQ(apply("u=rw-w+x", 0), 0500U);
    EXPECT_EQ(apply("o=", 0777), 0770U);
    for (const char* bad : {"", "8", "77777", "u", "ux", "u~x", "u+q", "u+x,", "z+x", "0x1", "-1x"})
        EXPECT_FALSE(FileMode::parse(bad).ok()) << bad;
}
