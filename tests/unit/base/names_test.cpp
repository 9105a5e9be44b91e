#include "base/names.hpp"

#include <gtest/gtest.h>

using namespace gantry;

TEST(ContainerName, takes_dockers_grammar) {
    for (const char* good : {"web", "a1", "My_app-2.x", "0a"}) EXPECT_TRUE(ContainerName::parse(good).ok()) << good;
}

TEST(ContainerName, refuses_what_is_no_name) {
    for (const char* bad : {"", "a", "-web", "../etc", "a/b", "a b", "web\n", "caf\xc3\xa9", ".."})
        EXPECT_FALSE(ContainerName::parse(bad).ok()) << bad;
    const auto huge = ContainerName::parse(std::string(300, 'x'));
    ASSERT_FALSE(huge.ok());
    EXPECT_NE(huge.error().message().find("300 bytes long"), std::string::npos);
}

TEST(ContainerName, travels_to_unit_and_back) {
    const auto name = ContainerName::parse("web-1.x").value();
    EXPECT_EQ(unit_name(name), "ctr@web-1.x.service");
    EXPECT_EQ(container_of_unit(unit_name(name)).value(), name);
    EXPECT_FALSE(container_of_unit("sshd.service").ok());
    EXPECT_FALSE(container_of_unit("ctr@.service").ok());
}

TEST(ContainerId, is_a_function_of_host_and_name) {
    const auto web = ContainerName::parse("web").value();
    const auto db = ContainerName::parse("db").value();
    EXPECT_EQ(derived_container_id("m1", web), derived_container_id("m1", web));
    EXPECT_NE(derived_container_id("m1", web), derived_container_id("m2", web));
    EXPECT_NE(derived_container_id("m1", web), derived_container_id("m1", db));
    EXPECT_EQ(derived_container_id("m1", web).size(), 64U);
    EXPECT_EQ(random_container_id().size(), 64U);
    EXPECT_NE(random_container_id(), random_container_id());
}
