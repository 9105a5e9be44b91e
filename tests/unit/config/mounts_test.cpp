#include "support.hpp"

using namespace gantry;
using namespace gantry::config;

TEST(Volume, takes_dockers_forms) {
    const auto bind = parse_volume("/srv/data:/data:ro,rslave").value();
    EXPECT_EQ(bind.type, MountType::bind);
    EXPECT_EQ(bind.source, "/srv/data");
    EXPECT_EQ(bind.target, "/data");
    EXPECT_TRUE(bind.read_only);
    EXPECT_TRUE(bind.create_source);
    EXPECT_EQ(bind.propagation, "rslave");
    const auto named = parse_volume("data:/data:nocopy").value();
    EXPECT_EQ(named.type, MountType::volume);
    EXPECT_EQ(named.source, "data");
    EXPECT_FALSE(named.copy);
    const auto anonymous = parse_volume("/data").value();
    EXPECT_EQ(anonymous.type, MountType::volume);
    EXPECT_EQ(anonymous.source, "");
}

TEST(Volume, refuses_the_rest) {
    for (const char* bad : {"", "data", "./x:/x", "x/y:/x", "/a:b", "/a:/", "/a:/b:rx", "/a:/b:c:d", ":/b", "/a/../b:/c",
                            "/a:/b/..", "v:/x:rshared", "/a:/b:nocopy"})
        EXPECT_FALSE(parse_volume(bad).ok()) << bad;
}

TEST(Tmpfs, takes_size_mode_and_options) {
    const auto mount = parse_tmpfs("/run:size=64m,mode=755,exec").value();
    EXPECT_EQ(mount.size, 64U << 20);
    EXPECT_EQ(mount.mode, 0755U);
    EXPECT_EQ(mount.options, std::vector<std::string>{"exec"});
    for (const char* bad : {"", "run", "/run:size=x", "/run:mode=9", "/run:a b", "/run:"})
        EXPECT_FALSE(parse_tmpfs(bad).ok()) << bad;
}

TEST(MountFlag, takes_dockers_keys) {
    const auto mount = parse_mount("type=bind,source=/a,dst=/b,readonly,bind-propagation=rshared,bind-nonrecursive").value();
    EXPECT_EQ(mount.source, "/a");
    EXPECT_TRUE(mount.read_only);
    EXPECT_FALSE(mount.create_source);
    EXPECT_FALSE(mount.recursive);
    EXPECT_EQ(mount.propagation, "rshared");
    EXPECT_EQ(parse_mount("src=vol,target=/x").value().type, MountType::volume);
    EXPECT_EQ(parse_mount("type=tmpfs,target=/x,tmpfs-size=1m,tmpfs-mode=700").value().mode, 0700U);
    for (const char* bad : {"", "type=npipe,target=/x", "type=bind,target=/x", "type=bind,source=/a",
                            "type=tmpfs,source=/a,target=/b", "target=/x,nope=1", "target=/x,readonly=maybe"})
        EXPECT_FALSE(parse_mount(bad).ok()) << bad;
}
