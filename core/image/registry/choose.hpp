// Which image of an index is ours, and what kinds of content there are.
#pragma once

#include "image/media_types.hpp"
#include "image/store.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace gantry::image::registry {

// What the engine's own registry says of a manifest that it has not been given: it is an image of the engine, served as long as
// it is there. A push is no less wanted for it.
constexpr const char* engine_image_header = "gantry-engine-image";

// For Accept: what the engine can read, most wanted first.
extern const char* const manifest_accept;

bool is_schema1(std::string_view media_type);
// Layers that are not for distribution: may be nowhere but at their own addresses (image-spec layer.md).
bool is_foreign(std::string_view media_type);

// The platforms that run on wanted, best first, as containerd orders them (its platforms package): lower variants of ARM and of
// amd64. others: also the 32-bit relatives, which is right for the host's own platform but not for one that was asked for.
std::vector<Platform> runnable(const Platform& wanted, bool others);

bool same_platform(const Platform& a, const Platform& b);  // "arm64" is "arm64/v8"
// Is an image for this platform one that wanted can use?
bool fits(const Platform& image, const Platform& wanted, bool others);

// An index (OCI) or manifest list (Docker): the entry for the platform. Errc::not_found names the platforms there are.
Result<Descriptor> choose_manifest(std::string_view json, const Platform& wanted, bool others);

// What the document says it is: its mediaType, or what follows from its members; Errc::invalid if it could be read both ways
// (CVE-2021-41190) or if it contradicts content_type, what the registry called it.
Result<std::string> media_type_of(std::string_view json, std::string_view content_type);

// The image is one that containers can be made of, with layers that can be unpacked.
Result<> check_manifest(const Manifest& manifest);

}  // namespace gantry::image::registry
