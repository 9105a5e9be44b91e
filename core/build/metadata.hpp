// Instructions that change the image's configuration and no file. Also what `gantry commit --change` does.
#pragma once

#include "dockerfile/ast.hpp"
#include "image/store.hpp"

#include <optional>

namespace gantry::build {

// A shell-form command is run by the image's shell, /bin/sh -c where it names none.
std::vector<std::string> words_of(const dockerfile::Command& command, const image::ImageConfig& config);

// instruction: expanded. Errc::invalid for one that changes more than the configuration (RUN, COPY, ADD, FROM, ARG). ENTRYPOINT
// takes a CMD of the base image away: keep_command says that the stage (or the command line) set one of its own.
Result<> apply_metadata(image::ImageConfig& config, const dockerfile::Instruction& instruction, bool keep_command);

// WORKDIR's rule: relative to the one before, cleaned, absolute.
std::string resolved_folder(const std::string& folder, const std::string& path);

// The variable's value of "NAME=value" entries.
std::optional<std::string> variable(const std::vector<std::string>& environment, std::string_view name);

}  // namespace gantry::build
