#include "build/copy_step.hpp"

#include "build/remote.hpp"
#include "container/image_changes.hpp"
#include "os/file.hpp"
#include "sandbox/user.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace gantry::build {

namespace {

bool means_folder(const std::string& path) { return path.ends_with('/') || path == "." || path.ends_with("/."); }

}  // namespace

CopyStep::CopyStep(Session& session, Inputs& inputs, const dockerfile::Copy& copy, const dockerfile::Add* add,
                   std::size_t stage, const image::ImageConfig& config)
    : session_(session), inputs_(inputs), copy_(copy), add_(add), stage_(stage) {
    for (const std::string& source : copy.sources)
        (add && (is_url(source) || is_git_reference(source)) ? remote_ : words_).push_back(source);
    target_ = container::resolved_folder(config.workdir, copy.destination);
    several_ = copy.sources.size() + copy.heredocs.size() > 1;
    if (means_folder(copy.destination) && !target_.ends_with('/')) target_ += '/';
}

Result<Tree*> CopyStep::scratch_tree(const std::string& what) {
    auto tree = std::make_unique<Tree>();
    const std::string folder = fmt::format("{}/source-{}", session_.scratch(), ++session_.last_container);
    TRY(os::make_dirs(folder, 0755));
    tree->root = TRY(os::open(folder, O_RDONLY | O_DIRECTORY));
    tree->name = what;
    fetched_.push_back(std::move(tree));
    return fetched_.back().get();
}

// Here-documents become files of their names.
Result<> CopyStep::write_documents() {
    for (const dockerfile::Heredoc& document : copy_.heredocs) {
        Tree* tree = TRY(scratch_tree("the Dockerfile"));
        if (document.name.find('/') != std::string::npos || document.name == "." || document.name == "..")
            return error(Errc::invalid, "here-document '{}' is not a file's name", document.name);
        const os::Fd file = TRY(os::open_at(tree->root.get(), document.name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0644));
        TRY(os::write_all(file.get(), document.content, document.name));
    }
    return {};
}

Result<> CopyStep::fetch_remote(const std::string& source, Vertex* vertex) {
    const std::string folder = fmt::format("{}/remote-{}", session_.scratch(), ++session_.last_container);
    if (is_git_reference(source)) {
        const GitSource git = GitSource::parse(source, session_.options);
        TRY(git_checkout(git, TRY(git_commit(git)), add_->keep_git_dir.value_or(false), folder, session_.scratch()));
    } else {
        const std::string name = TRY(fetch_url(session_, source, folder, vertex));
        if (!add_->checksum.empty()) {
            const os::Fd file = TRY(os::open(folder + "/" + name, O_RDONLY));
            const Digest found = TRY(image::digest_of_file(file.get(), name));
            if (found.str() != add_->checksum)
                return error(Errc::corrupt, "'{}' has digest '{}', --checksum says '{}'", source, found.str(), add_->checksum);
        }
    }
    auto tree = std::make_unique<Tree>();
    tree->root = TRY(os::open(folder, O_RDONLY | O_DIRECTORY));
    tree->name = source;
    fetched_.push_back(std::move(tree));
    return {};
}

Result<std::string> CopyStep::key() {
    std::string exclude_text;
    for (const std::string& pattern : copy_.exclude) exclude_text += pattern + "\n";
    exclude_ = TRY(dockerfile::Patterns::make(copy_.exclude));
    if (several_ && !target_.ends_with('/') && !copy_.parents)
        return error(Errc::invalid,
                     "with more than one source the destination must be a folder and end with a '/', '{}' does not",
                     copy_.destination);
    const auto unpack = add_ && add_->unpack ? fmt::format("{}", *add_->unpack) : "";
    std::string text = fmt::format("{} to {} chown={} chmod={} parents={} unpack={}\n{}", add_ ? "add" : "copy", target_,
                                   copy_.chown, copy_.chmod, copy_.parents, unpack, exclude_text);
    if (!words_.empty()) {
        const auto input = TRY(inputs_.from(copy_.from, stage_));
        text += TRY(inputs_.digest(input, words_, exclude_, exclude_text)).str() + "\n";
        for (const std::string& word : words_) text += fmt::format("{}:{} ", word.size(), word);
    }
    for (const dockerfile::Heredoc& document : copy_.heredocs)
        text += fmt::format("{} {}:{}\n", document.name, document.content.size(), document.content);
    for (const std::string& source : remote_) {
        text += source + " ";
        if (is_git_reference(source)) {
            text += fmt::format("{} {}\n", TRY(git_commit(GitSource::parse(source, session_.options))),
                                add_->keep_git_dir.value_or(false));
        } else if (!add_->checksum.empty()) {
            text += add_->checksum + "\n";
        } else {
            TRY(fetch_remote(source, nullptr));
            text += TRY(digest_of_sources(TRY(find_sources(*fetched_.back(), ".", {})))).str() + "\n";
        }
    }
    return text;
}

