#include "config/reader.hpp"

#include "config/engine.hpp"
#include "config/schema.hpp"
#include "os/file.hpp"

#include <map>

namespace gantry::config {

namespace {

// Everything that is wrong goes to reading; an Error only where there was nothing to read.
Result<Definition> read_definition(std::string_view text, const std::string& file, Reading& reading) {
    if (text.size() > definition_limit)
        return error(Errc::invalid, "{}: {} bytes are too many for a definition, the limit is {}", file, text.size(),
                     definition_limit);
    const toml::table table = TRY(parse_toml(text, file));
    reading.known = known_keys();
    Definition definition;
    read_table(table, "", "", reading, definition_keys, definition);
    check_contradictions(definition, reading);
    return definition;
}

}  // namespace

Result<Definition> parse_definition(std::string_view text, const std::string& file) {
    Reading reading(file);
    Definition definition = TRY(read_definition(text, file, reading));
    TRY(reading.result());
    return definition;
}

std::vector<std::string> definition_errors(std::string_view text, const std::string& file) {
    Reading reading(file);
    if (const auto result = read_definition(text, file, reading); !result.ok()) return {result.error().message()};
    std::vector<std::string> lines;
    // Through Error, whose messages are safe to print.
    for (std::string& line : reading.lines()) lines.push_back(Error(Errc::invalid, std::move(line)).message());
    return lines;
}

std::vector<std::string> definition_folders() {
    const Paths paths = Paths::from_environment();
    const char* root = secure_getenv("GANTRY_ROOT");
    return {paths.etc + "/containers", paths.run + "/containers", paths.data + "/containers",
            std::string(root ? root : "") + "/usr/lib/gantry/containers"};
}

Result<FoundDefinition> find_definition(const ContainerName& name, const DefinitionFolders& folders) {
    for (const std::string& folder : folders.folders) {
        const std::string file = folder + "/" + name.str() + ".toml";
        auto text = os::read_file(file, definition_limit);
        if (!text.ok() && text.error().code() == Errc::not_found) continue;
        const std::string content = TRY_CONTEXT(std::move(text), "definition of container '{}'", name.str());
        Definition definition = TRY(parse_definition(content, file));
        return FoundDefinition{name, file, std::move(definition)};
    }
    return error(Errc::not_found, "container '{}' has no definition", name.str());
}

Result<std::vector<std::pair<ContainerName, std::string>>> list_definitions(const DefinitionFolders& folders) {
    constexpr std::string_view suffix = ".toml";
    std::map<ContainerName, std::string> found;
    for (const std::string& folder : folders.folders)
        for (const std::string& file : TRY(os::list_dir(folder))) {
            if (!file.ends_with(suffix)) continue;
            auto name = ContainerName::parse(std::string_view(file).substr(0, file.size() - suffix.size()));
            if (name.ok()) found.emplace(std::move(name).value(), folder + "/" + file);
        }
    return std::vector<std::pair<ContainerName, std::string>>(found.begin(), found.end());
}

}  // namespace gantry::config
