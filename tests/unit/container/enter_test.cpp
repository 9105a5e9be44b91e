// Entering a "container" made of namespaces by hand. Needs root; a program of its own because it must be sealed.
#include "container/enter.hpp"

#include "container/enter_channel.hpp"
#include "container/enter_child.hpp"
#include "os/file.hpp"
#include "os/mount.hpp"
#include "os/self.hpp"
#include "os/userns.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>

using namespace gantry;
using namespace gantry::container;
using testing::HasSubstr;

namespace {

#define MUST(expression)                                                    \
    if (auto&& got = (expression); !got.ok()) {                             \
        fmt::print(stderr, "{}: {}\n", #expression, got.error().message()); \
        return 1;                                                           \
    }

// The first process of the test's container: a tmpfs root with the host's programs bound in read-only. Tells when it is ready.
int first_process(const std::string& root, int ready, bool pivot) {
    MUST(os::unshare_mounts());
    if (pivot) {
        MUST(os::mount("tmpfs", root, "tmpfs", 0, "mode=755"));
        for (const char* name : {"/usr", "/bin", "/sbin", "/lib", "/lib64"}) {
            struct stat info {};
            if (stat(name, &info) != 0) continue;
            MUST(os::make_dirs(root + name));
            MUST(os::mount(name, root + name, "", MS_BIND | MS_REC));
        }
        for (const char* name : {"/proc", "/dev/pts", "/etc", "/tmp", "/work"}) MUST(os::make_dirs(root + name));
        MUST(os::mount("proc", root + "/proc", "proc", 0));
        MUST(os::mount("devpts", root + "/dev/pts", "devpts", 0, "newinstance,ptmxmode=0666,mode=0620"));
        MUST(os::write_file_atomic(root + "/etc/passwd", "root:x:0:0::/root:/bin/sh\nweb:x:33:44::/srv/web:/bin/sh\n"));
        MUST(os::write_file_atomic(root + "/etc/group", "web:x:44:\nextra:x:55:web\n"));
        if (mknod((root + "/dev/null").c_str(), S_IFCHR | 0666, makedev(1, 3)) != 0 && errno != EPERM) return 1;
        const auto fd = os::open(root, O_PATH | O_DIRECTORY);
        MUST(fd);
        MUST(os::enter_root(fd->get()));
    }
    (void)sethostname("inside", 6);
    char byte = 'r';
    if (write(ready, &byte, 1) != 1) return 1;
    for (;;) pause();
}

class EnterNeedsRoot : public testing::Test {
protected:
    void SetUp() override {
        ASSERT_EQ(geteuid(), 0U) << "these tests need root";
        char pattern[] = "/tmp/gantry-enter-XXXXXX";
        ASSERT_NE(mkdtemp(pattern), nullptr);
        root_ = pattern;
    }
    void TearDown() override {
        if (container_.pid > 0) stop();
        EXPECT_TRUE(os::remove_tree(root_).ok());
    }
    void start(bool user_namespace = false, bool pivot = true) {
        int go[2], ready[2];
        ASSERT_EQ(pipe2(go, O_CLOEXEC), 0);
        ASSERT_EQ(pipe2(ready, O_CLOEXEC), 0);
        const std::uint64_t flags = CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP | CLONE_NEWNS |
                                    (user_namespace ? CLONE_NEWUSER : 0);
        auto child = clone_child(flags, [&] {
            char byte = 0;
            if (read(go[0], &byte, 1) != 1) return 1;
            if (user_namespace && (setresgid(0, 0, 0) != 0 || setresuid(0, 0, 0) != 0)) return 1;
            return first_process(root_, ready[1], pivot);
        });
        ASSERT_TRUE(child.ok()) << child.error().message();
        container_ = std::move(child).value();
        if (user_namespace) {
            ASSERT_EQ(chown(root_.c_str(), 100000, 100000), 0);
            ASSERT_TRUE(os::write_id_maps(container_.pid, {{0, 100000, 65536}}, {{0, 100000, 65536}}).ok());
        }
        char byte = 'g';
        ASSERT_EQ(write(go[1], &byte, 1), 1);
        close(ready[1]);
        ASSERT_EQ(read(ready[0], &byte, 1), 1) << "the container did not come up";
        for (const int fd : {go[0], go[1], ready[0]}) close(fd);
        request_ = EnterRequest{.container = "web", .pid = container_.pid, .environment = {"PATH=/usr/bin:/bin"}};
        auto capabilities = sandbox::capability_set({}, {}, false);
        ASSERT_TRUE(capabilities.ok());
        request_.privileges.capabilities = *capabilities;
    }
    void stop() {
        kill(container_.pid, SIGKILL);
        EXPECT_EQ(waitpid(container_.pid, nullptr, 0), container_.pid);
        container_.pid = 0;
    }
    // What `sh -c script` writes, with its exit status in front: "0|text".
    std::string shell(const std::string& script) {
        int ends[2];
        EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
        request_.command = {"sh", "-c", script};
        request_.stdio = {-1, ends[1], ends[1]};
        auto entered = enter(request_);
        close(ends[1]);
        std::string text = os::read_fd(ends[0], "pipe").value_or("unreadable");
        close(ends[0]);
        if (!entered.ok()) return "not entered: " + entered.error().message();
        while (!text.empty() && text.back() == '\n') text.pop_back();
        return fmt::format("{}|{}", entered->wait().value_or(-1), text);
    }
    std::string refusal() {
        auto entered = enter(request_);
        return entered.ok() ? "" : fmt::format("{}|{}", exec_exit_status(entered.error()), entered.error().message());
    }

    std::string root_;
    ClonedChild container_;
    EnterRequest request_;
};

TEST_F(EnterNeedsRoot, TheCommandIsInEveryNamespace) {
    start();
    EXPECT_EQ(shell("hostname; echo /*"), "0|inside\n/bin /dev /etc /lib /lib64 /proc /sbin /tmp /usr /work");
    request_.command = {"sleep", "60"};
    request_.stdio = {-1, -1, -1};
    auto entered = enter(request_);
    ASSERT_TRUE(entered.ok()) << entered.error().message();
    for (const char* name : {"mnt", "pid", "net", "ipc", "uts", "cgroup", "user"}) {
        struct stat first {
        }, further{};
        ASSERT_EQ(stat(fmt::format("/proc/{}/ns/{}", container_.pid, name).c_str(), &first), 0);
        ASSERT_EQ(stat(fmt::format("/proc/{}/ns/{}", entered->pid(), name).c_str(), &further), 0);
        EXPECT_EQ(first.st_ino, further.st_ino) << name;
    }
    EXPECT_EQ(os::read_file(fmt::format("/proc/{}/cgroup", container_.pid)).value_or("a"),
              os::read_file(fmt::format("/proc/{}/cgroup", entered->pid())).value_or("b"));
    stop();  // the kernel ends everything in a PID namespace with its first process; that we have not waited yet does not hold
             // it up
    EXPECT_EQ(entered->wait().value_or(-1), 128 + SIGKILL);
}

TEST_F(EnterNeedsRoot, WhoDetachesLeavesTheCommandRunning) {
    start();
    request_.command = {"sh", "-c", "sleep 0.1; touch /tmp/done; exec sleep 60"};
    os::Fd pidfd;
    {
        auto entered = enter(request_);
        ASSERT_TRUE(entered.ok()) << entered.error().message();
        pidfd = os::Fd(dup(entered->pidfd()));
    }
    EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), 0) << "a process was left to us besides the container's first";
    for (int tries = 0; tries < 100 && shell("test -e /tmp/done") != "0|"; ++tries) usleep(20000);
    EXPECT_TRUE(signal_process(pidfd.get(), 0).ok());
}

