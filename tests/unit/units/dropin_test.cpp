#include "support.hpp"

#include "os/file.hpp"

#include <filesystem>
#include <set>

using namespace gantry;
using namespace gantry::container;
using testing::HasSubstr;
using testing::Not;

namespace {

std::size_t lines(const std::string& text, std::string_view start) {
    std::size_t count = 0, at = 0;
    const std::string wanted = "\n" + std::string(start);
    while ((at = text.find(wanted, at)) != std::string::npos) ++at, ++count;
    return count;
}

}  // namespace

TEST(Dropin, smallest_container) {
    EXPECT_EQ(dropin(""),
              "# Made by Gantry from the container's definition. Changes belong there, or into a drop-in of your own.\n"
              "[Service]\n"
              "Restart=no\n"
              "LogExtraFields=\"CONTAINER_NAME=web\"\n"
              "LogExtraFields=\"CONTAINER_ID=aaaaaaaaaaaa\"\n"
              "LogExtraFields=\"CONTAINER_ID_FULL=" +
                  std::string(64, 'a') +
                  "\"\n"
                  "LogExtraFields=\"CONTAINER_TAG=aaaaaaaaaaaa\"\n"
                  "LogExtraFields=\"IMAGE_NAME=nginx\"\n");
}

TEST(Dropin, dependencies_of_every_kind) {
    const std::string text = dropin(
        "requires = [\"db\"]\nwants = [\"cache\"]\nafter = [\"nginx.service\"]\nports = [\"80:80\"]\n"
        "volumes = [\"/srv/a b:/x\", \"data:/y\"]\nenv_files = [\"/etc/env\"]\n");
    for (const char* line :
         {"Requires=ctr@db.service\nAfter=ctr@db.service\n", "Wants=ctr@cache.service\nAfter=ctr@cache.service\n",
          "After=nginx.service\n", "RequiresMountsFor=\"/srv/a b\"\n", "RequiresMountsFor=\"/etc/env\"\n",
          "Wants=network-online.target\nAfter=network-online.target\n"})
        EXPECT_THAT(text, HasSubstr(line));
    EXPECT_EQ(lines(text, "RequiresMountsFor="), 2U);
    EXPECT_THAT(dropin("requires = [\"web\"]"), HasSubstr("cannot depend on itself"));
    EXPECT_THAT(dropin("network = \"container:web\""), HasSubstr("cannot depend on itself"));
}

TEST(Dropin, joined_namespaces_bind) {
    const std::string text =
        dropin("network = \"container:db\"\n[namespaces]\npid = \"container:db\"\nipc = \"container:app\"\n");
    EXPECT_EQ(lines(text, "BindsTo=ctr@db.service"), 1U);
    EXPECT_EQ(lines(text, "BindsTo=ctr@app.service"), 1U);
}

TEST(Dropin, restart_policies) {
    EXPECT_THAT(dropin("restart = \"always\"\nrestart_delay = \"5s\""), HasSubstr("Restart=always\nRestartSec=5s\n"));
    EXPECT_THAT(dropin("restart = \"unless-stopped\""), HasSubstr("Restart=always\n"));
    const std::string limited = dropin("restart = \"on-failure:3\"");
    EXPECT_THAT(limited, HasSubstr("[Unit]\nStartLimitIntervalSec=40400ms\nStartLimitBurst=4\n"));
    EXPECT_THAT(limited, HasSubstr("Restart=on-failure\n"));
    EXPECT_THAT(dropin("restart = \"on-failure\""), Not(HasSubstr("StartLimit")));
    EXPECT_THAT(dropin("restart = \"on-failure:1000000\"\nrestart_delay = \"1000d\""),
                HasSubstr("StartLimitIntervalSec=31536000s\n"));
}

TEST(Dropin, stop_signal_and_timeout) {
    EXPECT_THAT(dropin("stop_signal = \"SIGQUIT\""),
                HasSubstr("KillSignal=SIGQUIT\nSuccessExitStatus=\nSuccessExitStatus=131 SIGQUIT\n"));
    EXPECT_THAT(dropin("stop_signal = 15"), Not(HasSubstr("KillSignal")));
    EXPECT_THAT(dropin("stop_timeout = 30"), HasSubstr("TimeoutStopSec=30s\n"));
    EXPECT_THAT(dropin("stop_timeout = -1"), HasSubstr("TimeoutStopSec=infinity\n"));
    EXPECT_THAT(dropin("stop_timeout = \"10ms\""), HasSubstr("TimeoutStopSec=1s\n"));
    const std::string at_once = dropin("stop_timeout = 0");
    EXPECT_THAT(at_once, HasSubstr("KillSignal=SIGKILL\n"));
    EXPECT_THAT(at_once, Not(HasSubstr("TimeoutStopSec")));
    UnitFacts image = facts();
    image.stop_signal = "SIGRTMIN+3";
    EXPECT_THAT(dropin("", image), HasSubstr("KillSignal=SIGRTMIN+3\n"));
    EXPECT_THAT(dropin("stop_signal = \"TERM\"", image), Not(HasSubstr("KillSignal")));
    image.stop_signal = "SIGNONSENSE\nExecStart=/x";
    EXPECT_THAT(dropin("", image), testing::StartsWith("ERROR stop signal: signal"));
}

