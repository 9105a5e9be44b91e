#include "cli/run_flags.hpp"

#include "cli/verb.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace gantry;
using namespace gantry::cli;

namespace {

// The words as a shell would pass them to `gantry run`.
Result<config::Definition> defined(std::vector<std::string> words) {
    words.insert(words.begin(), "run");
    RunFlags flags;
    Verb verb;
    bool ran = false;
    testing::internal::CaptureStderr();
    const auto ended = parse_command_line(std::move(words), [&](Verb top) {
        verb = top.add_verb("run", "");
        declare_run_flags(verb, flags, false);
        verb.on_run([&] {
            ran = true;
            flags.image_and_command = verb.remaining();
        });
    });
    const std::string said = testing::internal::GetCapturedStderr();
    if (ended || !ran) return error(Errc::invalid, "{}", said);
    return definition_from(flags);
}

std::string refused(std::vector<std::string> words) {
    const auto result = defined(std::move(words));
    return result.ok() ? "" : result.error().message();
}

}  // namespace

TEST(RunFlags, given_twice_the_last_one_counts) {
    const auto definition = defined({"--hostname", "one", "--memory", "64m", "--hostname=two", "--memory", "128m", "busybox"});
    ASSERT_TRUE(definition.ok()) << definition.error().message();
    EXPECT_EQ(definition->hostname, "two");
    EXPECT_EQ(definition->limits.memory, 128U << 20);
}

TEST(RunFlags, end_where_the_image_begins) {
    const auto definition =
        defined({"-it", "--name", "x1", "-e", "A=1", "debian:12", "ls", "-l", "--name", "other", "-e"}).value();
    EXPECT_EQ(definition.image, "debian:12");
    EXPECT_EQ(*definition.command, (Strings{"ls", "-l", "--name", "other", "-e"}));
    EXPECT_TRUE(definition.tty);
    EXPECT_TRUE(definition.open_stdin);
    EXPECT_EQ(definition.env, (std::vector<std::pair<std::string, std::string>>{{"A", "1"}}));
}

TEST(RunFlags, leave_the_command_to_the_image) {
    EXPECT_FALSE(defined({"nginx"})->command.has_value());
    EXPECT_EQ(defined({"--entrypoint", "", "nginx"})->entrypoint, Strings{});
    EXPECT_EQ(defined({"--entrypoint", "/bin/sh", "nginx"})->entrypoint, Strings{"/bin/sh"});
}

TEST(RunFlags, pass_variables_of_the_caller_on) {
    setenv("GANTRY_TEST_PASSED", "yes", 1);
    unsetenv("GANTRY_TEST_MISSING");
    const auto definition = defined({"-e", "GANTRY_TEST_PASSED", "-e", "GANTRY_TEST_MISSING", "-e", "EMPTY=", "x"}).value();
    EXPECT_EQ(definition.env, (std::vector<std::pair<std::string, std::string>>{{"GANTRY_TEST_PASSED", "yes"}, {"EMPTY", ""}}));
}

TEST(RunFlags, read_variable_files_as_docker_does) {
    const auto file = std::filesystem::temp_directory_path() / "gantry-env-test";
    std::ofstream(file) << "# comment\n\nA=1\n  B=two words # kept\r\nC=\n";
    const auto definition = defined({"--env-file", file.string(), "-e", "A=2", "x"}).value();
    EXPECT_EQ(definition.env,
              (std::vector<std::pair<std::string, std::string>>{{"A", "1"}, {"B", "two words # kept"}, {"C", ""}, {"A", "2"}}));
    std::ofstream(file) << "ok=1\nbad name=2\n";
    EXPECT_NE(refused({"--env-file", file.string(), "x"}).find(":2: variable 'bad name'"), std::string::npos);
    std::filesystem::remove(file);
}

TEST(RunFlags, take_sources_relative_to_the_caller) {
    const auto mounts =
        defined({"-v", "./x:/data:ro", "-v", "db:/db", "--tmpfs", "/run", "--mount", "type=bind,src=/a,dst=/b", "x"})->mounts;
    const auto at = [&](const std::string& target) {
        return *std::ranges::find_if(mounts, [&](const config::Mount& mount) { return mount.target == target; });
    };
    ASSERT_EQ(mounts.size(), 4U);
    EXPECT_EQ(at("/data").source, (std::filesystem::current_path() / "x").string());
    EXPECT_TRUE(at("/data").read_only);
    EXPECT_EQ(at("/db").type, config::MountType::volume);
    EXPECT_EQ(at("/run").type, config::MountType::tmpfs);
    EXPECT_EQ(at("/b").source, "/a");
}

