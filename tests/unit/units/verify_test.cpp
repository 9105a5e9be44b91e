// What is produced, read by systemd's own parser: `systemd-analyze verify` says nothing about a unit that it understands whole.
#include "support.hpp"

#include "os/file.hpp"

#include <cstdio>
#include <filesystem>

using namespace gantry;
using namespace gantry::container;

namespace {

// Every key that has a line of its own, with the characters that hurt.
constexpr const char* everything = R"(
description = "100% web \"x\" 'y'"
env_files = ["/etc/env"]
ports = ["8080:80"]
restart = "on-failure:3"
restart_delay = "1500ms"
stop_signal = "SIGRTMIN+3"
stop_timeout = "infinity"
start_timeout = "2m"
watchdog = 30
ready = "healthy"
requires = ["db"]
wants = ["cache"]
after = ["time-sync.target"]
tty = true
devices = ["/dev/fuse", "/dev/snd", "/dev/null:/dev/x:r"]
device_cgroup_rules = ["c 42:* rwm", "b 8:1 r", "a *:* m"]

[namespaces]
ipc = "container:db"
[labels]
"com.example/x y" = "a\nb\"c\\d%n'e"
[limits]
memory = "1g"
memory_reservation = "512m"
memory_swap = "2g"
cpus = 0.333
cpu_weight = 200
cpuset = "0-1"
cpuset_mems = "0"
pids = 100
io_weight = 50
oom_score_adj = -5
read_bps = ["/dev/null:1m"]
write_bps = ["/dev/null:1m"]
read_iops = ["/dev/null:10"]
write_iops = ["/dev/null:10"]
[limits.ulimits]
as = "unlimited"
core = 0
cpu = 10
data = "1:2"
fsize = 1
locks = 1
memlock = "1:unlimited"
msgqueue = 1
nice = 20
nofile = "1024:2048"
nproc = 10
rss = 1
rtprio = 1
rttime = 1
sigpending = 1
stack = 8388608
[[mounts]]
type = "bind"
source = "/srv/a b%c\\d\"e"
target = "/x"
[[credentials]]
name = "a"
path = "/etc/a-b%c"
[[credentials]]
name = "b"
value = "line\n%n \\ \""
[log]
driver = "none"
[log.fields]
TEAM = "web"
[health]
command = "true"
)";

class Verify : public testing::Test {
protected:
    void SetUp() override {
        // It must be there where tests run: systemd is what all of this is for.
        ASSERT_TRUE(os::path_exists("/usr/bin/systemd-analyze"));
        std::filesystem::remove_all(folder_);
        std::filesystem::copy(GANTRY_UNITDIR, folder_,
                              std::filesystem::copy_options::recursive | std::filesystem::copy_options::copy_symlinks);
        for (const char* unit : {"ctr@.service", "ctr-console@.service", "ctr-health@.service"}) {
            std::string text = os::read_file(folder_ + "/" + unit).value();
            // The programs are not installed where tests run.
            for (std::size_t at = 0; (at = text.find("ExecSt", at)) != std::string::npos; ++at) {
                const std::size_t equals = text.find('=', at), space = text.find(' ', equals);
                text.replace(equals + 1, space - equals - 1, "/bin/true");
            }
            ASSERT_TRUE(os::write_file_atomic(folder_ + "/" + unit, text, 0644, false).ok());
        }
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }

    void put(const std::string& unit, const std::string& text) {
        ASSERT_TRUE(os::make_dirs(folder_ + "/" + unit + ".d").ok());
        ASSERT_TRUE(os::write_file_atomic(folder_ + "/" + unit + ".d/10-gantry.conf", text, 0644, false).ok());
    }

    std::string verify(const std::string& units) {
        const std::string command =
            "SYSTEMD_UNIT_PATH='" + folder_ +
            ":/usr/lib/systemd/system' SYSTEMD_LOG_LEVEL=notice systemd-analyze verify --man=no --recursive-errors=no " +
            units + " 2>&1";
        std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
        std::string output;
        char buffer[4096];
        while (const std::size_t got = fread(buffer, 1, sizeof buffer, pipe.get())) output.append(buffer, got);
        return output;
    }

    std::string folder_ = testing::TempDir() + "verify";
};

}  // namespace

TEST_F(Verify, full_drop_ins_have_no_line_that_systemd_does_not_take) {
    const auto text = unit_dropin(name(), definition(everything), facts());
    ASSERT_TRUE(text.ok()) << text.error().message();
    put("ctr@web.service", *text);
    put("ctr@db.service", dropin("auto_remove = true\nstop_timeout = 0\n[security]\nprivileged = true"));
    put("ctr-health@web.timer", health_dropin(definition(everything), facts()));
    EXPECT_EQ(verify("ctr@web.service ctr@db.service ctr-health@web.timer ctr-console@web.service"), "") << *text;
}

TEST_F(Verify, can_fail) {
    put("ctr@web.service", "[Service]\nNonsense=1\nMemoryMax=x\n");
    const std::string said = verify("ctr@web.service");
    EXPECT_NE(said.find("Nonsense"), std::string::npos) << said;
    EXPECT_NE(said.find("memory limit"), std::string::npos) << said;
}
