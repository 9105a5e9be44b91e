// What turns a container into an image's configuration: its own settings over its image's, and Dockerfile instructions over
// both.
#pragma once

#include "config/definition.hpp"
#include "dockerfile/ast.hpp"
#include "image/store.hpp"

namespace gantry::container {

// The settings of a container as those of an image, as Docker's commit takes them: what was given to `run` wins, lists of
// ports, volumes and labels are joined. ONBUILD triggers of the old image are not inherited. platform, created, author, layers
// and history stay as they are. id: the container's. Reads its environment files.
Result<image::ImageConfig> committed_config(const config::Definition& definition, const std::string& id,
                                            const image::ImageConfig& image);

// One instruction of those that only change a configuration (CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, SHELL,
// STOPSIGNAL, USER, VOLUME, WORKDIR), unexpanded; variables are those of config.env. Errc::invalid for any other.
// command_set: was there a CMD before? An ENTRYPOINT takes back a command that was not set beside it, as in Docker.
Result<> apply_instruction(image::ImageConfig& config, const dockerfile::Instruction& instruction, bool& command_set);

// The same of an instruction whose variables have been replaced; MAINTAINER too.
Result<> apply_expanded(image::ImageConfig& config, const dockerfile::Instruction& instruction, bool& command_set);

// What runs a command: a shell-form one the image's shell, /bin/sh -c where it names none.
std::vector<std::string> words_of(const dockerfile::Command& command, const image::ImageConfig& config);
// WORKDIR's rule: "/a/b/../c//" is "/a/c"; a relative path goes on from the folder before.
std::string resolved_folder(const std::string& before, const std::string& path);
// The value in "NAME=value" entries.
std::optional<std::string> variable(const std::vector<std::string>& environment, std::string_view name);

// Texts of such instructions (--change), each of one or more lines. Errors name the text.
Result<> apply_changes(image::ImageConfig& config, const std::vector<std::string>& changes);

}  // namespace gantry::container