TEST(RunFlags, convert_limits) {
    const auto limits = defined({"-m", "512m", "--memory-swap", "-1", "--cpus", "1.5", "-c", "1024", "--pids-limit", "-1",
                                 "--ulimit", "nofile=1024:2048", "--device-read-bps", "/dev/sda:1m", "x"})
                            ->limits;
    EXPECT_EQ(limits.memory, 512U << 20);
    EXPECT_EQ(limits.memory_swap, ~0ULL);
    EXPECT_DOUBLE_EQ(*limits.cpus, 1.5);
    EXPECT_EQ(limits.cpu_weight, 39U);  // runc's conversion of 1024 shares
    EXPECT_FALSE(limits.pids.has_value());
    EXPECT_EQ(limits.ulimits.at("nofile"), (config::Ulimit{1024, 2048}));
    EXPECT_EQ(limits.read_bps.at(0), (config::DeviceRate{"/dev/sda", 1U << 20}));
}

TEST(RunFlags, choose_networks) {
    EXPECT_EQ(defined({"--network", "host", "x"})->network_mode, config::NetworkMode::host);
    EXPECT_EQ(defined({"--net", "container:web", "x"})->network_container, "web");
    const auto two = defined({"--network", "front", "--network", "name=back,alias=db,ip=10.1.0.9", "x"}).value();
    ASSERT_EQ(two.networks.size(), 2U);
    EXPECT_EQ(two.networks[1].aliases, Strings{"db"});
    EXPECT_EQ(two.networks[1].ipv4, "10.1.0.9");
    EXPECT_EQ(defined({"--ip", "10.88.0.9", "x"})->networks.at(0).name, "bridge");
}

TEST(RunFlags, refuse_what_contradicts_or_does_not_exist) {
    EXPECT_EQ(refused({}), "an image is needed: [OPTIONS] IMAGE [COMMAND] [ARG...]");
    EXPECT_NE(refused({"--nmae", "x", "debian"}).find("--nmae"), std::string::npos);
    for (std::vector<std::string> bad : std::vector<std::vector<std::string>>{{"--rm", "--restart", "always", "x"},
                                                                              {"--network", "none", "--network", "a", "x"},
                                                                              {"--network", "host", "--ip", "1.2.3.4", "x"},
                                                                              {"-m", "1k", "x"},
                                                                              {"--cpus", "-1", "x"},
                                                                              {"--cpus", "1", "--cpu-quota", "1000", "x"},
                                                                              {"--restart", "sometimes", "x"},
                                                                              {"--stop-signal", "SIGWHAT", "x"},
                                                                              {"--link", "db", "x"},
                                                                              {"-p", "99999:80", "x"},
                                                                              {"--security-opt", "label=x", "x"},
                                                                              {"--log-driver", "syslog", "x"},
                                                                              {"--no-healthcheck", "--health-cmd", "true", "x"},
                                                                              {"--oom-score-adj", "2000", "x"}})
        EXPECT_NE(refused(bad), "") << bad[0] << " " << bad[1];
}

TEST(RunFlags, dockers_flags_without_a_meaning_here_are_refused_unless_they_change_nothing) {
    for (std::vector<std::string> fine : std::vector<std::vector<std::string>>{{"--runtime", "runc", "x"},
                                                                               {"--volume-driver=local", "x"},
                                                                               {"--memory-swappiness", "-1", "x"},
                                                                               {"--isolation", "default", "x"},
                                                                               {"--disable-content-trust", "x"},
                                                                               {"--security-opt", "apparmor=unconfined", "x"},
                                                                               {"--security-opt", "label=disable", "x"},
                                                                               {"--log-driver", "json-file", "x"}})
        EXPECT_EQ(refused(fine), "") << fine[0];
    EXPECT_TRUE(defined({"--log-driver", "local", "--log-opt", "max-size=10m", "x"})->log_to_journal);
    EXPECT_EQ(refused({"--gpus", "all", "x"}), "--gpus is not supported: pass the devices with --device");
    EXPECT_EQ(refused({"--memory-swappiness", "10", "x"}),
              "--memory-swappiness is not supported: cgroup v2 has no such setting");
    EXPECT_NE(refused({"--runtime", "kata", "x"}), "");
    EXPECT_NE(refused({"--security-opt", "apparmor=mine", "x"}), "");
}
