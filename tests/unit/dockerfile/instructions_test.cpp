#include "support.hpp"

using namespace gantry;
using namespace gantry::dockerfile;
using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(Command, is_exec_form_only_where_it_is_json) {
    EXPECT_EQ(only<Cmd>("CMD [\"a\", \"b c\", \"\\u00e9\"]").command, (Command{true, {"a", "b c", "\xC3\xA9"}}));
    EXPECT_EQ(only<Cmd>("CMD ['a', 'b']").command, (Command{false, {"['a', 'b']"}}));
    EXPECT_EQ(only<Cmd>("CMD [\"a\"").command, (Command{false, {"[\"a\""}}));
    EXPECT_EQ(only<Entrypoint>("ENTRYPOINT  exec  a  ").command, (Command{false, {"exec  a"}}));
    EXPECT_EQ(only<Cmd>("CMD []").command, (Command{true, {}}));
    EXPECT_EQ(only_run("RUN [ \"a\" ]").command, (Command{true, {"a"}}));
    EXPECT_EQ(refusal("CMD [\"a\", 1]"), "an array in JSON syntax must consist of strings only");
    EXPECT_EQ(refusal("RUN [\"a\\u0000b\"]"), "a word must not contain a zero byte");
    EXPECT_EQ(refusal("RUN []"), "RUN requires at least one argument");
    EXPECT_EQ(refusal("RUN"), "RUN requires at least one argument");
    EXPECT_EQ(refusal("CMD --x a"), "unknown flag '--x' of CMD");
}

TEST(Run, has_its_flags) {
    const auto run = only_run("RUN --network=none --security=insecure --mount=type=tmpfs,target=/t make --jobs=2");
    EXPECT_EQ(run.network, RunNetwork::none);
    EXPECT_EQ(run.security, RunSecurity::insecure);
    EXPECT_EQ(run.command.shell(), "make --jobs=2");
    EXPECT_EQ(run.mounts.size(), 1U);
    EXPECT_EQ(only_run("RUN -- --odd").command.shell(), "--odd");
    EXPECT_EQ(only_run("RUN --network=host a").network, RunNetwork::host);
    EXPECT_EQ(refusal("RUN --network=bridge a"), "flag '--network' of RUN is default, none or host, not 'bridge'");
    EXPECT_EQ(refusal("RUN --security=x a"), "flag '--security' of RUN is sandbox or insecure, not 'x'");
    EXPECT_THAT(refusal("RUN --device=vendor.com/device a"), HasSubstr("not supported"));
    EXPECT_EQ(refusal("RUN --network=none --network=none a"), "flag '--network' of RUN is given twice");
    EXPECT_EQ(refusal("RUN --network a"), "flag '--network' of RUN needs a value");
}

TEST(EnvAndLabel, take_pairs_and_the_old_form) {
    EXPECT_EQ(only<Env>("ENV a=1 b=\"two words\" c=th\\ ree d='$x' e="),
              (Env{{{"a", "1"}, {"b", "\"two words\""}, {"c", "th\\ ree"}, {"d", "'$x'"}, {"e", ""}}, false}));
    EXPECT_EQ(only<Env>("ENV key   any  text = here "), (Env{{{"key", "any  text = here"}}, true}));
    EXPECT_EQ(only<Label>("LABEL \"com.example.vendor\"=\"ACME Incorporated\" a=b").values[0].key, "\"com.example.vendor\"");
    EXPECT_EQ(only<Label>("LABEL version 1.0"), (Label{{{"version", "1.0"}}, true}));
    EXPECT_EQ(refusal("ENV a"), "ENV must have two arguments");
    EXPECT_EQ(refusal("ENV a=1 b"), "can't find = in 'b', must be of the form: name=value");
    EXPECT_EQ(refusal("LABEL =x"), "a name of LABEL can not be blank");
    EXPECT_EQ(refusal("ENV"), "ENV requires at least one argument");
}

TEST(Arg, may_have_several_items) {
    EXPECT_EQ(only<Arg>("ARG a b=1 c= d=\"x y\""), (Arg{{{"a", std::nullopt}, {"b", "1"}, {"c", ""}, {"d", "\"x y\""}}}));
    EXPECT_EQ(refusal("ARG"), "ARG requires at least one argument");
    EXPECT_EQ(refusal("ARG =x"), "a name of ARG can not be blank");
}