TEST_F(EnterNeedsRoot, ExitStatusesAreThoseOfShells) {
    start();
    EXPECT_EQ(shell("exit 7"), "7|");
    EXPECT_EQ(shell("kill -TERM $$"), "143|");
    request_.command = {"/no/such/program"};
    EXPECT_THAT(refusal(), testing::StartsWith("127|"));
    request_.command = {"nothing-in-path"};
    EXPECT_THAT(refusal(), testing::StartsWith("127|"));
    request_.command = {"/etc/passwd"};
    EXPECT_THAT(refusal(), testing::AllOf(testing::StartsWith("126|"), HasSubstr("permission denied")));
    request_.command = {"sh"};
    request_.workdir = "/missing";
    EXPECT_THAT(refusal(), testing::AllOf(testing::StartsWith("127|"), HasSubstr("'/missing'")));
    EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), 0) << "only the container's first process is our child now";
}

TEST_F(EnterNeedsRoot, UsersComeFromTheContainersFiles) {
    start();
    request_.run_as = "web";
    EXPECT_EQ(shell("id -u; id -g; id -G; echo $HOME; cat /proc/self/status | grep CapEff"),
              "0|33\n44\n44 55\n/srv/web\nCapEff:\t0000000000000000");
    request_.run_as = "www-data";  // the host has it
    EXPECT_THAT(shell("id"), HasSubstr("'www-data' is not in the container's"));
    request_.run_as = "1234:55";
    EXPECT_EQ(shell("id -u; id -g"), "0|1234\n55");
}

