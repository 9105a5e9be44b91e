#include "image/registry/transfer.hpp"

#include "image/registry/url.hpp"

#include <new>

namespace gantry::image::registry {

namespace {

constexpr std::size_t headers_limit = 256U << 10;
constexpr long receive_buffer = 512L << 10;  // libcurl's largest
constexpr long send_buffer = 1L << 20;
constexpr int poll_interval = 50;  // milliseconds: how long a cancelled transfer lives on

// Bytes of a server in our error lines: printable, short.
std::string printable(std::string_view text, std::size_t limit = 200) {
    std::string plain;
    for (const char c : text.substr(0, limit)) plain += (c >= ' ' && c < 0x7f) ? c : ' ';
    while (plain.ends_with(' ')) plain.pop_back();
    return plain;
}

Fault fault_of(CURLcode code) {
    switch (code) {
    case CURLE_OK: return Fault::none;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT: return Fault::connect;  // the only timeout that is set is the connection's
    case CURLE_SSL_CONNECT_ERROR: return Fault::tls;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CLIENTCERT: return Fault::certificate;
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_WEIRD_SERVER_REPLY: return Fault::lost;
    default: return Fault::other;
    }
}

Errc errc_of(Fault fault) {
    switch (fault) {
    case Fault::certificate: return Errc::denied;
    case Fault::other: return Errc::io;
    default: return Errc::unavailable;
    }
}

std::string lower(std::string_view text) {
    std::string result(text);
    for (char& c : result)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return result;
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r' || text.back() == '\n'))
        text.remove_suffix(1);
    return text;
}

}  // namespace

CurlSession::CurlSession() {
    static const CURLcode global = curl_global_init(CURL_GLOBAL_DEFAULT);
    multi_ = curl_multi_init();
    easy_ = curl_easy_init();
    if (global != CURLE_OK || !multi_ || !easy_) throw std::bad_alloc();  // the only reason libcurl has
}

CurlSession::~CurlSession() {
    curl_easy_cleanup(easy_);
    curl_multi_cleanup(multi_);
}

SigpipeGuard::SigpipeGuard() {
    sigset_t waiting{}, pipe{};
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    sigpending(&waiting);
    pending_ = sigismember(&waiting, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe, &before_);
}

SigpipeGuard::~SigpipeGuard() {
    if (!pending_) {
        sigset_t pipe{};
        sigemptyset(&pipe);
        sigaddset(&pipe, SIGPIPE);
        const timespec now{};
        while (sigtimedwait(&pipe, nullptr, &now) < 0 && errno == EINTR) {
        }
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

HttpOutcome Transfer::run() {
    const SigpipeGuard guard;
    set_up();
    const CURLMcode added = curl_multi_add_handle(session_.multi(), session_.easy());
    if (added != CURLM_OK) {
        fail(Fault::other, error(Errc::internal, "libcurl: {}", curl_multi_strerror(added)));
        return std::move(outcome_);
    }
    drive();
    curl_multi_remove_handle(session_.multi(), session_.easy());
    return std::move(outcome_);
}

void Transfer::set_up() {
    CURL* easy = session_.easy();
    curl_easy_reset(easy);
    curl_easy_setopt(easy, CURLOPT_URL, request_.url.c_str());
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);  // a name look-up must not hold up a cancellation
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, message_.data());
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(settings_.connect_timeout.count()));
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, receive_buffer);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "gantry/" GANTRY_VERSION);
    if (is_loopback_host(host_of(request_.url))) curl_easy_setopt(easy, CURLOPT_PROXY, "");
    if (request_.method == "HEAD") curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    set_up_body();
    for (const std::string& header : request_.headers) {
        curl_slist* longer = curl_slist_append(headers_.get(), header.c_str());
        if (!longer) throw std::bad_alloc();
        (void)headers_.release();
        headers_.reset(longer);
    }
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers_.get());
    set_up_tls();
    if (request_.only_connect) curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);

    using Callback = std::size_t (*)(char*, std::size_t, std::size_t, void*);
    const Callback header = [](char* data, std::size_t size, std::size_t count, void* self) {
        return static_cast<Transfer*>(self)->on_header({data, size * count});
    };
    const Callback body = [](char* data, std::size_t size, std::size_t count, void* self) {
        return static_cast<Transfer*>(self)->on_body({data, size * count});
    };
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, static_cast<void*>(this));
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, static_cast<void*>(this));
}

