// Files by their address, for `import` (and whatever else takes a URL). A part of the registry client's library.
#pragma once

#include "base/result.hpp"
#include "config/engine.hpp"

#include <atomic>
#include <functional>
#include <optional>
#include <string>

namespace gantry::image {

struct Downloaded {
    std::uint64_t size = 0;
    std::optional<std::int64_t> modified;  // Last-Modified, seconds since 1970
    std::string file_name;                 // of Content-Disposition, without folders; empty: none
};

struct DownloadOptions {
    std::uint64_t limit = 64ULL << 30;                                      // bytes; more is Errc::invalid
    std::function<void(std::uint64_t done, std::uint64_t total)> progress;  // bytes; total 0: unknown
    const std::atomic<bool>* cancel = nullptr;                              // looked at every 50 ms
};

// An http or https address, piece by piece into sink (an error of it ends the download and comes back). Redirects are followed,
// but never from https to http; the certificates of a host are those of its registry (<etc>/certs.d). No credentials are sent.
// A connection that breaks is taken up again where the server can (Range, If-Range), so that sink sees one whole file or an
// error.
Result<Downloaded> download(const config::Paths& paths, const config::Engine& engine, const std::string& url,
                            const std::function<Result<>(std::string_view)>& sink, const DownloadOptions& options = {});

}  // namespace gantry::image
