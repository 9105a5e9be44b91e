#include "image/archive_tree.hpp"

#include "image/decompress.hpp"
#include "image/json.hpp"
#include "image/store_impl.hpp"
#include "image/tar_reader.hpp"
#include "image/unpack_tree.hpp"
#include "os/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace gantry::image {

namespace {

constexpr std::size_t entry_limit = 100'000;
constexpr std::uint64_t spool_free = 1ULL << 30;  // a compressed archive may unpack to this and 256 times itself more

// The first bytes decide on the compression; a pipe may give them one by one.
Result<std::string> read_head(const FunctionSource::Read& read) {
    std::string head(6, '\0');
    std::size_t have = 0;
    while (have < head.size()) {
        const std::size_t got = TRY(read(head.data() + have, head.size() - have));
        if (got == 0) break;
        have += got;
    }
    head.resize(have);
    return head;
}

Result<os::Fd> spool(const Store& store, const FunctionSource::Read& read, std::string head, const std::string& source) {
    os::Fd to = TRY(os::open(store.impl().partial_folder(), O_TMPFILE | O_RDWR, 0600));
    const auto decompressor = TRY(make_decompressor(compression_of(head)));
    std::vector<char> in(256U << 10), out(256U << 10);
    std::uint64_t taken = 0, given = 0;
    std::string_view input = head;
    for (;;) {
        while (!input.empty()) {
            const Decompressor::Step step = TRY(decompressor->run(input, out.data(), out.size()));
            input.remove_prefix(step.consumed);
            taken += step.consumed;
            given += step.produced;
            if (given > spool_free + 256 * taken)
                return error(Errc::invalid, "'{}' unpacks to more than 256 times its size", source);
            TRY(os::write_all(to.get(), {out.data(), step.produced}, source));
            if (step.consumed == 0 && step.produced == 0) break;
        }
        const std::size_t got = TRY(read(in.data(), in.size()));
        if (got == 0) break;
        input = {in.data(), got};
    }
    // What the decompressor still holds.
    for (;;) {
        const Decompressor::Step step = TRY(decompressor->run({}, out.data(), out.size()));
        if (step.produced == 0) break;
        TRY(os::write_all(to.get(), {out.data(), step.produced}, source));
    }
    TRY_CONTEXT(decompressor->end(), "'{}'", source);
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
    const auto read = descriptor_read(input.get(), source);
    std::string head = TRY(read_head(read));
    if (S_ISREG(info.st_mode) && compression_of(head) == Compression::none && source != "-")
        tree.fd_ = std::move(input);
    else
        tree.fd_ = TRY(spool(store, read, std::move(head), source));
    TRY_CONTEXT(tree.read_index(source), "'{}'", source);
    return tree;
}

Result<ArchiveTree> ArchiveTree::open_stream(const Store& store, int fd, const std::atomic<bool>* cancel) {
    const std::string name = "archive";
    const auto read = descriptor_read(fd, name, cancel);
    ArchiveTree tree;
    tree.fd_ = TRY(spool(store, read, TRY(read_head(read)), name));
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
