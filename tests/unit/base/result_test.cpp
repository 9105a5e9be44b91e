#include "base/result.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>

using namespace gantry;

namespace {

Result<int> half(int number) {
    if (number % 2) return error(Errc::invalid, "{} is odd", number);
    return number / 2;
}

Result<std::unique_ptr<int>> quarter(int number) {
    const int once = TRY(half(number));
    return std::make_unique<int>(TRY_CONTEXT(half(once), "halve {} again", once));
}

Result<> fails_with_errno() {
    errno = ENOENT;
    return errno_error("open '{}'", "/x");
}

}  // namespace

TEST(Result, passes_values_and_errors_on) {
    EXPECT_EQ(**quarter(8), 2);
    EXPECT_EQ(quarter(3).error().message(), "3 is odd");
    EXPECT_EQ(quarter(6).error().message(), "halve 3 again: 3 is odd");
    EXPECT_EQ(quarter(6).error().code(), Errc::invalid);
}

TEST(Error, keeps_the_kernels_reason) {
    const auto result = fails_with_errno().context("read the definition");
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().sys(), ENOENT);
    EXPECT_EQ(result.error().code(), Errc::not_found);
    EXPECT_EQ(result.error().message(), "read the definition: open '/x': no such file or directory");
}

TEST(Error, is_one_line_of_utf8_whatever_it_quotes) {
    EXPECT_EQ(Error(Errc::invalid, "name 'a\nb\x1b[31m\x7f'").message(), "name 'a\\x0ab\\x1b[31m\\x7f'");
    EXPECT_EQ(Error(Errc::invalid, "Größe 容器 🚢").message(), "Größe 容器 🚢");
    EXPECT_EQ(Error(Errc::invalid, "cut \xc3").message(), "cut \\xc3");
    EXPECT_EQ(Error(Errc::invalid, "overlong \xc0\xaf \xe0\x80\xaf").message(), "overlong \\xc0\\xaf \\xe0\\x80\\xaf");
    EXPECT_EQ(Error(Errc::invalid, "surrogate \xed\xa0\x80").message(), "surrogate \\xed\\xa0\\x80");
    EXPECT_EQ(Error(Errc::invalid, "next line \xc2\x85").message(), "next line \\xc2\\x85");
    EXPECT_EQ(Error(Errc::io, "b").context("a\n").message(), "a\\x0a: b");
}