void Transfer::set_up_body() {
    CURL* easy = session_.easy();
    if (request_.method == "GET" || request_.method == "HEAD") return;
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request_.method.c_str());
    if (request_.method == "DELETE") return;
    if (!request_.file) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, static_cast<long>(request_.body.size()));
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request_.body.c_str());
        return;
    }
    using Read = std::size_t (*)(char*, std::size_t, std::size_t, void*);
    const Read read = [](char* buffer, std::size_t size, std::size_t count, void* self) {
        return static_cast<Transfer*>(self)->on_send(buffer, size * count);
    };
    using Seek = int (*)(void*, curl_off_t, int);
    const Seek seek = [](void* self, curl_off_t offset, int) {  // SEEK_SET is all that libcurl uses
        static_cast<Transfer*>(self)->sent_ = static_cast<std::uint64_t>(offset);
        return CURL_SEEKFUNC_OK;
    };
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request_.file->size));
    curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, send_buffer);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, read);
    curl_easy_setopt(easy, CURLOPT_READDATA, static_cast<void*>(this));
    curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, seek);
    curl_easy_setopt(easy, CURLOPT_SEEKDATA, static_cast<void*>(this));
}

void Transfer::set_up_tls() {
    CURL* easy = session_.easy();
    const Tls& tls = request_.tls;
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    // CAINFO replaces the system's bundle; CAPATH keeps the system's folder besides it.
    if (tls.unchecked) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, nullptr);
        curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
    } else if (!tls.ca.empty()) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, tls.ca.c_str());
        curl_easy_setopt(easy, CURLOPT_CAPATH, "/etc/ssl/certs");
    } else if (!tls.authorities.empty()) {
        curl_blob blob{const_cast<char*>(tls.authorities.data()), tls.authorities.size(), CURL_BLOB_COPY};
        curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &blob);
        curl_easy_setopt(easy, CURLOPT_CAPATH, "/etc/ssl/certs");
    }
    if (!tls.certificate.empty()) curl_easy_setopt(easy, CURLOPT_SSLCERT, tls.certificate.c_str());
    if (!tls.key.empty()) curl_easy_setopt(easy, CURLOPT_SSLKEY, tls.key.c_str());
}

void Transfer::drive() {
    window_start_ = Clock::now();
    for (int running = 1; running > 0;) {
        if (settings_.cancelled()) return fail(Fault::cancelled, error(Errc::cancelled, "cancelled"));
        const CURLMcode code = curl_multi_perform(session_.multi(), &running);
        if (code != CURLM_OK) return fail(Fault::other, error(Errc::internal, "libcurl: {}", curl_multi_strerror(code)));
        if (running == 0) break;
        if (stalled())
            return fail(Fault::stalled, error(Errc::timeout, "no data from '{}' for {} s", host_of(request_.url),
                                              static_cast<double>(settings_.stall_window.count()) / 1000));
        curl_multi_poll(session_.multi(), nullptr, 0, poll_interval, nullptr);
    }
    int left = 0;
    while (const CURLMsg* done = curl_multi_info_read(session_.multi(), &left))
        if (done->msg == CURLMSG_DONE) finish(done->data.result);
}

void Transfer::finish(CURLcode code) {
    if (outcome_.fault != Fault::none || (enough_ && code == CURLE_WRITE_ERROR)) return;
    if (code == CURLE_OK) {
        // An empty body never reaches on_body.
        if (streamed() && !begun_ && request_.method != "HEAD") (void)give_to_sink({});
        return;
    }
    std::string text = message_[0] ? std::string(message_.data()) : std::string(curl_easy_strerror(code));
    Fault fault = fault_of(code);
    // With TLS 1.3 the server looks at the client's certificate after the client's handshake is done; its alert can be lost
    // when it closes the connection while the request is on its way.
    curl_off_t shaken = 0;
    curl_easy_getinfo(session_.easy(), CURLINFO_APPCONNECT_TIME_T, &shaken);
    if (fault == Fault::lost && shaken > 0 && header_bytes_ == 0)
        text = fmt::format("{} right after the TLS handshake; it may want a client's certificate", curl_easy_strerror(code));
    // Whoever sends an alert (RFC 8446, section 6) speaks TLS: a client's certificate that is missing comes after the
    // handshake.
    if ((fault == Fault::tls || fault == Fault::lost) && text.find(" alert ") != std::string_view::npos)
        fault = Fault::certificate;
    fail(fault, error(errc_of(fault), "'{}': {}", host_of(request_.url), printable(text)));
}

