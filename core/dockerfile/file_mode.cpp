// COPY --chmod.
#include "base/text.hpp"
#include "dockerfile/ast.hpp"
#include "dockerfile/words.hpp"

#include <charconv>

namespace gantry::dockerfile {

namespace {

constexpr std::uint32_t set_uid = 04000, set_gid = 02000, sticky = 01000;

Error bad_mode(std::string_view text, std::string_view why) {
    return error(Errc::invalid, "--chmod '{}' is neither octal (0644) nor symbolic (u=rwX,go=rX): {}", detail::shown(text),
                 why);
}

// The bits of a class that a letter stands for, for all three at once.
std::uint32_t letter_bits(char letter) {
    switch (letter) {
    case 'r': return 0444;
    case 'w': return 0222;
    case 'x': return 0111;
    case 's': return set_uid | set_gid;
    case 't': return sticky;
    default: return 0;
    }
}

std::uint32_t class_mask(char who) {
    switch (who) {
    case 'u': return 0700 | set_uid;
    case 'g': return 0070 | set_gid;
    case 'o': return 0007;
    default: return 07777;
    }
}

}  // namespace

Result<FileMode> FileMode::parse(std::string_view text) {
    FileMode mode;
    if (text.empty()) return bad_mode(text, "it is empty");
    if (text.front() >= '0' && text.front() <= '9') {
        std::uint32_t bits = 0;
        const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), bits, 8);
        if (failure != std::errc() || end != text.data() + text.size() || bits > 07777)
            return bad_mode(text, "not a number of octal digits up to 7777");
        mode.octal_ = bits;
        return mode;
    }
    for (std::string_view clause : gantry::split(text, ',')) {
        std::uint32_t who = 0;
        for (; !clause.empty() && std::string_view("ugoa").find(clause.front()) != std::string_view::npos;
             clause.remove_prefix(1))
            who |= class_mask(clause.front());
        // The sticky bit is nobody's: "o+t" sets it as "+t" does not need a class (chmod(1)).
        who = who == 0 ? 07777U : who | sticky;
        if (clause.empty()) return bad_mode(text, "an operator of + - = is missing");
        while (!clause.empty()) {
            Change change{who, clause.front(), 0, false};
            if (std::string_view("+-=").find(change.operation) == std::string_view::npos)
                return bad_mode(text, fmt::format("'{}' is no operator of + - =", clause.substr(0, 1)));
            for (clause.remove_prefix(1); !clause.empty(); clause.remove_prefix(1)) {
                if (std::string_view("+-=").find(clause.front()) != std::string_view::npos) break;
                change.execute_if_any |= clause.front() == 'X';
                change.bits |= letter_bits(clause.front());
                if (clause.front() != 'X' && letter_bits(clause.front()) == 0)
                    return bad_mode(text, fmt::format("'{}' is no permission of r w x X s t", clause.substr(0, 1)));
            }
            mode.changes_.push_back(change);
        }
    }
    return mode;
}

std::uint32_t FileMode::apply(std::uint32_t old, bool folder) const {
    if (octal_) return *octal_;
    std::uint32_t now = old & 07777U;
    for (const Change& change : changes_) {
        std::uint32_t bits = change.bits;
        if (change.execute_if_any && (folder || (now & 0111U) != 0)) bits |= 0111U;
        bits &= change.who;
        if (change.operation == '+') now |= bits;
        if (change.operation == '-') now &= ~bits;
        // '=' leaves a folder's set-ID bits and everybody's sticky bit unless they are named.
        const std::uint32_t cleared = change.who & (folder ? 0777U : 0777U | set_uid | set_gid);
        if (change.operation == '=') now = (now & ~cleared) | bits;
    }
    return now;
}

}  // namespace gantry::dockerfile
