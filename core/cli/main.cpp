#include "cli/context.hpp"

#include <csignal>
#include <cstdio>

int main(int argc, char** argv) {
    // A reader that goes away (`gantry ps | head`) ends us quietly, as it does other tools.
    std::signal(SIGPIPE, SIG_DFL);
    std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
    gantry::cli::Context context;
    return gantry::cli::run_command_line({argv + 1, argv + argc}, context);
}