TEST(Dropin, start_and_watchdog) {
    EXPECT_THAT(dropin("start_timeout = \"2m\"\nwatchdog = 30"), HasSubstr("TimeoutStartSec=120s\nWatchdogSec=30s\n"));
    EXPECT_THAT(
        dropin("ready = \"healthy\"\n[health]\ncommand = \"true\"\ninterval = 1\ntimeout = 1\nretries = 4\nstart_period = 5"),
        HasSubstr("TimeoutStartSec=45s\n"));
}

TEST(Dropin, limits_are_the_units) {
    const std::string text = dropin(R"([limits]
memory = "1g"
memory_reservation = "512m"
memory_swap = "1536m"
cpus = 1.5
cpu_weight = 200
cpuset = "0-1"
cpuset_mems = "0"
pids = 100
io_weight = 50
read_bps = ["/dev/sda:1m"]
write_iops = ["/dev/sda:100"]
oom_score_adj = 500
[limits.ulimits]
nofile = "1024:2048"
core = "unlimited"
)");
    for (const char* line : {"MemoryMax=1073741824\n", "MemoryLow=536870912\n", "MemorySwapMax=536870912\n", "CPUQuota=150%\n",
                             "CPUWeight=200\n", "AllowedCPUs=0-1\n", "AllowedMemoryNodes=0\n", "TasksMax=100\n",
                             "IOWeight=50\n", "IOReadBandwidthMax=\"/dev/sda\" 1048576\n", "IOWriteIOPSMax=\"/dev/sda\" 100\n",
                             "OOMScoreAdjust=500\n", "LimitNOFILE=1024:2048\n", "LimitCORE=infinity\n"})
        EXPECT_THAT(text, HasSubstr(line));
    EXPECT_THAT(dropin("[limits]\nmemory = \"1g\""), HasSubstr("MemorySwapMax=1073741824\n"));
    EXPECT_THAT(dropin("[limits]\nmemory = \"1g\"\nmemory_swap = \"1g\""), HasSubstr("MemorySwapMax=0\n"));
    EXPECT_THAT(dropin("[limits]\nmemory = \"1g\"\nmemory_swap = -1"), HasSubstr("MemorySwapMax=infinity\n"));
    EXPECT_THAT(dropin("[limits]\ncpus = 0.333"), HasSubstr("CPUQuota=33.30%\n"));
    EXPECT_THAT(dropin("[limits]\ncpus = 0.001"), HasSubstr("CPUQuota=0.10%\n"));
}

TEST(Dropin, devices) {
    const std::string text = dropin(
        "devices = [\"/dev/fuse\", \"/dev/dri\", \"/dev/sda:/dev/x:r\"]\n"
        "device_cgroup_rules = [\"c 42:* rm\", \"b 8:1 r\", \"a *:* m\"]");
    for (const char* line : {"DeviceAllow=\"/dev/fuse\" rwm\n", "DeviceAllow=\"char-drm\" rwm\n",
                             "DeviceAllow=\"/dev/sda\" r\n", "DeviceAllow=\"char-42\" rm\n",
                             "DeviceAllow=\"/dev/block/8:1\" r\n", "DeviceAllow=\"char-*\" m\nDeviceAllow=\"block-*\" m\n"})
        EXPECT_THAT(text, HasSubstr(line));
    EXPECT_THAT(dropin("device_cgroup_rules = [\"c *:3 r\"]"), HasSubstr("without its major"));
    EXPECT_THAT(dropin("[security]\nprivileged = true"), HasSubstr("DevicePolicy=auto\nDeviceAllow=\n"));
}

