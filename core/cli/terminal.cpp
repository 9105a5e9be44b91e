#include "cli/terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>

namespace gantry::cli {

Result<RawTerminal> RawTerminal::enter(int terminal) {
    termios before{};
    if (tcgetattr(terminal, &before) != 0) return errno_error("read the terminal's settings");
    termios raw = before;
    cfmakeraw(&raw);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    if (tcsetattr(terminal, TCSADRAIN, &raw) != 0) return errno_error("put the terminal into raw mode");
    return RawTerminal(terminal, before);
}

RawTerminal::RawTerminal(RawTerminal&& other) noexcept
    : terminal_(std::exchange(other.terminal_, -1)), before_(other.before_) {}

RawTerminal::~RawTerminal() {
    if (terminal_ >= 0) tcsetattr(terminal_, TCSADRAIN, &before_);
}

Result<DetachKeys> DetachKeys::parse(std::string_view text) {
    std::string keys;
    if (text.empty()) text = "ctrl-p,ctrl-q";
    for (std::string_view rest = text;;) {
        const auto comma = rest.find(',', rest.starts_with(',') ? 1 : 0);  // a comma may be a key itself
        const std::string_view key = rest.substr(0, comma);
        if (key.size() == 1) {
            keys += key[0];
        } else {
            // Control characters are the upper-case letter less 64 (ASCII).
            const char letter = key.size() == 6 && key.starts_with("ctrl-") ? key[5] : '\0';
            if (letter >= 'a' && letter <= 'z')
                keys += static_cast<char>(letter - 'a' + 1);
            else if (letter == '@' || (letter >= '[' && letter <= '_'))
                keys += static_cast<char>(letter - '@');
            else
                return error(Errc::invalid, "detach keys '{}': '{}' is no key", text, key);
        }
        if (comma == std::string_view::npos) return DetachKeys(std::move(keys));
        rest.remove_prefix(comma + 1);
    }
}

std::string DetachKeys::filter(std::string_view input) {
    std::string through;
    for (const char byte : input) {
        if (detached()) break;
        if (byte == keys_[matched_]) {
            ++matched_;
            continue;
        }
        // Held back in vain: what is still a start of the sequence stays held, the rest goes through.
        std::string held = keys_.substr(0, matched_) + byte;
        while (!held.empty() && keys_.compare(0, held.size(), held) != 0) {
            through += held[0];
            held.erase(0, 1);
        }
        matched_ = held.size();
    }
    return through;
}

std::pair<unsigned short, unsigned short> window_size(int terminal) {
    winsize size{};
    if (terminal < 0 || ioctl(terminal, TIOCGWINSZ, &size) != 0) return {0, 0};
    return {size.ws_row, size.ws_col};
}

}  // namespace gantry::cli
