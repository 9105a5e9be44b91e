// What rooms other than the image index need of the store: the build's cache, the registry's repositories. Each need is one
// small JSON file, <images>/roots/KIND/NAME.json, with members of its owner's choice and these four, all optional:
//     "manifests"  digests; all that is reachable from them stays, as far as it is there (their layers need not be unpacked)
//     "blobs"      digests
//     "layers"     keys of the storage driver
//     "while"      digests of blobs: the root is in force only while an image, or a root without this member, needs one of
//                  them. One that is not in force is removed with what only it named.
// Removals, prune and check keep what any root in force names. An owner writes its root while it has Store::hold(); it takes
// one back by removing the file, and what only that one needed goes with the next prune.
#pragma once

#include "base/digest.hpp"
#include "base/result.hpp"
#include "config/engine.hpp"
#include "gantry/driver/storage.hpp"

#include <string>
#include <vector>

namespace gantry::image {

class Store;

struct Root {
    std::vector<Digest> manifests, blobs;
    std::vector<driver::LayerKey> layers;
    std::vector<Digest> dependent_on;  // "while"
};

// <images>/roots/KIND; kind: one word ("build", "registry").
std::string roots_folder(const config::Paths& paths, std::string_view kind);

// These members of a root's text; Errc::corrupt names what is wrong.
Result<Root> parse_root(std::string_view json);

struct FoundRoot {
    std::string file;
    Result<Root> root;
};
// Every root of every kind. A file that is gone while we look is left out.
Result<std::vector<FoundRoot>> read_roots(const config::Paths& paths);

// After a root was changed: removes those of these blobs that nobody needs any more. While a transfer runs, or where what
// others need cannot be read, they all stay for the next sweep.
Result<> drop_blobs(const Store& store, const std::vector<Digest>& blobs);

}  // namespace gantry::image
