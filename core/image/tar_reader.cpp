#include "image/tar_reader.hpp"

#include "image/pax.hpp"

namespace gantry::image {

namespace {

constexpr std::uint64_t header_limit = 1U << 20;  // of one extension header; Go's archive/tar has the same bound

std::string_view field(const std::array<char, 512>& block, std::size_t at, std::size_t size) {
    return {block.data() + at, size};
}

std::string text_field(const std::array<char, 512>& block, std::size_t at, std::size_t size) {
    const std::string_view raw = field(block, at, size);
    return std::string(raw.substr(0, raw.find('\0')));
}

// Octal digits among spaces and zero bytes, or (GNU, star) a big-endian number behind a first byte of 0x80; 0xff: negative.
Result<std::int64_t> number_field(std::string_view raw, std::string_view what) {
    if (raw[0] & '\x80') {
        const bool negative = (raw[0] & '\x40') != 0;
        std::uint64_t value = negative ? UINT64_MAX : 0;
        for (std::size_t at = 0; at < raw.size(); ++at) {
            const auto byte = static_cast<std::uint8_t>(at == 0 ? (negative ? raw[0] | '\x80' : raw[0] & '\x7f') : raw[at]);
            const std::uint64_t top = value >> 55;  // must still be sign bits before the shift
            if (top != (negative ? 0x1ffU : 0U)) return error(Errc::invalid, "archive: {} is out of range", what);
            value = value << 8 | byte;
        }
        return static_cast<std::int64_t>(value);
    }
    std::int64_t value = 0;
    bool digits = false;
    bool ended = false;
    for (const char c : raw) {
        if (c == ' ' || c == '\0') {
            ended = digits;
            continue;
        }
        if (c < '0' || c > '7' || ended || value > INT64_MAX >> 3)
            return error(Errc::invalid, "archive: {} is not a number", what);
        value = value << 3 | (c - '0');
        digits = true;
    }
    return value;
}

Result<std::uint64_t> size_field(std::string_view raw, std::string_view what) {
    const std::int64_t value = TRY(number_field(raw, what));
    if (value < 0) return error(Errc::invalid, "archive: {} is negative", what);
    return static_cast<std::uint64_t>(value);
}

Result<std::uint32_t> id_field(std::string_view raw, std::string_view what) {
    const std::int64_t value = TRY(number_field(raw, what));
    if (value < 0 || value >= UINT32_MAX) return error(Errc::invalid, "archive: {} is out of range", what);
    return static_cast<std::uint32_t>(value);
}

bool all_zero(const std::array<char, 512>& block) {
    return std::ranges::all_of(block, [](char c) { return c == 0; });
}

bool checksum_fits(const std::array<char, 512>& block) {
    const auto stored = number_field(field(block, 148, 8), "checksum");
    if (!stored.ok()) return false;
    std::int64_t as_unsigned = 8 * ' ';
    std::int64_t as_signed = 8 * ' ';  // what some old tars computed
    for (std::size_t at = 0; at < block.size(); ++at) {
        if (at >= 148 && at < 156) continue;
        as_unsigned += static_cast<std::uint8_t>(block[at]);
        as_signed += static_cast<std::int8_t>(block[at]);
    }
    return *stored == as_unsigned || *stored == as_signed;
}

Result<TarType> type_of(char flag, const std::string& path) {
    switch (flag) {
    case '\0': return path.ends_with('/') ? TarType::folder : TarType::file;  // v7 had no type for folders
    case '0':
    case '7':
    case 'S': return TarType::file;
    case '1': return TarType::hard_link;
    case '2': return TarType::symbolic_link;
    case '3': return TarType::character;
    case '4': return TarType::block;
    case '5':
    case 'D': return TarType::folder;
    case '6': return TarType::fifo;
    default:
        return error(Errc::invalid, "archive: entry '{}' has the unknown type 0x{:02x}", path,
                     static_cast<unsigned char>(flag));
    }
}

}  // namespace

Result<bool> TarReader::read_header(Block& block) {
    if (!TRY(read_exactly(source_, block.data(), block.size()))) return false;
    if (all_zero(block)) {
        // Two zero blocks end an archive. One alone is written by some tools, as is none at all.
        if (!TRY(read_exactly(source_, block.data(), block.size())) || all_zero(block)) return false;
        return error(Errc::invalid, "archive: a single zero block in the middle");
    }
    if (!checksum_fits(block)) return error(Errc::invalid, "archive: a header's checksum is wrong");
    return true;
}

Result<> TarReader::skip_entry() {
    source_.consume(std::exchange(given_, 0));
    TRY(source_.skip(std::exchange(left_, 0)));
    // Some writers leave out the padding of the last entry.
    for (; padding_ > 0;) {
        const std::string_view piece = TRY(source_.peek());
        if (piece.empty()) break;
        const std::size_t step = static_cast<std::size_t>(std::min<std::uint64_t>(padding_, piece.size()));
        source_.consume(step);
        padding_ -= step;
    }
    padding_ = 0;
    return {};
}

Result<std::string> TarReader::read_text(std::uint64_t size) {
    if (size > header_limit) return error(Errc::invalid, "archive: an extended header of {} bytes", size);
    std::string text(static_cast<std::size_t>(size), '\0');
    if (size > 0 && !TRY(read_exactly(source_, text.data(), text.size()))) return error(Errc::invalid, "archive ends early");
    TRY(source_.skip((512 - size % 512) % 512));
    return text;
}

Result<> TarReader::take_extension(const Block& block) {
    const std::uint64_t size = TRY(size_field(field(block, 124, 12), "size"));
    const char flag = block[156];
    std::string text = TRY(read_text(size));
    if (flag == 'x' || flag == 'X') {
        pax_ = TRY(parse_pax(text));
    } else if (flag == 'L' || flag == 'K') {
        text.resize(std::min(text.find('\0'), text.size()));
        (flag == 'L' ? long_path_ : long_link_) = std::move(text);
    }
    // 'g', global records: git-archive's comment is all that images have; Docker ignores them, and what an image is must not
    // depend on the engine. 'V', a volume's label, has no meaning here.
    return {};
}

Result<std::optional<TarEntry>> TarReader::next() {
    TRY(skip_entry());
    pax_.reset(), long_path_.reset(), long_link_.reset();
    for (Block block;;) {
        if (!TRY(read_header(block))) {
            if (pax_ || long_path_ || long_link_) return error(Errc::invalid, "archive ends after an extended header");
            return std::optional<TarEntry>();
        }
        if (std::string_view("xXgLKV").find(block[156]) == std::string_view::npos) return std::optional(TRY(entry_of(block)));
        TRY(take_extension(block));
    }
}

Result<TarEntry> TarReader::entry_of(const Block& block) {
    TarEntry entry;
    const std::string_view magic = field(block, 257, 8);
    entry.path = text_field(block, 0, 100);
    if (magic.starts_with(std::string_view("ustar\0", 6))) {
        // star's own variant ends the header with "tar\0" and keeps times behind a shorter prefix.
        const std::string prefix = text_field(block, 345, field(block, 508, 4) == std::string_view("tar\0", 4) ? 131 : 155);
        if (!prefix.empty()) entry.path = prefix + "/" + entry.path;
    }
    entry.link = text_field(block, 157, 100);
    if (long_path_) entry.path = *long_path_;
    if (long_link_) entry.link = *long_link_;
    entry.mode = static_cast<std::uint32_t>(TRY(number_field(field(block, 100, 8), "mode")) & 07777);
    // A field that a pax record replaces may hold anything: writers put what fits.
    const auto has = [&](std::string_view key) {
        return pax_ &&
               std::ranges::any_of(*pax_, [&](const auto& record) { return record.first == key && !record.second.empty(); });
    };
    if (!has("uid")) entry.uid = TRY(id_field(field(block, 108, 8), "uid"));
    if (!has("gid")) entry.gid = TRY(id_field(field(block, 116, 8), "gid"));
    if (!has("size")) entry.size = entry.stored = TRY(size_field(field(block, 124, 12), "size"));
    if (!has("mtime")) entry.modified.seconds = TRY(number_field(field(block, 136, 12), "mtime"));
    if (block[156] == '3' || block[156] == '4') {
        entry.major = TRY(id_field(field(block, 329, 8), "device number"));
        entry.minor = TRY(id_field(field(block, 337, 8), "device number"));
    }
    if (pax_) TRY(apply_pax(*pax_, entry));
    entry.type = TRY(type_of(block[156], entry.path));
    // As Go's archive/tar, and so Docker: such entries have no data, whatever their size field says.
    if (entry.type != TarType::file && block[156] != 'D' && block[156] != '7') entry.size = entry.stored = 0;
    if (entry.type == TarType::folder) entry.size = 0;
    left_ = entry.stored;
    padding_ = (512 - entry.stored % 512) % 512;
    if (block[156] == 'S') TRY(take_old_gnu_sparse(block, entry));
    if (entry.type == TarType::file && pax_) TRY(take_pax_sparse(entry));
    if (entry.sparse) TRY(check_sparse(entry));
    return entry;
}

// GNU tar manual, "Old GNU Format": four parts in the header, 21 in each continuation block.
Result<> TarReader::take_old_gnu_sparse(const Block& block, TarEntry& entry) {
    entry.sparse = true;
    entry.size = TRY(size_field(field(block, 483, 12), "size of a sparse file"));
    const auto take_parts = [&](const Block& from, std::size_t at, int count) -> Result<> {
        for (; count > 0 && from[at] != 0; --count, at += 24) {
            const auto offset = TRY(size_field(field(from, at, 12), "sparse map"));
            const auto length = TRY(size_field(field(from, at + 12, 12), "sparse map"));
            entry.runs.push_back({offset, length});
        }
        return {};
    };
    TRY(take_parts(block, 386, 4));
    bool more = block[482] != 0;
    for (Block extension; more; more = extension[504] != 0) {
        if (!TRY(read_exactly(source_, extension.data(), extension.size()))) return error(Errc::invalid, "archive ends early");
        TRY(take_parts(extension, 0, 21));
        if (entry.runs.size() > sparse_run_limit) return error(Errc::invalid, "archive: a sparse file has too many parts");
    }
    return {};
}

Result<> TarReader::take_pax_sparse(TarEntry& entry) {
    PaxSparse sparse = TRY(parse_pax_sparse(*pax_));
    if (!sparse.present) return {};
    if (sparse.name) entry.path = *sparse.name;
    if (sparse.real_size) entry.size = *sparse.real_size;
    entry.sparse = true;
    entry.runs = std::move(sparse.runs);
    if (!sparse.map_in_data) return {};

    // Version 1.0: "COUNT\nOFFSET\nSIZE\n..." at the start of the data, padded to a block.
    std::vector<std::uint64_t> numbers;
    std::string digits;
    std::uint64_t wanted = 1;
    while (numbers.size() < wanted) {
        Block block;
        if (left_ < block.size() || !TRY(read_exactly(source_, block.data(), block.size())))
            return error(Errc::invalid, "archive: the map of sparse file '{}' ends early", entry.path);
        left_ -= block.size();
        for (std::size_t at = 0; at < block.size() && numbers.size() < wanted; ++at) {
            if (block[at] != '\n') {
                digits += block[at];
                if (digits.size() > 20)
                    return error(Errc::invalid, "archive: the map of sparse file '{}' is wrong", entry.path);
                continue;
            }
            numbers.push_back(TRY(parse_decimal(digits, "sparse map")));
            digits.clear();
            if (numbers.size() == 1) {
                if (numbers[0] > sparse_run_limit) return error(Errc::invalid, "archive: a sparse file has too many parts");
                wanted = 1 + 2 * numbers[0];
            }
        }
    }
    for (std::size_t at = 1; at + 1 < numbers.size(); at += 2) entry.runs.push_back({numbers[at], numbers[at + 1]});
    entry.stored = left_;
    return {};
}

Result<std::string_view> TarReader::data() {
    source_.consume(std::exchange(given_, 0));
    if (left_ == 0) return std::string_view();
    const std::string_view piece = TRY(source_.peek());
    if (piece.empty()) return error(Errc::invalid, "archive ends early: {} bytes are missing", left_);
    given_ = static_cast<std::size_t>(std::min<std::uint64_t>(left_, piece.size()));
    left_ -= given_;
    return piece.substr(0, given_);
}

}  // namespace gantry::image
