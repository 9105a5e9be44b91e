// What a manifest or an index names, for those who keep it without making an image of it.
#pragma once

#include "image/store.hpp"

namespace gantry::image {

struct ManifestFacts {
    std::string media_type;
    std::vector<Descriptor> blobs;      // configuration and layers, without their annotations
    std::vector<Descriptor> manifests;  // of an index
    std::optional<Digest> subject;      // what it refers to (image-spec manifest.md, "subject")
    std::string artifact_type;          // its own, else for a manifest with a subject its configuration's media type
    std::map<std::string, std::string> annotations;
};

// content_type: what it was sent as; "" if nobody said, then its own mediaType counts. Errc::invalid for a document that says
// another type than it was sent as or that could be read as both kinds (CVE-2021-41190); bounded as parse_manifest.
Result<ManifestFacts> manifest_facts(std::string_view json, std::string_view content_type);

}  // namespace gantry::image