TEST(Healthcheck, has_flags_and_none) {
    const auto check = only<Healthcheck>(
        "HEALTHCHECK --interval=1m30s --timeout=1.5s --start-period=500ms --start-interval=0 --retries=4 CMD curl -f "
        "http://localhost/");
    EXPECT_EQ(check.command, (Command{false, {"curl -f http://localhost/"}}));
    EXPECT_EQ(check.interval, 90s);
    EXPECT_EQ(check.timeout, 1500ms);
    EXPECT_EQ(check.start_period, 500ms);
    EXPECT_EQ(check.start_interval, 0s);
    EXPECT_EQ(check.retries, 4);
    EXPECT_EQ(only<Healthcheck>("healthcheck cmd [\"a\"]").command, (Command{true, {"a"}}));
    EXPECT_TRUE(only<Healthcheck>("HEALTHCHECK none").none);
    EXPECT_EQ(refusal("HEALTHCHECK NONE x"), "HEALTHCHECK NONE takes no arguments");
    EXPECT_EQ(refusal("HEALTHCHECK CMD"), "missing command after HEALTHCHECK CMD");
    EXPECT_EQ(refusal("HEALTHCHECK CMD []"), "missing command after HEALTHCHECK CMD");
    EXPECT_EQ(refusal("HEALTHCHECK curl"), "unknown type 'curl' in HEALTHCHECK (try CMD or NONE)");
    EXPECT_THAT(refusal("HEALTHCHECK --interval=30 CMD a"), HasSubstr("a unit is missing"));
    EXPECT_THAT(refusal("HEALTHCHECK --interval=10us CMD a"), HasSubstr("it cannot be less than 1ms"));
    EXPECT_THAT(refusal("HEALTHCHECK --interval=999999999h CMD a"), HasSubstr("it is too long"));
    EXPECT_THAT(refusal("HEALTHCHECK --interval=-1s CMD a"), HasSubstr("a number is expected"));
    EXPECT_THAT(refusal("HEALTHCHECK --retries=-1 CMD a"), HasSubstr("'-1' is not a number from 0 on"));
    EXPECT_THAT(refusal("HEALTHCHECK --retrie=1 CMD a"), HasSubstr("did you mean '--retries'"));
}

TEST(Onbuild, is_checked_at_once) {
    EXPECT_EQ(only<Onbuild>("ONBUILD   COPY --link . /app").trigger, "COPY --link . /app");
    EXPECT_EQ(refusal("ONBUILD ONBUILD RUN a"), "chaining ONBUILD via 'ONBUILD ONBUILD' is not allowed");
    EXPECT_EQ(refusal("ONBUILD FROM a"), "FROM is not allowed as an ONBUILD trigger");
    EXPECT_EQ(refusal("onbuild maintainer a"), "MAINTAINER is not allowed as an ONBUILD trigger");
    EXPECT_EQ(refusal("ONBUILD COPY a"),
              "COPY requires at least two arguments, but only one was provided: the destination is not known");
    EXPECT_EQ(refusal("ONBUILD"), "ONBUILD requires at least one argument");
}

TEST(Others, take_their_text) {
    EXPECT_EQ(only<Volume>("VOLUME /a /b").paths, (std::vector<std::string>{"/a", "/b"}));
    EXPECT_THAT(only<Volume>("VOLUME [\"/a b\", \" /c \"]").paths, ElementsAre("/a b", "/c"));
    EXPECT_EQ(refusal("VOLUME [\"\"]"), "a path of VOLUME must not be empty");
    EXPECT_EQ(refusal("VOLUME []"), "VOLUME requires at least one argument");
    EXPECT_EQ(only<User>("USER  app:www ").user, "app:www");
    EXPECT_EQ(only<Workdir>("WORKDIR /a b/c").path, "/a b/c");
    EXPECT_EQ(only<StopSignal>("STOPSIGNAL SIGQUIT").signal, "SIGQUIT");
    EXPECT_EQ(only<Maintainer>("MAINTAINER A <a@b.c>").name, "A <a@b.c>");
    EXPECT_THAT(only<Shell>("SHELL [\"/bin/bash\", \"-c\"]").command, ElementsAre("/bin/bash", "-c"));
    EXPECT_THAT(refusal("SHELL bash -c"), HasSubstr("SHELL requires the arguments to be in JSON form"));
    EXPECT_EQ(refusal("SHELL []"), "SHELL requires at least one argument");
    EXPECT_THAT(only<Expose>("EXPOSE 80 443/tcp $PORT").ports, ElementsAre("80", "443/tcp", "$PORT"));
    EXPECT_EQ(refusal("STOPSIGNAL SIGNOPE"), "invalid signal 'SIGNOPE'");
    EXPECT_THAT(refusal("EXPOSE 80/icmp"), HasSubstr("the protocol is tcp, udp or sctp"));
}
