#include "container/exit_status.hpp"

#include "base/json.hpp"
#include "os/file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <csignal>

namespace gantry::container {

namespace {

std::string file_of(const config::Paths& paths, const std::string& name) { return paths.data + "/exits/" + name + ".json"; }

int number_of(std::string_view text) {
    int number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

// $EXIT_STATUS names signals without SIG; real-time ones are "RTMIN+3".
int signal_of(std::string_view text) {
    for (int signal = 1; signal < NSIG; ++signal)
        if (const char* name = sigabbrev_np(signal); name != nullptr && text == name) return signal;
    if (text.starts_with("RTMIN")) return SIGRTMIN + number_of(text.substr(std::min<std::size_t>(text.size(), 6)));
    return number_of(text);
}

}  // namespace

std::uint64_t oom_kills(const std::string& cgroup) {
    const std::string text = os::read_file(cgroup + "/memory.events", 4096).value_or("");
    const auto at = text.find("oom_kill ");  // "oom_group_kill" comes later
    std::uint64_t count = 0;
    if (at != std::string::npos) std::from_chars(text.data() + at + 9, text.data() + text.size(), count);
    return count;
}

ExitStatus exit_status_of(std::string_view result, std::string_view code, std::string_view status) {
    ExitStatus exit;
    exit.result = result;
    exit.oom_killed = result == "oom-kill";
    if (code == "exited")
        exit.code = number_of(status);
    else if (code == "killed" || code == "dumped")
        exit.code = 128 + signal_of(status);
    else
        exit.code = result == "success" ? 0 : 125;
    return exit;
}

Result<> write_exit_status(const config::Paths& paths, const std::string& name, const ExitStatus& status) {
    const Json json{{"code", status.code},
                    {"oom_killed", status.oom_killed},
                    {"result", status.result},
                    {"started_us", status.started_us},
                    {"finished_us", status.finished_us}};
    TRY(os::make_dirs(paths.data + "/exits"));
    // systemd runs one reaper of a container at a time: the next takes over what one that was killed left.
    const std::string temporary = file_of(paths, name) + ".new";
    const os::Fd file = TRY(os::open(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0644));
    auto written = os::write_all(file.get(), dump_json(json) + "\n", temporary);
    if (written.ok()) written = os::rename(temporary, file_of(paths, name));
    if (!written.ok()) unlink(temporary.c_str());
    return written;
}

std::optional<ExitStatus> read_exit_status(const config::Paths& paths, const std::string& name) {
    auto text = os::read_file(file_of(paths, name), 64U << 10);
    if (!text.ok()) return std::nullopt;
    const auto json = parse_json(*text);
    if (!json.is_object()) return std::nullopt;
    ExitStatus status;
    const auto number = [&](const char* key) {
        const auto found = json.find(key);
        return found != json.end() && found->is_number_integer() ? found->get<std::int64_t>() : std::int64_t{0};
    };
    status.code = static_cast<int>(number("code"));
    status.started_us = number("started_us");
    status.finished_us = number("finished_us");
    if (const auto found = json.find("oom_killed"); found != json.end() && found->is_boolean()) status.oom_killed = *found;
    if (const auto found = json.find("result"); found != json.end() && found->is_string()) status.result = *found;
    return status;
}

Result<> erase_exit_status(const config::Paths& paths, const std::string& name) {
    TRY(os::remove_tree(file_of(paths, name) + ".new"));
    return os::remove_tree(file_of(paths, name));
}

}  // namespace gantry::container
