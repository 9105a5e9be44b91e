#include "build/metadata.hpp"

#include <algorithm>
#include <filesystem>

namespace gantry::build {

namespace {

using image::ImageConfig;

void put_variable(std::vector<std::string>& environment, const std::string& name, const std::string& value) {
    const std::string prefix = name + "=";
    const auto known = std::ranges::find_if(environment, [&](const std::string& entry) { return entry.starts_with(prefix); });
    if (known != environment.end())
        *known = prefix + value;
    else
        environment.push_back(prefix + value);
}

void add_once(std::vector<std::string>& list, const std::string& text) {
    if (std::ranges::find(list, text) == list.end()) list.push_back(text);
}

image::HealthCheck health_of(const dockerfile::Healthcheck& wanted) {
    image::HealthCheck health;
    if (wanted.none) {
        health.test = {"NONE"};
        return health;
    }
    if (wanted.command.exec) {
        health.test = wanted.command.args;
        health.test.insert(health.test.begin(), "CMD");
    } else {
        health.test = {"CMD-SHELL", wanted.command.shell()};
    }
    health.interval = wanted.interval.count();
    health.timeout = wanted.timeout.count();
    health.start_period = wanted.start_period.count();
    health.retries = wanted.retries;
    return health;
}

// One call for each kind of instruction; those that change files end up in the template.
class Applier {
public:
    Applier(ImageConfig& config, bool keep_command) : config_(config), keep_command_(keep_command) {}

    Result<> operator()(const dockerfile::Env& env) {
        for (const auto& [key, value] : env.values) put_variable(config_.env, key, value);
        return {};
    }
    Result<> operator()(const dockerfile::Label& label) {
        for (const auto& [key, value] : label.values) config_.labels[key] = value;
        return {};
    }
    Result<> operator()(const dockerfile::Expose& expose) {
        for (const std::string& port : expose.ports) add_once(config_.exposed_ports, port);
        std::ranges::sort(config_.exposed_ports);
        return {};
    }
    Result<> operator()(const dockerfile::Volume& volume) {
        for (const std::string& path : volume.paths) {
            if (path.empty()) return error(Errc::invalid, "VOLUME: a path is empty");
            add_once(config_.volumes, path);
        }
        std::ranges::sort(config_.volumes);
        return {};
    }
    Result<> operator()(const dockerfile::User& user) {
        config_.user = user.user;
        return {};
    }
    Result<> operator()(const dockerfile::Workdir& folder) {
        config_.workdir = resolved_folder(config_.workdir, folder.path);
        return {};
    }
    Result<> operator()(const dockerfile::Cmd& cmd) {
        config_.command = words_of(cmd.command, config_);
        return {};
    }
    Result<> operator()(const dockerfile::Entrypoint& entrypoint) {
        config_.entrypoint = words_of(entrypoint.command, config_);
        if (!keep_command_) config_.command.clear();
        return {};
    }
    Result<> operator()(const dockerfile::Shell& shell) {
        config_.shell = shell.command;
        return {};
    }
    Result<> operator()(const dockerfile::StopSignal& signal) {
        config_.stop_signal = signal.signal;
        return {};
    }
    Result<> operator()(const dockerfile::Healthcheck& health) {
        config_.health = health_of(health);
        return {};
    }
    Result<> operator()(const dockerfile::Onbuild& trigger) {
        config_.on_build.push_back(trigger.trigger);
        return {};
    }
    Result<> operator()(const dockerfile::Maintainer& maintainer) {
        config_.author = maintainer.name;
        return {};
    }
    template <class Other>
    Result<> operator()(const Other&) {
        return error(Errc::invalid, "it changes more than an image's configuration");
    }

private:
    ImageConfig& config_;
    bool keep_command_;
};

}  // namespace

std::vector<std::string> words_of(const dockerfile::Command& command, const ImageConfig& config) {
    if (command.exec) return command.args;
    std::vector<std::string> words = config.shell;
    if (words.empty()) words = {"/bin/sh", "-c"};
    words.push_back(command.shell());
    return words;
}

Result<> apply_metadata(ImageConfig& config, const dockerfile::Instruction& instruction, bool keep_command) {
    return std::visit(Applier(config, keep_command), instruction.what).context(dockerfile::instruction_name(instruction));
}

std::string resolved_folder(const std::string& folder, const std::string& path) {
    const std::filesystem::path base = folder.empty() ? "/" : folder;
    std::string clean = (base / path).lexically_normal().string();
    while (clean.size() > 1 && clean.ends_with('/')) clean.pop_back();
    return clean;
}

std::optional<std::string> variable(const std::vector<std::string>& environment, std::string_view name) {
    for (const std::string& entry : environment)
        if (entry.size() > name.size() && entry.starts_with(name) && entry[name.size()] == '=')
            return entry.substr(name.size() + 1);
    return std::nullopt;
}

}  // namespace gantry::build
