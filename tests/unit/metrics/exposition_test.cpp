#include "metrics/exposition.hpp"

#include <gtest/gtest.h>

using gantry::metrics::Exposition;

TEST(Exposition, OneMetricStandsTogether) {
    Exposition out;
    out.add(Exposition::Kind::counter, "b_total", "Of b.", {{"name", "x"}}, 1);
    out.add(Exposition::Kind::gauge, "a", "Of a.", {}, 0.5);
    out.add(Exposition::Kind::counter, "b_total", "", {{"name", "y"}, {"port", "80"}}, 12345678901234);
    EXPECT_EQ(out.text(),
              "# HELP a Of a.\n# TYPE a gauge\na 0.5\n"
              "# HELP b_total Of b.\n# TYPE b_total counter\nb_total{name=\"x\"} 1\nb_total{name=\"y\",port=\"80\"} "
              "12345678901234\n");
}

TEST(Exposition, LabelValuesAreEscaped) {
    Exposition out;
    out.add(Exposition::Kind::gauge, "a", "Of a.", {{"image", "a\\b\"c\nd"}}, 1);
    EXPECT_NE(out.text().find("a{image=\"a\\\\b\\\"c\\nd\"} 1\n"), std::string::npos) << out.text();
}

TEST(Exposition, NumbersKeepTheirDigits) {
    Exposition out;
    out.add(Exposition::Kind::gauge, "a", "Of a.", {{"n", "1"}}, 1234567.891234);
    out.add(Exposition::Kind::gauge, "a", "", {{"n", "2"}}, 1e20);
    out.add(Exposition::Kind::gauge, "a", "", {{"n", "3"}}, 0);
    EXPECT_NE(out.text().find("{n=\"1\"} 1234567.891234\n"), std::string::npos) << out.text();
    EXPECT_NE(out.text().find("{n=\"2\"} 1e+20\n"), std::string::npos) << out.text();
    EXPECT_NE(out.text().find("{n=\"3\"} 0\n"), std::string::npos) << out.text();
}
