#include "support.hpp"

using namespace gantry;
using namespace gantry::dockerfile;
using testing::HasSubstr;

namespace {

RunMount mount(const std::string& text) {
    const auto run = only_run("RUN --mount=" + text + " true");
    return run.mounts.empty() ? RunMount{} : run.mounts.front();
}
std::string bad(const std::string& text) { return refusal("RUN --mount=" + text + " true"); }

}  // namespace

TEST(Mount, bind_is_the_default) {
    const RunMount bind = mount("from=build,source=/out,target=/in,rw");
    EXPECT_EQ(bind.type, MountType::bind);
    EXPECT_EQ(bind.from, "build");
    EXPECT_EQ(bind.source, "/out");
    EXPECT_EQ(bind.target, "/in");
    EXPECT_EQ(bind.read_only, false);
    EXPECT_EQ(mount("type=bind,src=a,dst=b,ro").read_only, true);
    EXPECT_EQ(mount("type=bind,src=a,destination=b,readonly=false").read_only, false);
    EXPECT_EQ(mount("type=bind,readwrite=true,target=b").read_only, false);
    EXPECT_EQ(mount("type=bind,target=b").read_only, std::nullopt);
}

TEST(Mount, cache_has_sharing_and_owner) {
    const RunMount cache =
        mount("type=cache,id=apt,target=/var/cache/apt,sharing=locked,mode=0700,uid=1,gid=2,from=a,source=b");
    EXPECT_EQ(cache.type, MountType::cache);
    EXPECT_EQ(cache.id, "apt");
    EXPECT_EQ(cache.sharing, MountSharing::locked);
    EXPECT_EQ(cache.mode, 0700U);
    EXPECT_EQ(cache.uid, 1U);
    EXPECT_EQ(cache.gid, 2U);
    EXPECT_EQ(mount("type=cache,target=/a,sharing=PRIVATE").sharing, MountSharing::exclusive);
}

TEST(Mount, tmpfs_secret_and_ssh) {
    EXPECT_EQ(mount("type=tmpfs,target=/t,size=64m").size, std::uint64_t{64} << 20);
    const RunMount secret = mount("type=secret,id=aws,target=/root/.aws,required=true,mode=0444");
    EXPECT_TRUE(secret.required);
    EXPECT_EQ(secret.mode, 0444U);
    EXPECT_EQ(secret.env, std::nullopt);
    EXPECT_EQ(mount("type=secret,id=aws,env=AWS_KEY").env, "AWS_KEY");
    EXPECT_EQ(mount("type=secret,id=AWS,env").env, "");
    EXPECT_TRUE(mount("required,type=ssh").required);
    EXPECT_EQ(mount("type=ssh,id=github").id, "github");
    EXPECT_EQ(only_run("RUN --mount=type=ssh --mount=type=tmpfs,target=/a true").mounts.size(), 2U);
}

TEST(Mount, values_may_be_quoted) {
    EXPECT_EQ(mount("type=bind,target='/a b'").target, "/a b");
    EXPECT_EQ(mount("type=bind,\\\"target=/a,b\\\"").target, "/a,b");
    EXPECT_EQ(mount("type=bind,\\\"target=/a\\\"\\\"b\\\"").target, "/a\"b");
    EXPECT_THAT(bad("\\\"target=/a"), HasSubstr("a quote is not closed"));
    EXPECT_THAT(bad("\\\"target=/a\\\"b"), HasSubstr("text after a closing quote"));
}

TEST(Mount, refuses_what_does_not_fit) {
    EXPECT_EQ(bad("type=volume"), "--mount: unsupported mount type 'volume': there are bind, cache, tmpfs, secret and ssh");
    EXPECT_THAT(bad("type=cahe"), HasSubstr("did you mean 'cache'"));
    EXPECT_EQ(bad("tagret=/a"), "--mount: unexpected key 'tagret' in 'tagret=/a', did you mean 'target'");
    EXPECT_EQ(bad("target"), "--mount: invalid field 'target' must be a key=value pair");
    EXPECT_EQ(bad("type=bind,target=/a,size=1"), "--mount: unexpected key 'size' for mount type 'bind'");
    EXPECT_EQ(bad("type=tmpfs,target=/a,uid=1"), "--mount: unexpected key 'uid' for mount type 'tmpfs'");
    EXPECT_EQ(bad("type=bind,sharing=locked,target=/a"), "--mount: unexpected key 'sharing' for mount type 'bind'");
    EXPECT_EQ(bad("type=secret,from=x,id=a"), "--mount: unexpected key 'from' for mount type 'secret'");
    EXPECT_EQ(bad("type=secret"), "--mount: invalid secret mount: one of id, source, target is required");
    EXPECT_EQ(bad("type=secret,id=a,source=b"), "--mount: a secret mount has both source and id");
    EXPECT_EQ(bad("type=cache,target=/a,mode=9"), "--mount: invalid value '9' for mode");
    EXPECT_EQ(bad("type=cache,target=/a,mode=77777"), "--mount: invalid value '77777' for mode");
    EXPECT_EQ(bad("type=cache,target=/a,uid=-1"), "--mount: invalid value '-1' for uid");
    EXPECT_EQ(bad("type=cache,target=/a,sharing=x"), "--mount: unsupported sharing value 'x': it is shared, private or locked");
    EXPECT_EQ(bad("target=/a,ro=x"), "--mount: invalid value for ro: 'x', it is true or false");
    EXPECT_EQ(bad("from=$x,target=/a"), "--mount: 'from' doesn't support variable expansion, define alias stage instead");
    EXPECT_THAT(bad("type=tmpfs,target=/a,size=x"), HasSubstr("invalid value for size"));
}

TEST(Mount, is_complete_after_expansion) {
    const Instruction before = one("RUN --mount=type=$kind,target=$home/.cache,uid=${id:-5},id=a$kind true");
    EXPECT_EQ(run_of(before).mounts[0].uid, std::nullopt);
    const auto after = expanded(before, lookup_in({{"kind", "cache"}, {"home", "/root"}}));
    ASSERT_TRUE(after.ok()) << after.error().message();
    const RunMount& done = run_of(*after).mounts[0];
    EXPECT_EQ(done.type, MountType::cache);
    EXPECT_EQ(done.target, "/root/.cache");
    EXPECT_EQ(done.uid, 5U);
    EXPECT_EQ(done.id, "acache");
    const auto wrong = expanded(before, lookup_in({{"kind", "bind"}}));
    EXPECT_EQ(wrong.error().message(), "--mount: unexpected key 'uid' for mount type 'bind'");
    // A value's comma does not begin another option.
    const auto comma = expanded(one("RUN --mount=type=bind,target=$x true"), lookup_in({{"x", "/a,rw"}}));
    EXPECT_EQ(run_of(*comma).mounts[0].target, "/a,rw");
}
