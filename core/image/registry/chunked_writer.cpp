#include "image/registry/chunked_writer.hpp"

#include "base/base64.hpp"
#include "image/hasher.hpp"
#include "image/json.hpp"
#include "image/registry/tar_split.hpp"
#include "image/tar_reader.hpp"

#include <ctime>
#include <deque>

namespace gantry::image::registry {

namespace {

// What the reader of the archive takes of it besides the files' data.
class Tap final : public ByteSource {
public:
    explicit Tap(ByteSource& inner) : inner_(inner) {}

    Result<std::string_view> peek() override { return inner_.peek(); }
    void consume(std::size_t count) override {
        const std::size_t data = static_cast<std::size_t>(std::min<std::uint64_t>(count, data_left_));
        data_left_ -= data;
        if (count > data) {
            const auto bytes = inner_.peek();  // what was peeked before; no reading
            if (bytes.ok()) raw_.append(bytes->substr(data, count - data));
        }
        inner_.consume(count);
    }
    void expect_data(std::uint64_t size) { data_left_ = size; }
    std::string take_raw() { return std::exchange(raw_, {}); }

private:
    ByteSource& inner_;
    std::uint64_t data_left_ = 0;
    std::string raw_;
};

// bup's: 64 bytes of window.
class RollingSum {
public:
    // True where a piece ends behind this byte.
    bool roll(unsigned char byte) {
        unsigned char& oldest = window_[at_];
        first_ += byte - oldest;
        second_ += first_ - static_cast<std::uint32_t>(window) * (oldest + offset);
        oldest = byte;
        at_ = (at_ + 1) % window;
        return (second_ & mask) == mask;
    }

private:
    static constexpr std::size_t window = 64;
    static constexpr std::uint32_t offset = 31, mask = (1U << 16) - 1;
    std::array<unsigned char, window> window_{};
    std::size_t at_ = 0;
    std::uint32_t first_ = window * offset, second_ = window * (window - 1) * offset;
};

struct Piece {
    std::uint64_t position = 0, size = 0;  // in the file
    std::string digest;
    std::uint64_t end = 0;  // in the blob; known when all is written
};

struct Listed {
    TarEntry entry;
    std::uint64_t start = 0;  // in the blob
    std::string digest;
    std::deque<Piece> pieces;
};

const char* type_name(TarType type) {
    switch (type) {
    case TarType::file: return "reg";
    case TarType::hard_link: return "hardlink";
    case TarType::symbolic_link: return "symlink";
    case TarType::character: return "char";
    case TarType::block: return "block";
    case TarType::folder: return "dir";
    case TarType::fifo: return "fifo";
    }
    return "";
}

// RFC 3339 as Go's encoding/json reads it; years of four digits only.
std::optional<std::string> time_text(const TarTime& time) {
    const time_t seconds = time.seconds;
    tm parts{};
    if (!gmtime_r(&seconds, &parts) || parts.tm_year < -1900 || parts.tm_year > 8099) return std::nullopt;
    std::string text = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
                                   parts.tm_hour, parts.tm_min, parts.tm_sec);
    if (time.nanoseconds) text += fmt::format(".{:09}", time.nanoseconds);
    return text + "Z";
}

Json json_of(const TarEntry& entry) {
    Json json{
        {"type", type_name(entry.type)}, {"name", entry.path}, {"mode", entry.mode}, {"uid", entry.uid}, {"gid", entry.gid}};
    if (!entry.link.empty()) json["linkName"] = entry.link;
    if (entry.type == TarType::file) json["size"] = entry.size;
    if (entry.major) json["devMajor"] = entry.major;
    if (entry.minor) json["devMinor"] = entry.minor;
    if (const auto text = time_text(entry.modified)) json["modtime"] = *text;
    if (entry.accessed)
        if (const auto text = time_text(*entry.accessed)) json["accesstime"] = *text;
    if (entry.changed)  // podman 5 compares what the table says with the archive's headers
        if (const auto text = time_text(*entry.changed)) json["changetime"] = *text;
    for (const auto& [name, value] : entry.xattrs) json["xattrs"][name] = base64_encode(value);
    return json;
}

// The first piece is told of in the file's own entry, the others follow it.
void append_entry(std::string& toc, const Listed& file) {
    const auto append = [&](const Json& json) {
        if (toc.back() != '[') toc += ',';
        toc += dump_json(json);
    };
    Json json = json_of(file.entry);
    if (file.pieces.empty()) return append(json);
    json["digest"] = file.digest;
    json["offset"] = file.start;
    json["endOffset"] = file.pieces.back().end;
    if (file.pieces.size() == 1) return append(json);
    json["chunkSize"] = file.pieces[0].size;
    json["chunkDigest"] = file.pieces[0].digest;
    append(json);
    for (std::size_t at = 1; at < file.pieces.size(); ++at) {
        const Piece& piece = file.pieces[at];
        append({{"type", "chunk"},
                {"name", file.entry.path},
                {"offset", file.pieces[at - 1].end},
                {"chunkSize", piece.size},
                {"chunkOffset", piece.position},
                {"chunkDigest", piece.digest}});
    }
}

std::string number_text(std::uint64_t value, int bytes) {  // little-endian
    std::string text;
    for (int at = 0; at < bytes; ++at) text += static_cast<char>(value >> (8 * at));
    return text;
}

// RFC 8878 3.1.2: skipped by every decoder.
std::string skippable_frame(std::string_view data) {
    return "\x50\x2a\x4d\x18" + number_text(data.size(), 4) + std::string(data);
}

Result<std::string> compressed(std::string_view text, int level) {
    std::string result;
    const auto compressor = TRY(make_compressor(Compression::zstd, level, [&](std::string_view data) {
        result += data;
        return Result<>();
    }));
    TRY(compressor->write(text));
    TRY(compressor->end());
    return result;
}

class Writer {
public:
    Writer(ByteSource& tar, int level, const CompressedFn& sink) : tap_(tar), reader_(tap_), level_(level), sink_(sink) {}

