#include "support.hpp"

#include "os/file.hpp"

#include <gmock/gmock.h>

#include <filesystem>

using namespace gantry;
using namespace gantry::config;
using namespace std::chrono_literals;
using testing::HasSubstr;

namespace {
const std::string head = "image = \"nginx\"\n";
}

TEST(Reader, smallest_definition_has_dockers_defaults) {
    const Definition d = read(head);
    EXPECT_EQ(d.image, "nginx");
    EXPECT_EQ(d.network_mode, NetworkMode::networks);
    EXPECT_EQ(d.restart, Restart::no);
    EXPECT_EQ(d.limits.shm_size, 64U << 20);
    EXPECT_EQ(d.user.kind, NamespaceMode::Kind::host);
    EXPECT_FALSE(d.command.has_value());
}

TEST(Reader, strings_are_the_shell_form) {
    EXPECT_EQ(read(head + "command = \"echo hi\"").command, (std::vector<std::string>{"/bin/sh", "-c", "echo hi"}));
    EXPECT_EQ(read(head + "entrypoint = [\"/x\", \"y\"]").entrypoint, (std::vector<std::string>{"/x", "y"}));
    EXPECT_EQ(read(head + "entrypoint = []").entrypoint, std::vector<std::string>{});
    EXPECT_EQ(read(head + "entrypoint = \"\"").entrypoint, std::vector<std::string>{});
}

TEST(Reader, takes_a_table_or_a_list_of_variables) {
    EXPECT_EQ(read(head + "[env]\nB = \"1\"\nA = 2\nC = true").env,
              (std::vector<std::pair<std::string, std::string>>{{"A", "2"}, {"B", "1"}, {"C", "true"}}));
    EXPECT_EQ(read(head + "env = [\"B=1\", \"A=x=y\"]").env,
              (std::vector<std::pair<std::string, std::string>>{{"B", "1"}, {"A", "x=y"}}));
    EXPECT_THAT(failure(head + "env = [\"B\"]"), HasSubstr("'B' must be NAME=VALUE"));
}

TEST(Reader, takes_the_shorthands_of_network) {
    EXPECT_EQ(read(head + "network = \"host\"").network_mode, NetworkMode::host);
    EXPECT_EQ(read(head + "network = \"none\"").network_mode, NetworkMode::none);
    EXPECT_EQ(read(head + "network = \"container:db\"").network_container, "db");
    EXPECT_EQ(read(head + "network = \"front\"").networks.at(0).name, "front");
    EXPECT_TRUE(read(head + "network = \"default\"").networks.empty());
}

TEST(Reader, names_place_and_nearest_key) {
    EXPECT_EQ(failure("image = \"x\"\n[limits]\nmemroy = \"1g\"\n"),
              "web.toml:3:1: key 'memroy' is not known in 'limits', did you mean 'memory'");
    EXPECT_EQ(failure("image = \"x\"\ncomand = \"x\"\n"), "web.toml:2:1: key 'comand' is not known, did you mean 'command'");
    EXPECT_EQ(failure("image = \"x\"\nmemory = \"1g\"\n"),
              "web.toml:2:1: key 'memory' is not known, did you mean 'limits.memory'");
    EXPECT_EQ(failure("image = \"x\"\n  memroy = 1\n"),
              "web.toml:2:3: key 'memroy' is not known, did you mean 'limits.memory'");
    EXPECT_EQ(failure("image = \"x\"\nenvironment = {}\n"), "web.toml:2:1: key 'environment' is not known, did you mean 'env'");
    EXPECT_EQ(failure("image = \"x\"\nqqqqqqqqqqqq = 1\n"), "web.toml:2:1: key 'qqqqqqqqqqqq' is not known");
    EXPECT_THAT(failure("image = \"x\"\n[[mounts]]\ntraget = \"/x\""),
                HasSubstr("web.toml:3:1: key 'traget' is not known in 'mounts', did you mean 'target'"));
}

