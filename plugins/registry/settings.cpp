#include "settings.hpp"

#include "log.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <sys/stat.h>

namespace gantry::registry {

namespace {

Error tls_error(const std::string& file) {
    char text[256];
    ERR_error_string_n(ERR_get_error(), text, sizeof text);
    ERR_clear_error();
    return error(Errc::invalid, "TLS: '{}': {}", file, text);
}

Result<std::shared_ptr<SSL_CTX>> tls_context(const config::RegistryServer& server) {
    if (server.certificate.empty()) return std::shared_ptr<SSL_CTX>();
    const std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
    if (!context) return error(Errc::internal, "TLS: no memory");
    SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
    // Idle connections give their buffers (34 kB each) back.
    SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
    if (SSL_CTX_use_certificate_chain_file(context.get(), server.certificate.c_str()) != 1)
        return tls_error(server.certificate);
    if (SSL_CTX_use_PrivateKey_file(context.get(), server.key.c_str(), SSL_FILETYPE_PEM) != 1) return tls_error(server.key);
    if (SSL_CTX_check_private_key(context.get()) != 1) return tls_error(server.key);
    return context;
}

std::string file_state(const std::string& path) {
    struct stat info {};
    if (path.empty() || stat(path.c_str(), &info) != 0) return "-;";
    return fmt::format("{}.{} {} {};", info.st_mtim.tv_sec, info.st_mtim.tv_nsec, info.st_size, info.st_ino);
}

}  // namespace

std::string LiveSettings::state() const {
    std::string text = file_state(paths_.etc + "/gantry.toml");
    if (settings_) text += file_state(settings_->server.certificate) + file_state(settings_->server.key);
    return text;
}

Result<std::shared_ptr<const Settings>> LiveSettings::load() const {
    auto settings = std::make_shared<Settings>();
    settings->engine = TRY(config::load_engine(paths_));
    settings->server = settings->engine.registry_server;
    settings->tls = TRY(tls_context(settings->server));
    return std::shared_ptr<const Settings>(std::move(settings));
}

Result<std::shared_ptr<const Settings>> LiveSettings::current() {
    const std::lock_guard lock(mutex_);
    if (settings_ && state() == state_) return settings_;
    auto loaded = load();
    if (loaded.ok())
        settings_ = *loaded;
    else if (!settings_)
        return loaded;
    else
        warn("the configuration stays as it was: {}", loaded.error().message());
    state_ = state();
    return settings_;
}

}  // namespace gantry::registry
