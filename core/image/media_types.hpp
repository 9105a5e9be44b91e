// Media types of manifests, configurations and layers (image-spec media-types.md; docker's distribution, manifest schema 2).
#pragma once

#include "image/decompress.hpp"

#include <string>
#include <string_view>

namespace gantry::image {

inline constexpr const char* oci_index_type = "application/vnd.oci.image.index.v1+json";
inline constexpr const char* oci_manifest_type = "application/vnd.oci.image.manifest.v1+json";
inline constexpr const char* oci_config_type = "application/vnd.oci.image.config.v1+json";
inline constexpr const char* docker_list_type = "application/vnd.docker.distribution.manifest.list.v2+json";
inline constexpr const char* docker_manifest_type = "application/vnd.docker.distribution.manifest.v2+json";
inline constexpr const char* docker_config_type = "application/vnd.docker.container.image.v1+json";
inline constexpr const char* docker_gzip_layer_type = "application/vnd.docker.image.rootfs.diff.tar.gzip";

bool is_index_type(std::string_view type);     // of several images, OCI's or Docker's
bool is_manifest_type(std::string_view type);  // of one

// OCI's, of a layer so compressed.
const char* layer_type(Compression compression);
// What OCI calls a layer of Docker's; another type as it is. A manifest of one kind does not name layers of another:
// containers/image refuses the mixture.
std::string oci_layer_type(const std::string& type);

}  // namespace gantry::image
