// Objects as `inspect` shows them: the members that Docker's users and tools read, under Docker's names.
#pragma once

#include "base/json.hpp"
#include "container/engine.hpp"
#include "container/services.hpp"

namespace gantry::cli {

using Json = OrderedJson;

Result<Json> inspect_container(container::Engine& engine, const container::Container& container, bool with_size);
Result<Json> inspect_image(image::Store& store, const image::Image& image);
Json inspect_network(const container::NetworkInfo& network, const std::vector<container::Container>& containers,
                     const std::vector<container::Service>& services);
// A container behind a service.
Json inspect_service_member(const container::ServiceMember& member);
Json inspect_volume(const container::VolumeInfo& volume);

}  // namespace gantry::cli
