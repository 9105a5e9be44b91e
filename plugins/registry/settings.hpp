// [registry_server] of gantry.toml as it is now: the file is read again when it changes, a connection keeps its certificate.
#pragma once

#include "config/engine.hpp"

#include <memory>
#include <mutex>

typedef struct ssl_ctx_st SSL_CTX;  // <openssl/ssl.h>

namespace gantry::registry {

struct Settings {
    config::Engine engine;  // the rest is the upstream client's
    config::RegistryServer server;
    std::shared_ptr<SSL_CTX> tls;  // null: plain HTTP
};

class LiveSettings {
public:
    explicit LiveSettings(config::Paths paths) : paths_(std::move(paths)) {}

    // What to go by from now on. Errors (of the file, of certificate or key) are told only where there is nothing older to go
    // on with; else they are logged, once.
    Result<std::shared_ptr<const Settings>> current();

private:
    Result<std::shared_ptr<const Settings>> load() const;
    std::string state() const;  // of all files that it was made of

    config::Paths paths_;
    std::mutex mutex_;
    std::shared_ptr<const Settings> settings_;
    std::string state_;
};

}  // namespace gantry::registry
