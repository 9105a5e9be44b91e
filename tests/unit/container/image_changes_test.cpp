#include "container/image_changes.hpp"

#include "container/volume_store.hpp"
#include "os/file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace gantry;
using namespace gantry::container;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

namespace {

image::ImageConfig base() {
    image::ImageConfig config;
    config.env = {"PATH=/bin", "A=1"};
    config.entrypoint = {"/entry"};
    config.command = {"old"};
    config.user = "app";
    config.workdir = "/srv";
    config.labels = {{"a", "1"}, {"b", "2"}};
    config.exposed_ports = {"80/tcp"};
    config.volumes = {"/data"};
    config.on_build = {"RUN x"};
    config.stop_signal = "SIGINT";
    config.health = image::HealthCheck{{"CMD", "probe"}, 5, 6, 7, 8};
    return config;
}

image::ImageConfig changed(const std::vector<std::string>& changes) {
    image::ImageConfig config = base();
    const auto done = apply_changes(config, changes);
    EXPECT_TRUE(done.ok()) << done.error().message();
    return config;
}

std::string refused(const std::string& change) {
    image::ImageConfig config = base();
    const auto done = apply_changes(config, {change});
    EXPECT_FALSE(done.ok()) << change;
    if (done.ok()) return "";
    EXPECT_EQ(done.error().code(), Errc::invalid);
    return done.error().message();
}

TEST(ApplyChanges, EveryInstructionOfAConfiguration) {
    EXPECT_THAT(changed({R"(CMD ["x","y z"])"}).command, ElementsAre("x", "y z"));
    EXPECT_THAT(changed({"CMD x y"}).command, ElementsAre("/bin/sh", "-c", "x y"));
    EXPECT_THAT(changed({R"(SHELL ["/bin/ash","-ec"])", "CMD x"}).command, ElementsAre("/bin/ash", "-ec", "x"));
    EXPECT_THAT(changed({"ENV A=2 B=$A C=\"two words\""}).env, ElementsAre("PATH=/bin", "A=2", "B=1", "C=two words"));
    EXPECT_THAT(changed({"EXPOSE 80 81-82/udp"}).exposed_ports, ElementsAre("80/tcp", "81/udp", "82/udp"));
    EXPECT_THAT(changed({R"(VOLUME ["/data","/more"])"}).volumes, ElementsAre("/data", "/more"));
    EXPECT_EQ(changed({"USER $A"}).user, "1");
    EXPECT_EQ(changed({"WORKDIR sub/../other", "WORKDIR ./deep"}).workdir, "/srv/other/deep");
    EXPECT_EQ(changed({"LABEL b=3 c=\"d e\""}).labels.at("b"), "3");
    EXPECT_EQ(changed({"STOPSIGNAL 9"}).stop_signal, "9");
    EXPECT_THAT(changed({"onbuild run make"}).on_build, ElementsAre("RUN x", "run make"));
    EXPECT_THAT(changed({"HEALTHCHECK NONE"}).health->test, ElementsAre("NONE"));
    const auto health = *changed({"HEALTHCHECK --interval=2s --retries=4 CMD probe --now"}).health;
    EXPECT_THAT(health.test, ElementsAre("CMD-SHELL", "probe --now"));
    EXPECT_EQ(health.interval, 2'000'000'000);
    EXPECT_EQ(health.retries, 4);
    EXPECT_EQ(changed({"ENV X=1\nLABEL y=2"}).labels.at("y"), "2");
}

TEST(ApplyChanges, AnEntrypointTakesBackACommandThatWasNotSetBesideIt) {
    EXPECT_THAT(changed({R"(ENTRYPOINT ["/new"])"}).command, IsEmpty());
    EXPECT_THAT(changed({R"(CMD ["x"])", R"(ENTRYPOINT ["/new"])"}).command, ElementsAre("x"));
    EXPECT_THAT(changed({R"(ENTRYPOINT ["/new"])", R"(CMD ["x"])"}).command, ElementsAre("x"));
    EXPECT_THAT(changed({"ENTRYPOINT []"}).entrypoint, IsEmpty());
}

TEST(ApplyChanges, RefusesTheRestAndNamesIt) {
    for (const char* change :
         {"RUN x", "COPY a b", "ADD a b", "ARG x", "FROM y", "MAINTAINER me", "CMDD x", "", "# only a comment",
          "ONBUILD FROM x", "EXPOSE 99999999", "STOPSIGNAL nonsense", "HEALTHCHECK --interval=x CMD y"})
        EXPECT_THAT(refused(change), HasSubstr(fmt::format("change '{}'", change)));
}

TEST(CommittedConfig, TheContainersOwnWins) {
    config::Definition definition;
    definition.env = {{"A", "2"}, {"B", "3"}};
    definition.command = std::vector<std::string>{"new"};
    definition.run_as = "root";
    definition.workdir = "/w";
    definition.labels = {{"b", "3"}};
    definition.expose = {"53/udp"};
    config::Port port;
    port.container_port = 8080;
    port.container_port_end = 8081;
    definition.ports = {port};
    definition.stop_signal = "SIGTERM";
    const auto made = committed_config(definition, std::string(64, 'a'), base());
    ASSERT_TRUE(made.ok()) << made.error().message();
    EXPECT_THAT(made->env, ElementsAre("PATH=/bin", "A=2", "B=3"));
    EXPECT_THAT(made->entrypoint, ElementsAre("/entry"));
    EXPECT_THAT(made->command, ElementsAre("new"));
    EXPECT_EQ(made->user, "root");
    EXPECT_EQ(made->workdir, "/w");
    EXPECT_EQ(made->labels.at("a"), "1");
    EXPECT_EQ(made->labels.at("b"), "3");
    EXPECT_THAT(made->exposed_ports, ElementsAre("80/tcp", "53/udp", "8080/tcp", "8081/tcp"));
    EXPECT_EQ(made->stop_signal, "SIGTERM");
    EXPECT_THAT(made->on_build, IsEmpty());
    EXPECT_EQ(made->health, base().health);
}

TEST(CommittedConfig, AnEntrypointOfItsOwnGoesWithoutTheImagesCommand) {
    config::Definition definition;
    definition.entrypoint = std::vector<std::string>{"/own"};
    const auto made = committed_config(definition, "x", base());
    ASSERT_TRUE(made.ok());
    EXPECT_THAT(made->entrypoint, ElementsAre("/own"));
    EXPECT_THAT(made->command, IsEmpty());
}

TEST(CommittedConfig, OnlyAnonymousVolumesBecomeTheImages) {
    const std::string id(64, 'b');
    config::Definition definition;
    config::Mount named;
    named.type = config::MountType::volume;
    named.source = "mine";
    named.target = "/named";
    config::Mount own = named;
    own.target = "/own";
    own.source = anonymous_volume_name(id, own.target);
    definition.mounts = {named, own};
    const auto made = committed_config(definition, id, base());
    ASSERT_TRUE(made.ok());
    EXPECT_THAT(made->volumes, ElementsAre("/data", "/own"));
}

TEST(CommittedConfig, HealthChecksAreJoined) {
    config::Definition definition;
    definition.health.interval = config::Microseconds(1'000'000);
    definition.health.retries = 2;
    auto made = committed_config(definition, "x", base());
    ASSERT_TRUE(made.ok());
    EXPECT_EQ(*made->health, (image::HealthCheck{{"CMD", "probe"}, 1'000'000'000, 6, 7, 2}));
    definition.health.disabled = true;
    made = committed_config(definition, "x", base());
    EXPECT_THAT(made->health->test, ElementsAre("NONE"));
    definition = {};
    definition.health.command = {"CMD-SHELL", "own"};
    made = committed_config(definition, "x", base());
    EXPECT_EQ(*made->health, (image::HealthCheck{{"CMD-SHELL", "own"}}));
    EXPECT_FALSE(committed_config({}, "x", image::ImageConfig{})->health.has_value());
}

TEST(CommittedConfig, AnEnvironmentFileThatIsGoneIsAnError) {
    config::Definition definition;
    definition.env_files = {"/no/such/file"};
    const auto made = committed_config(definition, "x", base());
    ASSERT_FALSE(made.ok());
    EXPECT_THAT(made.error().message(), HasSubstr("/no/such/file"));
}

}  // namespace
