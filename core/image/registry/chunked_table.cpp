#include "image/registry/chunked_table.hpp"

#include "base/base64.hpp"
#include "base/text.hpp"
#include "image/decompress.hpp"
#include "image/hasher.hpp"
#include "image/json.hpp"
#include "image/registry/chunked_writer.hpp"
#include "image/registry/tar_split.hpp"
#include "image/unpack_tree.hpp"

#include <unordered_set>

namespace gantry::image::registry {

namespace {

constexpr const char* table_name = "table of contents";
constexpr int member_limit = 4096;  // of one entry, and of the table besides its entries; a file has some 20, and its xattrs

// "OFFSET:SIZE:PLAIN_SIZE:TYPE", of the tar-split without the last.
template <std::size_t Count>
std::optional<std::array<std::uint64_t, Count>> position_of(std::string_view text) {
    const std::vector<std::string_view> parts = split(text, ':');
    std::array<std::uint64_t, Count> numbers{};
    if (parts.size() != numbers.size()) return std::nullopt;
    for (std::size_t at = 0; at < numbers.size(); ++at) {
        const auto number = whole_number(parts[at]);
        if (!number) return std::nullopt;
        numbers[at] = *number;
    }
    return numbers;
}

const std::string* annotation(const Descriptor& layer, const char* name, const char* old_name) {
    auto found = layer.annotations.find(name);
    if (found == layer.annotations.end()) found = layer.annotations.find(old_name);
    return found == layer.annotations.end() ? nullptr : &found->second;
}

Result<std::string> inflate(std::string_view compressed, std::uint64_t size) {
    const auto decompressor = TRY(make_decompressor(Compression::zstd));
    std::string plain(static_cast<std::size_t>(size) + 1, '\0');  // one more: a longer one shows
    std::size_t at = 0;
    while (at < plain.size()) {
        const auto step = TRY(decompressor->run(compressed, plain.data() + at, plain.size() - at));
        compressed.remove_prefix(step.consumed);
        at += step.produced;
        if (step.consumed == 0 && step.produced == 0) break;
    }
    if (at != size) return error(Errc::invalid, "{}: not of the size that an annotation says", table_name);
    plain.resize(at);
    return plain;
}

void find_split(const Descriptor& layer, TablePlace& place) {
    const std::string* position = annotation(layer, chunked_tarsplit_annotation, chunked_tarsplit_annotation);
    const auto numbers = position ? position_of<3>(*position) : std::nullopt;
    if (!numbers) return;
    const auto [offset, size, plain_size] = *numbers;
    if (size > table_limit || plain_size > table_limit) return;
    if (offset < place.offset + place.size || offset > layer.size || size > layer.size - offset) return;
    place.split_offset = offset;
    place.split_size = size;
    place.split_plain_size = plain_size;
}

Result<std::uint64_t> number(const Json& entry, const char* key) { return detail::size_member(entry, key, table_name); }

// One entry after the other becomes parts.
class TableBuilder {
public:
    explicit TableBuilder(std::uint64_t frame) : frame_(frame) {}

    Result<> add(const Json& entry) {
        const std::string type = TRY(detail::string_member(entry, "type", table_name));
        if (type == "chunk") return add_chunk(entry);
        TRY(close_file());
        note_header(entry);
        if (type == "hardlink") {
            const auto target = clean_path(TRY(detail::string_member(entry, "linkName", table_name)));
            if (target.ok()) linked_.insert(*target);
        }
        if (type == "reg") return open_file(entry);
        return {};
    }

    Result<ChunkedTable> finish() {
        TRY(close_file());
        TRY(close_between(frame_));
        for (ListedFile& file : table_.files) file.has_links = linked_.contains(file.path);
        return std::move(table_);
    }

private:
    // What the tar headers between two files' data are made of, as far as the table tells; a header that differs in anything
    // else is found out by the blob's digest.
    void note_header(const Json& entry) {
        Json header = entry;
        for (const char* key : {"digest", "offset", "endOffset", "chunkSize", "chunkOffset", "chunkDigest", "chunkType"})
            header.erase(key);
        between_ += dump_json(header);
    }

