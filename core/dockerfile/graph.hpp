// Which stages a target needs, and in which order they can be built.
#pragma once

#include "dockerfile/expand.hpp"

#include <set>

namespace gantry::dockerfile {

// Something that a stage is built from.
struct Source {
    enum class Kind { stage, image, context };
    Kind kind = Kind::image;
    std::size_t stage = 0;  // of a stage: its index in Dockerfile::stages
    std::string name;       // of an image: the reference as written after expansion; of a named context: its name
    bool operator==(const Source&) const = default;
};

struct PlannedStage {
    std::size_t index = 0;
    std::string platform;        // FROM's --platform, expanded; empty: the target's
    std::optional<Source> base;  // nothing: scratch
    // All that it needs besides: COPY --from and RUN --mount=from, each once, in the order of the file.
    std::vector<Source> sources;
    // The stages among base and sources, sorted.
    std::vector<std::size_t> needs;
};

struct Plan {
    std::vector<PlannedStage> stages;  // all of the file, by index
    std::size_t target = 0;
    std::vector<std::size_t> needed;  // what target needs and target itself (last), each after all that it needs
};

struct PlanOptions {
    std::string target;                           // --target: a name (any case) or an index; empty: the last stage
    Values globals;                               // of global_values()
    std::set<std::string, std::less<>> contexts;  // names of --build-context: they win over stages and images of the same name
};

// Errors (with their place): FROM whose image is empty after expansion, an index that does not exist, an unknown target (the
// error lists what there is); of a needed stage: a COPY --from or mount that names the stage itself or a later one (so that
// nothing can go round in circles; BuildKit refuses them too). FROM sees only stages above it: what is not one is an image. The
// triggers (ONBUILD) of a stage are sources of the stages that are built from it.
Result<Plan> plan(const Dockerfile& dockerfile, const PlanOptions& options, Location* failed = nullptr);

// What "--from=TEXT" means in the stage index. The executor uses it for instructions of ONBUILD triggers.
Result<Source> resolve_source(const Dockerfile& dockerfile, const PlanOptions& options, std::size_t stage,
                              std::string_view text);

}  // namespace gantry::dockerfile