// Everything is said; what takes time now is the server's work.
bool Transfer::awaits_answer() const {
    if (request_.method != "PUT" && request_.method != "PATCH") return false;
    return !request_.file || sent_ == request_.file->size;
}

// Fewer bytes in the window than the rate asks for.
bool Transfer::stalled() {
    const auto spent = Clock::now() - window_start_ - in_sink_;
    if (spent < (awaits_answer() ? settings_.answer_window : settings_.stall_window)) return false;
    const auto wanted = settings_.stall_rate * static_cast<std::uint64_t>(settings_.stall_window.count()) / 1000;
    const bool slow = window_bytes_ < std::max<std::uint64_t>(wanted, 1);
    window_start_ = Clock::now();
    in_sink_ = {};
    window_bytes_ = 0;
    return slow;
}

void Transfer::fail(Fault fault, Error failure) {
    if (outcome_.fault != Fault::none) return;
    outcome_.fault = fault;
    outcome_.error = std::move(failure);
}

std::size_t Transfer::on_header(std::string_view line) {
    header_bytes_ += line.size();
    if (header_bytes_ > headers_limit) {
        fail(Fault::other, error(Errc::invalid, "'{}': more than {} bytes of headers", host_of(request_.url), headers_limit));
        return 0;
    }
    if (line.starts_with("HTTP/")) {  // also after "100 Continue" and a proxy's answer
        outcome_.response = {};
        long status = 0;
        curl_easy_getinfo(session_.easy(), CURLINFO_RESPONSE_CODE, &status);
        outcome_.response.status = status;
        return line.size();
    }
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos)
        outcome_.response.headers[lower(trimmed(line.substr(0, colon)))].emplace_back(trimmed(line.substr(colon + 1)));
    return line.size();
}

bool Transfer::streamed() const {
    return request_.sink && (outcome_.response.status == 200 || outcome_.response.status == 206);
}

bool Transfer::give_to_sink(std::string_view data) {
    Result<> taken;
    if (!std::exchange(begun_, true) && request_.begin) taken = request_.begin(outcome_.response);
    if (taken.ok() && !data.empty()) taken = request_.sink(data);
    if (!taken.ok()) fail(Fault::sink, std::move(taken).error());
    return outcome_.fault == Fault::none;
}

std::size_t Transfer::on_send(char* buffer, std::size_t room) {
    const FilePart& file = *request_.file;
    const std::size_t wanted = static_cast<std::size_t>(std::min<std::uint64_t>(room, file.size - sent_));
    const ssize_t got = pread(file.fd, buffer, wanted, static_cast<off_t>(file.offset + sent_));
    if (got < 0 || (got == 0 && wanted > 0)) {
        fail(Fault::sink,
             got < 0 ? errno_error("read what is sent") : error(Errc::corrupt, "the file that is sent ends early"));
        return CURL_READFUNC_ABORT;
    }
    sent_ += static_cast<std::uint64_t>(got);
    window_bytes_ += static_cast<std::uint64_t>(got);
    if (file.progress) file.progress(sent_);
    return static_cast<std::size_t>(got);
}

std::size_t Transfer::on_body(std::string_view data) {
    window_bytes_ += data.size();
    if (streamed()) {
        const auto before = Clock::now();
        const bool taken = give_to_sink(data);
        in_sink_ += Clock::now() - before;
        return taken ? data.size() : 0;
    }
    const bool good = outcome_.response.status >= 200 && outcome_.response.status < 300;
    const std::size_t limit = good ? request_.body_limit : message_limit;
    std::string& body = outcome_.response.body;
    if (body.size() + data.size() <= limit) {
        body.append(data);
        return data.size();
    }
    if (good) {
        fail(Fault::too_large, error(Errc::invalid, "'{}': the answer is larger than {} bytes", host_of(request_.url), limit));
    } else {
        body.append(data.substr(0, limit - body.size()));
        enough_ = true;
    }
    return 0;
}

}  // namespace gantry::image::registry