    Result<> open_file(const Json& entry) {
        file_end_ = TRY(number(entry, "endOffset"));
        if (file_end_ == 0) return {};  // an empty one
        const std::uint64_t size = TRY(number(entry, "size"));
        const std::string digest = TRY(detail::string_member(entry, "digest", table_name));
        const std::uint64_t begin = TRY(number(entry, "offset"));
        TRY(close_between(begin));
        TRY(open_chunk(entry, size, digest));
        padding_ = size % 512;
        const auto path = clean_path(TRY(detail::string_member(entry, "name", table_name)));
        if (path.ok() && Digest::parse(digest).ok()) table_.files.push_back({*path, digest, size});
        return {};
    }

    Result<> add_chunk(const Json& entry) {
        if (!chunk_) return error(Errc::invalid, "{}: a chunk without a file", table_name);
        const std::uint64_t end = TRY(number(entry, "offset"));
        TRY(close_chunk(end));
        return open_chunk(entry, 0, "");
    }

    // size and digest: of a file that is one chunk, whose entry does not say it twice.
    Result<> open_chunk(const Json& entry, std::uint64_t size, std::string digest) {
        const std::string own = TRY(detail::string_member(entry, "chunkDigest", table_name));
        const std::uint64_t own_size = TRY(number(entry, "chunkSize"));
        if (!own.empty()) digest = own;
        if (own_size > 0) size = own_size;
        const bool known = size > 0 && Digest::parse(digest).ok();
        chunk_ = BlobPart{at_, at_, true, known ? fmt::format("{}:{}", digest, size) : ""};
        return {};
    }

    Result<> close_chunk(std::uint64_t end) {
        if (end <= at_ || end > frame_)
            return error(Errc::invalid, "{}: chunks overlap or are not in the layer (offset {})", table_name, end);
        chunk_->end = at_ = end;
        table_.parts.push_back(std::move(*chunk_));
        chunk_.reset();
        return {};
    }

    Result<> close_file() {
        if (!chunk_) return {};
        TRY(close_chunk(file_end_));
        between_ = fmt::format("{} ", padding_);
        return {};
    }

    Result<> close_between(std::uint64_t end) {
        if (end < at_ || end > frame_)
            return error(Errc::invalid, "{}: files overlap or are not in the layer (offset {})", table_name, end);
        // How many zeros are behind the archive's end (tar pads to 10 KiB) no table tells, and they compress to one size.
        if (end > at_) table_.parts.push_back({at_, end, false, end == frame_ ? "" : digest_of(between_).str()});
        between_.clear();
        at_ = end;
        return {};
    }

    std::uint64_t frame_, at_ = 0, file_end_ = 0, padding_ = 0;
    std::optional<BlobPart> chunk_;  // its end is not known yet
    std::string between_ = "start ";
    std::unordered_set<std::string> linked_;
    ChunkedTable table_;
};

// Takes the table entry by entry: a tree of all of it would take ten times the text. What is not asked for is not kept, and
// what one entry may have is bounded.
class TableReader {
public:
    explicit TableReader(std::uint64_t frame) : builder_(frame) {}

    Result<ChunkedTable> run(std::string_view json) {
        const Json root = Json::parse(
            json.begin(), json.end(), [this](int depth, Event what, Json& value) { return keep(depth, what, value); }, false);
        if (failed_) return std::move(*failed_);
        if (root.is_discarded() || !root.is_object()) return error(Errc::invalid, "{}: not a JSON object", table_name);
        if (TRY(detail::integer_member(root, "version", table_name)) != 1)
            return error(Errc::unsupported, "{}: of an unknown version", table_name);
        return builder_.finish();
    }

private:
    using Event = Json::parse_event_t;
    static constexpr int entry_depth = 2;      // table, its entries, an entry
    static constexpr int attribute_depth = 4;  // an entry, its xattrs, one of them

