// gantry-bpf-load guard|policy|route|service FOLDER: pins programs and maps in FOLDER. Run by the first start that needs them
// after a boot.
#include "guard/loader.hpp"
#include "policy/loader.hpp"
#include "route/loader.hpp"
#include "service/loader.hpp"

#include <cstdio>
#include <string_view>

namespace {

struct Programs {
    std::string_view name;
    gantry::Result<> (*load)(const std::string& folder);
};
constexpr Programs known[] = {{"guard", gantry::guard::load},
                              {"policy", gantry::policy::load},
                              {"route", gantry::route::load},
                              {"service", gantry::service::load}};

}  // namespace

int main(int count, char** arguments) {
    for (const Programs& programs : known) {
        if (count != 3 || programs.name != arguments[1]) continue;
        const auto loaded = programs.load(arguments[2]);
        if (loaded.ok()) return 0;
        fmt::print(stderr, "{}\n", loaded.error().message());
        return 1;
    }
    std::fputs("usage: gantry-bpf-load guard|policy|route|service FOLDER\n", stderr);
    return 2;
}
