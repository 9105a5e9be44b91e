#include "image/registry/assembly.hpp"

#include "image/byte_source.hpp"
#include "image/compress.hpp"

#include <deque>

namespace gantry::image::registry {

namespace {

// One range more costs a round trip: so much of what is here is rather fetched as well, more where there would be too many.
constexpr std::uint64_t bridged = 16U << 10;
constexpr std::size_t ranges_limit = 256;

// Layers here whose chunks were compressed as the new one's, as far as sizes show.
std::vector<const LocalLayer*> alike(const ChunkedTable& table, const LocalLayers& local) {
    std::vector<const LocalLayer*> list;
    for (const LocalLayer& layer : local) {
        const bool other = std::ranges::any_of(table.parts, [&](const BlobPart& part) {
            if (!part.data || part.key.empty()) return false;
            const auto found = layer.parts.find(part.key);
            return found != layer.parts.end() && found->second->size() != part.size();
        });
        if (!other) list.push_back(&layer);
    }
    return list;
}

struct Frames {
    std::string bytes;
    std::deque<std::uint64_t> ends;  // of each text in the bytes
};

// As chunked_writer.cpp compresses, with the default level.
Result<Frames> compress_frames(const std::vector<std::string>& texts) {
    Frames frames;
    const CompressedFn sink = [&](std::string_view frame) {
        frames.bytes += frame;
        return Result<>();
    };
    const auto compressor = TRY(make_compressor(Compression::zstd, 0, sink, 1));
    for (const std::string& text : texts) {
        TRY(compressor->write(text));
        TRY(compressor->cut(&frames.ends.emplace_back()));
    }
    TRY(compressor->end());
    return frames;
}

}  // namespace

Result<std::unique_ptr<Assembly>> Assembly::plan(Repository& repository, const Descriptor& blob, const TablePlace& place,
                                                 const LocalLayers& local) {
    std::unique_ptr<Assembly> assembly(new Assembly(blob, place, local));
    TRY(assembly->fetch_tail(repository));
    const std::string_view table = std::string_view(assembly->tail_).substr(place.offset - place.frame(), place.size);
    const std::string text = TRY(table_text(table, place));
    assembly->table_ = TRY(parse_table(text, place.frame()));
    for (const ListedFile& file : assembly->table_.files) assembly->files_.insert_or_assign(file.path, &file);
    if (place.split_size > 0) {
        // Does it come out as it is there when it is compressed here?
        const auto again = compress_frames({text});
        if (again.ok() && again->bytes == table) assembly->make_headers();
    }
    assembly->find_parts();
    assembly->join_ranges(bridged);
    for (std::uint64_t bridge = 2 * bridged; assembly->ranges() > ranges_limit; bridge *= 2) assembly->join_ranges(bridge);
    assembly->missing_ = assembly->tail_.size();
    for (const Step& step : assembly->steps_)
        if (step.source == Source::registry) assembly->missing_ += step.size();
    return assembly;
}

// The table and all behind it: the data of tar-split, the footer.
Result<> Assembly::fetch_tail(Repository& repository) {
    const std::uint64_t size = blob_.size - place_.frame();
    if (size > 2 * table_limit || size > blob_.size / 2)
        return error(Errc::unsupported, "the {} bytes from the table of contents on are too large a part of the layer", size);
    tail_.reserve(static_cast<std::size_t>(size));
    const BlobOutcome outcome = fetch_range(repository, blob_, place_.frame(), blob_.size, [&](std::string_view data) {
        tail_ += data;
        return Result<>();
    });
    if (outcome.error) return *outcome.error;
    return {};
}

// A rebuild has other times in all headers, which tar-split keeps beside the table. Compressed here they are what the blob has:
// the table's own bytes have shown that it was compressed in the same way.
void Assembly::make_headers() {
    const auto plain =
        read_headers(std::string_view(tail_).substr(place_.split_offset - place_.frame(), place_.split_size), place_);
    if (!plain.ok()) return;
    auto made = compress_frames(*plain);
    if (!made.ok()) return;
    std::uint64_t begin = 0;
    auto end = made->ends.begin();
    for (const BlobPart& part : table_.parts) {
        if (part.data) continue;
        if (end == made->ends.end() || *end - begin != part.size()) return;
        begin = *end++;
    }
    if (end == made->ends.end()) headers_ = std::move(made->bytes);
}

void Assembly::find_parts() {
    const std::vector<const LocalLayer*> layers = alike(table_, local_);
    std::uint64_t header = 0;
    for (const BlobPart& part : table_.parts) {
        Step step{part.begin, part.end};
        if (!part.data && !headers_.empty()) {
            step.source = Source::headers;
            step.at = header;
            header += part.size();
            add_step(step);
            continue;
        }
        for (const LocalLayer* layer : layers) {
            const auto found = part.key.empty() ? layer->parts.end() : layer->parts.find(part.key);
            if (found == layer->parts.end() || found->second->size() != part.size()) continue;
            step.source = Source::blob;
            step.fd = layer->blob.get();
            step.at = found->second->begin;
            break;
        }
        add_step(step);
    }
}

void Assembly::add_step(const Step& step) {
    if (!steps_.empty()) {
        Step& last = steps_.back();
        const bool goes_on = step.source == Source::registry || last.at + last.size() == step.at;
        if (last.source == step.source && last.fd == step.fd && goes_on) {
            last.end = step.end;
            return;
        }
    }
    steps_.push_back(step);
}

// What is here between two ranges, and not more than bridge, is fetched with them.
void Assembly::join_ranges(std::uint64_t bridge) {
    const std::vector<Step> old = std::exchange(steps_, {});
    for (std::size_t at = 0; at < old.size();) {
        std::size_t next = at + 1;
        add_step(old[at]);
        if (old[at].source == Source::registry) {
            while (next < old.size() && old[next].source != Source::registry) ++next;
            if (next < old.size() && old[next].begin - old[at].end <= bridge)
                steps_.back().end = old[next].begin;
            else
                next = at + 1;
        }
        at = next;
    }
}

std::size_t Assembly::ranges() const {
    return static_cast<std::size_t>(std::ranges::count(steps_, Source::registry, &Step::source));
}

bool Assembly::pays() const { return missing_ <= blob_.size - blob_.size / 5; }

// from: where in the step to begin. What cannot be read is not here: the registry has it.
BlobOutcome Assembly::copy(const Step& step, std::uint64_t from, const WriteFn& write) const {
    if (step.source == Source::headers) {
        auto written = write(std::string_view(headers_).substr(step.at + from, step.size() - from));
        if (!written.ok()) return {std::move(written).error(), true};
        return {};
    }
    FileSource source(step.fd, "a blob of another layer", step.at + from, step.size() - from);
    std::uint64_t left = step.size() - from;
    while (left > 0) {
        const auto piece = source.peek();
        if (!piece.ok() || piece->empty()) return {error(Errc::unsupported, "a blob of another layer cannot be read"), false};
        if (auto written = write(*piece); !written.ok()) return {std::move(written).error(), true};
        left -= piece->size();
        source.consume(piece->size());
    }
    return {};
}

BlobOutcome Assembly::run(Repository& repository, BlobTarget& target) const {
    const Settings& settings = repository.connection().settings();
    const WriteFn write = [&](std::string_view data) -> Result<> {
        if (settings.cancelled()) return error(Errc::cancelled, "cancelled");
        TRY(target.write(data));
        target.received += data.size();
        target.progress(target.received);
        return {};
    };
    for (const Step& step : steps_) {
        if (target.received >= step.end) continue;
        BlobOutcome outcome = step.source == Source::registry ? fetch_range(repository, blob_, target.received, step.end, write)
                                                              : copy(step, target.received - step.begin, write);
        if (outcome.error) return outcome;
    }
    if (target.received >= blob_.size) return {};
    auto written = write(std::string_view(tail_).substr(static_cast<std::size_t>(target.received - place_.frame())));
    if (!written.ok()) return {std::move(written).error(), true};
    return {};
}

std::optional<LocalFile> Assembly::find(std::string_view path, std::uint64_t size) const {
    const auto wanted = files_.find(path);
    if (wanted == files_.end() || wanted->second->size != size) return std::nullopt;
    const std::string& digest = wanted->second->digest;
    for (const LocalLayer& layer : local_) {
        const auto same = layer.by_path.find(path);
        if (!layer.files || same == layer.by_path.end() || same->second->digest != digest) continue;
        const bool linkable = !wanted->second->has_links && !same->second->has_links;
        if (auto fd = layer.open_file(*same->second)) return LocalFile{std::move(*fd), linkable};
    }
    for (const LocalLayer& layer : local_) {
        const auto other = layer.by_digest.find(digest);
        if (!layer.files || other == layer.by_digest.end()) continue;
        if (auto fd = layer.open_file(*other->second)) return LocalFile{std::move(*fd), false};
    }
    return std::nullopt;
}

}  // namespace gantry::image::registry
