#include "image/archive_tree.hpp"

#include "image/inflated_source.hpp"
#include "image/json.hpp"
#include "image/store_impl.hpp"
#include "image/tar_reader.hpp"
#include "image/unpack_tree.hpp"
#include "os/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>

namespace gantry::image {

namespace {

constexpr std::size_t entry_limit = 100'000;
constexpr std::uint64_t spool_free = 1ULL << 30;  // a compressed archive may unpack to this and 256 times itself more

// Counts what is taken of another source.
class Counted final : public ByteSource {
public:
    explicit Counted(ByteSource& inner) : inner_(inner) {}
    Result<std::string_view> peek() override { return inner_.peek(); }
    void consume(std::size_t count) override { inner_.consume(count), taken_ += count; }
    [[nodiscard]] std::uint64_t taken() const { return taken_; }

private:
    ByteSource& inner_;
    std::uint64_t taken_ = 0;
};

// The plain bytes as an unnamed file.
Result<os::Fd> spool(const Store& store, ByteSource& archive, const std::string& source) {
    os::Fd to = TRY(os::open(store.impl().partial_folder(), O_TMPFILE | O_RDWR, 0600));
    std::uint64_t given = 0;
    Counted packed(archive);
    InflatedSource plain(packed);
    for (std::string_view piece = TRY(plain.peek()); !piece.empty(); piece = TRY(plain.peek())) {
        given += piece.size();
        if (given > spool_free + 256 * packed.taken())
            return error(Errc::invalid, "'{}' unpacks to more than 256 times its size", source);
        TRY(os::write_all(to.get(), piece, source));
        plain.consume(piece.size());
    }
    TRY_CONTEXT(plain.end(), "'{}'", source);
    return to;
}

}  // namespace

Result<ArchiveTree> ArchiveTree::open(const Store& store, const std::string& source) {
    ArchiveTree tree;
    os::Fd input = TRY(source == "-" ? os::open("/dev/stdin", O_RDONLY) : os::open(source, O_RDONLY));
    struct stat info {};
    if (fstat(input.get(), &info) != 0) return errno_error("stat '{}'", source);
    if (S_ISDIR(info.st_mode)) {
        tree.folder_ = true;
        tree.fd_ = std::move(input);
        return tree;
    }
    FunctionSource bytes = descriptor_source(input.get(), source);
    if (S_ISREG(info.st_mode) && source != "-" && compression_of(TRY(bytes.peek())) == Compression::none)
        tree.fd_ = std::move(input);
    else
        tree.fd_ = TRY(spool(store, bytes, source));
    TRY_CONTEXT(tree.read_index(source), "'{}'", source);
    return tree;
}

Result<ArchiveTree> ArchiveTree::open_stream(const Store& store, int fd, const std::atomic<bool>* cancel) {
    const std::string name = "archive";
    FunctionSource bytes = descriptor_source(fd, name, cancel);
    ArchiveTree tree;
    tree.fd_ = TRY(spool(store, bytes, name));
    TRY_CONTEXT(tree.read_index(name), "'{}'", name);
    return tree;
}

Result<> ArchiveTree::read_index(const std::string& source) {
    struct stat info {};
    if (fstat(fd_.get(), &info) != 0) return errno_error("stat");
    FileSource file(fd_.get(), source, 0, static_cast<std::uint64_t>(info.st_size));
    TarReader reader(file);
    std::size_t count = 0;
    for (;;) {
        const std::optional<TarEntry> entry = TRY(reader.next());
        if (!entry) return {};
        if (++count > entry_limit) return error(Errc::invalid, "more than {} entries", entry_limit);
        const std::string path = TRY(clean_path(entry->path));
        if (entry->type == TarType::file && !entry->sparse) {
            places_[path] = {file.position(), entry->stored, {}};
        } else if (entry->type == TarType::hard_link) {
            places_[path].link = TRY(clean_path(entry->link));
        } else if (entry->type == TarType::symbolic_link) {
            // Relative to its folder; one that points outside is no member's name, so nothing is found there.
            const auto target = clean_path(std::string(parent_path(path)) + "/" + entry->link);
            if (target.ok() && !entry->link.starts_with('/')) places_[path] = {0, 0, *target};
        }
    }
}

Result<const ArchiveTree::Place*> ArchiveTree::find(const std::string& name) const {
    std::string path = TRY(clean_path(name));
    for (int links = 0; links < 8; ++links) {
        const auto found = places_.find(path);
        if (found == places_.end()) return error(Errc::not_found, "the archive has no '{}'", name);
        if (found->second.link.empty()) return &found->second;
        path = found->second.link;
    }
    return error(Errc::invalid, "'{}' is a link to a link to a link in the archive", name);
}

Result<ArchiveTree::Member> ArchiveTree::member(const std::string& name) const {
    Member member;
    if (!folder_) {
        const Place* place = TRY(find(name));
        member.fd = fd_.get();
        member.offset = place->offset;
        member.size = place->size;
        return member;
    }
    const std::string path = TRY(clean_path(name));
    // O_NONBLOCK: opening a fifo must not hang.
    auto opened = os::open_beneath(fd_.get(), path, O_RDONLY | O_NONBLOCK);
    if (!opened.ok() && opened.error().code() == Errc::not_found) return error(Errc::not_found, "the folder has no '{}'", name);
    member.own = TRY(std::move(opened));
    struct stat info {};
    if (fstat(member.own.get(), &info) != 0) return errno_error("stat '{}'", name);
    if (!S_ISREG(info.st_mode)) return error(Errc::invalid, "'{}' is not a file", name);
    member.fd = member.own.get();
    member.size = static_cast<std::uint64_t>(info.st_size);
    return member;
}

Result<std::string> ArchiveTree::text(const std::string& name) const {
    const Member found = TRY(member(name));
    if (found.size > detail::json_limit) return error(Errc::invalid, "'{}' is larger than {} bytes", name, detail::json_limit);
    std::string text(found.size, '\0');
    FileSource source = found.from(0);
    if (!text.empty() && !TRY(read_exactly(source, text.data(), text.size())))
        return error(Errc::invalid, "'{}' ends early", name);
    return text;
}

}  // namespace gantry::image
