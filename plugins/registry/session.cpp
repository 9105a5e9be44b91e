#include "session.hpp"

#include "log.hpp"
#include "offload.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/read.hpp>

namespace gantry::registry {

namespace http = boost::beast::http;
using boost::system::error_code;

namespace {

using namespace std::chrono_literals;

constexpr auto idle_time = 30s;                    // between two requests
constexpr auto head_time = 30s;                    // for the whole head of a request, and for the TLS handshake
constexpr auto transfer_time = 60s;                // in which ...
constexpr std::size_t transfer_bytes = 16U << 10;  // ... so much must come or go
constexpr auto linger_time = 5s;
constexpr std::uint32_t head_limit = 16U << 10;
constexpr std::size_t manifest_limit = 4U << 20;  // distribution-spec "Pushing Manifests"
constexpr std::size_t piece_size = 128U << 10;

std::string text(boost::beast::string_view view) { return {view.data(), view.size()}; }

}  // namespace

Session::Session(Api& api, asio::thread_pool& helpers, LiveSettings& settings, tcp::socket socket, const Settings& first)
    : api_(api), helpers_(helpers), settings_(settings), stream_(std::move(socket), first.tls) {
    error_code failure;
    const auto remote = stream_.socket().remote_endpoint(failure);
    if (!failure) peer_ = remote.address().to_string();
    allow(head_time);
}

void Session::close() {
    asio::post(stream_.get_executor(), [self = shared_from_this()] {
        error_code ignored;
        self->stream_.socket().close(ignored);
    });
}

// A client that is slow has time, but not for ever: the deadline moves on with every so many bytes.
void Session::progressed(std::size_t bytes) {
    since_allowed_ += bytes;
    if (since_allowed_ < transfer_bytes) return;
    since_allowed_ = 0;
    allow(transfer_time);
}

asio::awaitable<void> Session::run() {
    try {
        co_await stream_.handshake();
        while (co_await serve_one()) {
        }
        co_await linger();
    } catch (const boost::system::system_error&) {
        // The client is gone, or did not keep to the deadline: nobody is there to be told.
    } catch (const std::exception& failure) {
        warn("{}: {}", peer_, failure.what());
    }
    error_code ignored;
    stream_.socket().close(ignored);
}

// Closing a socket with unread data resets it, and the client may lose the answer: so it is read, for a while.
asio::awaitable<void> Session::linger() {
    allow(linger_time);
    co_await stream_.finish();
    piece_.resize(piece_size);
    for (;;) co_await stream_.socket().async_read_some(asio::buffer(piece_), asio::use_awaitable);
}

asio::awaitable<bool> Session::read_head() {
    parser_.emplace();
    parser_->header_limit(head_limit);
    parser_->body_limit(std::numeric_limits<std::uint64_t>::max());  // a blob has none; a manifest's is ours
    if (buffer_.size() == 0) {
        allow(idle_time);
        waiting_ = true;
        const auto space = buffer_.prepare(4096);
        const std::size_t got = co_await stream_.async_read_some(space, asio::use_awaitable);
        buffer_.commit(got);
        waiting_ = false;
    }
    allow(head_time);
    error_code failure;
    co_await http::async_read_header(stream_, buffer_, *parser_, asio::redirect_error(asio::use_awaitable, failure));
    if (!failure) co_return true;
    if (failure.category() != make_error_code(http::error::bad_method).category() || failure == http::error::end_of_stream)
        co_return false;
    const bool large = failure == http::error::header_limit;
    const Answer bad =
        refuse({"UNSUPPORTED", large ? 431 : 400}, "the request is not HTTP that is understood: " + failure.message());
    co_await send(false, bad, false);
    co_return false;
}

Result<Request> Session::request_of_head() const {
    const auto& head = parser_->get();
    Request request;
    request.settings = TRY(settings_.current());
    request.encrypted = stream_.encrypted();
    request.method = text(head.method_string());
    request.peer = peer_;
    request.host = text(head[http::field::host]);
    request.authorization = text(head[http::field::authorization]);
    request.content_type = text(head[http::field::content_type]);
    request.content_range = text(head[http::field::content_range]);
    request.range = text(head[http::field::range]);
    request.if_none_match = text(head[http::field::if_none_match]);
    if (const auto length = parser_->content_length()) request.content_length = *length;
    return request;
}

asio::awaitable<bool> Session::serve_one() {
    const bool whole = co_await read_head();
    if (!whole) co_return false;
    since_allowed_ = 0;
    allow(transfer_time);
    auto request = request_of_head();
    if (!request.ok()) co_return false;  // there were settings when we started
    const Answer reply = co_await answer(*request);
    // What of a body is not read yet will not be: the connection is of no more use.
    const bool keep = parser_->keep_alive() && parser_->is_done();
    since_allowed_ = 0;
    allow(transfer_time);
    co_await send(request->method == "HEAD", reply, keep);
    co_return keep;
}

asio::awaitable<Answer> Session::answer(Request& request) {
    auto route = parse_target(text(parser_->get().target()));
    if (!route.ok())
        co_return refuse(route.error().code() == Errc::invalid ? name_invalid : name_unknown, route.error().message());
    request.route = std::move(route).value();

    std::optional<Answer> refused;
    if (api_.slow(request)) {
        const auto work = [&] { refused = api_.admit(request); };
        co_await offload(helpers_, work);
    } else {
        refused = api_.admit(request);
    }
    if (refused) co_return std::move(*refused);
    if (Api::is_upload(request)) {
        Answer reply = co_await receive_upload(request);
        co_return reply;
    }
    if (request.route.endpoint == Endpoint::manifest && request.method == "PUT") {
        refused = co_await receive_manifest(request);
        if (refused) co_return std::move(*refused);
    }
    if (!Api::asks_upstream(request)) co_return api_.handle(request);
    Answer reply;
    const auto work = [&] { reply = api_.handle(request); };
    co_await offload(helpers_, work);
    co_return reply;
}

asio::awaitable<std::string_view> Session::next_piece() {
    auto& body = parser_->get().body();
    body.data = piece_.data();
    body.size = piece_.size();
    error_code failure;
    co_await http::async_read_some(stream_, buffer_, *parser_, asio::redirect_error(asio::use_awaitable, failure));
    if (failure && failure != http::error::need_buffer) throw boost::system::system_error(failure);
    const std::size_t got = piece_.size() - body.size;
    progressed(got);
    co_return std::string_view(piece_.data(), got);
}

asio::awaitable<std::optional<Answer>> Session::receive_manifest(Request& request) {
    if (request.content_length.value_or(0) > manifest_limit)
        co_return refuse(too_large, fmt::format("a manifest has at most {} bytes", manifest_limit));
    if (text(parser_->get()[http::field::expect]) == "100-continue") co_await send_text("HTTP/1.1 100 Continue\r\n\r\n");
    piece_.resize(piece_size);
    while (!parser_->is_done()) {
        const std::string_view piece = co_await next_piece();
        if (request.body.size() + piece.size() > manifest_limit)
            co_return refuse(too_large, fmt::format("a manifest has at most {} bytes", manifest_limit));
        request.body += piece;
    }
    co_return std::nullopt;
}

asio::awaitable<Answer> Session::receive_upload(Request& request) {
    auto begun = api_.begin_upload(request);
    if (auto* refused = std::get_if<Answer>(&begun)) co_return std::move(*refused);
    auto& claim = std::get<Uploads::Claim>(begun);
    if (text(parser_->get()[http::field::expect]) == "100-continue") co_await send_text("HTTP/1.1 100 Continue\r\n\r\n");
    piece_.resize(piece_size);
    buffer_.reserve(piece_size);  // Beast reads as much as there is room for
    while (!parser_->is_done()) {
        const std::string_view piece = co_await next_piece();
        if (auto written = api_.write(*claim, piece); !written.ok()) {
            claim.drop();
            co_return failure(written.error());
        }
    }
    co_return api_.end_upload(request, claim);
}

}  // namespace gantry::registry
