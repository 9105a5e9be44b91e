// Who a request is from, and whether it may.
#pragma once

#include "answer.hpp"
#include "logins.hpp"
#include "request.hpp"

namespace gantry::registry {

class Gate {
public:
    explicit Gate(Tokens tokens) : tokens_(std::move(tokens)) {}

    // Would admit() have to reckon a password hash, which takes long?
    [[nodiscard]] bool slow(const Request& request);
    // Fills in request.user. An answer: the request ends here (no login, a wrong one, no right, or a question for a token).
    std::optional<Answer> admit(Request& request);

private:
    std::optional<Answer> identify(Request& request);
    Answer challenge(const Request& request, std::string_view message) const;
    Answer token(const Request& request) const;

    Htpasswd htpasswd_;
    Tokens tokens_;
};

}  // namespace gantry::registry
