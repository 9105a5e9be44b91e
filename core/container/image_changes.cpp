#include "container/image_changes.hpp"

#include "container/environment.hpp"
#include "container/volume_store.hpp"
#include "dockerfile/expand.hpp"
#include "dockerfile/parse.hpp"

#include <algorithm>

namespace gantry::container {

namespace {

using image::ImageConfig;

void add_once(std::vector<std::string>& list, const std::string& text) {
    if (std::ranges::find(list, text) == list.end()) list.push_back(text);
}

void take(std::string& into, const std::string& text) {
    if (!text.empty()) into = text;
}

// A port that is published is exposed, as Docker has it.
std::vector<std::string> exposed_by(const config::Definition& definition) {
    std::vector<std::string> ports = definition.expose;
    for (const config::Port& port : definition.ports)
        for (unsigned number = port.container_port; number <= port.container_port_end; ++number)
            ports.push_back(fmt::format("{}/{}", number, port.protocol));
    return ports;
}

std::optional<image::HealthCheck> health_of(const config::Health& own, const std::optional<image::HealthCheck>& images) {
    if (own.disabled) return image::HealthCheck{{"NONE"}};
    image::HealthCheck health = images.value_or(image::HealthCheck{});
    if (!own.command.empty()) {
        health = {};
        health.test = own.command;
        if (health.test[0] != "CMD" && health.test[0] != "CMD-SHELL") health.test.insert(health.test.begin(), "CMD");
    }
    if (health.test.empty()) return images;
    const auto take_time = [](std::int64_t& into, const std::optional<config::Microseconds>& time) {
        if (time) into = std::chrono::duration_cast<std::chrono::nanoseconds>(*time).count();
    };
    take_time(health.interval, own.interval);
    take_time(health.timeout, own.timeout);
    take_time(health.start_period, own.start_period);
    if (own.retries) health.retries = static_cast<int>(*own.retries);
    return health;
}

class Changer {
public:
    Changer(ImageConfig& config, bool& command_set) : config_(config), command_set_(command_set) {}

