// pull() of transfer.hpp with settings; for tests and for callers that need another patience.
#pragma once

#include "image/registry/settings.hpp"
#include "image/transfer.hpp"

namespace gantry::image::registry {

Result<PullResult> pull_with(Store& store, const config::Engine& engine, const ImageRef& ref, const PullOptions& options,
                             Settings settings);

Result<std::vector<std::string>> list_tags_with(const config::Paths& paths, const config::Engine& engine, const ImageRef& ref,
                                                const std::atomic<bool>* cancel, Settings settings);

Result<std::string> login_with(const config::Paths& paths, const config::Engine& engine, const std::string& registry,
                               const Credentials& credentials, Settings settings);

}  // namespace gantry::image::registry
