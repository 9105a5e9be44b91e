// What the programs learn of a resolver's answers: messages by BPF_PROG_RUN, as resolvers send them and as nobody should.
#include "programs.hpp"

#include "os/file.hpp"

#include <linux/if_ether.h>
#include <net/if.h>
#include <sched.h>

#include <cstdlib>

using namespace gantry;
using namespace gantry::policy;

namespace {

// RFC 1035, section 4.
struct Record {
    std::string name = "\xc0\x0c";  // the question's
    std::uint16_t type = 1, klass = 1;
    std::uint32_t ttl = 300;
    std::string data;
};

std::string number16(unsigned value) { return {static_cast<char>(value >> 8), static_cast<char>(value & 0xff)}; }

std::string wire(std::string_view name) {
    std::string out;
    while (!name.empty()) {
        const auto dot = std::min(name.find('.'), name.size());
        out += static_cast<char>(dot);
        out += name.substr(0, dot);
        name.remove_prefix(std::min(name.size(), dot + 1));
    }
    return out + '\0';
}

std::string a(const char* address) {
    const auto prefix = config::Prefix::parse(address).value();
    const auto* bytes = reinterpret_cast<const char*>(prefix.address.data());
    return prefix.is_v4() ? std::string(bytes + 12, 4) : std::string(bytes, 16);
}

struct Message {
    std::string question = wire("api.example.com");
    std::vector<Record> answers;
    unsigned flags = 0x8180, questions = 1;
    std::optional<unsigned> count = std::nullopt;

    [[nodiscard]] std::string text() const {
        std::string out = number16(7) + number16(flags) + number16(questions) +
                          number16(count.value_or(static_cast<unsigned>(answers.size()))) + std::string(4, '\0');
        out += question + number16(1) + number16(1);
        for (const Record& one : answers)
            out += one.name + number16(one.type) + number16(one.klass) + number16(one.ttl >> 16) + number16(one.ttl & 0xffff) +
                   number16(static_cast<unsigned>(one.data.size())) + one.data;
        return out;
    }
};

class PolicyNames : public PolicyPrograms {
protected:
    void SetUp() override {
        PolicyPrograms::SetUp();
        if (IsSkipped()) return;
        const auto names = os::list_dir(folder + "/gantry");
        ASSERT_TRUE(names.ok());
        for (const auto& name : *names)
            if (name.starts_with("policy-")) pins = folder + "/gantry/" + name;
        // What comes by the loopback interface is not believed, so there must be another one: in a network namespace of this
        // program's.
        static const bool made = unshare(CLONE_NEWNET) == 0 && std::system("ip link add up0 type veth peer name up1") == 0;
        ASSERT_TRUE(made);
    }
    void TearDown() override {
        if (programs) ASSERT_TRUE(programs->forget(applied.owner).ok());
        PolicyPrograms::TearDown();
    }

    void rules(const std::vector<std::string>& egress) {
        // The container's resolver, and itself.
        applied.egress = {{config::Prefix::parse("10.88.0.1").value(), 0, {{IPPROTO_UDP, 53, 53}}},
                          {config::Prefix::parse("10.88.0.7").value(), 0, {}},
                          {config::Prefix::parse("127.0.0.0/8").value(), 0, {}}};
        PolicyPrograms::rules(egress);
    }

    // A datagram from a server to the container.
    void hear(const std::string& message, const char* server = "10.88.0.1", unsigned port = 53, unsigned protocol = IPPROTO_UDP,
              const char* interface = "up0") {
        const auto program = os::bpf_open(pins + "/policy_test_learn");
        ASSERT_TRUE(program.ok());
        std::string frame = std::string(12, '\2') + number16(ETH_P_IP);
        frame += number16(0x4500) + number16(static_cast<unsigned>(28 + message.size())) + std::string(4, '\0') +
                 number16(64U << 8 | protocol) + number16(0) + a(server) + a("10.88.0.7");
        frame += number16(port) + number16(40000) + number16(static_cast<unsigned>(8 + message.size())) + number16(0) + message;
        __sk_buff context{};
        context.ifindex = if_nametoindex(interface);
        context.cb[0] = applied.policy;
        context.cb[1] = applied.flags();
        context.cb[2] = applied.owner;
        const auto ran = os::bpf_run(program->get(), std::as_bytes(std::span(frame)), context);
        ASSERT_TRUE(ran.ok()) << ran.error().message();
    }