TEST_F(EnterNeedsRoot, CapabilitiesAndNoNewPrivilegesHold) {
    start();
    request_.privileges.capabilities = 1;  // CAP_CHOWN
    request_.privileges.no_new_privileges = true;
    EXPECT_EQ(shell("grep -E 'Cap(Prm|Eff|Bnd|Inh|Amb)|NoNewPrivs' /proc/self/status | cut -f2 | tr '\\n' ' '"),
              "0|0000000000000000 0000000000000001 0000000000000001 0000000000000001 0000000000000000 1 ");
}

TEST_F(EnterNeedsRoot, NoDescriptorOfOursIsInherited) {
    start();
    const int leak = open("/etc", O_RDONLY);  // not close-on-exec, as a careless parent leaves it
    ASSERT_GE(leak, 3);
    EXPECT_EQ(shell("ls /proc/self/fd | tr '\\n' ' '"), "0|0 1 2 3 ");  // 3 is what ls itself opened
    request_.command = {"sh"};
    for (int fd = 3; fd < 16; ++fd) {
        request_.workdir = fmt::format("/proc/self/fd/{}", fd);
        EXPECT_THAT(refusal(), testing::Not(testing::IsEmpty())) << "a host folder was reached through " << request_.workdir;
    }
    close(leak);
}

TEST_F(EnterNeedsRoot, AWorkingFolderThroughTheHostsRootIsRefused) {
    start();
    request_.workdir = "/work";
    EXPECT_EQ(shell("pwd"), "0|/work");
    request_.workdir = "relative";
    EXPECT_THAT(shell("pwd"), HasSubstr("not absolute"));
}

TEST_F(EnterNeedsRoot, ATerminalOfTheContainersOwn) {
    start();
    request_.terminal = true;
    request_.size = {33, 101};
    request_.command = {"sh", "-c", "tty; stty size; test -c /dev/pts/0 && stat -c %u /dev/pts/0; read line; echo got $line"};
    request_.run_as = "web";
    auto entered = enter(request_);
    ASSERT_TRUE(entered.ok()) << entered.error().message();
    ASSERT_GE(entered->terminal(), 0);
    ASSERT_TRUE(os::write_all(entered->terminal(), "hello\n", "terminal").ok());
    std::string text;
    char buffer[256];
    for (ssize_t got = 0; (got = read(entered->terminal(), buffer, sizeof buffer)) > 0;)
        text.append(buffer, static_cast<std::size_t>(got));
    EXPECT_THAT(text,
                testing::AllOf(HasSubstr("/dev/pts/0"), HasSubstr("33 101"), HasSubstr("33\r\n"), HasSubstr("got hello")));
    EXPECT_EQ(entered->wait().value_or(-1), 0);
}

