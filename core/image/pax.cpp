#include "image/pax.hpp"

#include "base/text.hpp"

#include <charconv>

namespace gantry::image {

namespace {

// "1700000000.25", "-1.5": seconds before the epoch count down, so that -1.5 is second -2 and half of one.
Result<TarTime> parse_time(std::string_view text, std::string_view key) {
    const auto bad = [&] { return error(Errc::invalid, "archive: pax record '{}' is not a time", key); };
    const bool negative = text.starts_with('-');
    const std::string_view digits = negative ? text.substr(1) : text;
    const std::size_t dot = std::min(digits.find('.'), digits.size());
    TarTime time;
    const auto [end, code] = std::from_chars(digits.data(), digits.data() + dot, time.seconds);
    if (code != std::errc() || end != digits.data() + dot || time.seconds < 0) return bad();
    std::uint32_t scale = 100'000'000;
    for (const char c : digits.substr(std::min(dot + 1, digits.size()))) {
        if (c < '0' || c > '9') return bad();
        time.nanoseconds += static_cast<std::uint32_t>(c - '0') * scale;
        scale /= 10;
    }
    if (negative) {
        time.seconds = -time.seconds;
        if (time.nanoseconds > 0) {
            time.seconds -= 1;
            time.nanoseconds = 1'000'000'000 - time.nanoseconds;
        }
    }
    return time;
}

Result<std::string> parse_name(std::string_view value, std::string_view key) {
    if (value.find('\0') != std::string_view::npos)
        return error(Errc::invalid, "archive: pax record '{}' has a zero byte", key);
    return std::string(value);
}

Result<std::uint32_t> parse_id(std::string_view value, std::string_view key) {
    const std::uint64_t id = TRY(parse_decimal(value, key));
    if (id >= UINT32_MAX)
        return error(Errc::invalid, "archive: pax record '{}' is out of range", key);  // -1 means "keep" to chown(2)
    return static_cast<std::uint32_t>(id);
}

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

// libarchive writes the name URL-encoded and the value in base 64 (archive_write_set_format_pax.c).
std::string url_decoded(std::string_view text) {
    std::string plain;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] == '%' && at + 2 < text.size() && hex_digit(text[at + 1]) >= 0 && hex_digit(text[at + 2]) >= 0) {
            plain += static_cast<char>(hex_digit(text[at + 1]) * 16 + hex_digit(text[at + 2]));
            at += 2;
        } else {
            plain += text[at];
        }
    }
    return plain;
}

Result<std::string> base64_decoded(std::string_view text, std::string_view key) {
    constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string plain;
    std::uint32_t bits = 0;
    int count = 0;
    for (const char c : text) {
        if (c == '=' || c == '\n') continue;
        const std::size_t value = alphabet.find(c);
        if (value == std::string_view::npos) return error(Errc::invalid, "archive: pax record '{}' is not base 64", key);
        bits = bits << 6 | static_cast<std::uint32_t>(value);
        count += 6;
        if (count >= 8) {
            count -= 8;
            plain += static_cast<char>(bits >> count & 0xff);
        }
    }
    return plain;
}

Result<> apply_xattr(const std::string& key, const std::string& value, TarEntry& entry) {
    constexpr std::string_view schily = "SCHILY.xattr.";
    constexpr std::string_view libarchive = "LIBARCHIVE.xattr.";
    if (key.starts_with(schily)) {
        entry.xattrs[key.substr(schily.size())] = value;
    } else if (key.starts_with(libarchive)) {
        // bsdtar writes both; the plain one wins.
        entry.xattrs.try_emplace(url_decoded(key.substr(libarchive.size())), TRY(base64_decoded(value, key)));
    }
    return {};
}

Result<std::vector<SparseRun>> parse_sparse_map(std::string_view text) {
    std::vector<SparseRun> runs;
    while (!text.empty()) {
        const std::size_t first = text.find(',');
        if (first == std::string_view::npos) return error(Errc::invalid, "archive: GNU.sparse.map has an odd count");
        const std::size_t second = std::min(text.find(',', first + 1), text.size());
        SparseRun& run = runs.emplace_back();
        run.offset = TRY(parse_decimal(text.substr(0, first), "GNU.sparse.map"));
        run.size = TRY(parse_decimal(text.substr(first + 1, second - first - 1), "GNU.sparse.map"));
        text.remove_prefix(std::min(second + 1, text.size()));
    }
    return runs;
}

}  // namespace

