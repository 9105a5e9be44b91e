#include "health/state.hpp"

#include "base/json.hpp"

namespace gantry::health {

State after(State state, Probe probe, const Rules& rules, config::Microseconds running) {
    const bool good = probe.status == 0;
    state.log.push_back(std::move(probe));
    while (state.log.size() > 5) state.log.pop_front();
    if (good) {
        state.status = "healthy";
        state.failing = 0;
        return state;
    }
    // A container that is still coming up may fail; once it was healthy every failure counts (Dockerfile reference,
    // HEALTHCHECK).
    if (state.status == "starting" && running < rules.start_period) return state;
    if (state.failing < 1'000'000) ++state.failing;
    if (state.failing >= rules.retries) state.status = "unhealthy";
    return state;
}

std::string to_json(const State& state) {
    Json log = Json::array();
    for (const Probe& probe : state.log)
        log.push_back({{"Start", probe.start_us}, {"End", probe.end_us}, {"ExitCode", probe.status}, {"Output", probe.output}});
    const Json json{
        {"Status", state.status}, {"FailingStreak", state.failing}, {"MainPid", state.main_pid}, {"Log", std::move(log)}};
    // A probe prints what it likes: bytes that are no UTF-8 are replaced.
    return dump_json(json);
}

State from_json(std::string_view text, std::int64_t main_pid) {
    State fresh;
    fresh.main_pid = main_pid;
    const Json json = parse_json(text);
    if (!json.is_object() || !json.contains("MainPid") || json["MainPid"] != main_pid) return fresh;
    State state = fresh;
    const auto text_of = [](const Json& object, const char* key) {
        return object.contains(key) && object[key].is_string() ? object[key].get<std::string>() : std::string();
    };
    const auto number_of = [](const Json& object, const char* key) {
        return object.contains(key) && object[key].is_number_integer() ? object[key].get<std::int64_t>() : 0;
    };
    if (const std::string status = text_of(json, "Status"); status == "healthy" || status == "unhealthy") state.status = status;
    state.failing = static_cast<std::uint32_t>(std::clamp<std::int64_t>(number_of(json, "FailingStreak"), 0, 1'000'000));
    if (json.contains("Log") && json["Log"].is_array())
        for (const Json& entry : json["Log"])
            if (entry.is_object() && state.log.size() < 5)
                state.log.push_back({number_of(entry, "Start"), number_of(entry, "End"),
                                     static_cast<int>(number_of(entry, "ExitCode")), text_of(entry, "Output")});
    return state;
}

}  // namespace gantry::health