TEST(Dropin, hostile_texts_stay_in_their_line) {
    const std::string text = dropin(
        "description = \"100% \\\\\"\n[labels]\na = \"x\\nExecStart=/bin/sh %n \\\"q\\\"\"\n[log.fields]\nTEAM = \"\\\\\"\n");
    EXPECT_EQ(lines(text, "ExecStart"), 0U);
    EXPECT_THAT(text, HasSubstr("Description=100%%\n"));
    EXPECT_THAT(text, HasSubstr("LogExtraFields=\"LABEL_A=x\\x0aExecStart=/bin/sh %%n \\\"q\\\"\"\n"));
    EXPECT_THAT(dropin("volumes = [\"/a\\nExecStart=b:/x\"]"), testing::StartsWith("ERROR path"));
    EXPECT_THAT(dropin("[[credentials]]\nname = \"a\"\nvalue = \"s%n\\n\""), HasSubstr("SetCredential=a:s\\x25n\\x0a\n"));
}

TEST(Dropin, credentials_log_and_helpers) {
    const std::string text = dropin(
        "tty = true\nauto_remove = true\n[log]\ndriver = \"none\"\n[health]\ncommand = \"true\"\n"
        "[[credentials]]\nname = \"a\"\npath = \"/etc/a-b\"\n[[credentials]]\nname = \"b\"\npath = \"sys\"\nencrypted = "
        "true\n");
    for (const char* line : {"Wants=ctr-console@web.service\nAfter=ctr-console@web.service\n", "Wants=ctr-health@web.timer\n",
                             "CollectMode=inactive-or-failed\n", "StandardOutput=null\nStandardError=null\n",
                             "LoadCredential=a:/etc/a-b\n", "LoadCredentialEncrypted=b:sys\n"})
        EXPECT_THAT(text, HasSubstr(line));
    UnitFacts image = facts();
    image.image_health = true;
    EXPECT_THAT(dropin("", image), HasSubstr("Wants=ctr-health@web.timer"));
    EXPECT_THAT(dropin("[health]\ndisabled = true", image), Not(HasSubstr("ctr-health")));
}

TEST(Dropin, machine_containers_are_asked_to_halt) {
    UnitFacts image = facts();
    image.command = {"/sbin/init"};
    const std::string halt = "TimeoutStopSec=90s\nKillSignal=SIGRTMIN+3\n";
    EXPECT_THAT(dropin("", image), HasSubstr(halt));
    EXPECT_THAT(dropin("command = [\"/lib/systemd/systemd\", \"--unit=rescue.target\"]"), HasSubstr(halt));
    EXPECT_THAT(dropin("machine = true\ncommand = [\"/start\"]"), HasSubstr(halt));
    EXPECT_THAT(dropin("stop_timeout = 5\nstop_signal = \"SIGPWR\"", image),
                HasSubstr("TimeoutStopSec=5s\nKillSignal=SIGPWR\n"));
    for (const char* plain : {"machine = false", "command = [\"/init\"]", "entrypoint = [\"/bin/sh\"]", "init = true",
                              "[namespaces]\npid = \"host\"", "[namespaces]\ncgroup = \"host\""})
        EXPECT_THAT(dropin(plain, image), Not(HasSubstr("KillSignal"))) << plain;
}

TEST(SocketDropin, has_what_systemd_listens_at) {
    EXPECT_EQ(socket_dropin(definition("ports = [\"8080:80\"]"), facts()), "");
    const std::string ports =
        "ports = [{ publish = \"8080:80\", socket = true }, \"8081:80\", "
        "{ publish = \"[::1]:5300-5301:53-54/udp\", socket = true }, "
        "{ publish = \"192.0.2.1:9000:90\", socket = true }]";
    EXPECT_THAT(socket_dropin(definition(ports), facts()),
                HasSubstr("[Socket]\nListenStream=8080\nListenDatagram=[::1]:5300\nListenDatagram=[::1]:5301\n"
                          "ListenStream=192.0.2.1:9000\n"));
    UnitFacts local = facts();
    local.bind_address = "127.0.0.1";
    EXPECT_THAT(socket_dropin(definition(ports), local), HasSubstr("ListenStream=127.0.0.1:8080\n"));
    EXPECT_THAT(dropin(ports), HasSubstr("Requires=ctr@web.socket\nAfter=ctr@web.socket\n"));
    EXPECT_THAT(dropin("ports = [\"8080:80\"]"), Not(HasSubstr("ctr@web.socket")));
}

