#include "build/remote.hpp"

#include "image/byte_source.hpp"
#include "os/copy_tree.hpp"
#include "os/file.hpp"
#include "os/process.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

namespace gantry::build {

namespace {

constexpr std::chrono::minutes git_timeout{30};
constexpr const char* input_name = "the build context";

Result<std::string> git(const GitSource& source, std::vector<std::string> words) {
    // Nobody is there to answer questions, and a repository must not name a program to fetch it with (git-remote-ext).
    const char* protocols =
        source.of_host ? "GIT_ALLOW_PROTOCOL=git:http:https:ssh:file" : "GIT_ALLOW_PROTOCOL=git:http:https:ssh";
    std::vector<std::string> all{"env", "GIT_TERMINAL_PROMPT=0", protocols, "git"};
    const std::string what = words.front() == "-C" ? words[2] : words.front();
    for (std::string& word : words) all.push_back(std::move(word));
    const auto done = os::run({.words = std::move(all), .input = "", .output_limit = 4U << 20, .timeout = git_timeout});
    if (!done.ok()) return done.error().context("git");
    if (done->status == 127) return error(Errc::not_found, "git is not installed");
    if (done->status != 0) {
        std::string reason = done->errors;
        while (reason.ends_with('\n')) reason.pop_back();
        return error(Errc::unavailable, "git {}: {}", what, reason.substr(reason.rfind('\n') + 1));
    }
    return done->output;
}

// A word that git would take for a flag is none of a reference or an address.
Result<> check_word(const std::string& word) {
    if (word.starts_with('-')) return error(Errc::invalid, "git: '{}' starts with a dash", word);
    return {};
}

Result<> copy_all(const Options& options, const std::string& to) {
    const os::Fd file = TRY(os::open(to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
    image::FunctionSource source = image::descriptor_source(options.input, input_name, options.cancel);
    for (;;) {
        const std::string_view piece = TRY(source.peek());
        if (piece.empty()) return {};
        TRY(os::write_all(file.get(), piece, to));
        source.consume(piece.size());
    }
}

bool is_folder(int fd) {
    struct stat info {};
    return fstat(fd, &info) == 0 && S_ISDIR(info.st_mode);
}

Result<ContextFolder> copy_folder(Session& session, int from) {
    const std::string folder = session.scratch() + "/context";
    TRY(os::make_dirs(folder, 0755));
    const os::Fd to = TRY(os::open(folder, O_RDONLY | O_DIRECTORY));
    TRY(os::copy_into(from, ".", to.get(), ".", {}, "the build context"));
    return ContextFolder{folder, std::nullopt};
}

// What came is an archive, which is unpacked into folder, or else a Dockerfile alone.
Result<ContextFolder> context_of_file(Session& session, const std::string& file, const std::string& folder,
                                      const std::string& what) {
    TRY(os::make_dirs(folder, 0755));
    const os::Fd data = TRY(os::open(file, O_RDONLY)), root = TRY(os::open(folder, O_RDONLY | O_DIRECTORY));
    if (TRY_CONTEXT(session.fetchers.unpack(data.get(), root.get(), "/"), "{}", what)) {
        TRY(os::remove_tree(file));
        return ContextFolder{folder, std::nullopt};
    }
    std::string script = TRY_CONTEXT(os::read_file(file, 1U << 20), "{}", what);
    return ContextFolder{"", std::move(script)};
}

Result<ContextFolder> fetch_archive(Session& session, const std::string& url, const std::string& name) {
    Vertex vertex(session.reporter, "[internal] load remote context " + url);
    const std::string folder = fmt::format("{}/remote-{}", session.scratch(), name);
    const auto file = fetch_url(session, url, folder, &vertex);
    vertex.end(file);
    if (!file.ok()) return file.error();
    return context_of_file(session, folder + "/" + *file, session.scratch() + "/" + name, url);
}

// "PATH[:TAG][@DIGEST]", as Docker writes it after oci-layout://.
Result<std::string> load_layout(Session& session, const std::string& text) {
    const std::size_t name = text.rfind('/') + 1, end = std::min(text.find_first_of(":@", name), text.size());
    Vertex vertex(session.reporter, "[internal] load OCI layout " + text);
    const auto image = image::load_from_layout(session.store, text.substr(0, end), text.substr(end), session.options.cancel);
    vertex.end(image);
    if (!image.ok()) return image.error();
    return std::string(image_scheme) + image->id.str();
}

Result<std::string> fetch_git_context(Session& session, const std::string& text, const std::string& name) {
    Vertex vertex(session.reporter, "[internal] load git source " + text);
    const GitSource source = GitSource::parse(text, session.options);
    const std::string folder = session.scratch() + "/" + name;
    const auto fetch = [&]() -> Result<> {
        return git_checkout(source, TRY(git_commit(source)), false, folder, session.scratch());
    };
    auto fetched = fetch();
    vertex.end(fetched);
    if (!fetched.ok()) return std::move(fetched).error();
    return folder;
}

}  // namespace

bool is_url(std::string_view text) { return text.starts_with("http://") || text.starts_with("https://"); }

bool is_git_reference(std::string_view text) {
    if (text.starts_with("git://") || text.starts_with("git@") || text.starts_with("ssh://") || text.starts_with("github.com/"))
        return true;
    if (!is_url(text) && !text.starts_with("file://")) return false;
    const std::string_view address = text.substr(0, text.find('#'));
    return address.ends_with(".git");
}

GitSource GitSource::parse(std::string_view text, const Options& options) {
    GitSource source;
    source.of_host = options.host_files;
    const auto hash = text.find('#');
    source.repository = text.substr(0, hash);
    if (source.repository.starts_with("github.com/")) source.repository = "https://" + source.repository;
    if (hash == std::string_view::npos) return source;
    const std::string_view fragment = text.substr(hash + 1);
    const auto colon = fragment.find(':');
    source.reference = fragment.substr(0, colon);
    if (colon != std::string_view::npos) source.folder = fragment.substr(colon + 1);
    return source;
}

Result<std::string> git_commit(const GitSource& source) {
    TRY(check_word(source.repository));
    TRY(check_word(source.reference));
    const std::string wanted = source.reference.empty() ? "HEAD" : source.reference;
    const bool commit = wanted.size() == 40 && wanted.find_first_not_of("0123456789abcdef") == std::string::npos;
    if (commit) return wanted;
    // "COMMIT<tab>refs/tags/x^{}" is what an annotated tag points at; that line comes after the tag's own.
    const std::string listed = TRY(git(source, {"ls-remote", source.repository, wanted, wanted + "^{}"}));
    std::string found;
    for (std::size_t at = 0; at < listed.size();) {
        const std::size_t end = std::min(listed.find('\n', at), listed.size());
        const std::string line = listed.substr(at, end - at);
        at = end + 1;
        if (line.size() > 41 && (found.empty() || line.ends_with("^{}"))) found = line.substr(0, 40);
    }
    if (found.empty()) return error(Errc::not_found, "git: '{}' has no '{}'", source.repository, wanted);
    return found;
}

Result<> git_checkout(const GitSource& source, const std::string& commit, bool keep_git_dir, const std::string& folder,
                      const std::string& scratch) {
    const std::string clone = fmt::format("{}/git-{}", scratch, folder.substr(folder.rfind('/') + 1));
    TRY(git(source, {"init", "-q", clone}));
    TRY(git(source, {"-C", clone, "remote", "add", "origin", source.repository}));
    // Not every server gives a commit by its name; those that do not give the reference.
    auto fetched = git(source, {"-C", clone, "fetch", "-q", "--depth", "1", "origin", commit});
    if (!fetched.ok())
        TRY(git(source, {"-C", clone, "fetch", "-q", "origin", source.reference.empty() ? "HEAD" : source.reference}));
    TRY(git(source, {"-C", clone, "checkout", "-q", "--detach", commit}));
    if (os::path_exists(clone + "/.gitmodules"))
        TRY(git(source, {"-C", clone, "submodule", "update", "-q", "--init", "--recursive", "--depth", "1"}));
    if (!keep_git_dir) TRY(os::remove_tree(clone + "/.git"));
    if (source.folder.empty()) return os::rename(clone, folder, false);
    const os::Fd root = TRY(os::open(clone, O_RDONLY | O_DIRECTORY));
    const os::Fd part =
        TRY_CONTEXT(os::open_in_root(root.get(), source.folder, O_RDONLY | O_DIRECTORY), "git: folder '{}'", source.folder);
    TRY(os::make_dirs(folder, 0755));
    const os::Fd to = TRY(os::open(folder, O_RDONLY | O_DIRECTORY));
    TRY(os::copy_into(part.get(), ".", to.get(), ".", {}, source.folder));
    return os::remove_tree(clone);
}

Result<std::string> fetch_url(Session& session, const std::string& url, const std::string& folder, Vertex* vertex) {
    const std::string partial = folder + ".download";
    const os::Fd file = TRY(os::open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600));
    image::DownloadOptions options;
    options.cancel = session.options.cancel;
    if (vertex)
        options.progress = [vertex](std::uint64_t current, std::uint64_t total) {
            vertex->status("Downloading", current, total);
        };
    const auto sink = [&](std::string_view data) { return os::write_all(file.get(), data, partial); };
    const auto done = TRY(session.fetchers.download(session.engine.paths(), session.engine.config(), url, sink, options));
    const timespec time{done.modified.value_or(0), 0};
    const timespec times[2] = {time, time};
    if (futimens(file.get(), times) != 0) return errno_error("set times of '{}'", partial);
    std::string address = url.substr(0, url.find_first_of("?#"));
    while (address.ends_with('/')) address.pop_back();
    std::string name = done.file_name;
    if (name.empty() && address.find('/', address.find("://") + 3) != std::string::npos)
        name = address.substr(address.rfind('/') + 1);
    if (name.empty() || name == "." || name == "..")
        return error(Errc::invalid, "'{}' has no file name, and neither does the server say one", url);
    TRY(os::make_dirs(folder, 0755));
    TRY(os::rename(partial, folder + "/" + name, false));
    return name;
}

Error of_this_host(const std::string& path) {
    return error(Errc::denied, "'{}' is a folder of this host, which cannot be given by name here", path);
}

Result<ContextFolder> fetch_context(Session& session) {
    const Options& options = session.options;
    if (options.context == "-") {
        if (is_folder(options.input)) return copy_folder(session, options.input);
        const std::string file = session.scratch() + "/input";
        TRY(copy_all(options, file));
        return context_of_file(session, file, session.scratch() + "/context", input_name);
    }
    if (is_git_reference(options.context))
        return ContextFolder{TRY(fetch_git_context(session, options.context, "context")), {}};
    if (is_url(options.context)) return fetch_archive(session, options.context, "context");
    if (!options.host_files) return of_this_host(options.context);
    std::error_code failure;
    const auto path = std::filesystem::canonical(options.context, failure);
    if (failure) return error(Errc::not_found, "unable to prepare context: path \"{}\" not found", options.context);
    if (!std::filesystem::is_directory(path, failure))
        return error(Errc::invalid, "unable to prepare context: path \"{}\" is not a directory", options.context);
    return ContextFolder{path.string(), std::nullopt};
}

Result<std::string> fetch_named_context(Session& session, const std::string& name, const std::string& source) {
    constexpr std::string_view layout_scheme = "oci-layout://";
    const std::string place = "context-" + std::string(image::digest_of(name).hex());
    if (source.starts_with(image_scheme)) return source;
    if (is_git_reference(source)) return fetch_git_context(session, source, place);
    if (is_url(source)) {
        const ContextFolder context = TRY(fetch_archive(session, source, place));
        if (context.script) return error(Errc::invalid, "--build-context {}: '{}' is no archive", name, source);
        return context.path;
    }
    if (session.options.host_files && source.starts_with(layout_scheme))
        return load_layout(session, source.substr(layout_scheme.size())).context(fmt::format("--build-context {}", name));
    if (!session.options.host_files) return of_this_host(source).context(fmt::format("--build-context {}", name));
    std::error_code failure;
    const auto path = std::filesystem::canonical(source, failure);
    if (failure || !std::filesystem::is_directory(path, failure))
        return error(Errc::not_found, "--build-context {}: '{}' is not a folder", name, source);
    return path.string();
}

}  // namespace gantry::build
