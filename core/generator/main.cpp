// gantry-generator NORMAL EARLY LATE, as systemd calls it.
#include "generator/generate.hpp"
#include "generator/kernel_log.hpp"

using namespace gantry;

int main(int argc, char** argv) {
    generator::KernelLog log;
    if (argc != 2 && argc != 4) {
        log.error("called with the wrong arguments: gantry-generator NORMAL EARLY LATE");
        return 1;
    }
    // One folder is what an administrator gives by hand, to look at the result.
    generator::generate(config::Paths::from_environment(), {}, argc == 4 ? argv[2] : argv[1],
                        [&](std::string_view line) { log.error(line); });
    if (argc == 4)
        if (const auto later = generator::ask_again_later(config::Paths::from_environment(), argv[1]); !later.ok())
            log.error(later.error().message());
    // A broken definition is told and left out; systemd would only repeat that with an exit status.
    return 0;
}
