// Result<T>: a value or an Error; it must be looked at. Result<> carries no value.
//     Result<Fd> open_it();
//     Fd fd = TRY(open_it());                                   return early with the same error
//     Fd fd = TRY_CONTEXT(open_it(), "read '{}'", name);        ... with a prefix
//     return error(Errc::invalid, "...");                       an Error converts to any Result
#pragma once

#include "base/error.hpp"

#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace gantry {

template <class T = void>
class [[nodiscard]] Result {
public:
    using value_type = T;

    Result(T value) : ok_(true), value_(std::move(value)) {}
    Result(Error error) : ok_(false), error_(std::move(error)) {}
    template <class U>
    requires(std::is_convertible_v<U&&, T> && !std::is_same_v<std::remove_cvref_t<U>, T> &&
             !std::is_same_v<std::remove_cvref_t<U>, Error> && !std::is_same_v<std::remove_cvref_t<U>, Result>)
        Result(U&& value)
        : ok_(true), value_(std::forward<U>(value)) {}
    Result(const Result& other) requires(std::is_copy_constructible_v<T>) : ok_(other.ok_) {
        if (ok_)
            std::construct_at(&value_, other.value_);
        else
            std::construct_at(&error_, other.error_);
    }
    Result(Result&& other) noexcept : ok_(other.ok_) {
        if (ok_)
            std::construct_at(&value_, std::move(other.value_));
        else
            std::construct_at(&error_, std::move(other.error_));
    }
    Result& operator=(Result other) noexcept {
        std::destroy_at(this);
        return *std::construct_at(this, std::move(other));
    }
    ~Result() {
        if (ok_)
            std::destroy_at(&value_);
        else
            std::destroy_at(&error_);
    }

    [[nodiscard]] bool ok() const { return ok_; }
    explicit operator bool() const { return ok(); }

    // Only where ok().
    T& value() & { return value_; }
    const T& value() const& { return value_; }
    T&& value() && { return std::move(value_); }
    T& operator*() & { return value(); }
    const T& operator*() const& { return value(); }
    T&& operator*() && { return std::move(*this).value(); }
    T* operator->() { return &value(); }
    const T* operator->() const { return &value(); }
    T value_or(T other) && { return ok() ? std::move(*this).value() : std::move(other); }

    // Only where not ok().
    [[nodiscard]] const Error& error() const& { return error_; }
    [[nodiscard]] Error&& error() && { return std::move(error_); }

    Result context(std::string_view prefix) && {
        if (!ok_) return std::move(error_).context(prefix);
        return std::move(*this);
    }

private:
    bool ok_;
    union {
        T value_;
        Error error_;
    };
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
// A name of its own for each: one TRY may stand in another.
#define GANTRY_JOIN2(a, b) a##b
#define GANTRY_JOIN(a, b) GANTRY_JOIN2(a, b)
#define GANTRY_TRY(result, expression, failure)                     \
    ({                                                              \
        auto result = (expression);                                 \
        if (!result.ok()) return std::move(result).error() failure; \
        std::move(result).value();                                  \
    })

#define TRY(expression) GANTRY_TRY(GANTRY_JOIN(try_result_, __COUNTER__), expression, )
#define TRY_CONTEXT(expression, ...) \
    GANTRY_TRY(GANTRY_JOIN(try_result_, __COUNTER__), expression, .context(fmt::format(__VA_ARGS__)))
