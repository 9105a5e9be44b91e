#include "support.hpp"

#include <fstream>
#include <sstream>

using namespace gantry;
using namespace gantry::config;
using namespace std::chrono_literals;

namespace {

// Every member away from its default.
Definition full() {
    Definition d;
    d.id = std::string(64, 'a');
    d.image = "reg.example:5000/app:1";
    d.image_id = "sha256:" + std::string(64, 'b');
    d.created = 1700000000;
    d.entrypoint = std::vector<std::string>{};
    d.command = {"sh", "-c", "echo \"$A\" \\ \t\n'x' \x01\x7f é"};
    d.env = {{"Z", "1"}, {"A", "x=y\nz"}, {"A", ""}};
    d.env_files = {"/etc/env"};
    d.run_as = "1000:www";
    d.groups = {"audio", "44"};
    d.workdir = "/srv";
    d.hostname = "web1";
    d.domainname = "example.org";
    d.labels = {{"a.b/c", "1"}, {"", "no"}, {"two words", "\"q\""}};
    d.labels.erase("");
    d.annotations = {{"x", "y"}};
    d.description = "100% \"web\"";
    d.mounts = {Mount{MountType::bind, "/a", "/b", true, "rshared", false, true, true, 0, 01777, {}},
                Mount{MountType::volume, "data", "/c", false, "rprivate", true, false, false, 0, 01777, {}},
                Mount{MountType::tmpfs, "", "/d", false, "rprivate", true, false, true, 4096, 0700, {"exec"}}};
    d.networks = {
        NetworkAttachment{
            "front", "eth7", "10.1.2.3", "fd00::3", "02:42:ac:11:00:02", {"www"}, true, 100'000'000, 12345, {{"k", "v"}}},
        NetworkAttachment{"back", "", "", "", "", {}, false, 0, 0, {}, "web", 0}};
    d.ports = {parse_port("127.0.0.1:8000-8001:80-81/udp").value(), parse_port("[::1]::5/sctp").value(),
               parse_port("published=443,target=443,bypass_firewall=true").value(),
               parse_port("target=444,bypass_firewall=false").value(),
               parse_port("published=445,target=445,socket=true").value()};
    d.idle_stop = std::chrono::minutes(10);
    d.publish_all = true;
    d.expose = {"99/tcp"};
    d.dns = {"1.1.1.1"};
    d.dns_search = {"example.org"};
    d.dns_options = {"ndots:2"};
    d.extra_hosts = {{"gw", "host-gateway"}, {"v6", "::1"}};
    d.restart = Restart::on_failure;
    d.restart_max = 5;
    d.restart_delay = 1500ms;
    d.stop_signal = "SIGRTMIN+3";
    d.stop_timeout = Microseconds::max();
    d.ready = Ready::healthy;
    d.start_timeout = 7us;
    d.watchdog = 30s;
    d.requires_ = {"db"};
    d.wants = {"x.service"};
    d.after = {"y.target"};
    Limits& l = d.limits;
    l.memory = 1ULL << 30;
    l.memory_reservation = (1ULL << 20) + 1;
    l.memory_swap = ~0ULL;
    l.cpus = 1.5;
    l.cpu_weight = 200;
    l.cpuset = "0-1";
    l.cpuset_mems = "0";
    l.pids = ~0ULL;
    l.io_weight = 300;
    l.read_bps = {{"/dev/sda", 1000}};
    l.write_bps = {{"/dev/sdb", 2000}};
    l.read_iops = {{"/dev/sda", 3}};
    l.write_iops = {{"/dev/sda", 4}};
    l.ulimits = {{"nofile", {1, ~0ULL}}, {"core", {0, 0}}};
    l.oom_score_adj = -5;
    l.shm_size = 1U << 20;
    d.security = Security{{"NET_ADMIN"}, {"ALL"}, "/etc/s.json", true, true, {"/proc/x"}, {"/proc/y"}, true};
    d.read_only = true;
    d.log_direct = true;
    d.devices = {Device{"/dev/fuse", "/dev/fuse", "rw"}};
    d.device_cgroup_rules = {"c 42:* rwm"};
    d.sysctls = {{"net.core.somaxconn", "1024"}};
    d.pid = {NamespaceMode::Kind::container, "db"};
    d.ipc = {NamespaceMode::Kind::host, ""};
    d.cgroup = {NamespaceMode::Kind::host, ""};
    d.machine = false;
    d.init = d.tty = d.open_stdin = true;
    d.health.command = {"CMD-SHELL", "true"};
    d.health.interval = 10s;
    d.health.timeout = 3s;
    d.health.start_period = 0s;
    d.health.retries = 2;
    d.health.on_unhealthy = OnUnhealthy::stop;
    d.credentials = {{"a", "/etc/a", {}, true}, {"b", "", "secret\n", false}};
    d.log_to_journal = false;
    d.log_fields = {{"TEAM", "web"}};
    d.storage_driver = "btrfs";
    d.storage_size = 10ULL << 30;
    return d;
}

}  // namespace

TEST(Writer, what_is_written_reads_back_the_same) {
    const Definition d = full();
    const std::string text = write_definition(d);
    const auto again = parse_definition(text, "full.toml");
    ASSERT_TRUE(again.ok()) << again.error().message() << "\n" << text;
    EXPECT_EQ(write_definition(*again), text);
    EXPECT_TRUE(*again == d) << text;
    EXPECT_TRUE(checked_definition(d, "options").ok());
}

TEST(Writer, each_member_alone_reads_back) {
    Definition d;
    d.image = "x";
    d.user.kind = NamespaceMode::Kind::private_;
    d.uts.kind = NamespaceMode::Kind::host;
    d.health.command = {"CMD", "really"};
    d.network_mode = NetworkMode::none;
    d.limits.cpus = 0.1;
    d.limits.pids = 7;
    EXPECT_TRUE(read(write_definition(d)) == d) << write_definition(d);
    d.network_mode = NetworkMode::host;
    d.user.kind = NamespaceMode::Kind::host;
    d.health = {};
    d.health.disabled = true;
    d.auto_remove = true;
    d.env = {{"A", "1"}, {"B", "2"}};
    EXPECT_TRUE(read(write_definition(d)) == d) << write_definition(d);
    d.network_mode = NetworkMode::container;
    d.network_container = "db";
    d.uts.kind = NamespaceMode::Kind::private_;
    EXPECT_TRUE(read(write_definition(d)) == d) << write_definition(d);
}

TEST(Writer, defaults_are_left_out) {
    Definition d;
    d.image = "nginx";
    EXPECT_EQ(write_definition(d), "image = \"nginx\"\n");
}

TEST(Writer, a_definition_put_together_from_flags_is_checked) {
    Definition d;
    d.image = "nginx";
    d.hostname = "a b";
    const auto result = checked_definition(d, "options");
    ASSERT_FALSE(result.ok());
    EXPECT_NE(result.error().message().find("options:2:"), std::string::npos);
    d.hostname.clear();
    d.env = {{"A", "\xff"}};
    EXPECT_FALSE(checked_definition(d, "options").ok());
}