    bool keep(int depth, Event what, Json& value) {
        if (failed_) return false;
        if (depth > attribute_depth) return fail("nested too deeply");
        if (++members_ > member_limit) return fail("an entry has too many members");
        if (what == Event::key && depth == 1) {
            in_entries_ = value == "entries";
            return in_entries_ || value == "version";
        }
        if (!in_entries_ || depth != entry_depth) return true;
        if (what == Event::object_start) return true;
        if (what != Event::object_end) return fail("an entry is no object");
        members_ = 0;
        if (auto added = builder_.add(value); !added.ok()) failed_ = std::move(added).error();
        return false;  // done with it
    }
    bool fail(std::string_view what) {
        failed_ = error(Errc::invalid, "{}: {}", table_name, what);
        return false;
    }

    TableBuilder builder_;
    std::optional<Error> failed_;
    bool in_entries_ = false;
    int members_ = 0;
};

}  // namespace

bool is_chunked(const Descriptor& layer) {
    return annotation(layer, chunked_checksum_annotation, old_chunked_checksum_annotation) != nullptr;
}

std::uint64_t TablePlace::frame() const { return offset - skippable_header; }

Result<std::optional<TablePlace>> table_place(const Descriptor& layer) {
    const std::string* position = annotation(layer, chunked_position_annotation, old_chunked_position_annotation);
    const std::string* checksum = annotation(layer, chunked_checksum_annotation, old_chunked_checksum_annotation);
    if (!position || !checksum) return std::optional<TablePlace>();
    const auto numbers = position_of<4>(*position);
    if (!numbers)
        return error(Errc::invalid, "annotation '{}' is not a position: '{}'", chunked_position_annotation, *position);
    const auto [offset, size, plain_size, type] = *numbers;
    if (type != table_type) return error(Errc::unsupported, "a {} of the unknown kind {}", table_name, type);
    if (size > table_limit || plain_size > table_limit)
        return error(Errc::unsupported, "a {} of more than {} bytes", table_name, table_limit);
    if (offset < skippable_header || offset > layer.size || size == 0 || size > layer.size - offset)
        return error(Errc::invalid, "the {} is not in the layer", table_name);
    const Digest digest = TRY(Digest::parse(*checksum));
    TablePlace place{offset, size, plain_size, digest};
    find_split(layer, place);
    return std::optional(place);
}

Result<std::string> table_text(std::string_view compressed, const TablePlace& place) {
    if (digest_of(compressed, place.checksum.algorithm()) != place.checksum)
        return error(Errc::corrupt, "{}: not of the digest that the annotation says", table_name);
    return inflate(compressed, place.plain_size);
}

// Files, and the bytes between their data (tar_split.hpp).
Result<std::vector<std::string>> read_headers(std::string_view compressed, const TablePlace& place) {
    constexpr const char* what = "tar-split";
    const std::string text = TRY(inflate(compressed, place.split_plain_size));
    std::vector<std::string> headers(1);
    for (const std::string_view line : split(text, '\n')) {
        if (line.empty()) continue;
        const Json entry = TRY(detail::parse_object(line, what));
        const std::int64_t type = TRY(detail::integer_member(entry, "type", what));
        if (type == TarSplit::file_type && TRY(detail::size_member(entry, "size", what)) > 0) headers.emplace_back();
        if (type != TarSplit::segment_type) continue;
        const auto bytes = base64_decode(TRY(detail::string_member(entry, "payload", what)));
        if (!bytes) return error(Errc::invalid, "{}: a payload is not base64", what);
        headers.back() += *bytes;
    }
    return headers;
}

Result<ChunkedTable> parse_table(std::string_view json, std::uint64_t frame) { return TableReader(frame).run(json); }

}  // namespace gantry::image::registry
