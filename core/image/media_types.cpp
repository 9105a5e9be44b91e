#include "image/media_types.hpp"

#include <map>

namespace gantry::image {

bool is_index_type(std::string_view type) { return type == oci_index_type || type == docker_list_type; }
bool is_manifest_type(std::string_view type) { return type == oci_manifest_type || type == docker_manifest_type; }

const char* layer_type(Compression compression) {
    switch (compression) {
    case Compression::gzip: return "application/vnd.oci.image.layer.v1.tar+gzip";
    case Compression::zstd: return "application/vnd.oci.image.layer.v1.tar+zstd";
    default: return "application/vnd.oci.image.layer.v1.tar";
    }
}

std::string oci_layer_type(const std::string& type) {
    static const std::map<std::string, std::string> types = {
        {"application/vnd.docker.image.rootfs.diff.tar", layer_type(Compression::none)},
        {docker_gzip_layer_type, layer_type(Compression::gzip)},
        {"application/vnd.docker.image.rootfs.diff.tar.zstd", layer_type(Compression::zstd)},
        {"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
         "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"}};
    const auto found = types.find(type);
    return found == types.end() ? type : found->second;
}

}  // namespace gantry::image