Result<std::uint64_t> parse_decimal(std::string_view text, std::string_view what) {
    const auto value = whole_number(text);
    if (!value || *value > static_cast<std::uint64_t>(INT64_MAX))
        return error(Errc::invalid, "archive: '{}' is not a number in range", what);
    return *value;
}

Result<PaxRecords> parse_pax(std::string_view text) {
    PaxRecords records;
    while (!text.empty() && text.front() != '\0') {
        const std::size_t space = text.find(' ');
        if (space == std::string_view::npos || space == 0 || space > 10)
            return error(Errc::invalid, "archive: pax header is damaged");
        const std::uint64_t length = TRY(parse_decimal(text.substr(0, space), "pax record length"));
        if (length < space + 3 || length > text.size() || text[length - 1] != '\n')
            return error(Errc::invalid, "archive: pax header is damaged");
        const std::string_view record = text.substr(space + 1, length - space - 2);
        const std::size_t equals = record.find('=');
        if (equals == std::string_view::npos || equals == 0) return error(Errc::invalid, "archive: pax header is damaged");
        records.emplace_back(record.substr(0, equals), record.substr(equals + 1));
        text.remove_prefix(length);
    }
    return records;
}

Result<> apply_pax(const PaxRecords& records, TarEntry& entry) {
    for (const auto& [key, value] : records) {
        if (key.starts_with("SCHILY.xattr.") || key.starts_with("LIBARCHIVE.xattr.")) {
            TRY(apply_xattr(key, value, entry));
            continue;
        }
        if (value.empty()) continue;  // "no such record", also to undo a global one
        if (key == "path") entry.path = TRY(parse_name(value, key));
        if (key == "linkpath") entry.link = TRY(parse_name(value, key));
        if (key == "size") entry.size = entry.stored = TRY(parse_decimal(value, key));
        if (key == "uid") entry.uid = TRY(parse_id(value, key));
        if (key == "gid") entry.gid = TRY(parse_id(value, key));
        if (key == "mtime") entry.modified = TRY(parse_time(value, key));
        if (key == "atime") entry.accessed = TRY(parse_time(value, key));
        if (key == "ctime") entry.changed = TRY(parse_time(value, key));
        if (key == "SCHILY.devmajor") entry.major = TRY(parse_id(value, key));
        if (key == "SCHILY.devminor") entry.minor = TRY(parse_id(value, key));
    }
    return {};
}

Result<PaxSparse> parse_pax_sparse(const PaxRecords& records) {
    PaxSparse sparse;
    for (const auto& [key, value] : records) {
        if (!key.starts_with("GNU.sparse.")) continue;
        const std::string_view name = std::string_view(key).substr(11);
        sparse.present = true;
        if (name == "major") sparse.map_in_data = value == "1";
        if (name == "name") sparse.name = TRY(parse_name(value, key));
        if (name == "realsize" || name == "size") sparse.real_size = TRY(parse_decimal(value, key));
        if (name == "map") sparse.runs = TRY(parse_sparse_map(value));
        if (name == "offset") sparse.runs.push_back({TRY(parse_decimal(value, key)), 0});
        if (name == "numbytes") {
            if (sparse.runs.empty()) return error(Errc::invalid, "archive: GNU.sparse.numbytes comes before its offset");
            sparse.runs.back().size = TRY(parse_decimal(value, key));
        }
        if (sparse.runs.size() > sparse_run_limit) return error(Errc::invalid, "archive: a sparse file has too many parts");
    }
    return sparse;
}

Result<> check_sparse(const TarEntry& entry) {
    std::uint64_t at = 0;
    std::uint64_t sum = 0;
    for (const SparseRun& run : entry.runs) {
        if (run.offset < at || run.offset > entry.size || run.size > entry.size - run.offset)
            return error(Errc::invalid, "archive: the map of sparse file '{}' is wrong", entry.path);
        at = run.offset + run.size;
        sum += run.size;
    }
    if (sum != entry.stored)
        return error(Errc::invalid, "archive: the map of sparse file '{}' does not fit its data", entry.path);
    return {};
}

}  // namespace gantry::image