TEST_F(EnterNeedsRoot, AFakeMultiplexerIsNotATerminal) {
    start();
    request_.privileges.capabilities = sandbox::all_capabilities();
    ASSERT_EQ(shell("umount /dev/pts && touch /dev/pts/ptmx"), "0|");
    request_.terminal = true;
    EXPECT_THAT(refusal(), HasSubstr("is not what it should be"));
    request_.terminal = false;
    ASSERT_EQ(shell("rm /dev/pts/ptmx && ln -s /dev/null /dev/pts/ptmx"), "0|");
    request_.terminal = true;
    EXPECT_THAT(refusal(), testing::Not(testing::IsEmpty()));
}

TEST_F(EnterNeedsRoot, AUserNamespaceIsJoinedToo) {
    start(true);
    EXPECT_EQ(shell("id -u; id -g; cat /proc/self/uid_map | tr -s ' '; grep CapEff /proc/self/status | cut -f2"),
              "0|0\n0\n 0 100000 65536\n00000000a80425fb");
    request_.run_as = "web";
    EXPECT_EQ(shell("id -u; id -G"), "0|33\n44 55");
    request_.terminal = true;
    request_.command = {"true"};
    auto entered = enter(request_);
    ASSERT_TRUE(entered.ok()) << entered.error().message();
    EXPECT_EQ(entered->wait().value_or(-1), 0);
}

TEST_F(EnterNeedsRoot, AContainerThatEndedOrIsNotYetThereIsNotEntered) {
    start();
    request_.command = {"true"};
    stop();
    EXPECT_EQ(refusal(), "1|container 'web' is not running");
    start(false, false);  // it still has the host's root
    request_.command = {"touch", "/tmp/gantry-on-the-host"};
    EXPECT_EQ(refusal(), "1|container 'web' is still being put together");
    EXPECT_FALSE(os::path_exists("/tmp/gantry-on-the-host"));
    request_.pid = 0x7ffffff0;
    EXPECT_EQ(refusal(), "1|container 'web' is not running");
}

// CVE-2019-5736: whoever inside holds /proc/PID/exe of a process that still runs our binary must not be able to write it.
TEST_F(EnterNeedsRoot, OurBinaryIsOnAReadOnlyMount) {
    EXPECT_TRUE(os::own_binary_is_sealed().value_or(false));
    start();
    const auto exe = os::open(fmt::format("/proc/{}/exe", container_.pid), O_PATH);
    ASSERT_TRUE(exe.ok());
    struct statvfs info {};
    ASSERT_EQ(fstatvfs(exe->get(), &info), 0);
    EXPECT_TRUE(info.f_flag & ST_RDONLY);
}

TEST(EnterMessages, FailuresSurviveTheChannel) {
    for (const Error& failure :
         {Error::from_errno(ENOENT, "execute 'x'"), error(Errc::denied, "no"), Error::from_errno(EPERM, "a: b")}) {
        const auto back = decode_failure(encode_failure(failure));
        ASSERT_TRUE(back);
        EXPECT_EQ(back->message(), failure.message());
        EXPECT_EQ(back->sys(), failure.sys());
        EXPECT_EQ(back->code(), failure.code());
    }
    for (const char* bad :
         {"", "failed", "failed ", "failed 1", "failed 1 x y", "failed 1 99 text", "failed -1 1 text", "started 1"})
        EXPECT_FALSE(decode_failure(bad)) << bad;
}

}  // namespace

int main(int argc, char** argv) {
    if (auto sealed = os::seal_own_binary(); !sealed.ok()) {
        fmt::print(stderr, "{}\n", sealed.error().message());
        return 1;
    }
    testing::InitGoogleTest(&argc, argv);
    return RUN_ALL_TESTS();
}