TEST(IdleDropin, looks_ten_times_in_the_time) {
    const std::string ports = "ports = [{ publish = \"8080:80\", socket = true }]\n";
    EXPECT_EQ(idle_dropin(definition(ports)), "");
    EXPECT_THAT(idle_dropin(definition(ports + "idle_stop = \"5m\"")),
                HasSubstr("[Timer]\nOnActiveSec=\nOnActiveSec=30s\nOnUnitInactiveSec=30s\n"));
    EXPECT_THAT(idle_dropin(definition(ports + "idle_stop = \"2s\"")), HasSubstr("OnUnitInactiveSec=1s\n"));
    EXPECT_THAT(idle_dropin(definition(ports + "idle_stop = \"1h\"")), HasSubstr("OnUnitInactiveSec=60s\n"));
    EXPECT_THAT(dropin(ports + "idle_stop = \"5m\""), HasSubstr("Wants=ctr-idle@web.timer\n"));
}

TEST(HealthDropin, has_the_times_of_definition_and_image) {
    UnitFacts image = facts();
    EXPECT_EQ(health_dropin(definition(""), image), "");
    image.image_health = true;
    image.image_interval = std::chrono::seconds(7);
    EXPECT_THAT(health_dropin(definition(""), image),
                HasSubstr("[Timer]\nOnActiveSec=\nOnActiveSec=7s\nOnUnitInactiveSec=7s\n"));
    EXPECT_THAT(health_dropin(definition("[health]\ninterval = \"2s\""), image), HasSubstr("OnUnitInactiveSec=2s\n"));
    EXPECT_THAT(health_dropin(definition("ready = \"healthy\""), image), HasSubstr("OnActiveSec=1s\nOnUnitInactiveSec=7s\n"));
}

TEST(RuntimeProperties, lift_what_the_definition_does_not_limit) {
    const auto find = [](const systemd::Properties& list, std::string_view wanted) {
        for (const auto& [key, value] : list)
            if (key == wanted) return std::optional(value);
        return std::optional<systemd::Value>();
    };
    const auto plain = runtime_properties(definition(""));
    EXPECT_EQ(find(plain, "MemoryMax"), systemd::Value(~std::uint64_t{0}));
    EXPECT_EQ(find(plain, "CPUQuotaPerSecUSec"), systemd::Value(~std::uint64_t{0}));
    EXPECT_FALSE(find(plain, "TasksMax").has_value());
    const auto limited = runtime_properties(
        definition("[limits]\nmemory = \"64m\"\ncpus = 0.5\npids = 5\ncpuset = \"0\"\nread_bps = [\"/dev/sda:1k\"]"));
    EXPECT_EQ(find(limited, "MemoryMax"), systemd::Value(std::uint64_t{64U << 20}));
    EXPECT_EQ(find(limited, "MemorySwapMax"), systemd::Value(std::uint64_t{64U << 20}));
    EXPECT_EQ(find(limited, "CPUQuotaPerSecUSec"), systemd::Value(std::uint64_t{500000}));
    EXPECT_EQ(find(limited, "IOReadBandwidthMax"), systemd::Value(std::vector<std::string>{"/dev/sda 1024"}));
}

TEST(DropinFiles, are_written_once_and_in_both_places) {
    const std::string root = testing::TempDir() + "dropins";
    std::filesystem::remove_all(root);
    ASSERT_TRUE(os::make_dirs(root + "/run/systemd/generator.early/ctr@web.service.d").ok());
    ASSERT_TRUE(
        os::write_file_atomic(root + "/run/systemd/generator.early/ctr@web.service.d/10-gantry.conf", "old", 0644, false).ok());
    setenv("GANTRY_ROOT", root.c_str(), 1);
    EXPECT_TRUE(write_dropin(name(), "text").value());
    EXPECT_FALSE(write_dropin(name(), "text").value());
    EXPECT_EQ(os::read_file(root + "/run/systemd/system/ctr@web.service.d/10-gantry.conf").value(), "text");
    EXPECT_EQ(os::read_file(root + "/run/systemd/generator.early/ctr@web.service.d/10-gantry.conf").value(), "text");
    EXPECT_TRUE(write_companion_dropin("ctr-health@web.timer", "timer").value());
    EXPECT_TRUE(write_companion_dropin("ctr-health@web.timer", "").value());
    EXPECT_FALSE(write_companion_dropin("ctr-health@web.timer", "").value());
    EXPECT_TRUE(remove_dropin(name()).ok());
    EXPECT_FALSE(os::path_exists(root + "/run/systemd/system/ctr@web.service.d"));
    EXPECT_FALSE(os::path_exists(root + "/run/systemd/generator.early/ctr@web.service.d"));
    unsetenv("GANTRY_ROOT");
    std::filesystem::remove_all(root);
}