    std::string pins;
};

}  // namespace

TEST_F(PolicyNames, AnAnswerAllowsItsAddresses) {
    rules({"dns:api.example.com:443/tcp", "dns:other.example.com"});
    EXPECT_EQ(ask("198.51.100.1", 443), -POLICY_NO_RULE);
    hear(Message{.answers = {{.type = 5, .data = wire("edge.example.net")},
                             {.name = wire("edge.example.net"), .data = a("198.51.100.1")},
                             {.name = "\xc0\x30", .data = a("198.51.100.2")},
                             {.name = "\xc0\x30", .type = 28, .data = a("2001:db8::1")}}}
             .text());
    EXPECT_EQ(ask("198.51.100.1", 443), 1);
    EXPECT_EQ(ask("198.51.100.2", 443), 1);
    EXPECT_EQ(ask("2001:db8::1", 443), 1);
    EXPECT_EQ(ask("198.51.100.1", 80), -POLICY_OTHER_PORT);
    EXPECT_EQ(ask("198.51.100.3", 443), -POLICY_NO_RULE);
    const auto learned = programs->learned(applied.owner);
    ASSERT_TRUE(learned.ok());
    ASSERT_EQ(learned->size(), 3U);
    EXPECT_EQ(learned->front().pattern, pattern_number("api.example.com"));
}

TEST_F(PolicyNames, OneAddressIsManyNames) {
    rules({"dns:api.example.com:443/tcp", "dns:www.example.com:80/tcp"});
    for (const char* name : {"api.example.com", "www.example.com"})
        hear(Message{.question = wire(name), .answers = {{.data = a("198.51.100.1")}}}.text());
    EXPECT_EQ(ask("198.51.100.1", 443), 1);
    EXPECT_EQ(ask("198.51.100.1", 80), 2);
    EXPECT_EQ(ask("198.51.100.1", 22), -POLICY_OTHER_PORT);
}

TEST_F(PolicyNames, PatternsAndCase) {
    rules({"dns:*.example.com:443/tcp", "dns:api.example.com:80/tcp"});
    hear(Message{.question = wire("API.Example.Com"), .answers = {{.data = a("198.51.100.1")}}}.text());
    hear(Message{.question = wire("a.b.example.com"), .answers = {{.data = a("198.51.100.2")}}}.text());
    hear(Message{.question = wire("example.com"), .answers = {{.data = a("198.51.100.3")}}}.text());
    hear(Message{.question = wire("badexample.com"), .answers = {{.data = a("198.51.100.4")}}}.text());
    hear(Message{.question = wire("api.example.com.evil.org"), .answers = {{.data = a("198.51.100.5")}}}.text());
    EXPECT_EQ(ask("198.51.100.1", 80), 2);
    EXPECT_EQ(ask("198.51.100.1", 443), 1);
    EXPECT_EQ(ask("198.51.100.2", 443), 1);
    EXPECT_EQ(ask("198.51.100.2", 80), -POLICY_OTHER_PORT);
    for (const char* address : {"198.51.100.3", "198.51.100.4", "198.51.100.5"}) EXPECT_EQ(ask(address, 443), -POLICY_NO_RULE);
}

