#include "dockerfile/graph.hpp"

#include "base/reference.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "dockerfile/parse.hpp"
#include "dockerfile/words.hpp"

namespace gantry::dockerfile {

namespace {

using namespace detail;

// Triggers multiply: a thousand of them in the base of a thousand stages are a million references.
constexpr std::size_t reference_limit = 20'000;

struct Problem {
    Error error;
    Location where;
};

std::string stage_label(const Dockerfile& dockerfile, std::size_t index) {
    const std::string& name = dockerfile.stages[index].name;
    return name.empty() ? fmt::format("stage-{}", index) : name;
}

// The named context that text means. "docker-image" contexts are looked for as BuildKit does: "alpine" is "alpine:latest" is
// "docker.io/library/alpine".
std::optional<std::string> find_context(const PlanOptions& options, std::string_view text) {
    if (options.contexts.empty() || same_word(text, "scratch") || same_word(text, "context")) return std::nullopt;
    if (const auto found = options.contexts.find(text); found != options.contexts.end()) return *found;
    const auto reference = ImageRef::parse(text);
    if (!reference) return std::nullopt;
    std::string familiar = reference->normalized().familiar();
    if (familiar.ends_with(":latest")) familiar.erase(familiar.size() - 7);
    const auto found = options.contexts.find(familiar);
    return found == options.contexts.end() ? std::nullopt : std::optional(*found);
}

// The last stage of that name among the first `end`: a name that is used twice means the later one.
std::optional<std::size_t> find_stage(const Dockerfile& dockerfile, std::string_view text, std::size_t end) {
    const std::string name = lower(text);
    for (std::size_t index = end; index-- > 0;)
        if (!name.empty() && dockerfile.stages[index].name == name) return index;
    return std::nullopt;
}

// A stage, or the context that stands in for it.
Source stage_source(const Dockerfile& dockerfile, const PlanOptions& options, std::size_t index) {
    const std::string& name = dockerfile.stages[index].name;
    if (const auto context = name.empty() ? std::nullopt : find_context(options, name))
        return {Source::Kind::context, 0, *context};
    return {Source::Kind::stage, index, ""};
}

Error unknown_target(const Dockerfile& dockerfile, std::string_view target) {
    std::vector<std::string> names;
    for (const Stage& stage : dockerfile.stages)
        if (!stage.name.empty()) names.push_back(stage.name);
    const std::string near = did_you_mean(lower(target), names);
    if (names.empty())
        return error(Errc::not_found, "target stage '{}' could not be found: no stage has a name, the indexes are 0 to {}",
                     shown(target), dockerfile.stages.size() - 1);
    constexpr std::size_t shown_names = 20;
    const std::string more = names.size() > shown_names ? ", ..." : "";
    names.resize(std::min(names.size(), shown_names));
    return error(Errc::not_found, "target stage '{}' could not be found{}: there are {}{}", shown(target), near,
                 fmt::join(names, ", "), more);
}

// COPY --from and RUN --mount=from of an instruction.
std::vector<std::string> references_of(const Instruction& instruction) {
    std::vector<std::string> names;
    if (const auto* copy = std::get_if<Copy>(&instruction.what)) names.push_back(copy->from);
    if (const auto* run = std::get_if<Run>(&instruction.what))
        for (const RunMount& mount : run->mounts) names.push_back(mount.from);
    return names;
}

class Planner {
public:
    Planner(const Dockerfile& dockerfile, const PlanOptions& options) : dockerfile_(dockerfile), options_(options) {}
    Result<Plan> run(Location& failed);

private:
    Result<PlannedStage> plan_stage(std::size_t index);
    void add_source(PlannedStage& planned, const std::string& from, Location where);
    // What the triggers of a stage copy and mount from.
    const std::vector<std::string>& trigger_sources(std::size_t stage);
    [[nodiscard]] Result<std::size_t> find_target() const;
    // Fills Plan::needed.
    Result<> choose(Location& failed);

