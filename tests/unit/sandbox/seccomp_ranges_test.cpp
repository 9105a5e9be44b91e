#include "sandbox/seccomp_ranges.hpp"

#include "sandbox/seccomp_library.hpp"

#include <gtest/gtest.h>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cstring>
#include <random>
#include <vector>

namespace gantry::sandbox {

namespace {

std::vector<sock_filter> instructions(const std::string& program) {
    std::vector<sock_filter> out(program.size() / sizeof(sock_filter));
    std::memcpy(out.data(), program.data(), program.size());
    return out;
}

// The kernel's interpreter for what filters use; nothing of the code under test.
std::uint32_t run(const std::vector<sock_filter>& program, const seccomp_data& call) {
    std::uint32_t a = 0;
    for (std::size_t at = 0; at < program.size(); ++at) {
        const sock_filter& i = program[at];
        switch (i.code) {
        case BPF_LD | BPF_W | BPF_ABS: std::memcpy(&a, reinterpret_cast<const char*>(&call) + i.k, sizeof a); break;
        case BPF_ALU | BPF_AND | BPF_K: a &= i.k; break;
        case BPF_JMP | BPF_JA: at += i.k; break;
        case BPF_JMP | BPF_JEQ | BPF_K: at += a == i.k ? i.jt : i.jf; break;
        case BPF_JMP | BPF_JGT | BPF_K: at += a > i.k ? i.jt : i.jf; break;
        case BPF_JMP | BPF_JGE | BPF_K: at += a >= i.k ? i.jt : i.jf; break;
        case BPF_JMP | BPF_JSET | BPF_K: at += (a & i.k) != 0 ? i.jt : i.jf; break;
        case BPF_RET | BPF_K: return i.k;
        default: ADD_FAILURE() << "instruction " << i.code; return 0;
        }
    }
    ADD_FAILURE() << "ran over the end";
    return 0;
}

void expect_same(const std::string& first, const std::string& second) {
    const auto one = instructions(first), two = instructions(second);
    std::mt19937_64 random(1);
    const std::uint64_t interesting[] = {0, 1, 2, 8, 16, 40, 0xffffffff, 0x20000, 0x20008, 0x7e020000, 0x10000000, ~0ULL};
    const std::uint32_t architectures[] = {AUDIT_ARCH_X86_64, AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64, AUDIT_ARCH_ARM, 0, ~0U};
    for (const std::uint32_t architecture : architectures)
        for (std::uint64_t at = 0; at < 3000; ++at) {
            // All real numbers, those of x32, and what no kernel has.
            const auto number = static_cast<std::uint32_t>(at < 1200 ? at : at < 2400 ? at - 1200 + 0x40000000 : random());
            for (int sample = 0; sample < 14; ++sample) {
                seccomp_data call{static_cast<int>(number), architecture, random(), {}};
                for (auto& argument : call.args) argument = sample < 12 ? interesting[(sample + random() % 2) % 12] : random();
                ASSERT_EQ(run(one, call), run(two, call)) << architecture << ' ' << number;
            }
        }
}

// Compiled as the launcher's are, but not shortened.
std::string compiled(const std::vector<std::tuple<std::uint32_t, int, std::vector<scmp_arg_cmp>>>& rules,
                     std::uint32_t otherwise) {
    const SeccompLibrary& library = **SeccompLibrary::load();
    void* filter = library.init(otherwise);
    library.attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    library.arch_add(filter, SCMP_ARCH_X86);
    library.arch_add(filter, SCMP_ARCH_X32);
    for (const auto& [action, number, arguments] : rules)
        library.rule_add(filter, action, number, static_cast<unsigned>(arguments.size()), arguments.data());
    char name[] = "/tmp/gantry-filter-XXXXXX";
    const int file = mkstemp(name);
    unlink(name);
    library.export_bpf(filter, file);
    library.release(filter);
    std::string program(static_cast<std::size_t>(lseek(file, 0, SEEK_END)), '\0');
    EXPECT_EQ(pread(file, program.data(), program.size(), 0), static_cast<ssize_t>(program.size()));
    close(file);
    return program;
}

}  // namespace

TEST(SeccompRanges, DecidesTheSameWithLess) {
    // In the manner of Docker's: most are allowed, a few by their arguments, some have an errno of their own.
    std::vector<std::tuple<std::uint32_t, int, std::vector<scmp_arg_cmp>>> rules;
    for (int number = 0; number < 450; ++number) {
        if (number % 11 == 3 || number == 56 || number == 135 || number == 41) continue;
        rules.emplace_back(SCMP_ACT_ALLOW, number, std::vector<scmp_arg_cmp>{});
    }
    rules.emplace_back(SCMP_ACT_ALLOW, 56, std::vector{scmp_arg_cmp{0, SCMP_CMP_MASKED_EQ, 0x7e020000, 0}});
    for (const std::uint64_t persona : {0ULL, 8ULL, 0x20000ULL, 0x20008ULL, 0xffffffffULL})
        rules.emplace_back(SCMP_ACT_ALLOW, 135, std::vector{scmp_arg_cmp{0, SCMP_CMP_EQ, persona, 0}});
    rules.emplace_back(SCMP_ACT_ALLOW, 41, std::vector{scmp_arg_cmp{0, SCMP_CMP_NE, 40, 0}});
    rules.emplace_back(SCMP_ACT_ERRNO(38), 435, std::vector<scmp_arg_cmp>{});
    const std::string program = compiled(rules, SCMP_ACT_ERRNO(1));
    const std::string shorter = shorten_filter(program);
    EXPECT_LT(shorter.size() * 2, program.size());
    expect_same(program, shorter);
}

TEST(SeccompRanges, DecidesTheSameForAnyRules) {
    std::minstd_rand random(2);
    for (int round = 0; round < 12; ++round) {
        std::vector<std::tuple<std::uint32_t, int, std::vector<scmp_arg_cmp>>> rules;
        for (int count = 0; count < 40 + round * 20; ++count) {
            std::vector<scmp_arg_cmp> arguments;
            if (random() % 4 == 0)
                arguments.push_back({static_cast<unsigned>(random() % 6), static_cast<scmp_compare>(SCMP_CMP_NE + random() % 7),
                                     random() % 64, random() % 64});
            const std::uint32_t actions[] = {SCMP_ACT_ALLOW, SCMP_ACT_ERRNO(static_cast<unsigned>(1 + random() % 3)),
                                             SCMP_ACT_KILL_PROCESS, SCMP_ACT_LOG};
            rules.emplace_back(actions[random() % 4], static_cast<int>(random() % 470), arguments);
        }
        const std::string program = compiled(rules, round % 2 == 0 ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(1));
        expect_same(program, shorten_filter(program));
    }
}

TEST(SeccompRanges, LeavesAloneWhatItDoesNotUnderstand) {
    const auto text = [](std::vector<sock_filter> program) {
        return std::string(reinterpret_cast<const char*>(program.data()), program.size() * sizeof(sock_filter));
    };
    EXPECT_EQ(shorten_filter(""), "");
    const std::string scratch =
        text({{BPF_LD | BPF_W | BPF_ABS, 0, 0, 0}, {BPF_ST, 0, 0, 1}, {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}});
    EXPECT_EQ(shorten_filter(scratch), scratch);
    const std::string masked = text({{BPF_LD | BPF_W | BPF_ABS, 0, 0, 0},
                                     {BPF_ALU | BPF_AND | BPF_K, 0, 0, 0xff},
                                     {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 7},
                                     {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_KILL_PROCESS},
                                     {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}});
    EXPECT_EQ(shorten_filter(masked), masked);
    // A jump over the end.
    const std::string wild = text({{BPF_JMP | BPF_JEQ | BPF_K, 200, 0, 7}, {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}});
    EXPECT_EQ(shorten_filter(wild), wild);
}

}  // namespace gantry::sandbox
