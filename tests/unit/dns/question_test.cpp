#include "dns/question.hpp"

#include <gtest/gtest.h>

namespace gantry::dns {

using namespace std::string_literals;

TEST(Question, is_one_message) {
    EXPECT_EQ(question_text(0x1234, "web.ctr", false),
              "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03web\x03"
              "ctr\x00\x00\x01\x00\x01"s);
    EXPECT_EQ(question_text(1, "a", true).substr(12),
              "\x01"
              "a\x00\x00\x1c\x00\x01"s);
}

TEST(Answer, has_an_address) {
    const std::string header = "\x12\x34\x85\x80\x00\x01\x00\x01\x00\x00\x00\x00"s;
    EXPECT_TRUE(is_answer(header, 0x1234));
    EXPECT_FALSE(is_answer(header, 0x1235));
    EXPECT_FALSE(is_answer(header.substr(0, 11), 0x1234));
    EXPECT_FALSE(is_answer("", 0));
    for (const std::string& other : {"\x12\x34\x85\x83\x00\x01\x00\x00\x00\x00\x00\x00"s,   // no such name
                                     "\x12\x34\x85\x80\x00\x01\x00\x00\x00\x00\x00\x00"s,   // no address
                                     "\x12\x34\x01\x00\x00\x01\x00\x01\x00\x00\x00\x00"s})  // a question
        EXPECT_FALSE(is_answer(other, 0x1234));
}

TEST(Questions, end_in_time) {
    Questions questions;
    EXPECT_TRUE(questions.wait(std::chrono::milliseconds(1), std::chrono::milliseconds(1)));
    EXPECT_FALSE(questions.add({"nonsense", "a", false}).ok());
    // Nobody is there.
    if (questions.add({"127.254.1.1", "a.ctr", false}).ok()) {
        const auto begin = std::chrono::steady_clock::now();
        EXPECT_FALSE(questions.wait(std::chrono::milliseconds(20), std::chrono::milliseconds(50)));
        EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
    }
}

}  // namespace gantry::dns