    Result<std::map<std::string, std::string>> run() {
        frames_ = TRY(make_compressor(Compression::zstd, level_, [this](std::string_view data) {
            written_ += data.size();
            return sink_(data);
        }));
        split_ = TRY(TarSplit::create(level_));
        bool sparse = false;
        while (auto entry = TRY(reader_.next())) {
            sparse = sparse || entry->sparse;
            TRY(take_raw());
            TRY(take_file(std::move(*entry)));
        }
        // Whatever is behind the archive's end is a part of the layer too.
        for (std::string_view rest = TRY(tap_.peek()); !rest.empty(); rest = TRY(tap_.peek())) {
            tap_.consume(rest.size());
            TRY(take_raw());
        }
        TRY(take_raw());
        TRY(frames_->end());
        if (sparse) return std::map<std::string, std::string>();
        return write_table();
    }

private:
    Result<> take_raw() {
        const std::string raw = tap_.take_raw();
        if (raw.empty()) return {};
        TRY(split_->raw(raw));
        return frames_->write(raw);
    }

    Result<> take_file(TarEntry entry) {
        const std::uint64_t stored = entry.stored;
        files_.push_back({std::move(entry), 0, {}, {}});
        if (stored == 0) return split_->file(files_.back().entry.path, 0, 0);
        tap_.expect_data(stored);
        TRY(frames_->cut(&files_.back().start));
        return take_data(files_.back(), stored);
    }

    Result<> take_data(Listed& file, std::uint64_t stored) {
        RollingSum sum;
        Hasher whole;
        std::optional<Hasher> piece;
        Crc64 crc;
        std::uint64_t at = 0, begin = 0;
        const auto finish_piece = [&]() -> Result<> {
            file.pieces.push_back({begin, at - begin, piece->finish().str(), 0});
            piece.reset();
            begin = at;
            return frames_->cut(&file.pieces.back().end);
        };
        for (std::string_view data = TRY(reader_.data()); !data.empty(); data = TRY(reader_.data())) {
            whole.update(data);
            crc.update(data);
            while (!data.empty()) {
                std::size_t count = 0;
                bool cut = false;
                while (count < data.size() && !cut) cut = sum.roll(static_cast<unsigned char>(data[count++]));
                if (!piece) piece.emplace();
                piece->update(data.substr(0, count));
                TRY(frames_->write(data.substr(0, count)));
                at += count;
                data.remove_prefix(count);
                if (cut) TRY(finish_piece());
            }
        }
        if (piece) TRY(finish_piece());
        file.digest = whole.finish().str();
        return split_->file(file.entry.path, stored, crc.value());
    }

    Result<std::map<std::string, std::string>> write_table() {
        const TarSplit::Data split = TRY(split_->end());
        std::string toc = R"({"version":1,"entries":[)";
        for (const Listed& file : files_) append_entry(toc, file);
        toc += fmt::format(R"(],"tarSplitDigest":"{}"}})", digest_of(split.compressed).str());
        const std::string table = TRY(compressed(toc, level_));
        const std::uint64_t at = written_ + skippable_header, split_at = at + table.size() + skippable_header;
        std::string footer;
        for (const std::uint64_t value : {at, std::uint64_t{table.size()}, std::uint64_t{toc.size()}, table_type, split_at,
                                          std::uint64_t{split.compressed.size()}, split.plain_size})
            footer += number_text(value, 8);
        footer += "GNUlInUx";
        TRY(sink_(skippable_frame(table)));
        TRY(sink_(skippable_frame(split.compressed)));
        TRY(sink_(skippable_frame(footer)));
        const std::string checksum = digest_of(table).str();
        const std::string position = fmt::format("{}:{}:{}:{}", at, table.size(), toc.size(), table_type);
        return std::map<std::string, std::string>{
            {chunked_checksum_annotation, checksum},
            {chunked_position_annotation, position},
            {old_chunked_checksum_annotation, checksum},
            {old_chunked_position_annotation, position},
            {chunked_tarsplit_annotation, fmt::format("{}:{}:{}", split_at, split.compressed.size(), split.plain_size)}};
    }

    Tap tap_;
    TarReader reader_;
    int level_;
    const CompressedFn& sink_;
    std::uint64_t written_ = 0;
    std::deque<Listed> files_;  // the compressor writes into them
    std::unique_ptr<TarSplit> split_;
    std::unique_ptr<Compressor> frames_;  // ends first
};

}  // namespace

Result<std::map<std::string, std::string>> write_chunked(ByteSource& tar, int level, const CompressedFn& sink) {
    return Writer(tar, level, sink).run();
}

}  // namespace gantry::image::registry