TEST(Reader, tells_all_errors_in_the_order_of_the_file) {
    const std::string text = "zz_top = 1\nimage = 7\nread_only = \"yes\"\n[limits]\nmemory = \"12x\"\noom_score_adj = 2000\n";
    EXPECT_EQ(definition_errors(text, "web.toml"),
              (std::vector<std::string>{
                  "web.toml:1:1: key 'zz_top' is not known", "web.toml:2:9: key 'image' must be a string, not an integer",
                  "web.toml:3:13: key 'read_only' must be true or false, not a string",
                  "web.toml:5:10: key 'limits.memory': size '12x' has an unknown unit 'x' (known: b, k, m, g, t, p)",
                  "web.toml:6:17: key 'limits.oom_score_adj': 2000 is out of range, it must be between -1000 and 1000"}));
    EXPECT_EQ(failure(text), "web.toml:1:1: key 'zz_top' is not known (and 4 more errors)");
    EXPECT_EQ(definition_errors("x = [", "web.toml").size(), 1U);
    EXPECT_TRUE(definition_errors(head, "web.toml").empty());
}

TEST(Reader, tells_the_element_of_a_list) {
    EXPECT_THAT(failure(head + "ports = [\"80\",\n \"99999\"]"), HasSubstr("web.toml:3:2: key 'ports[1]': port '99999'"));
    EXPECT_THAT(failure(head + "[[mounts]]\ntype = \"bind\"\nsource = \"x\"\ntarget = \"/y\""),
                HasSubstr("web.toml:2:1: key 'mounts[0]': mount on '/y'"));
}

TEST(Reader, tells_syntax_errors_with_their_place) {
    EXPECT_THAT(failure("image = \n"), HasSubstr("web.toml:1:"));
    EXPECT_THAT(failure("image = \"x\"\nimage = \"y\"\n"), HasSubstr("web.toml:2:"));
    EXPECT_THAT(failure("image = \"\xff\"\n"), HasSubstr("web.toml:1:"));
    EXPECT_THAT(failure(""), HasSubstr("key 'image' is missing"));
}

TEST(Reader, refuses_contradictions_where_they_stand) {
    const std::pair<const char*, const char*> cases[] = {
        {"network = \"host\"\nports = [\"80:80\"]", "web.toml:3:1: key 'ports': it cannot be combined with network = \"host\""},
        {"network = \"container:db\"\nhostname = \"x\"", "web.toml:3:1: key 'hostname'"},
        {"network = \"a1\"\n[[networks]]\nname = \"b1\"", "web.toml:2:1: key 'network': it cannot be combined with 'networks'"},
        {"auto_remove = true\nrestart = \"always\"", "web.toml:3:1: key 'restart'"},
        {"[limits]\nmemory = \"1g\"\nmemory_swap = \"512m\"", "web.toml:4:1: key 'limits.memory_swap'"},
        {"[limits]\nmemory_swap = \"512m\"", "needs 'limits.memory'"},
        {"[limits]\nmemory = \"1m\"", "the least limit is 6 MB"},
        {"[limits]\nmemory = \"10m\"\nmemory_reservation = \"11m\"", "key 'limits.memory_reservation'"},
        {"volumes = [\"/a:/x\", \"/b:/x/\"]", "two mounts have the target '/x'"},
        {"ports = [\"80:80\", \"80:81\"]", "want the same port of the host"},
        {"ports = [\"8000-8010:80-90\", \"1.2.3.4:8005:81\"]", "want the same port of the host"},
        {"[[ports]]\nbypass_firewall = true", "web.toml:2:1: key 'ports[0]': a port needs 'publish'"},
        {"[[ports]]\npublish = \"80:80\"\nbypass = true", "key 'bypass' is not known"},
        {"[[ports]]\npublish = \"80\"\nsocket = true", "a socket needs a port of the host"},
        {"[[ports]]\npublish = \"80:80/sctp\"\nsocket = true", "a socket is tcp or udp"},
        {"[[ports]]\npublish = \"80:80\"\nsocket = true\nbypass_firewall = true", "nothing bypasses"},
        {"auto_remove = true\n[[ports]]\npublish = \"80:80\"\nsocket = true", "key 'auto_remove'"},
        {"ports = [\"80:80\"]\nidle_stop = \"1m\"", "web.toml:3:1: key 'idle_stop': it needs ports that are sockets"},
        {"idle_stop = \"1m\"\n[[ports]]\npublish = \"80:80/udp\"\nsocket = true", "all of them tcp"},
        {"[[networks]]\nname = \"aa\"\nrate_up = \"10\"", "with bit, kbit, mbit or gbit"},
        {"[[networks]]\nname = \"aa\"\ndefault_route = true\n[[networks]]\nname = \"bb\"\ndefault_route = true",
         "two networks"},
        {"[[networks]]\nname = \"aa\"\nservice = \"xy\"\naliases = [\"xy\"]", "'xy' is a service and an alias"},
        {"[[networks]]\nname = \"aa\"\nservice_weight = 3", "network 'aa' has a weight and no service"},
        {"[[networks]]\nname = \"aa\"\nservice = \"a b\"", "key 'networks[0].service'"},
        {"[[networks]]\nname = \"aa\"\nservice = \"xy\"\nservice_weight = 1001", "key 'networks[0].service_weight'"},
        {"hostname = \"x1\"\n[namespaces]\nuts = \"host\"", "web.toml:2:1: key 'hostname'"},
        {"[namespaces]\nuts = \"container:db\"", "private or host only"},
        {"[security]\nprivileged = true\n[namespaces]\nuser = \"private\"", "key 'security.privileged'"},
        {"[sysctls]\n\"vm.swappiness\" = 1", "it would change the host"},
        {"network = \"host\"\n[sysctls]\n\"net.core.somaxconn\" = 1", "not the container's"},
        {"ready = \"healthy\"\n[health]\ndisabled = true", "key 'ready'"},
        {"[[credentials]]\nname = \"a\"", "either a path or a value"},
        {"[[credentials]]\nname = \"a\"\npath = \"/a b\"", "'/a b' has a space"},
        {"[[credentials]]\nname = \"a\"\nvalue = \"1\"\n[[credentials]]\nname = \"a\"\nvalue = \"2\"", "named twice"},
        {"[[mounts]]\ntype = \"volume\"\ntarget = \"/x\"\nsize = \"1m\"", "are for tmpfs"},
        {"[[networks]]\nname = \"aa\"\n[[networks]]\nname = \"aa\"", "named twice"},
    };
    for (const auto& [text, wanted] : cases) EXPECT_THAT(failure(head + text), HasSubstr(wanted)) << text;
    EXPECT_EQ(failure(head + "ports = [\"80:80\", \"80:80/udp\", \"1.1.1.1:81:1\", \"1.1.1.2:81:1\"]"), "");
    EXPECT_EQ(failure(head + "network = \"none\"\nidle_stop = \"1m\"\n[[ports]]\npublish = \"80:80\"\nsocket = true"), "");
}

