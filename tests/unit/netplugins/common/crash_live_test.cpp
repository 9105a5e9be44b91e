// What must be true after a kill -9 anywhere, a flush, and other people's hands.
#include "host.hpp"

#include "os/file.hpp"

#include <gmock/gmock.h>

#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

namespace gantry::net {
namespace {

using driver::Protocol;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class CrashLive : public LiveHost {
protected:
    // Everything of ours that a container can leave outside: elements, interfaces, notes and leases.
    std::string leftovers(const driver::NetworkConfig& config) {
        std::string found;
        for (const char* map : {"any4", "any6", "one4", "one6"})
            if (const std::string text = run(std::string("nft list map inet gantry ") + map);
                text.find("elements") != text.npos)
                found += text;
        if (const std::string links = run("ip -br link"); links.find("veth") != links.npos) found += links;
        const auto leases = driver_->leases(config);
        for (const auto& lease : *leases) found += "lease " + lease.address + "\n";
        const auto notes = os::list_dir(folder_ / "run/net/bridge");
        for (const auto& name : *notes)
            if (!name.starts_with(".")) found += "note " + name + "\n";
        return found;
    }
};

TEST_F(CrashLive, KilledBeforeEachSystemCall) {
    const auto config = network();
    auto wanted = request("web", config);
    wanted.ports = {published(8080, 80), published(5353, 53, Protocol::udp)};
    {
        const os::Fd netns = new_netns();
        must_prepare(wanted, netns.get());  // the network's own objects are there: what follows is the container's alone
        ASSERT_TRUE(driver_->teardown("web", config, false).ok());
    }
    // Calls that change something outside the process are the places worth dying at.
    const auto matters = [](long call) {
        return call == SYS_sendto || call == SYS_symlink || call == SYS_rename || call == SYS_renameat2 || call == SYS_unlink ||
               call == SYS_openat || call == SYS_write || call == SYS_setns || call == SYS_bpf;
    };
    bool finished = false;
    int deaths = 0;
    for (int stop_at = 1; !finished && stop_at < 500; ++stop_at) {
        os::Fd netns = new_netns();
        const pid_t child = fork();
        if (child == 0) {
            ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
            raise(SIGSTOP);
            _exit(driver_->prepare(wanted, netns.get()).ok() ? 0 : 1);
        }
        int status = 0;
        waitpid(child, &status, 0);
        ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
        bool entering = true;
        for (int seen = 0; seen < stop_at;) {
            ptrace(PTRACE_SYSCALL, child, nullptr, nullptr);
            waitpid(child, &status, 0);
            if (WIFEXITED(status)) {
                EXPECT_EQ(WEXITSTATUS(status), 0);
                finished = true;
                break;
            }
            user_regs_struct registers{};
            ptrace(PTRACE_GETREGS, child, nullptr, &registers);
            if (entering && matters(static_cast<long>(registers.orig_rax))) ++seen;
            entering = !entering;
        }
        if (finished) break;
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
        ++deaths;
        netns.reset();  // the container's process dies with the launcher
        const auto gone = driver_->teardown("web", config, false);
        ASSERT_TRUE(gone.ok()) << gone.error().message();
        // A lease whose way back was not written yet is recover()'s.
        ASSERT_TRUE(driver_->recover(config, {}, {}, false).ok());
        std::string left;
        for (int wait = 0; wait < 100 && !(left = leftovers(config)).empty(); ++wait)
            usleep(10000);  // the kernel takes the veth down
        ASSERT_THAT(left, IsEmpty()) << "killed before call " << stop_at;
    }
    EXPECT_TRUE(finished);
    EXPECT_GT(deaths, 15);
}

TEST_F(CrashLive, AFlushedRulesetComesBackWithTheNextStart) {
    const os::Fd world = outside();
    const auto config = network();
    const auto other = network("other");
    auto wanted = request("web", config);
    wanted.ports = {published(8080, 80)};
    const os::Fd web = new_netns();
    must_prepare(wanted, web.get());
    const os::Fd server = listen_in(web.get(), Protocol::tcp, 80);
    run("nft flush ruleset");
    EXPECT_TRUE(closed_to(world.get(), "192.0.2.1", 8080, server.get()));
    const os::Fd second = new_netns();
    must_prepare(request("shop", other), second.get());  // of another network, without a port
    EXPECT_TRUE(connect_from(world.get(), "192.0.2.1", 8080, server.get()).connected);
    run("nft flush ruleset");
    ASSERT_TRUE(driver_->teardown("web", config, false).ok());
    ASSERT_TRUE(driver_->teardown("shop", other, false).ok());
}

TEST_F(CrashLive, ReloadPutsBackRulesAndTheInterface) {
    const os::Fd world = outside();
    const auto config = network();
    auto wanted = request("web", config);
    wanted.ports = {published(8080, 80)};
    const os::Fd web = new_netns();
    must_prepare(wanted, web.get());
    const os::Fd server = listen_in(web.get(), Protocol::tcp, 80);
    run("nft flush table inet gantry; ip link del gantry0; echo 0 > /proc/sys/net/ipv4/ip_forward");
    const auto reloaded = driver_->network_reload(config);
    ASSERT_TRUE(reloaded.ok()) << reloaded.error().message();
    EXPECT_TRUE(connect_from(world.get(), "192.0.2.1", 8080, server.get()).connected);
    EXPECT_TRUE(connect_from(host(), "127.0.0.1", 8080, server.get()).connected);
    EXPECT_TRUE(connect_from(world.get(), "2001:db8::1", 8080, server.get()).connected);
    ASSERT_TRUE(driver_->network_reload(config).ok());
}

TEST_F(CrashLive, ANoteOfAnotherDoesNotCloseThePort) {
    const auto config = network();
    auto wanted = request("web", config);
    wanted.ports = {published(8080, 80)};
    const os::Fd web = new_netns();
    must_prepare(wanted, web.get());
    // What a start that was killed between its note and the kernel's refusal leaves.
    const std::string note = os::read_file(folder_ / "run/net/bridge/web").value();
    ASSERT_TRUE(os::write_file_atomic(folder_ / "run/net/bridge/thief",
                                      "interface vethffffffff\n" + note.substr(note.find("namespace")))
                    .ok());
    EXPECT_TRUE(driver_->teardown("thief", config, false).ok());
    EXPECT_THAT(run("nft list map inet gantry any4"), HasSubstr("8080 comment \"bridge/web\""));
}

TEST_F(CrashLive, ABrokenNoteIsReapedByItsOwnersName) {
    const auto config = network();
    auto wanted = request("web", config);
    wanted.ports = {published(8080, 80)};
    const os::Fd web = new_netns();
    must_prepare(wanted, web.get());
    ASSERT_TRUE(os::write_file_atomic(folder_ / "run/net/bridge/web", "\xff garbage").ok());
    ASSERT_TRUE(driver_->teardown("web", config, false).ok());
    EXPECT_THAT(run("nft list map inet gantry any4"), Not(HasSubstr("8080")));
    EXPECT_THAT(driver_->recover(config, {}, {}, false).value(), testing::SizeIs(1)) << "the interface, whose namespace lives";
    EXPECT_THAT(leftovers(config), IsEmpty());
}

TEST_F(CrashLive, RecoverFindsAndRemovesButNotTheLiving) {
    const auto config = network();
    auto wanted = request("web", config);
    wanted.ports = {published(8080, 80)};
    const os::Fd web = new_netns(), shop = new_netns();
    must_prepare(wanted, web.get());
    must_prepare(request("shop", config), shop.get());
    EXPECT_THAT(driver_->recover(config, {"web", "shop"}, {"web", "shop"}, false).value(), IsEmpty());
    EXPECT_THAT(driver_->recover(config, {"shop"}, {"shop"}, true).value(), Not(IsEmpty()));
    EXPECT_THAT(run("nft list map inet gantry any4"), HasSubstr("8080"));
    const auto findings = driver_->recover(config, {"shop"}, {"shop"}, false).value();
    EXPECT_THAT(findings, testing::Contains("network 'bridge': attachment of container 'web', which is not running"));
    EXPECT_THAT(run("nft list map inet gantry any4"), Not(HasSubstr("8080")));
    EXPECT_THAT(driver_->recover(config, {"shop"}, {"shop"}, false).value(), IsEmpty());
    EXPECT_THAT(run("ip link", shop.get()), HasSubstr("eth0"));
    EXPECT_EQ(driver_->leases(config)->size(), 2U);
}

}  // namespace
}  // namespace gantry::net
