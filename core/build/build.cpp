#include "build/build.hpp"

#include "base/text.hpp"
#include "build/cache_transfer.hpp"
#include "build/remote.hpp"
#include "build/squash.hpp"
#include "build/stage.hpp"
#include "dockerfile/lint.hpp"
#include "dockerfile/parse.hpp"
#include "image/image_text.hpp"
#include "os/file.hpp"
#include "os/mount.hpp"

#include <fcntl.h>

#include <charconv>
#include <filesystem>

namespace gantry::build {

namespace {

struct Script {
    std::string name;  // for messages
    std::string text;
    std::string path;  // of the file on this host; empty: it was none
};

Result<Script> read_script(const Options& options, const ContextFolder& context) {
    constexpr std::size_t limit = dockerfile::file_limit + 1;  // so that the parser says what is wrong with it
    Script script{"Dockerfile", "", ""};
    if (context.script || options.dockerfile == "-") {
        script.text = context.script ? *context.script : TRY(os::read_fd(options.input, "standard input", limit));
        return script;
    }
    const os::Fd root = TRY(os::open(context.path, O_PATH | O_DIRECTORY));
    std::vector<std::string> names{options.dockerfile};
    if (options.dockerfile.empty()) names = {"Dockerfile", "dockerfile", "Containerfile"};
    // A path that was given is the caller's, relative to where the caller is; then the context is looked at.
    if (!options.dockerfile.empty() && options.host_files && !is_url(options.context) && !is_git_reference(options.context) &&
        options.context != "-")
        if (os::path_exists(options.dockerfile)) {
            script.path = std::filesystem::absolute(options.dockerfile).lexically_normal().string();
            script.name = std::filesystem::path(script.path).filename().string();
            script.text = TRY(os::read_file(script.path, limit));
            return script;
        }
    for (const std::string& name : names) {
        auto text = read_text_file(root.get(), name, limit);
        if (!text.ok() && text.error().sys() == ENOENT) continue;
        script.name = name;
        script.path = context.path + "/" + name;
        script.text = TRY(std::move(text));
        return script;
    }
    return error(Errc::not_found, "failed to read dockerfile: open {}: no such file or directory", names.front());
}

dockerfile::PlatformName platform_name(const image::Platform& platform) {
    return {platform.os, platform.architecture, platform.variant};
}

Result<std::optional<std::int64_t>> epoch_of(const Options& options) {
    const auto given = options.build_args.find("SOURCE_DATE_EPOCH");
    if (given == options.build_args.end() || given->second.empty()) return std::optional<std::int64_t>();
    std::int64_t seconds = 0;
    const std::string& text = given->second;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (failed != std::errc() || end != text.data() + text.size() || seconds < 0)
        return error(Errc::invalid, "SOURCE_DATE_EPOCH: '{}' is not a number of seconds since 1970", text);
    return std::optional(seconds);
}

// A Dockerfile, read and planned.
struct Reading {
    dockerfile::Dockerfile file;
    dockerfile::Values platforms, globals;
    dockerfile::PlanOptions options;
    dockerfile::Plan plan;
};

Result<Reading> read_dockerfile(const Options& options, const std::string& file, const std::string& text,
                                std::set<std::string, std::less<>> contexts, dockerfile::Location& failed) {
    const image::Platform host = image::Platform::host();
    Reading reading{TRY(dockerfile::parse(text, file, &failed)), {}, {}, {}, {}};
    reading.platforms =
        dockerfile::platform_args(platform_name(host), platform_name(options.platform.value_or(host)), options.target);
    reading.globals = TRY(dockerfile::global_values(reading.file, options.build_args, reading.platforms, &failed));
    reading.options = {options.target, reading.globals, std::move(contexts)};
    reading.plan = TRY(dockerfile::plan(reading.file, reading.options, &failed));
    return reading;
}

class Build {
public:
    explicit Build(Session& session) : session_(session), inputs_(session) {}

    Result<std::pair<std::string, std::size_t>> check() {
        TRY(load());
        std::string text;
        const auto findings = lint();
        for (const auto& finding : findings) text += dockerfile::finding_text(finding, session_.text, session_.file) + "\n";
        return std::pair(text, findings.size());
    }

