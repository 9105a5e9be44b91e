// A zstd:chunked blob put together from the blobs that are here and, by ranges, the rest from the registry.
//
// Its table of contents says of each part what it is, and tables of layers that are here say where they have the same. What is
// between files' data (headers, padding) is made of what tar-split keeps behind the table, where it was compressed as we do it.
// The result is the registry's own blob, byte for byte: the ingest that takes it checks the blob's digest and the layer's diff
// ID as it does for any other, so that neither table has to be believed, and the store (save, push, check, the registry that
// serves from it) knows no other kind of layer. The price: parts are only found in blobs that the same program compressed with
// the same level. A layer here whose compressed chunks have other sizes is left out; what only differs in its bytes is found
// out at the end, and the layer is fetched as a whole.
#pragma once

#include "image/local_files.hpp"
#include "image/registry/local_layers.hpp"
#include "image/registry/range_source.hpp"

namespace gantry::image::registry {

class Assembly final : public LocalFiles {
public:
    // Fetches the table and looks at what is here. Errc::corrupt, invalid or unsupported: the layer is to be fetched as a
    // whole, because the table is none, or too large, or the registry sends no ranges. blob and local outlive the assembly.
    static Result<std::unique_ptr<Assembly>> plan(Repository& repository, const Descriptor& blob, const TablePlace& place,
                                                  const LocalLayers& local);

    // Is so much here that ranges are the better way? At least a fifth of the blob.
    [[nodiscard]] bool pays() const;
    // Bytes that come from the registry, with the table.
    [[nodiscard]] std::uint64_t missing() const { return missing_; }

    // What is missing of the target. Errc::unsupported where target_failed is not set: the registry changed its mind about
    // ranges, or a blob here cannot be read; what the target has is right as far as anybody knows.
    BlobOutcome run(Repository& repository, BlobTarget& target) const;

    // For the unpacker: the file of the same digest in a layer that is here, by preference the one of the same path.
    [[nodiscard]] std::optional<LocalFile> find(std::string_view path, std::uint64_t size) const override;

private:
    enum class Source { registry, blob, headers };
    struct Step {
        std::uint64_t begin = 0, end = 0;
        Source source = Source::registry;
        int fd = -1;           // of the blob that has it
        std::uint64_t at = 0;  // in the source
        [[nodiscard]] std::uint64_t size() const { return end - begin; }
    };

    Assembly(const Descriptor& blob, const TablePlace& place, const LocalLayers& local)
        : blob_(blob), place_(place), local_(local) {}
    Result<> fetch_tail(Repository& repository);
    void make_headers();
    void find_parts();
    void add_step(const Step& step);
    void join_ranges(std::uint64_t bridge);
    [[nodiscard]] std::size_t ranges() const;
    using WriteFn = std::function<Result<>(std::string_view)>;
    BlobOutcome copy(const Step& step, std::uint64_t from, const WriteFn& write) const;

    const Descriptor& blob_;
    TablePlace place_;
    const LocalLayers& local_;
    std::string tail_;  // of the blob, from the table's frame on
    ChunkedTable table_;
    std::string headers_;  // all parts that are no data, compressed here; empty where they do not come out as they are there
    std::unordered_map<std::string_view, const ListedFile*> files_;  // the table's, by path
    std::vector<Step> steps_;
    std::uint64_t missing_ = 0;
};

}  // namespace gantry::image::registry