Result<Destination> CopyStep::destination(int root) {
    Destination destination;
    destination.path = target_;
    destination.parents = copy_.parents;
    if (several_ && !destination.path.ends_with('/')) destination.path += '/';
    if (!copy_.chown.empty()) {
        const auto who = TRY_CONTEXT(sandbox::resolve_user(root, copy_.chown, {}), "--chown={}", copy_.chown);
        // "--chown=web" without a group: the group of that name or number, as Docker has it, where a number is no user's.
        destination.owner = Owner{who.uid, copy_.chown.find(':') == std::string::npos && who.name.empty() ? who.uid : who.gid};
    }
    if (!copy_.chmod.empty())
        destination.mode = TRY_CONTEXT(dockerfile::FileMode::parse(copy_.chmod), "--chmod={}", copy_.chmod);
    return destination;
}

Result<std::vector<Source>> CopyStep::all_sources() {
    std::vector<Source> sources;
    if (!words_.empty()) sources = TRY(inputs_.sources(TRY(inputs_.from(copy_.from, stage_)), words_, exclude_));
    for (const auto& tree : fetched_) {
        // A downloaded file or a document is one source; a repository's files are those of a folder.
        const auto names = TRY(os::list_dir(fmt::format("/proc/self/fd/{}", tree->root.get())));
        const bool whole = is_git_reference(tree->name) || names.size() != 1;
        for (Source& source : TRY(find_sources(*tree, whole ? "." : names.front(), {}))) sources.push_back(std::move(source));
    }
    return sources;
}

Result<> CopyStep::fill(int root, const image::ImageConfig& config, Vertex& vertex) {
    TRY(write_documents());
    for (const std::string& source : remote_) {
        const auto fetched = std::ranges::find_if(fetched_, [&](const auto& tree) { return tree->name == source; });
        if (fetched == fetched_.end()) TRY(fetch_remote(source, &vertex));
    }
    // Names of --chown are looked up in the stage's own files, also with --link, whose layer knows nothing of them.
    std::optional<Tree> stage;
    if (copy_.link && !copy_.chown.empty()) stage = TRY(session_.mount(config, "the stage"));
    Destination wanted = TRY(destination(stage ? stage->root.get() : root));
    if (several_ || wanted.path.ends_with('/')) TRY(make_folders(root, wanted.path, wanted.owner.value_or(Owner{})));
    const bool local = copy_.from.empty();
    auto sources = TRY(all_sources());
    const auto unpacks = [&](const Source& source) {
        if (!add_) return false;
        const bool downloaded = is_url(source.tree->name);
        return add_->unpack ? *add_->unpack : local && !downloaded;
    };
    std::vector<Source> plain, archives;
    for (Source& source : sources) (unpacks(source) ? archives : plain).push_back(std::move(source));
    TRY(copy_sources(plain, root, wanted));
    if (archives.empty()) return {};
    wanted.unpack = [&](int file, int where, const std::string& folder) -> Result<bool> {
        const auto is_archive = TRY(session_.fetchers.unpack(file, where, ""));
        if (!is_archive) return false;
        TRY(make_folders(where, folder, wanted.owner.value_or(Owner{})));
        return session_.fetchers.unpack(file, where, folder);
    };
    return copy_sources(archives, root, wanted);
}

Result<std::optional<image::CachedStep::Layer>> CopyStep::work(const image::ImageConfig& config, Vertex& vertex) {
    const ContainerName name = session_.next_container();
    // --link: a layer that does not depend on what is below it, so that it stays the same on another base.
    image::ImageConfig below = config;
    if (copy_.link && session_.storage.layer_format() == driver::LayerFormat::overlay) below.diff_ids.clear();
    auto filled = [&]() -> Result<> {
        const os::Fd root = TRY(session_.mount_writable(below, name));
        return fill(root.get(), config, vertex);
    }();
    if (!filled.ok()) {
        [[maybe_unused]] const auto removed = session_.storage.teardown(name.str());
        return std::move(filled).error();
    }
    return session_.layer_of(below, name);
}

}  // namespace gantry::build
