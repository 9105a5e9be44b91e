// Files from elsewhere: git repositories and web servers, as contexts and as sources of ADD.
#pragma once

#include "build/inputs.hpp"

namespace gantry::build {

// docs.docker.com/build/concepts/context: "git://...", "git@host:...", "ssh://...", "github.com/...",
// "https://host/path.git[#ref[:folder]]".
[[nodiscard]] bool is_git_reference(std::string_view text);
[[nodiscard]] bool is_url(std::string_view text);  // http and https

struct GitSource {
    std::string repository, reference, folder;  // reference: branch, tag or commit; empty: the default branch
    bool of_host = true;                        // Options::host_files
    static GitSource parse(std::string_view text, const Options& options);
};
// The commit that the reference means now.
Result<std::string> git_commit(const GitSource& source);
// The commit's files (of the folder) in `folder`, which is made; with .git where keep_git_dir. Submodules come along.
Result<> git_checkout(const GitSource& source, const std::string& commit, bool keep_git_dir, const std::string& folder,
                      const std::string& scratch);

// Into folder/NAME; returns the name: of the address, or what the server calls it. mode 0600, its time the server's, as
// Docker's ADD.
Result<std::string> fetch_url(Session& session, const std::string& url, const std::string& folder, Vertex* vertex);

// What is said where Options::host_files is false.
Error of_this_host(const std::string& path);

// Options::context and options::input as a folder (or only a Dockerfile).
Result<ContextFolder> fetch_context(Session& session);
// A --build-context's source as a folder; docker-image:// stays as it is, and an image of oci-layout:// becomes one that has
// its ID for a name.
Result<std::string> fetch_named_context(Session& session, const std::string& name, const std::string& source);

}  // namespace gantry::build
