// Credentials in the files that docker and podman share: config.json(5) of docker, containers-auth.json(5).
#pragma once

#include "image/transfer.hpp"

#include <string>
#include <vector>

namespace gantry::image::registry {

// Files that may hold credentials, most important first; they need not exist.
std::vector<std::string> auth_files(const config::Paths& paths);
// The one that login writes: $REGISTRY_AUTH_FILE, else for root <etc>/auth.json, else ~/.config/containers/auth.json.
Result<std::string> login_file(const config::Paths& paths);

// For "REGISTRY/REPOSITORY": the entry of the longest prefix ("quay.io/team" before "quay.io"), of credHelpers, of auths, of
// credsStore, in this order in each file. Files that cannot be read for lack of permission are skipped.
Result<std::optional<Credentials>> find_credentials(const config::Paths& paths, const std::string& registry,
                                                    const std::string& repository);

// Into file (made with mode 0600 if missing, else only this entry changes), or into the helper that the file names.
Result<> store_credentials(const std::string& file, const std::string& key, const Credentials& credentials);
// False where there was nothing.
Result<bool> erase_credentials(const std::string& file, const std::string& key);
// Does the file (or a helper it names) have credentials for exactly this key?
Result<bool> has_credentials(const std::string& file, const std::string& key);

// The registry that a key of "auths" stands for: without scheme and "/v1/" or "/v2/", Docker Hub's several names as
// "docker.io".
std::string normalized_auth_key(std::string_view key);

}  // namespace gantry::image::registry
