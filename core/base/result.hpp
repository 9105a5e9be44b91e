// Result<T>: a value or an Error; it must be looked at. Result<> carries no value.
//     Result<Fd> open_it();
//     Fd fd = TRY(open_it());                                   return early with the same error
//     Fd fd = TRY_CONTEXT(open_it(), "read '{}'", name);        ... with a prefix
//     return error(Errc::invalid, "...");                       an Error converts to any Result
#pragma once

#include "base/error.hpp"

#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

namespace gantry {

template <class T = void>
class [[nodiscard]] Result {
public:
    using value_type = T;

    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}
    template <class U>
    requires(std::is_convertible_v<U&&, T> && !std::is_same_v<std::remove_cvref_t<U>, T> &&
             !std::is_same_v<std::remove_cvref_t<U>, Error> && !std::is_same_v<std::remove_cvref_t<U>, Result>)
        Result(U&& value)
        : state_(std::in_place_index<0>, std::forward<U>(value)) {}

    [[nodiscard]] bool ok() const { return state_.index() == 0; }
    explicit operator bool() const { return ok(); }

    // Only where ok().
    T& value() & { return std::get<0>(state_); }
    const T& value() const& { return std::get<0>(state_); }
    T&& value() && { return std::get<0>(std::move(state_)); }
    T& operator*() & { return value(); }
    const T& operator*() const& { return value(); }
    T&& operator*() && { return std::move(*this).value(); }
    T* operator->() { return &value(); }
    const T* operator->() const { return &value(); }
    T value_or(T other) && { return ok() ? std::move(*this).value() : std::move(other); }

    // Only where not ok().
    [[nodiscard]] const Error& error() const& { return std::get<1>(state_); }
    [[nodiscard]] Error&& error() && { return std::get<1>(std::move(state_)); }

    Result context(std::string_view prefix) && {
        if (!ok()) return std::get<1>(std::move(state_)).context(prefix);
        return std::move(*this);
    }

private:
    std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
public:
    using value_type = void;

    Result() = default;
    Result(Error error) : error_(std::move(error)) {}

    [[nodiscard]] bool ok() const { return !error_.has_value(); }
    explicit operator bool() const { return ok(); }
    void value() const {}
    [[nodiscard]] const Error& error() const& { return *error_; }
    [[nodiscard]] Error&& error() && { return *std::move(error_); }

    Result context(std::string_view prefix) && {
        if (error_) return std::move(*error_).context(prefix);
        return {};
    }

private:
    std::optional<Error> error_;
};

// The first error wins; later ones are dropped on purpose (teardown goes on).
class FirstError {
public:
    void note(Result<> result) {
        if (!result.ok() && !error_) error_ = std::move(result).error();
    }
    [[nodiscard]] Result<> result() const {
        if (error_) return *error_;
        return {};
    }

private:
    std::optional<Error> error_;
};

}  // namespace gantry

// Statement expressions are a GNU extension that both of our compilers have.
// Not as the second or a later element of a braced list: neither compiler destroys the elements already made when TRY returns
// from the middle of one, and they leak (./dev lint looks for it).
#define TRY(expression)                                               \
    ({                                                                \
        auto try_result_ = (expression);                              \
        if (!try_result_.ok()) return std::move(try_result_).error(); \
        std::move(try_result_).value();                               \
    })

#define TRY_CONTEXT(expression, ...)                                                                    \
    ({                                                                                                  \
        auto try_result_ = (expression);                                                                \
        if (!try_result_.ok()) return std::move(try_result_).error().context(fmt::format(__VA_ARGS__)); \
        std::move(try_result_).value();                                                                 \
    })
