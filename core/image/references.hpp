// What images need: the blobs and layers that must stay.
#pragma once

#include "image/index.hpp"
#include "image/roots.hpp"
#include "image/store.hpp"

#include <set>

namespace gantry::image {

struct References {
    std::set<Digest> blobs;
    std::set<driver::LayerKey> layers;
    std::vector<std::string> idle_roots;  // files of roots that are not in force
    bool complete = true;                 // false: a manifest or configuration could not be read, so more may be needed

    // Everything reachable from a record, through indexes too.
    void add(const Store& store, const IndexRecord& record);
    void add(const Store& store, const Root& root);
    // Those of the roots with a "while" that are in force by what is here; the files of the others go to idle_roots.
    void add_dependent(const Store& store, const std::vector<FoundRoot>& roots);

private:
    void add_manifest(const Store& store, const Digest& digest, std::string_view text);
    void add_index(const Store& store, std::string_view text, int depth);
    void add_blobs(const Store& store, const Digest& manifest, int depth);
};

// Of all images, and of all roots. roots: where they have been read already.
References references_of(const Store& store, const Index& index);
References references_of(const Store& store, const Index& index, const Result<std::vector<FoundRoot>>& roots);

// A removal under the index lock. Nothing is removed while a transfer runs, or where `needed` is not complete.
class Sweep {
public:
    static Result<Sweep> begin(const Store& store, const References& needed);

    [[nodiscard]] bool allowed() const { return lock_.has_value(); }
    // Unless needed. Going on past errors, the first is kept for error().
    void remove_blob(const Digest& digest);
    void remove_layer(const driver::LayerKey& key);
    void remove_partial(const std::string& name);
    void remove_idle_roots();
    // Every blob, layer and partial blob that nobody needs.
    struct Orphans {
        std::vector<Digest> blobs;
        std::vector<driver::LayerKey> layers;
        std::vector<std::string> partials;  // names in partial/
        std::vector<std::string> strays;    // paths of temporary files that a crash left
    };
    static Result<Orphans> orphans(const Store& store, const References& needed);
    void remove(const Orphans& orphans);

    [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
    [[nodiscard]] const std::set<driver::LayerKey>& removed_layers() const { return removed_layers_; }
    [[nodiscard]] Result<> result() const { return error_.result(); }

private:
    Sweep(const Store& store, const References& needed) : store_(&store), needed_(&needed) {}

    const Store* store_;
    const References* needed_;
    std::optional<os::Fd> lock_;
    std::uint64_t bytes_ = 0;
    std::set<driver::LayerKey> removed_layers_;
    FirstError error_;
};

}  // namespace gantry::image
