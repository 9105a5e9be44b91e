// Configurations and manifests as text: what parse_image_config and parse_manifest read. Members in the order of image-spec,
// empty ones left out, so that equal values give equal bytes on every host; parse(text(x)) == x.
#pragma once

#include "image/media_types.hpp"
#include "image/store.hpp"

namespace gantry::image {

// image-spec config.md, with Docker's Healthcheck, OnBuild and Shell. Bytes that are not UTF-8 are replaced.
std::string image_config_text(const ImageConfig& config);
// image-spec manifest.md. Writes manifest.media_type as it is; empty: OCI's.
std::string manifest_text(const Manifest& manifest);

// OCI's, with layers' media types of Docker turned into OCI's.
Manifest image_manifest(const Descriptor& config, const std::vector<Descriptor>& layers,
                        const std::map<std::string, std::string>& annotations = {});

// Writes both blobs, durable, and returns the manifest's digest, for Store::add(). layers: as many as config.diff_ids, lowest
// first, in the store already, their media types of OCI or Docker (written as OCI's); the caller has Store::hold().
// Errc::invalid where the two do not fit together.
Result<Digest> put_image(Store& store, const ImageConfig& config, const std::vector<Descriptor>& layers,
                         const std::map<std::string, std::string>& annotations = {});

}  // namespace gantry::image