    Result<Outcome> run() {
        TRY(load());
        TRY(refuse_findings());
        std::vector<CachePlace> targets;
        for (const std::string& text : session_.options.cache_to) targets.push_back(TRY(cache_place(text, true)));
        for (const std::string& text : session_.options.cache_from) import_cache(session_, TRY(cache_place(text, false)));
        auto state = build_stages();
        warn();  // now that base images are here
        if (!state.ok()) return std::move(state).error();
        TRY(inputs_.save());
        inline_ = std::ranges::find(targets, CachePlace::Kind::inline_, &CachePlace::kind) != targets.end();
        auto outcome = finish(std::move(state).value());
        for (const CachePlace& target : targets)
            if (outcome.ok() && target.kind != CachePlace::Kind::inline_) TRY(export_cache(session_, target));
        return outcome;
    }

private:
    Result<> load() {
        Vertex vertex(session_.reporter, "[internal] load build definition");
        const auto look = [&]() -> Result<> {
            const ContextFolder context = TRY(fetch_context(session_));
            const Script script = TRY(read_script(session_.options, context));
            session_.file = script.name;
            session_.text = script.text;
            TRY(inputs_.open_context(context, script.path));
            for (const auto& [name, source] : session_.options.contexts)
                TRY(inputs_.open_named(name, TRY(fetch_named_context(session_, name, source))));
            dockerfile::Location failed;
            auto reading = read_dockerfile(session_.options, session_.file, session_.text, inputs_.names(), failed);
            if (!reading.ok()) {
                session_.reporter.notice(dockerfile::excerpt(session_.text, session_.file, failed));
                return std::move(reading).error();
            }
            reading_.emplace(std::move(reading).value());
            return {};
        };
        auto looked = look();
        vertex.end(looked);
        return looked;
    }

    std::vector<dockerfile::Finding> lint() {
        dockerfile::LintOptions options;
        options.build_args = session_.options.build_args;
        options.platform_values = reading_->platforms;
        options.ignore = &inputs_.ignore();
        options.base_image = [&](const std::string& reference,
                                 const std::string& flag) -> std::optional<dockerfile::BaseImage> {
            auto platform = session_.options.platform;
            if (!flag.empty()) {
                auto parsed = image::Platform::parse(flag);
                if (!parsed.ok()) return std::nullopt;
                platform = std::move(parsed).value();
            }
            const auto config = inputs_.find_image(reference, platform);
            if (!config) return std::nullopt;
            dockerfile::BaseImage base{{}, config->platform.os.empty() ? "" : config->platform.str()};
            for (const std::string& variable : config->env) base.variables.push_back(split_once(variable, '=').first);
            return base;
        };
        return dockerfile::lint(reading_->file, options);
    }

    Result<CachePlace> cache_place(const std::string& text, bool target) {
        CachePlace place = TRY(CachePlace::parse(text, target));
        if (place.kind == CachePlace::Kind::local && !session_.options.host_files) return of_this_host(text);
        return place;
    }

    // The build checks are warnings, unless the Dockerfile wants them to be errors.
    Result<> refuse_findings() {
        if (!reading_->file.directives.check.error) return {};
        const auto findings = lint();
        if (findings.empty()) return {};
        for (const auto& finding : findings)
            session_.reporter.notice(dockerfile::finding_text(finding, session_.text, session_.file));
        return error(Errc::invalid, "lint violation found for rules: {} ('check=error=true')", findings.front().rule->name);
    }

    void warn() {
        const auto findings = lint();
        if (findings.empty()) return;
        std::string lines = fmt::format("{} warning{} found:\n", findings.size(), findings.size() == 1 ? "" : "s");
        for (const auto& finding : findings)
            lines += fmt::format(" - {}: {} (line {})\n", finding.rule->name, finding.message, finding.where.first);
        session_.reporter.notice(lines);
    }

    // Every stage has a thread; those that need others wait for them.
    Result<StageState> build_stages() {
        const auto& plan = reading_->plan;
        inputs_.set_graph(reading_->file, reading_->options);
        std::map<std::size_t, std::promise<Result<StageState>>> promises;
        for (const std::size_t index : plan.needed) inputs_.set_stage(index, promises[index].get_future().share());
        std::vector<std::thread> threads;
        for (const std::size_t index : plan.needed)
            threads.emplace_back([this, &plan, &promises, index] {
                const auto& stage = reading_->file.stages[index];
                const std::string name = stage.name.empty() ? fmt::format("stage-{}", index) : stage.name;
                const StageTask task{reading_->file, plan.stages[index], reading_->globals,
                                     plan.needed.size() > 1 ? name + " " : ""};
                promises.at(index).set_value(StageBuilder(session_, inputs_, task).run());
            });
        for (std::thread& thread : threads) thread.join();
        if (session_.stopped()) return session_.failure();
        return *TRY(inputs_.stage(plan.target));
    }

