#include "cli/confirm.hpp"

#include <cstdio>
#include <iostream>
#include <termios.h>
#include <unistd.h>

namespace gantry::cli {

namespace {

// Echo off for as long as it lives.
class SilentTerminal {
public:
    SilentTerminal() {
        if (tcgetattr(STDIN_FILENO, &kept_) != 0) return;
        termios silent = kept_;
        silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        changed_ = tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) == 0;
    }
    ~SilentTerminal() {
        if (!changed_) return;
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &kept_);
        std::fputc('\n', stderr);
    }
    SilentTerminal(const SilentTerminal&) = delete;
    SilentTerminal& operator=(const SilentTerminal&) = delete;

private:
    termios kept_{};
    bool changed_ = false;
};

}  // namespace

Result<bool> confirm(const std::string& warning) {
    std::fprintf(stderr, "%s\nAre you sure you want to continue? [y/N] ", warning.c_str());
    std::string answer;
    if (!std::getline(std::cin, answer)) return false;
    return answer == "y" || answer == "Y" || answer == "yes";
}

Result<std::string> ask_password(const std::string& prompt) {
    std::fprintf(stderr, "%s", prompt.c_str());
    const SilentTerminal silent;
    std::string line;
    if (!std::getline(std::cin, line)) return error(Errc::invalid, "no password on standard input");
    return line;
}

}  // namespace gantry::cli
