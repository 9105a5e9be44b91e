#include "container/environment.hpp"

#include "os/file.hpp"

#include <cstdlib>

namespace gantry::container {

void put_variable(Environment& environment, const std::string& name, const std::string& value) {
    const std::string prefix = name + "=";
    for (std::string& entry : environment)
        if (entry.starts_with(prefix)) {
            entry = prefix + value;
            return;
        }
    environment.push_back(prefix + value);
}

Result<> read_env_file(const std::string& file, Environment& environment) {
    const std::string text = TRY_CONTEXT(os::read_file(file, 1U << 20), "environment file");
    std::size_t at = 0, number = 0;
    while (at < text.size()) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        std::string line = text.substr(at, end - at);
        at = end + 1;
        ++number;
        if (line.ends_with('\r')) line.pop_back();
        line.erase(0, line.find_first_not_of(" \t"));
        if (line.empty() || line.front() == '#') continue;
        const auto equals = line.find('=');
        const std::string name = line.substr(0, equals);
        if (name.empty() || name.find_first_of(" \t") != std::string::npos)
            return error(Errc::invalid, "environment file '{}', line {}: '{}' is not a variable's name", file, number, name);
        if (equals != std::string::npos)
            put_variable(environment, name, line.substr(equals + 1));
        else if (const char* value = getenv(name.c_str()))
            put_variable(environment, name, value);
    }
    return {};
}

}  // namespace gantry::container
