// gantry-bpf-load FOLDER: pins the policy programs and maps in FOLDER. Run by the first start that needs them after a boot.
#include "policy/loader.hpp"

#include <cstdio>

int main(int count, char** arguments) {
    if (count != 2) {
        std::fputs("usage: gantry-bpf-load FOLDER\n", stderr);
        return 2;
    }
    const auto loaded = gantry::policy::load(arguments[1]);
    if (loaded.ok()) return 0;
    fmt::print(stderr, "{}\n", loaded.error().message());
    return 1;
}
