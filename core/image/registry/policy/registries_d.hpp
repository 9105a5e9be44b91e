// Where simple signatures of images are: containers-registries.d(5).
#pragma once

#include "config/engine.hpp"
#include "base/reference.hpp"

namespace gantry::image::registry {

struct Lookaside {
    std::map<std::string, std::string> stores;  // by what the files call an image, its namespace or its registry
    std::string otherwise;                      // "default-docker"

    // The store for an image, complete as it was asked for: of the most exact name; else /var/lib/containers/sigstore, as a
    // file: address.
    [[nodiscard]] std::string store_of(const ImageRef& image) const;
};

// Of one file into what the others gave. Errors name the file and the line; a name that an earlier file had is one.
Result<> read_registries_d(std::string_view text, const std::string& file, Lookaside& into);

// ~/.config/containers/registries.d where it exists, else containers/registries.d beside <etc>: all files *.yaml.
Result<Lookaside> load_registries_d(const config::Paths& paths);

}  // namespace gantry::image::registry