    Result<Outcome> finish(StageState state) {
        image::ImageConfig& config = state.config;
        for (const auto& [name, value] : session_.options.labels) {
            config.labels[name] = value;
            state.key = image::chained(state.key, fmt::format("label {}={}", name, value));
        }
        if (session_.options.squash) TRY(squash(session_, base_layers(), state));
        if (inline_) carry_cache(state);
        TRY(date(state));
        Outcome outcome{std::nullopt, image::digest_of(image::image_config_text(config)), image::digest_of(""),
                        session_.store.layer_keys(config), session_.cached};
        if (!session_.options.remember) return outcome;
        Vertex vertex(session_.reporter, "exporting to image");
        const auto name = [&]() -> Result<> {
            outcome.manifest = TRY(image::put_image(session_.store, config, state.layers));
            vertex.status("writing image " + outcome.id.str());
            if (session_.options.names.empty())
                outcome.image = TRY(session_.store.add(outcome.manifest, std::nullopt, std::nullopt));
            for (const ImageRef& ref : session_.options.names) {
                outcome.image = TRY(session_.store.add(outcome.manifest, ref, std::nullopt));
                vertex.status("naming to " + ref.normalized().str());
            }
            return {};
        };
        auto named = name();
        vertex.end(named);
        if (!named.ok()) return std::move(named).error();
        return outcome;
    }

    // The steps whose layers the image has.
    void carry_cache(StageState& state) {
        auto steps = session_.used_steps();
        const auto& own = state.config.diff_ids;
        std::erase_if(steps, [&](const auto& step) {
            return step.second.layer && std::ranges::find(own, step.second.layer->diff_id) == own.end();
        });
        state.config.labels[cache_label] = cache_text(steps);
        state.key = image::chained(state.key, "inline cache");
    }

    // The base image's, of the target's chain of stages.
    std::size_t base_layers() {
        const dockerfile::PlannedStage* stage = &reading_->plan.stages[reading_->plan.target];
        while (stage->base && stage->base->kind == dockerfile::Source::Kind::stage)
            stage = &reading_->plan.stages[stage->base->stage];
        if (!stage->base) return 0;
        const auto image = inputs_.image(stage->base->name, session_.options.platform);
        return image.ok() ? (*image)->layers.size() : 0;
    }

    // What was made when: a build that made nothing new gives the image that was there before.
    Result<> date(StageState& state) {
        const Digest key = image::chained(state.key, fmt::format("image {}", session_.epoch.value_or(-1)));
        auto known = session_.cached ? session_.cache.find(key) : std::nullopt;
        if (!known) {
            known = image::CachedStep{"image", session_.now(), std::nullopt};
            TRY(session_.remember(key, *known));
        }
        state.config.created = known->created;
        for (image::HistoryEntry& entry : state.config.history)
            if (entry.created.empty()) entry.created = known->created;
        return {};
    }

    Session& session_;
    Inputs inputs_;
    std::optional<Reading> reading_;
    bool inline_ = false;
};

Result<std::unique_ptr<Session>> open_session(container::Engine& engine, const Fetchers& fetchers, const Options& options) {
    const auto killed = TRY(engine.sweep_builds(true));
    image::Store* store = TRY(engine.images());
    driver::StorageDriver* storage = TRY(engine.storage());
    os::Fd hold = TRY(store->hold());
    auto folders = TRY(container::BuildFolders::make(engine.paths()));
    driver::RootfsRequest sample;
    sample.container = "build";
    // Before any thread is made: all of them are to see what the driver mounts.
    if (storage->wants_mount_namespace(sample)) TRY(os::unshare_mounts());
    auto session = std::make_unique<Session>(engine, fetchers, options, *store, *storage, std::move(folders), std::move(hold));
    session->epoch = TRY(epoch_of(options));
    for (const SshSource& source : options.ssh) {
        if (source.keys.empty()) continue;
        const std::string folder = fmt::format("{}/ssh-{}", session->scratch(), session->agents.size());
        TRY(os::make_dirs(folder, 0700));
        session->agents.emplace(source.id, TRY_CONTEXT(SshAgent::start(folder, source.keys), "--ssh {}", source.id));
    }
    session->replaced = !killed.empty();  // what they had made is nobody's
    return session;
}

}  // namespace

Result<Outcome> build(container::Engine& engine, const Fetchers& fetchers, const Options& options) {
    auto session = TRY(open_session(engine, fetchers, options));
    auto outcome = Build(*session).run();
    const bool replaced = session->replaced;
    session.reset();  // with its hold of the store
    if (replaced) [[maybe_unused]]
        const auto swept = TRY(engine.images())->sweep();
    return outcome;
}

Result<std::pair<std::string, std::size_t>> check(container::Engine& engine, const Fetchers& fetchers, const Options& options) {
    const auto session = TRY(open_session(engine, fetchers, options));
    return Build(*session).check();
}

}  // namespace gantry::build