    Result<> operator()(const dockerfile::Cmd& what) {
        config_.command = words_of(what.command, config_);
        command_set_ = true;
        return {};
    }
    Result<> operator()(const dockerfile::Entrypoint& what) {
        config_.entrypoint = words_of(what.command, config_);
        if (!command_set_) config_.command.clear();
        return {};
    }
    Result<> operator()(const dockerfile::Env& what) {
        for (const auto& [name, value] : what.values) put_variable(config_.env, name, value);
        return {};
    }
    Result<> operator()(const dockerfile::Expose& what) {
        for (const std::string& port : what.ports) add_once(config_.exposed_ports, port);
        return {};
    }
    Result<> operator()(const dockerfile::Healthcheck& what) {
        image::HealthCheck health;
        if (what.none) {
            health.test = {"NONE"};
        } else {
            health.test = what.command.args;
            health.test.insert(health.test.begin(), what.command.exec ? "CMD" : "CMD-SHELL");
            health.interval = what.interval.count();
            health.timeout = what.timeout.count();
            health.start_period = what.start_period.count();
            health.start_interval = what.start_interval.count();
            health.retries = what.retries;
        }
        config_.health = std::move(health);
        return {};
    }
    Result<> operator()(const dockerfile::Label& what) {
        for (const auto& [name, value] : what.values) config_.labels[name] = value;
        return {};
    }
    Result<> operator()(const dockerfile::Onbuild& what) {
        config_.on_build.push_back(what.trigger);
        return {};
    }
    Result<> operator()(const dockerfile::Shell& what) {
        config_.shell = what.command;
        return {};
    }
    Result<> operator()(const dockerfile::StopSignal& what) {
        config_.stop_signal = what.signal;
        return {};
    }
    Result<> operator()(const dockerfile::User& what) {
        config_.user = what.user;
        return {};
    }
    Result<> operator()(const dockerfile::Volume& what) {
        for (const std::string& path : what.paths) add_once(config_.volumes, path);
        return {};
    }
    Result<> operator()(const dockerfile::Workdir& what) {
        config_.workdir = resolved_folder(config_.workdir, what.path);
        return {};
    }
    Result<> operator()(const dockerfile::Maintainer& what) {
        config_.author = what.name;
        return {};
    }
    template <class Other>
    Result<> operator()(const Other& /*what*/) {
        return error(Errc::invalid, "it is not an instruction that changes only the configuration");
    }

private:
    ImageConfig& config_;
    bool& command_set_;
};

// The parser wants a whole Dockerfile: the text follows a line of ours.
Result<> apply_text(ImageConfig& config, const std::string& text, bool& command_set) {
    dockerfile::Location place;
    const auto parsed = TRY(dockerfile::parse("FROM scratch\n" + text, "change", &place));
    if (parsed.stages.size() != 1 || !parsed.global_args.empty())
        return error(Errc::invalid, "FROM is not an instruction that changes only the configuration");
    if (parsed.stages[0].instructions.empty()) return error(Errc::invalid, "there is no instruction in it");
    for (const auto& instruction : parsed.stages[0].instructions)
        TRY_CONTEXT(apply_instruction(config, instruction, command_set), "{}", dockerfile::instruction_name(instruction));
    return {};
}

}  // namespace

std::string resolved_folder(const std::string& before, const std::string& path) {
    std::vector<std::string> parts;
    const std::string whole = path.starts_with('/') ? path : before + "/" + path;
    for (std::size_t at = 0; at < whole.size();) {
        const std::size_t end = std::min(whole.find('/', at), whole.size());
        const std::string part = whole.substr(at, end - at);
        at = end + 1;
        if (part == ".." && !parts.empty()) parts.pop_back();
        if (!part.empty() && part != "." && part != "..") parts.push_back(part);
    }
    return fmt::format("/{}", fmt::join(parts, "/"));
}

std::vector<std::string> words_of(const dockerfile::Command& command, const ImageConfig& config) {
    if (command.exec) return command.args;
    std::vector<std::string> words = config.shell;
    if (words.empty()) words = {"/bin/sh", "-c"};
    words.push_back(command.shell());
    return words;
}

std::optional<std::string> variable(const std::vector<std::string>& environment, std::string_view name) {
    for (const std::string& entry : environment)
        if (entry.size() > name.size() && entry[name.size()] == '=' && entry.starts_with(name))
            return entry.substr(name.size() + 1);
    return std::nullopt;
}

Result<ImageConfig> committed_config(const config::Definition& definition, const std::string& id, const ImageConfig& image) {
    ImageConfig config = image;
    config.on_build.clear();
    // An entrypoint of the container's own goes without the image's command.
    if (definition.entrypoint) {
        config.entrypoint = *definition.entrypoint;
        config.command.clear();
    }
    if (definition.command) config.command = *definition.command;
    for (const std::string& file : definition.env_files) TRY(read_env_file(file, config.env));
    for (const auto& [name, value] : definition.env) put_variable(config.env, name, value);
    take(config.user, definition.run_as);
    take(config.workdir, definition.workdir);
    if (definition.stop_signal) config.stop_signal = *definition.stop_signal;
    for (const auto& [name, value] : definition.labels) config.labels[name] = value;
    for (const std::string& port : exposed_by(definition)) add_once(config.exposed_ports, port);
    for (const config::Mount& mount : definition.mounts)
        if (mount.type == config::MountType::volume && mount.source == anonymous_volume_name(id, mount.target))
            add_once(config.volumes, mount.target);
    config.health = health_of(definition.health, image.health);
    return config;
}

Result<> apply_expanded(ImageConfig& config, const dockerfile::Instruction& instruction, bool& command_set) {
    return std::visit(Changer(config, command_set), instruction.what);
}

Result<> apply_instruction(ImageConfig& config, const dockerfile::Instruction& instruction, bool& command_set) {
    if (std::holds_alternative<dockerfile::Maintainer>(instruction.what))
        return error(Errc::invalid, "MAINTAINER is no change of a configuration, use LABEL");
    const dockerfile::Lookup lookup = [&](std::string_view name) { return variable(config.env, name); };
    return apply_expanded(config, TRY(dockerfile::expanded(instruction, lookup)), command_set);
}

Result<> apply_changes(ImageConfig& config, const std::vector<std::string>& changes) {
    bool command_set = false;
    for (const std::string& text : changes) TRY_CONTEXT(apply_text(config, text, command_set), "change '{}'", text);
    return {};
}

}  // namespace gantry::container
