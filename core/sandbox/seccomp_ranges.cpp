#include "sandbox/seccomp_ranges.hpp"

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <vector>

namespace gantry::sandbox {

namespace {

using Program = std::vector<sock_filter>;

constexpr std::uint16_t load = BPF_LD | BPF_W | BPF_ABS, jump = BPF_JMP | BPF_JA, equal = BPF_JMP | BPF_JEQ | BPF_K,
                        greater = BPF_JMP | BPF_JGT | BPF_K, at_least = BPF_JMP | BPF_JGE | BPF_K,
                        any_bit = BPF_JMP | BPF_JSET | BPF_K, mask = BPF_ALU | BPF_AND | BPF_K, answer = BPF_RET | BPF_K;
constexpr std::uint32_t number_at = offsetof(seccomp_data, nr), architecture_at = offsetof(seccomp_data, arch);

// What a program does with a call, as far as number and architecture decide: an answer, or code that reads something else. The
// accumulator is all the state there is, and that code begins by loading it.
struct Outcome {
    bool is_answer = true;
    std::uint32_t value = 0;  // the answer, or the place of the code
    auto operator<=>(const Outcome&) const = default;
};

// Only instructions that libseccomp writes, every path ending inside the program.
bool understood(const Program& program) {
    for (std::size_t at = 0; at < program.size(); ++at) {
        const sock_filter& i = program[at];
        const std::size_t left = program.size() - at - 1;
        switch (i.code) {
        case load:
        case mask:
            if (left == 0) return false;
            break;
        case answer: break;
        case jump:
            if (i.k >= left) return false;
            break;
        case equal:
        case greater:
        case at_least:
        case any_bit:
            if (std::max(i.jt, i.jf) >= left) return false;
            break;
        default: return false;
        }
    }
    return !program.empty();
}

// nullopt: number or architecture take part in more than comparisons. compared: architectures that were asked for.
std::optional<Outcome> decide(const Program& program, std::uint32_t architecture, std::uint32_t number,
                              std::set<std::uint32_t>* compared = nullptr) {
    enum class Holds { nothing, number, architecture } holds = Holds::nothing;
    for (std::size_t at = 0;; ++at) {
        const sock_filter& i = program[at];
        const std::uint32_t value = holds == Holds::number ? number : architecture;
        if (i.code == answer) return Outcome{true, i.k};
        if (i.code == jump) {
            at += i.k;
            continue;
        }
        if (i.code == load) {
            if (i.k != number_at && i.k != architecture_at) return Outcome{false, static_cast<std::uint32_t>(at)};
            holds = i.k == number_at ? Holds::number : Holds::architecture;
            continue;
        }
        if (holds == Holds::nothing || i.code == mask || i.code == any_bit) return std::nullopt;
        if (holds == Holds::architecture && i.code != equal) return std::nullopt;
        if (holds == Holds::architecture && compared) compared->insert(i.k);
        const bool yes = i.code == equal ? value == i.k : i.code == greater ? value > i.k : value >= i.k;
        at += yes ? i.jt : i.jf;
    }
}

struct Run {
    std::uint32_t first = 0, last = 0;  // numbers, inclusive
    Outcome outcome;
};

// Where an answer can change: at every number that is compared with, and behind it.
std::vector<std::uint32_t> borders(const Program& program) {
    std::set<std::uint32_t> found{0};
    for (const sock_filter& i : program) {
        if (i.code != equal && i.code != greater && i.code != at_least) continue;
        found.insert(i.k);
        if (i.k != ~std::uint32_t{0}) found.insert(i.k + 1);
    }
    return {found.begin(), found.end()};
}

std::vector<Run> runs(const Program& program, std::uint32_t architecture) {
    std::vector<Run> out;
    const auto starts = borders(program);
    for (std::size_t at = 0; at < starts.size(); ++at) {
        const std::uint32_t last = at + 1 < starts.size() ? starts[at + 1] - 1 : ~std::uint32_t{0};
        const Outcome outcome = decide(program, architecture, starts[at]).value();
        if (!out.empty() && out.back().outcome == outcome)
            out.back().last = last;
        else
            out.push_back({starts[at], last, outcome});
    }
    return out;
}

// Code under construction; a `jump` with a mark goes to the kept code of that place.
struct Code {
    Program program;
    std::vector<std::pair<std::size_t, std::uint32_t>> marks;  // where, and the place in the original