TEST(Reader, refuses_wrong_values_of_every_kind) {
    for (const char* text : {"id = \"abc\"",
                             "image_id = \"sha256:1\"",
                             "user = \"a:b:c\"",
                             "user = \"\"",
                             "groups = [\"\"]",
                             "workdir = \"x\"",
                             "hostname = \"-x\"",
                             "hostname = \"a b\"",
                             "description = \"a\\nb\"",
                             "env_files = [\"x\"]",
                             "dns = [\"x\"]",
                             "dns_search = [\"a b\"]",
                             "extra_hosts = [\"x\"]",
                             "extra_hosts = [\"x:y\"]",
                             "restart = \"sometimes\"",
                             "restart_delay = -1",
                             "restart_delay = \"x\"",
                             "stop_signal = \"SIGX\"",
                             "ready = \"yes\"",
                             "requires = [\"../x\"]",
                             "after = [\"a b.service\"]",
                             "devices = [\"/etc/x\"]",
                             "device_cgroup_rules = [\"x\"]",
                             "device_cgroup_rules = [\"c 1:2\"]",
                             "[sysctls]\n\"../x\" = 1",
                             "expose = [\"80:80\"]",
                             "publish_all = 1",
                             "created = -1",
                             "[limits]\ncpus = 0",
                             "[limits]\ncpus = nan",
                             "[limits]\ncpus = -1.0",
                             "[limits]\ncpus = inf",
                             "[limits]\ncpu_weight = 0",
                             "[limits]\ncpuset = \"3-1\"",
                             "[limits]\ncpuset = \"a\"",
                             "[limits]\ncpuset = \"1,\"",
                             "[limits]\npids = 0",
                             "[limits]\nio_weight = 10001",
                             "[limits]\nread_bps = [\"x\"]",
                             "[limits]\n[limits.ulimits]\nnofiles = 1",
                             "[limits]\n[limits.ulimits]\nnofile = \"2:1\"",
                             "[security]\ncap_add = [\"NET ADMIN\"]",
                             "[security]\nseccomp = \"x\"",
                             "[security]\nmasked_paths = [\"x\"]",
                             "[namespaces]\npid = \"x\"",
                             "[health]\nretries = 0",
                             "[health]\ncommand = []",
                             "[health]\non_unhealthy = \"cry\"",
                             "[health]\ninterval = \"0s\"",
                             "[log]\ndriver = \"syslog\"",
                             "[log.fields]\n_PID = \"1\"",
                             "[log.fields]\na = \"1\"",
                             "[storage]\ndriver = \"../x\"",
                             "limits = 1",
                             "mounts = [1]",
                             "env = 1",
                             "command = 1",
                             "[[credentials]]\nname = \"a/b\"\nvalue = \"x\"",
                             "[[credentials]]\nname = \"a\"\npath = \"x/y\"",
                             "network = \"../x\"",
                             "[[networks]]\nname = \"aa\"\nipv4 = \"::1\"",
                             "[[networks]]\nname = \"aa\"\nmac = \"01:00:00:00:00:00\"",
                             "[[networks]]\nname = \"aa\"\ninterface = \"this-name-is-too-long\"",
                             "hostname = \"a\\u0000b\"",
                             "watchdog = 0"})
        EXPECT_NE(failure(head + text), "") << text;
    EXPECT_NE(failure("image = \"NGINX\""), "");
}

