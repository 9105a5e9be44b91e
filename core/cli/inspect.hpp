// Objects as `inspect` shows them: the members that Docker's users and tools read, under Docker's names.
#pragma once

#include "container/engine.hpp"

#include <nlohmann/json.hpp>

namespace gantry::cli {

using Json = nlohmann::ordered_json;

Result<Json> inspect_container(container::Engine& engine, const container::Container& container, bool with_size);
Result<Json> inspect_image(image::Store& store, const image::Image& image);
Json inspect_network(const container::NetworkInfo& network, const std::vector<container::Container>& containers);
Json inspect_volume(const container::VolumeInfo& volume);

}  // namespace gantry::cli
