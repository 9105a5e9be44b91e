#include "image/layer_tar.hpp"

#include <algorithm>

namespace gantry::image {

namespace {

constexpr std::size_t block_size = 512;
constexpr std::size_t name_size = 100, prefix_size = 155;
constexpr std::uint64_t id_limit = 1U << 21;      // seven octal digits
constexpr std::uint64_t size_limit = 1ULL << 33;  // eleven, of sizes and times
constexpr std::size_t pax_limit = 1U << 20;       // what Go's archive/tar and our own reader take

using Records = std::map<std::string, std::string>;  // sorted: their order must not depend on who asked

bool plain_ascii(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// "LENGTH KEY=VALUE\n", where LENGTH counts itself.
std::string pax_record(std::string_view key, std::string_view value) {
    const std::size_t rest = key.size() + value.size() + 3;
    std::size_t length = rest + std::to_string(rest).size();
    if (std::to_string(length).size() != std::to_string(rest).size()) length = rest + std::to_string(length).size();
    return fmt::format("{} {}={}\n", length, key, value);
}

char type_flag(TarType type) {
    switch (type) {
    case TarType::file: return '0';
    case TarType::hard_link: return '1';
    case TarType::symbolic_link: return '2';
    case TarType::character: return '3';
    case TarType::block: return '4';
    case TarType::folder: return '5';
    case TarType::fifo: return '6';
    }
    return '0';
}

class Header {
public:
    Header() : block_(block_size, '\0') {}

    void put(std::size_t at, std::string_view text) { block_.replace(at, text.size(), text); }
    void octal(std::size_t at, std::size_t digits, std::uint64_t value) { put(at, fmt::format("{:0{}o}", value, digits)); }
    std::string take() {
        put(257, std::string_view("ustar\0"
                                  "00",
                                  8));
        put(148, "        ");
        unsigned sum = 0;
        for (const char c : block_) sum += static_cast<unsigned char>(c);
        put(148, fmt::format("{:06o}", sum) + std::string("\0 ", 2));
        return std::move(block_);
    }

private:
    std::string block_;
};

// Where ustar can split a name: prefix, '/', name. Nothing where it cannot.
std::optional<std::size_t> split_point(std::string_view path) {
    if (path.size() > prefix_size + 1 + name_size) return std::nullopt;
    const std::size_t slash = path.find('/', path.size() - name_size - 1);
    if (slash == std::string_view::npos || slash == 0 || slash > prefix_size || slash + 1 == path.size()) return std::nullopt;
    return slash;
}

// Names, and what of them ustar cannot say.
void put_path(Header& header, Records& records, const std::string& path) {
    if (path.size() <= name_size) {
        header.put(0, path);
    } else if (const auto slash = split_point(path); slash && plain_ascii(path)) {
        header.put(0, std::string_view(path).substr(*slash + 1));
        header.put(345, std::string_view(path).substr(0, *slash));
        return;
    } else {
        header.put(0, std::string_view(path).substr(0, name_size));
        records["path"] = path;
    }
    if (!plain_ascii(path)) records["path"] = path;
}

void put_link(Header& header, Records& records, const std::string& link) {
    header.put(157, std::string_view(link).substr(0, name_size));
    if (link.size() > name_size || !plain_ascii(link)) records["linkpath"] = link;
}

void put_number(Header& header, Records& records, std::size_t at, std::size_t digits, std::uint64_t limit, const char* key,
                std::int64_t value) {
    const bool fits = value >= 0 && static_cast<std::uint64_t>(value) < limit;
    header.octal(at, digits, fits ? static_cast<std::uint64_t>(value) : 0);
    if (!fits) records[key] = std::to_string(value);
}

// The extended header that stands before an entry. Its own name is never seen by a reader that knows pax; Go's and GNU's tar
// make it of the entry's.
std::string pax_header(const Records& records, std::string_view path) {
    std::string body;
    for (const auto& [key, value] : records) body += pax_record(key, value);
    Header header;
    std::string name = fmt::format("PaxHeaders.0/{}", path.substr(path.rfind('/', path.size() - 2) + 1));
    std::ranges::replace_if(
        name, [](char c) { return static_cast<unsigned char>(c) >= 0x80; }, '_');
    header.put(0, std::string_view(name).substr(0, name_size));
    header.octal(100, 7, 0644);
    header.octal(108, 7, 0);
    header.octal(116, 7, 0);
    header.octal(124, 11, body.size());
    header.octal(136, 11, 0);
    header.put(156, "x");
    const std::size_t padding = (block_size - body.size() % block_size) % block_size;
    return header.take() + body + std::string(padding, '\0');
}

Result<> check_name(std::string_view name, std::string_view what) {
    if (name.empty()) return error(Errc::invalid, "archive: an entry has an empty {}", what);
    if (name.find('\0') != std::string_view::npos)
        return error(Errc::invalid, "archive: the {} '{}' has a zero byte", what, name);
    return {};
}

}  // namespace

bool image_xattr(std::string_view name) {
    // The kernel would take what stands before a zero byte for the name.
    if (name.starts_with("user.overlay.") || name.find('\0') != std::string_view::npos) return false;
    return name.starts_with("user.") || name == "security.capability" || name.starts_with("system.posix_acl_");
}

Result<> LayerTar::entry(const TarEntry& entry) {
    TRY(finish_entry());
    TRY(check_name(entry.path, "name"));
    const bool links = entry.type == TarType::hard_link || entry.type == TarType::symbolic_link;
    if (links) TRY(check_name(entry.link, "link's target"));
    std::string path = entry.path;
    if (entry.type == TarType::folder && !path.ends_with('/')) path += '/';
    const std::uint64_t size = entry.type == TarType::file ? entry.size : 0;

    Header header;
    Records records;
    put_path(header, records, path);
    if (links) put_link(header, records, entry.link);
    header.octal(100, 7, entry.mode & 07777);
    put_number(header, records, 108, 7, id_limit, "uid", entry.uid);
    put_number(header, records, 116, 7, id_limit, "gid", entry.gid);
    if (size > static_cast<std::uint64_t>(INT64_MAX)) return error(Errc::invalid, "archive: '{}' is too large", entry.path);
    put_number(header, records, 124, 11, size_limit, "size", static_cast<std::int64_t>(size));
    put_number(header, records, 136, 11, size_limit, "mtime", entry.modified.seconds);
    header.put(156, std::string(1, type_flag(entry.type)));
    if (entry.type == TarType::character || entry.type == TarType::block) {
        put_number(header, records, 329, 7, id_limit, "SCHILY.devmajor", entry.major);
        put_number(header, records, 337, 7, id_limit, "SCHILY.devminor", entry.minor);
    } else {
        header.octal(329, 7, 0);
        header.octal(337, 7, 0);
    }
    if (entry.type != TarType::hard_link)
        for (const auto& [name, value] : entry.xattrs) {
            if (name.find_first_of(std::string_view("=\0", 2)) != std::string::npos)
                return error(Errc::invalid, "archive: '{}' has the attribute '{}', which pax cannot name", entry.path, name);
            records["SCHILY.xattr." + name] = value;
        }
    if (!records.empty()) {
        const std::string extended = pax_header(records, path);
        if (extended.size() > pax_limit) return error(Errc::invalid, "archive: '{}' has too many attributes", entry.path);
        TRY(sink_(extended));
    }
    left_ = size;
    padding_ = (block_size - size % block_size) % block_size;
    return sink_(header.take());
}

Result<> LayerTar::data(std::string_view piece) {
    if (piece.size() > left_) return error(Errc::internal, "archive: more data than the entry's size");
    left_ -= piece.size();
    return sink_(piece);
}

Result<> LayerTar::finish_entry() {
    if (left_ > 0) return error(Errc::internal, "archive: {} bytes of an entry are missing", left_);
    if (padding_ == 0) return {};
    return sink_(std::string(std::exchange(padding_, 0), '\0'));
}

Result<> LayerTar::end() {
    TRY(finish_entry());
    return sink_(std::string(2 * block_size, '\0'));
}

}  // namespace gantry::image