TEST_F(PolicyNames, OnlyResolversAreBelieved) {
    rules({"dns:api.example.com", "10.0.0.0/8"});
    const std::string message = Message{.answers = {{.data = a("198.51.100.1")}}}.text();
    hear(message, "10.9.9.9");         // a peer of another rule
    hear(message, "10.88.0.7");        // the container itself
    hear(message, "127.0.0.1");        // a server inside
    hear(message, "10.88.0.1", 5353);  // another port
    hear(message, "10.88.0.1", 53, IPPROTO_SCTP);
    hear(message, "10.88.0.1", 53, IPPROTO_UDP, "lo");  // in the resolver's name, by a raw socket of its own
    EXPECT_EQ(ask("198.51.100.1", 443), -POLICY_NO_RULE);
    hear(message);
    EXPECT_EQ(ask("198.51.100.1", 443), 1);
}

TEST_F(PolicyNames, ANameLeadsToNoAddressOfTheHost) {
    rules({"dns:api.example.com"});
    hear(Message{.answers = {{.data = a("10.88.0.9")}, {.data = a("198.51.100.1")}, {.data = a("127.0.0.1")}}}.text());
    EXPECT_EQ(ask("10.88.0.9", 443), -POLICY_NO_RULE);
    EXPECT_EQ(ask("198.51.100.1", 443), 1);
}

TEST_F(PolicyNames, WhatIsNoAnswerTeachesNothing) {
    rules({"dns:api.example.com", "dns:*.example.com"});
    const std::vector<Record> good{{.data = a("198.51.100.1")}};
    std::string dot = wire("api.example.com");
    dot[0] = 11;  // one label "api.example": not the name that it looks like
    dot[4] = '.';
    const Message bad[] = {
        {.answers = good, .flags = 0x0100},  // a question
        {.answers = good, .flags = 0x8183},  // no such name
        {.answers = good, .questions = 2},
        {.answers = good, .questions = 0},
        {.question = dot, .answers = good},
        {.question = "\xc0\x0c", .answers = good},  // a name that is itself
        {.question = std::string(1, '\0'), .answers = good},
        {.question = wire("api\n.example.com"), .answers = good},
        {.answers = {{.klass = 3, .data = a("198.51.100.1")}}},  // CHAOS
        {.answers = {{.type = 16, .data = a("198.51.100.1")}}},  // TXT
        {.answers = {{.data = a("2001:db8::1")}, {.type = 28, .data = a("198.51.100.1")}}},
        {.answers = good, .count = 0},
    };
    for (const Message& one : bad) hear(one.text());
    // Cut short at every place.
    const std::string whole = Message{.answers = good}.text();
    for (std::size_t size = 0; size < whole.size(); ++size) hear(whole.substr(0, size));
    const auto learned = programs->learned(applied.owner);
    ASSERT_TRUE(learned.ok());
    EXPECT_THAT(*learned, testing::IsEmpty());
    // A name of the longest kind, and more records than are read.
    hear(Message{.question = wire(std::string(60, 'a') + "." + std::string(60, 'b') + "." + std::string(60, 'c') + "." +
                                  std::string(50, 'd') + ".example.com"),
                 .answers = std::vector<Record>(100, Record{.data = a("198.51.100.2")})}
             .text());
    EXPECT_EQ(ask("198.51.100.2", 443), 2);
}

TEST_F(PolicyNames, WhatWasLearnedHoldsUnderAnotherPolicyThatHasTheName) {
    rules({"dns:api.example.com:443/tcp"});
    hear(Message{.answers = {{.ttl = 0, .data = a("198.51.100.1")}}}.text());
    ASSERT_TRUE(programs->erase(applied.tables()).ok());
    applied.rules.egress.reset();
    applied.egress.clear();
    rules({"192.0.2.1", "dns:api.example.com:80/tcp"});
    EXPECT_EQ(ask("198.51.100.1", 80), 2);
    EXPECT_EQ(ask("198.51.100.1", 443), -POLICY_OTHER_PORT);
    ASSERT_TRUE(programs->erase(applied.tables()).ok());
    applied.rules.egress.reset();
    applied.egress.clear();
    rules({"dns:www.example.com"});
    EXPECT_EQ(ask("198.51.100.1", 80), -POLICY_NO_RULE);
}
