// What every verb gets: the engine, opened when first asked for, and how verbs are declared.
#pragma once

#include "base/result.hpp"
#include "cli/verb.hpp"
#include "container/engine.hpp"
#include "os/file.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace gantry::cli {

// Docker's exit status for a failure of the engine or the command line itself, as opposed to the container's own.
constexpr int exit_engine_error = 125;
constexpr int exit_cannot_execute = 126;
constexpr int exit_not_found = 127;

class Context {
public:
    Result<container::Engine*> engine();
    int exit_code = 0;

private:
    std::optional<container::Engine> engine_;
};

// Declares a verb below parent. Options is its flags and arguments; declare() binds them, run() does the work and returns the
// exit status. An Error becomes one line on stderr and the exit status failure.
template <class Options>
Verb add_verb(Verb parent, Context& context, const std::string& name, const std::string& summary,
              void (*declare)(Verb&, Options&), Result<int> (*run)(Context&, Options&), int failure = 1);

// A whole command line, without the program's name; returns its exit status. For verbs that are made of other verbs.
int run_command_line(std::vector<std::string> words, Context& context);

// For verbs that take several objects and go on past failures: one line per failure, exit status 1 if there was any.
Result<int> for_each_object(const std::vector<std::string>& objects, const std::function<Result<>(const std::string&)>& action);

// Writes to standard output, all of it; a closed pipe ends the program quietly.
Result<int> print(std::string_view text);
// One line on standard error: "gantry: text".
void complain(const Error& error);
void note(std::string_view text);

std::string short_id(std::string_view id);                          // first 12 digits, "sha256:" taken off
std::string truncated(std::string_view text, std::size_t at_most);  // with Docker's "…"
std::string time_ago(std::int64_t unix_seconds);                    // "3 minutes ago"
std::string go_time(std::int64_t unix_seconds);                     // "2026-11-23 20:00:00 +0000 UTC", local time
std::string docker_time(std::int64_t unix_microseconds);            // "2026-11-23T20:00:00.000000Z"; 0: Docker's zero time
Result<std::int64_t> parse_time(std::string_view text);             // RFC 3339, unix seconds, "10m" ago: unix microseconds

template <class Options>
Verb add_verb(Verb parent, Context& context, const std::string& name, const std::string& summary,
              void (*declare)(Verb&, Options&), Result<int> (*run)(Context&, Options&), int failure) {
    auto options = std::make_shared<Options>();
    Verb verb = parent.add_verb(name, summary);
    declare(verb, *options);
    verb.on_run([&context, options, run, failure] {
        auto result = run(context, *options);
        if (!result.ok()) complain(result.error());
        context.exit_code = result.ok() ? *result : failure;
    });
    return verb;
}

}  // namespace gantry::cli
