#include "support.hpp"

using namespace gantry;
using namespace gantry::dockerfile;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

const Values values = {{"a", "A"},       {"dir", "/srv/my app"}, {"n", "80"},    {"list", "1 2"},
                       {"abc", "hello"}, {"sig", "SIGQUIT"},     {"pair", "a=b"}};

template <class T>
T done(const std::string& text) {
    const auto result = expanded(one(text), lookup_in(values));
    EXPECT_TRUE(result.ok()) << text << ": " << (result.ok() ? "" : result.error().message());
    return result.ok() ? std::get<T>(result->what) : T{};
}
Run done_run(const std::string& text) { return done<Run>(text); }
std::string bad(const std::string& text) {
    const auto result = expanded(one(text), lookup_in(values));
    return result.ok() ? "" : result.error().message();
}

}  // namespace

TEST(Expanded, env_sees_the_old_values) {
    // The reference's example: def is "hello", not "bye".
    EXPECT_EQ(done<Env>("ENV abc=bye def=$abc").values, (std::vector<KeyValue>{{"abc", "bye"}, {"def", "hello"}}));
    EXPECT_EQ(done<Env>("ENV PATH=/x:$PATH b=\"c $a\" d='$a' e=\\$a f=g\\ h").values,
              (std::vector<KeyValue>{{"PATH", "/x:"}, {"b", "c A"}, {"d", "$a"}, {"e", "$a"}, {"f", "g h"}}));
    EXPECT_EQ(done<Env>("ENV key  some $a  text").values, (std::vector<KeyValue>{{"key", "some A  text"}}));
    EXPECT_EQ(bad("ENV $none=x"), "a name is empty after expansion");
    EXPECT_EQ(bad("ENV $pair=x"), "a name of ENV has a '=' after expansion");
}

TEST(Expanded, what_expands) {
    EXPECT_EQ(done<Label>("LABEL \"x.$a\"=\"two $a\"").values, (std::vector<KeyValue>{{"x.A", "two A"}}));
    EXPECT_EQ(done<Workdir>("WORKDIR $dir/x").path, "/srv/my app/x");
    EXPECT_EQ(done<User>("USER ${a}:$n").user, "A:80");
    EXPECT_THAT(done<Volume>("VOLUME $dir /x").paths, ElementsAre("/srv/my app", "/x"));
    EXPECT_EQ(done<StopSignal>("STOPSIGNAL $sig").signal, "SIGQUIT");
    const auto copy = done<Copy>("COPY --chown=$a --chmod=${n:+644} --exclude=$a.o $a \"b\" $dir/");
    EXPECT_THAT(copy.sources, ElementsAre("A", "b"));
    EXPECT_EQ(copy.destination, "/srv/my app/");
    EXPECT_EQ(copy.chown, "A");
    EXPECT_EQ(copy.chmod, "644");
    EXPECT_THAT(copy.exclude, ElementsAre("A.o"));
    EXPECT_EQ(done<Copy>("COPY <<E <<'F' /\n$a\nE\n$a\nF\n").heredocs[0].content, "A\n");
    EXPECT_EQ(done<Copy>("COPY <<E <<'F' /\n$a\nE\n$a\nF\n").heredocs[1].content, "$a\n");
    EXPECT_EQ(done<Add>("ADD --checksum=${none:-} $a /").sources[0], "A");
    Instruction from;
    from.what = From{"$a/x", "debian:${n}", "", ""};
    const auto base = std::get<From>(expanded(from, lookup_in(values))->what);
    EXPECT_EQ(base.image, "debian:80");
    EXPECT_EQ(base.platform, "A/x");
}

TEST(Expanded, what_does_not) {
    EXPECT_EQ(done_run("RUN echo $a").command.shell(), "echo $a");
    EXPECT_EQ(done_run("RUN <<E\n$a\nE\n").heredocs[0].content, "$a\n");
    EXPECT_THAT(done<Cmd>("CMD [\"$a\"]").command.args, ElementsAre("$a"));
    EXPECT_EQ(done<Entrypoint>("ENTRYPOINT $a").command.shell(), "$a");
    EXPECT_THAT(done<Shell>("SHELL [\"$a\"]").command, ElementsAre("$a"));
    EXPECT_EQ(done<Onbuild>("ONBUILD ENV x=$a").trigger, "ENV x=$a");
    EXPECT_EQ(done<Healthcheck>("HEALTHCHECK CMD $a").command.shell(), "$a");
    EXPECT_EQ(done<Maintainer>("MAINTAINER $a").name, "$a");
    EXPECT_EQ(done<Arg>("ARG x=$a").items[0].value, "$a");
}

TEST(Expanded, ports_are_written_out) {
    EXPECT_THAT(done<Expose>("EXPOSE $n 443/UDP 8000-8002/sctp 127.0.0.1:53:5353 [::1]:1:2/").ports,
                ElementsAre("80/tcp", "443/udp", "8000/sctp", "8001/sctp", "8002/sctp", "5353/tcp", "2/tcp"));
    EXPECT_THAT(done<Expose>("EXPOSE $list").ports, ElementsAre("1/tcp", "2/tcp"));
    for (const char* text :
         {"EXPOSE ${n}x", "EXPOSE ${n}/icmp", "EXPOSE ${n}0000", "EXPOSE $n-1", "EXPOSE ${none}/tcp", "EXPOSE $n:"})
        EXPECT_THAT(bad(text), HasSubstr("invalid port")) << text;
    EXPECT_THAT(bad("EXPOSE 0-65535 0-65535/udp 0-65535/sctp 1"), HasSubstr("too many ports"));
}

TEST(Expanded, is_checked) {
    EXPECT_THAT(bad("COPY --chmod=$a a b"), HasSubstr("--chmod 'A' is neither octal"));
    EXPECT_THAT(bad("ADD --checksum=$a a b"), HasSubstr("--checksum"));
    EXPECT_THAT(bad("COPY --exclude=${none:-[} a b"), HasSubstr("--exclude: syntax error in pattern"));
    EXPECT_EQ(bad("STOPSIGNAL ${n}0"), "invalid signal '800'");
    EXPECT_EQ(bad("VOLUME $none"), "a path of VOLUME must not be empty");
    EXPECT_THAT(bad("WORKDIR ${x:?needed}"), HasSubstr("x: needed"));
    const auto zero = expanded(one("USER $z"), lookup_in({{"z", std::string("a\0b", 3)}}));
    EXPECT_EQ(zero.error().message(), "a zero byte after expansion");
}

TEST(Expanded, signals_are_those_of_moby) {
    for (const char* good : {"9", "64", "TERM", "sigterm", "SIGRTMIN", "RTMIN+3", "SIGRTMAX-2", "SIGWINCH"})
        EXPECT_EQ(only<StopSignal>(std::string("STOPSIGNAL ") + good).signal, good);
    for (const char* wrong : {"0", "65", "-1", "SIG", "RTMIN+", "RTMIN+99", "RTMIN-1", "9x"})
        EXPECT_THAT(refusal(std::string("STOPSIGNAL ") + wrong), HasSubstr("invalid signal")) << wrong;
}
