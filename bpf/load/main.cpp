// gantry-bpf-load policy|route FOLDER: pins programs and maps in FOLDER. Run by the first start that needs them after a boot.
#include "policy/loader.hpp"
#include "route/loader.hpp"

#include <cstdio>
#include <string_view>

int main(int count, char** arguments) {
    const std::string_view which = count == 3 ? arguments[1] : "";
    if (which != "policy" && which != "route") {
        std::fputs("usage: gantry-bpf-load policy|route FOLDER\n", stderr);
        return 2;
    }
    const auto loaded = which == "policy" ? gantry::policy::load(arguments[2]) : gantry::route::load(arguments[2]);
    if (loaded.ok()) return 0;
    fmt::print(stderr, "{}\n", loaded.error().message());
    return 1;
}
