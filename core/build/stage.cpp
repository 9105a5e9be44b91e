#include "build/stage.hpp"

#include "build/copy_step.hpp"
#include "build/run_mounts.hpp"
#include "container/image_changes.hpp"
#include "dockerfile/parse.hpp"
#include "image/hasher.hpp"
#include "image/image_text.hpp"

namespace gantry::build {

namespace {

constexpr const char* default_path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr std::size_t layer_limit = 127;  // of images that Docker and overlayfs can use

bool is_step(const dockerfile::Instruction& instruction) {
    const auto& what = instruction.what;
    return std::holds_alternative<dockerfile::Run>(what) || std::holds_alternative<dockerfile::Copy>(what) ||
           std::holds_alternative<dockerfile::Add>(what) || std::holds_alternative<dockerfile::Workdir>(what);
}

// As one line of history or progress: what follows a here-document's beginning is left out.
std::string one_line(const std::string& text) { return text.substr(0, text.find('\n')); }

std::string in_quotes(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
    return text;
}

}  // namespace

StageBuilder::StageBuilder(Session& session, Inputs& inputs, const StageTask& task)
    : session_(session), inputs_(inputs), task_(task), stage_(task.file.stages[task.plan.index]) {
    steps_ += static_cast<std::size_t>(std::ranges::count_if(stage_.instructions, is_step));
}

std::string StageBuilder::next_label(const std::string& shown) {
    return fmt::format("[{}{}/{}] {}", task_.label, step_++, steps_, one_line(shown));
}

bool StageBuilder::may_use_cache() const {
    const auto& without = session_.options.no_cache_stages;
    return !session_.options.no_cache && std::ranges::find(without, stage_.name) == without.end();
}

std::optional<std::string> StageBuilder::lookup(std::string_view name) const {
    if (auto value = container::variable(state_->config.env, name)) return value;
    for (auto arg = args_.rbegin(); arg != args_.rend(); ++arg)
        if (arg->first == name) return arg->second;
    return std::nullopt;
}

// What a command gets of the ARGs: an ENV of the same name wins.
std::vector<std::pair<std::string, std::string>> StageBuilder::visible_args() const {
    std::map<std::string, std::string> values;
    for (const auto& [name, value] : args_)
        if (value && !container::variable(state_->config.env, name)) values[name] = *value;
    return {values.begin(), values.end()};
}

Result<StageState> StageBuilder::start() {
    const auto& base = task_.plan.base;
    std::optional<image::Platform> platform = session_.options.platform;
    if (!task_.plan.platform.empty()) platform = TRY(image::Platform::parse(task_.plan.platform));
    if (!base) {
        ++step_;
        StageState state{{}, {}, image::digest_of("scratch")};
        state.config.platform = platform.value_or(image::Platform::host());
        state.config.env = {default_path};
        return state;
    }
    if (base->kind == dockerfile::Source::Kind::stage) {
        ++step_;
        return *TRY(inputs_.stage(base->stage));
    }
    const StageState* state = TRY(inputs_.image(base->name, platform));
    Vertex vertex(session_.reporter, next_label("FROM " + base->name));
    vertex.cached();
    return *state;
}

Result<StageState> StageBuilder::run() {
    const auto build = [&]() -> Result<StageState> {
        auto started = start();
        if (!started.ok()) return dockerfile::located(started.error(), session_.file, stage_.where);
        state_ = std::move(started).value();
        TRY(run_triggers());
        for (const dockerfile::Instruction& instruction : stage_.instructions) {
            if (session_.stopped()) return error(Errc::cancelled, "cancelled");
            auto done = execute(instruction);
            if (done.ok()) continue;
            if (done.error().code() == Errc::cancelled) return std::move(done).error();
            if (!session_.stopped())
                session_.reporter.notice(dockerfile::excerpt(session_.text, session_.file, instruction.where));
            return dockerfile::located(done.error(), session_.file, instruction.where);
        }
        return std::move(*state_);
    };
    auto state = build();
    if (!state.ok()) session_.fail(state.error());
    return state;
}

// Of the base image: they are this stage's first instructions, and not those of the image that comes out.
Result<> StageBuilder::run_triggers() {
    const std::vector<std::string> triggers = std::exchange(state_->config.on_build, {});
    std::vector<dockerfile::Instruction> instructions;
    for (const std::string& text : triggers)
        instructions.push_back(TRY_CONTEXT(dockerfile::parse_trigger(text), "ONBUILD {}", one_line(text)));
    steps_ += static_cast<std::size_t>(std::ranges::count_if(instructions, is_step));
    for (const dockerfile::Instruction& instruction : instructions)
        TRY_CONTEXT(execute(instruction), "ONBUILD {}", one_line(instruction.original));
    return {};
}

Result<> StageBuilder::execute(const dockerfile::Instruction& instruction) {
    if (const auto* arg = std::get_if<dockerfile::Arg>(&instruction.what)) return declare(*arg);
    const auto values = [this](std::string_view name) { return lookup(name); };
    return carry_out(TRY(dockerfile::expanded(instruction, values, task_.file.directives.escape)));
}

Result<> StageBuilder::carry_out(const dockerfile::Instruction& instruction) {
    const std::string& shown = instruction.original;
    if (const auto* run = std::get_if<dockerfile::Run>(&instruction.what)) return run_command(*run, shown);
    if (const auto* add = std::get_if<dockerfile::Add>(&instruction.what)) return copy(*add, add, shown);
    if (const auto* plain = std::get_if<dockerfile::Copy>(&instruction.what)) return copy(*plain, nullptr, shown);
    if (const auto* folder = std::get_if<dockerfile::Workdir>(&instruction.what)) return change_folder(*folder, shown);
    return change_metadata(instruction);
}

Result<> StageBuilder::declare(const dockerfile::Arg& arg) {
    const auto values = [this](std::string_view name) { return lookup(name); };
    std::string shown = "ARG";
    for (const auto& item : arg.items) {
        auto value =
            TRY(dockerfile::arg_value(item, session_.options.build_args, task_.globals, values, task_.file.directives.escape));
        shown += " " + item.name + (value ? "=" + *value : "");
        args_.emplace_back(item.name, std::move(value));
    }
    add_history("", shown, true);
    return {};
}

void StageBuilder::add_history(std::string created, std::string created_by, bool empty) {
    state_->config.history.push_back({std::move(created), std::move(created_by), "gantry.build", empty});
}

Result<> StageBuilder::change_metadata(const dockerfile::Instruction& instruction) {
    TRY_CONTEXT(container::apply_expanded(state_->config, instruction, command_set_), "{}",
                dockerfile::instruction_name(instruction));
    // The configuration after it says all of it, with variables expanded.
    image::ImageConfig now = state_->config;
    now.history.clear();
    now.diff_ids.clear();
    state_->key = image::chained(state_->key, image::image_config_text(now));
    add_history("", instruction.original, true);
    return {};
}

Result<> StageBuilder::step(const std::string& shown, const std::string& history, const Digest& key, const Work& work) {
    Vertex vertex(session_.reporter, next_label(shown));
    std::optional<image::CachedStep> known;
    if (may_use_cache()) known = session_.cache.find(key);
    if (!known) {
        session_.cached = false;
        auto layer = work(vertex);
        if (!layer.ok()) {
            vertex.failed(layer.error());
            return std::move(layer).error();
        }
        known = image::CachedStep{one_line(history), session_.now(), std::move(layer).value()};
        TRY(session_.remember(key, *known));
        vertex.done();
    } else {
        vertex.cached();
    }
    session_.use(key, *known);
    state_->key = key;
    add_history(known->created, history, !known->layer);
    if (!known->layer) return {};
    if (state_->layers.size() == layer_limit) return error(Errc::unsupported, "an image has at most {} layers", layer_limit);
    state_->config.diff_ids.push_back(known->layer->diff_id);
    state_->layers.push_back(known->layer->blob);
    return {};
}

Result<> StageBuilder::run_command(const dockerfile::Run& run, const std::string& shown) {
    const auto args = visible_args();
    const std::string workdir = state_->config.workdir.empty() ? "/" : state_->config.workdir;
    std::string text =
        fmt::format("run {} {} {}\n", run.command.exec, static_cast<int>(run.network), static_cast<int>(run.security));
    std::string history = "RUN ";
    if (!args.empty()) history += fmt::format("|{} ", args.size());
    for (const auto& [name, value] : args) history += fmt::format("{}={} ", name, value);
    const auto shell = dockerfile::shell_text(run);
    std::vector<std::string> words =
        run.command.exec ? run.command.args : container::words_of({false, {shell.text}}, state_->config);
    for (const std::string& word : words) text += fmt::format("{}:{}", word.size(), word);
    if (shell.script) text += shell.script->content;
    for (const auto& [name, value] : args) text += fmt::format("\n{}={}", name, value);
    for (const auto& [name, address] : session_.options.extra_hosts) text += fmt::format("\nhost {}={}", name, address);
    text += fmt::format("\nepoch {} network {} in {}\n", session_.epoch.value_or(-1), session_.options.network, workdir);
    RunMounts mounts(session_, inputs_);
    text += TRY(mounts.key(run.mounts, task_.plan.index, workdir));
    history += in_quotes(words);
    return step(shown, history, image::chained(state_->key, text),
                [&](Vertex& vertex) { return run_unit(run, shown, vertex); });
}

Result<std::optional<image::CachedStep::Layer>> StageBuilder::run_unit(const dockerfile::Run& run, const std::string& shown,
                                                                       Vertex& vertex) {
    StepRequest request{session_.next_container(), "Build: " + one_line(shown), state_->config};
    const auto shell = dockerfile::shell_text(run);
    RunMounts mounts(session_, inputs_);
    request.words = run.command.exec ? run.command.args : container::words_of({false, {shell.text}}, state_->config);
    if (shell.script) request.words = {TRY(mounts.add_script(*shell.script, request))};
    request.environment = visible_args();
    for (const auto& [name, value] : session_.options.build_args)
        if (dockerfile::is_proxy_arg(name)) request.environment.emplace_back(name, value);
    TRY(mounts.prepare(run.mounts, task_.plan.index, request));

    const auto allowed = [&](std::string_view what) {
        const auto& allow = session_.options.allow;
        return std::ranges::find(allow, what) != allow.end();
    };
    std::string network = session_.options.network;
    if (run.network == dockerfile::RunNetwork::none) network = "none";
    if (run.network == dockerfile::RunNetwork::host) network = "host";
    if (run.network == dockerfile::RunNetwork::host && session_.options.network != "host" && !allowed("network.host"))
        return error(Errc::denied, "--network=host is not allowed (--allow network.host)");
    if (network == "none")
        request.network_mode = config::NetworkMode::none;
    else if (network == "host")
        request.network_mode = config::NetworkMode::host;
    else if (network != "default")
        request.network = network;
    request.insecure = run.security == dockerfile::RunSecurity::insecure;
    if (request.insecure && !allowed("security.insecure"))
        return error(Errc::denied, "--security=insecure is not allowed (--allow security.insecure)");

    const auto throw_away = [&](const std::string& container) {
        [[maybe_unused]] const auto removed = session_.storage.teardown(container);
    };
    const auto status = run_step(session_, request, vertex);
    for (const auto& [target, tree] : request.trees)
        if (!tree.writable.empty()) throw_away(tree.writable);
    if (status.ok() && *status == 0) return session_.layer_of(state_->config, request.name);
    throw_away(request.name.str());
    if (!status.ok()) return status.error();
    if (!session_.stopped())
        session_.reporter.notice(fmt::format("------\n > {}:\n{}------\n", one_line(shown), vertex.last_lines(20)));
    return error(Errc::invalid, "process \"{}\" did not complete successfully: exit code: {}", in_quotes(request.words),
                 *status);
}

Result<> StageBuilder::copy(const dockerfile::Copy& copy, const dockerfile::Add* add, const std::string& shown) {
    CopyStep work(session_, inputs_, copy, add, task_.plan.index, state_->config);
    const Digest parent = copy.link ? image::digest_of("link") : state_->key;
    const std::string text = fmt::format("{}epoch {}\n", TRY(work.key()), session_.epoch.value_or(-1));
    const Digest before = state_->key;
    TRY(step(shown, one_line(shown), image::chained(parent, text),
             [&](Vertex& vertex) { return work.work(state_->config, vertex); }));
    if (copy.link) state_->key = image::chained(before, state_->key.str());
    return {};
}

Result<> StageBuilder::change_folder(const dockerfile::Workdir& folder, const std::string& shown) {
    const std::string path = container::resolved_folder(state_->config.workdir, folder.path);
    state_->config.workdir = path;
    const auto work = [&](Vertex&) -> Result<std::optional<image::CachedStep::Layer>> {
        const ContainerName name = session_.next_container();
        auto made = [&]() -> Result<bool> {
            const os::Fd root = TRY(session_.mount_writable(state_->config, name));
            return make_folders(root.get(), path, Owner{});
        }();
        if (made.ok() && *made) return session_.layer_of(state_->config, name);
        [[maybe_unused]] const auto removed = session_.storage.teardown(name.str());
        if (!made.ok()) return std::move(made).error();
        return std::optional<image::CachedStep::Layer>();
    };
    return step(shown, "WORKDIR " + path,
                image::chained(state_->key, fmt::format("workdir {} {}", path, session_.epoch.value_or(-1))), work);
}

}  // namespace gantry::build