    void add(std::uint16_t code, std::uint32_t k, std::size_t jt = 0, std::size_t jf = 0) {
        program.push_back({code, static_cast<std::uint8_t>(jt), static_cast<std::uint8_t>(jf), k});
    }
    void add(const Outcome& outcome) {
        if (!outcome.is_answer) marks.emplace_back(program.size(), outcome.value);
        add(outcome.is_answer ? answer : jump, outcome.is_answer ? outcome.value : 0);
    }
    void append(const Code& other) {
        for (const auto& [where, place] : other.marks) marks.emplace_back(program.size() + where, place);
        program.insert(program.end(), other.program.begin(), other.program.end());
    }
};

Outcome most_frequent(const Run* from, const Run* to) {
    std::map<Outcome, int> counts;
    for (const Run* run = from; run != to; ++run) ++counts[run->outcome];
    return std::ranges::max_element(counts, {}, [](const auto& entry) { return entry.second; })->first;
}

// A few exceptions, one after the other, then the rule.
Code sequence(const Run* from, const Run* to, const Outcome& rule) {
    std::vector<const Run*> exceptions;
    std::vector<Outcome> outcomes{rule};
    std::size_t comparisons = 0;
    for (const Run* run = from; run != to; ++run) {
        if (run->outcome == rule) continue;
        exceptions.push_back(run);
        comparisons += run->first == run->last ? 1 : 2;
        if (std::ranges::find(outcomes, run->outcome) == outcomes.end()) outcomes.push_back(run->outcome);
    }
    Code code;
    for (const Run* run : exceptions) {
        const auto which = static_cast<std::size_t>(std::ranges::find(outcomes, run->outcome) - outcomes.begin());
        if (run->first != run->last) code.add(at_least, run->first, 0, 1);
        const std::size_t target = comparisons + which - code.program.size() - 1;
        if (run->first == run->last)
            code.add(equal, run->first, target, 0);
        else
            code.add(greater, run->last, 0, target);
    }
    for (const Outcome& outcome : outcomes) code.add(outcome);
    return code;
}

Code tree(const Run* from, const Run* to) {
    constexpr std::ptrdiff_t few = 4;
    const Outcome rule = most_frequent(from, to);
    if (std::count_if(from, to, [&](const Run& run) { return run.outcome != rule; }) <= few) return sequence(from, to, rule);
    const Run* middle = from + (to - from) / 2;
    const Code left = tree(from, middle), right = tree(middle, to);
    Code code;
    if (left.program.size() <= 255) {
        code.add(at_least, middle->first, left.program.size(), 0);
    } else {
        code.add(at_least, middle->first, 0, 1);
        code.add(jump, static_cast<std::uint32_t>(left.program.size()));
    }
    code.append(left);
    code.append(right);
    return code;
}

// All numbers of an architecture that decide() has an outcome for.
Code block_for(const Program& program, std::uint32_t architecture) {
    const std::vector<Run> parts = runs(program, architecture);
    Code block;
    block.add(load, number_at);
    block.append(tree(parts.data(), parts.data() + parts.size()));
    return block;
}

// Everything that can be reached from the marked places, in its order: distances only shrink. Returns where each place is now.
std::map<std::uint32_t, std::uint32_t> keep(const Program& original, Code& code) {
    std::set<std::size_t> wanted;
    for (const auto& [where, place] : code.marks) wanted.insert(place);
    for (auto at = wanted.begin(); at != wanted.end(); ++at) {  // jumps go forward only, so the set grows behind `at`
        const sock_filter& i = original[*at];
        if (i.code == answer) continue;
        if (i.code == jump)
            wanted.insert(*at + 1 + i.k);
        else if (i.code == load || i.code == mask)
            wanted.insert(*at + 1);
        else
            wanted.insert({*at + 1 + i.jt, *at + 1 + i.jf});
    }
    std::map<std::uint32_t, std::uint32_t> moved;
    std::size_t next = code.program.size();
    for (const std::size_t at : wanted) moved[static_cast<std::uint32_t>(at)] = static_cast<std::uint32_t>(next++);
    for (const std::size_t at : wanted) {
        sock_filter i = original[at];
        const std::size_t here = code.program.size() + 1;
        const auto distance = [&](std::size_t to) { return moved.at(static_cast<std::uint32_t>(to)) - here; };
        if (i.code == jump) i.k = static_cast<std::uint32_t>(distance(at + 1 + i.k));
        if (i.code == equal || i.code == greater || i.code == at_least || i.code == any_bit) {
            i.jt = static_cast<std::uint8_t>(distance(at + 1 + i.jt));
            i.jf = static_cast<std::uint8_t>(distance(at + 1 + i.jf));
        }
        // What follows an instruction directly is kept with it, so it still does.
        code.program.push_back(i);
    }
    for (const auto& [where, place] : code.marks)
        code.program[where].k = static_cast<std::uint32_t>(moved.at(place) - where - 1);
    return moved;
}

bool same(const Program& original, const Program& made, const std::map<std::uint32_t, std::uint32_t>& moved,
          const std::set<std::uint32_t>& architectures) {
    std::vector<std::uint32_t> numbers = borders(original);
    std::ranges::copy(borders(made), std::back_inserter(numbers));
    for (const std::uint32_t architecture : architectures)
        for (const std::uint32_t number : numbers) {
            auto wanted = decide(original, architecture, number);
            if (wanted && !wanted->is_answer) wanted->value = moved.at(wanted->value);
            if (!wanted || wanted != decide(made, architecture, number)) return false;
        }
    return true;
}

}  // namespace

std::string shorten_filter(const std::string& program) {
    if (program.empty()) return program;
    Program original(program.size() / sizeof(sock_filter));
    std::memcpy(original.data(), program.data(), original.size() * sizeof(sock_filter));
    if (!understood(original)) return program;

    // An architecture that the program does not know, and from there all that it asks for.
    std::uint32_t unknown = 1;
    while (std::ranges::any_of(original, [&](const sock_filter& i) { return i.k == unknown; })) ++unknown;
    std::set<std::uint32_t> architectures{unknown};
    for (std::size_t before = 0; before != architectures.size();) {
        before = architectures.size();
        for (const std::uint32_t known : std::set(architectures))
            for (const std::uint32_t number : borders(original))
                if (!decide(original, known, number, &architectures)) return program;
    }

    Code code;
    code.add(load, architecture_at);
    architectures.erase(unknown);
    for (const std::uint32_t architecture : architectures) {
        const Code block = block_for(original, architecture);
        if (block.program.size() <= 255) {
            code.add(equal, architecture, 0, block.program.size());
        } else {
            code.add(equal, architecture, 1, 0);
            code.add(jump, static_cast<std::uint32_t>(block.program.size()));
        }
        code.append(block);
    }
    code.append(block_for(original, unknown));
    architectures.insert(unknown);
    const auto moved = keep(original, code);
    if (code.program.size() >= original.size() || !same(original, code.program, moved, architectures)) return program;
    return {reinterpret_cast<const char*>(code.program.data()), code.program.size() * sizeof(sock_filter)};
}

}  // namespace gantry::sandbox