TEST(Reader, takes_durations_and_sizes_both_ways) {
    EXPECT_EQ(read(head + "stop_timeout = 30").stop_timeout, 30s);
    EXPECT_EQ(read(head + "stop_timeout = \"1m30s\"").stop_timeout, 90s);
    EXPECT_EQ(read(head + "stop_timeout = -1").stop_timeout, Microseconds::max());
    EXPECT_EQ(read(head + "restart_delay = 0.5").restart_delay, 500ms);
    EXPECT_EQ(read(head + "[limits]\nmemory = 104857600").limits.memory, 100U << 20);
    EXPECT_EQ(read(head + "[limits]\nmemory = \"100m\"\nmemory_swap = -1").limits.memory_swap, ~0ULL);
    EXPECT_EQ(read(head + "[limits]\npids = -1").limits.pids, ~0ULL);
    EXPECT_EQ(read(head + "[limits.ulimits]\nnofile = 1024").limits.ulimits.at("nofile").hard, 1024U);
}

TEST(Reader, takes_probes_in_every_spelling) {
    EXPECT_EQ(read(head + "[health]\ncommand = \"test -f /ok\"").health.command,
              (std::vector<std::string>{"CMD-SHELL", "test -f /ok"}));
    EXPECT_EQ(read(head + "[health]\ncommand = [\"CMD\", \"true\"]").health.command, std::vector<std::string>{"true"});
    EXPECT_TRUE(read(head + "[health]\ncommand = [\"NONE\"]").health.disabled);
}

TEST(Definitions, first_folder_wins_and_a_broken_one_is_no_reason_to_take_the_next) {
    const std::string root = testing::TempDir() + "definitions";
    std::filesystem::remove_all(root);
    const DefinitionFolders folders{{root + "/a", root + "/b"}};
    for (const std::string& folder : folders.folders) ASSERT_TRUE(os::make_dirs(folder).ok());
    const auto put = [&](const std::string& path, const std::string& text) {
        ASSERT_TRUE(os::write_file_atomic(root + path, text, 0644, false).ok());
    };
    put("/b/web.toml", "image = \"low\"");
    put("/b/db.toml", "image = \"low\"");
    put("/a/web.toml", "image = \"high\"");
    put("/a/bad name.toml", "");
    put("/a/notes.txt", "");
    const auto web = ContainerName::parse("web").value();
    EXPECT_EQ(find_definition(web, folders)->definition.image, "high");
    const auto all = list_definitions(folders).value();
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[1].second, root + "/a/web.toml");
    EXPECT_EQ(find_definition(ContainerName::parse("none").value(), folders).error().code(), Errc::not_found);
    put("/a/web.toml", "image = 1");
    EXPECT_EQ(find_definition(web, folders).error().code(), Errc::invalid);
    std::filesystem::remove_all(root);
}