    const Dockerfile& dockerfile_;
    const PlanOptions& options_;
    Plan plan_;
    // A stage's references to itself and to later ones: errors of those that are built only.
    std::map<std::size_t, Problem> problems_;
    std::map<std::size_t, std::vector<std::string>> triggers_;
    std::size_t references_ = 0;
};

void Planner::add_source(PlannedStage& planned, const std::string& from, Location where) {
    if (from.empty() || problems_.contains(planned.index)) return;
    if (++references_ > reference_limit) {
        problems_.emplace(planned.index,
                          Problem{error(Errc::invalid, "more than {} references between stages", reference_limit), where});
        return;
    }
    auto resolved = resolve_source(dockerfile_, options_, planned.index, from);
    if (!resolved)
        problems_.emplace(planned.index, Problem{resolved.error(), where});
    else if (std::ranges::find(planned.sources, *resolved) == planned.sources.end())
        planned.sources.push_back(*std::move(resolved));
}

const std::vector<std::string>& Planner::trigger_sources(std::size_t stage) {
    const auto [found, fresh] = triggers_.try_emplace(stage);
    if (!fresh) return found->second;
    std::set<std::string> seen;
    for (const Instruction& instruction : dockerfile_.stages[stage].instructions) {
        const auto* onbuild = std::get_if<Onbuild>(&instruction.what);
        if (!onbuild) continue;
        const auto trigger = parse_trigger(onbuild->trigger);
        if (!trigger) continue;  // never: parse() has read it
        for (const std::string& from : references_of(*trigger))
            if (seen.insert(from).second) found->second.push_back(from);
    }
    return found->second;
}

Result<PlannedStage> Planner::plan_stage(std::size_t index) {
    const Stage& stage = dockerfile_.stages[index];
    PlannedStage planned;
    planned.index = index;
    const Lookup lookup = [&](std::string_view name) -> std::optional<std::string> {
        const auto found = options_.globals.find(name);
        return found == options_.globals.end() ? std::nullopt : std::optional(found->second);
    };
    const char escape = dockerfile_.directives.escape;
    const std::string image = TRY(expand_word(stage.from.image, lookup, escape));
    if (image.empty()) return error(Errc::invalid, "base name ({}) should not be blank", stage.from.image);
    planned.platform = TRY(expand_word(stage.from.platform, lookup, escape));
    if (planned.platform.empty() && !stage.from.platform.empty())
        return error(Errc::invalid, "empty platform value from expression {}", stage.from.platform);
    if (const auto base = find_stage(dockerfile_, image, index))
        planned.base = stage_source(dockerfile_, options_, *base);
    else if (const auto context = find_context(options_, image))
        planned.base = Source{Source::Kind::context, 0, *context};
    else if (image != "scratch")
        planned.base = Source{Source::Kind::image, 0, image};
    // The base stage's triggers run first.
    if (planned.base && planned.base->kind == Source::Kind::stage)
        for (const std::string& from : trigger_sources(planned.base->stage)) add_source(planned, from, stage.where);
    for (const Instruction& instruction : stage.instructions)
        for (const std::string& from : references_of(instruction)) add_source(planned, from, instruction.where);
    std::set<std::size_t> needs;
    if (planned.base && planned.base->kind == Source::Kind::stage) needs.insert(planned.base->stage);
    for (const Source& source : planned.sources)
        if (source.kind == Source::Kind::stage) needs.insert(source.stage);
    planned.needs.assign(needs.begin(), needs.end());
    return planned;
}

Result<std::size_t> Planner::find_target() const {
    const std::size_t count = dockerfile_.stages.size();
    if (options_.target.empty()) return count - 1;
    if (const auto stage = find_stage(dockerfile_, options_.target, count)) return *stage;
    const auto index = whole_number(options_.target);
    if (!index || *index >= count) return unknown_target(dockerfile_, options_.target);
    return *index;
}

Result<> Planner::choose(Location& failed) {
    const std::size_t target = plan_.target;
    // All that a stage needs stands above it, so the order of the file is an order to build in.
    std::vector<bool> needed(dockerfile_.stages.size(), false);
    needed[target] = true;
    for (std::size_t index = target + 1; index-- > 0;) {
        if (!needed[index]) continue;
        if (const auto problem = problems_.find(index); problem != problems_.end()) {
            failed = problem->second.where;
            return problem->second.error;
        }
        for (const std::size_t other : plan_.stages[index].needs) needed[other] = true;
    }
    for (std::size_t index = 0; index <= target; ++index)
        if (needed[index]) plan_.needed.push_back(index);
    return {};
}

Result<Plan> Planner::run(Location& failed) {
    plan_.target = TRY(find_target());
    for (std::size_t index = 0; index < dockerfile_.stages.size(); ++index) {
        failed = dockerfile_.stages[index].where;
        plan_.stages.push_back(TRY(plan_stage(index)));
    }
    failed = {};
    TRY(choose(failed));
    return std::move(plan_);
}

}  // namespace

Result<Source> resolve_source(const Dockerfile& dockerfile, const PlanOptions& options, std::size_t stage,
                              std::string_view text) {
    if (const auto context = find_context(options, text)) return Source{Source::Kind::context, 0, *context};
    std::optional<std::size_t> found = find_stage(dockerfile, text, dockerfile.stages.size());
    // A name that is used again below means the one above.
    if (found && *found >= stage) found = find_stage(dockerfile, text, stage).value_or(*found);
    if (const auto index = found ? std::nullopt : whole_number(text)) {
        if (*index >= dockerfile.stages.size())
            return error(Errc::invalid, "invalid stage index {}: there are {} stages", shown(text), dockerfile.stages.size());
        found = index;
    }
    if (!found) return Source{Source::Kind::image, 0, std::string(text)};
    if (*found == stage)
        return error(Errc::invalid, "circular dependency detected on stage '{}'", stage_label(dockerfile, stage));
    if (*found > stage)
        return error(Errc::invalid, "cannot copy from stage '{}', it needs to be defined before current stage '{}'",
                     shown(text), stage_label(dockerfile, stage));
    return stage_source(dockerfile, options, *found);
}

Result<Plan> plan(const Dockerfile& dockerfile, const PlanOptions& options, Location* failed) {
    Location where;
    auto result = Planner(dockerfile, options).run(where);
    if (failed) *failed = result ? Location{} : where;
    if (!result) return where.first == 0 ? result.error() : located(result.error(), dockerfile.file, where);
    return result;
}

}  // namespace gantry::dockerfile
