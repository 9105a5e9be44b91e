#include "container/build_step.hpp"

#include "base/json.hpp"
#include "config/reader.hpp"
#include "os/file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

namespace gantry::container {

namespace {

constexpr std::string_view prefix = "build-";
constexpr std::size_t id_length = 8;
constexpr std::size_t step_limit = 8U << 20;

std::string facts_file(const config::Paths& paths, std::string_view id, const ContainerName& name) {
    return fmt::format("{}/{}.json", build_folder(paths, id), name.str());
}

bool is_id(std::string_view text) {
    return text.size() == id_length &&
           std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

std::string lock_path(const config::Paths& paths, std::string_view id) { return build_folder(paths, id) + "/lock"; }

bool is_held(const std::string& lock) {
    const auto file = os::open(lock, O_RDONLY | O_NOFOLLOW);
    return file.ok() && flock(file->get(), LOCK_SH | LOCK_NB) != 0;
}

// Members are taken by type; a missing or wrong one throws and is told as one error by the caller.
BuildStep step_from(const Json& json) {
    BuildStep step;
    json.at("image").get_to(step.image_config);
    for (const auto& [target, tree] : json.at("trees").items()) {
        StepTree& added = step.trees[target];
        tree.at("layers").get_to(added.layers);
        tree.at("writable").get_to(added.writable);
    }
    for (const Json& point : json.at("mount_points"))
        step.mount_points.push_back({point.at("path").get<std::string>(), point.at("directory").get<bool>()});
    return step;
}

// Held while a build's folder gets its lock, and while folders without one are looked for.
Result<os::Fd> lock_builds(const config::Paths& paths) { return os::lock_file(paths.run + "/build/.lock"); }

std::vector<std::string> ids_below(const std::string& folder) {
    std::vector<std::string> ids = os::list_dir(folder).value_or({});
    std::erase_if(ids, [](const std::string& id) { return !is_id(id); });
    return ids;
}

}  // namespace

std::string build_folder(const config::Paths& paths, std::string_view id) { return fmt::format("{}/build/{}", paths.run, id); }

std::string build_scratch(const config::Paths& paths, std::string_view id) {
    return fmt::format("{}/build/scratch/{}", paths.data, id);
}

std::string build_step_file(const config::Paths& paths, std::string_view id, const ContainerName& name) {
    return fmt::format("{}/{}.toml", build_folder(paths, id), name.str());
}

std::string build_unit_name(const ContainerName& name) { return "ctr-" + name.str() + ".service"; }

Result<> write_build_step(const config::Paths& paths, std::string_view id, const ContainerName& name, const BuildStep& step) {
    Json trees = Json::object();
    for (const auto& [target, tree] : step.trees) trees[target] = {{"layers", tree.layers}, {"writable", tree.writable}};
    Json points = Json::array();
    for (const driver::MountPoint& point : step.mount_points)
        points.push_back({{"path", point.path}, {"directory", point.directory}});
    const Json facts{{"image", step.image_config}, {"trees", trees}, {"mount_points", points}};
    // The environment of a step may hold secrets.
    TRY(os::write_file_atomic(facts_file(paths, id, name), dump_json(facts), 0600, false));
    return os::write_file_atomic(build_step_file(paths, id, name),
                                 TRY(config::checked_definition(step.definition, "build step")), 0600, false);
}

Result<BuildStep> read_build_step(const config::Paths& paths, std::string_view id, const ContainerName& name) {
    if (!is_id(id)) return error(Errc::invalid, "'{}' is not the id of a build", id);
    const std::string file = build_step_file(paths, id, name);
    config::Definition definition = TRY(config::parse_definition(TRY(os::read_file(file, config::definition_limit)), file));
    const std::string facts = facts_file(paths, id, name);
    const std::string text = TRY(os::read_file(facts, step_limit));
    try {
        BuildStep step = step_from(parse_json(text));
        step.definition = std::move(definition);
        return step;
    } catch (const Json::exception& failure) {
        return error(Errc::corrupt, "'{}' is not what a builder writes: {}", facts, failure.what());
    }
}

bool is_living_build(const config::Paths& paths, std::string_view container) {
    if (!container.starts_with(prefix) || container.size() < prefix.size() + id_length) return false;
    const std::string_view id = container.substr(prefix.size(), id_length);
    return is_id(id) && is_held(lock_path(paths, id));
}

Result<BuildFolders> BuildFolders::make(const config::Paths& paths) {
    TRY(os::make_dirs(paths.run + "/build", 0700));
    const os::Fd all = TRY(lock_builds(paths));
    for (;;) {
        std::uint32_t random = 0;
        if (getrandom(&random, sizeof random, 0) != sizeof random) return errno_error("getrandom");
        std::string id = fmt::format("{:08x}", random);
        const std::string folder = build_folder(paths, id);
        if (mkdir(folder.c_str(), 0700) != 0) {
            if (errno == EEXIST) continue;
            return errno_error("make folder '{}'", folder);
        }
        os::Fd lock = TRY(os::lock_file(folder + "/lock"));
        BuildFolders folders(paths, std::move(id), std::move(lock));
        TRY(os::make_dirs(build_scratch(paths, folders.id()), 0700));
        return folders;
    }
}

BuildFolders::~BuildFolders() {
    if (!lock_) return;
    // The lock goes with its folder: last, so that who is killed here is swept.
    [[maybe_unused]] const auto scratch = os::remove_tree(build_scratch(paths_, id_));
    [[maybe_unused]] const auto folder = os::remove_tree(build_folder(paths_, id_));
}

Result<std::vector<std::string>> sweep_build_folders(const config::Paths& paths, bool remove) {
    std::vector<std::string> dead;
    if (!os::path_exists(paths.run)) return dead;
    TRY(os::make_dirs(paths.run + "/build", 0700));
    const os::Fd all = TRY(lock_builds(paths));
    std::vector<std::string> ids = ids_below(paths.run + "/build");
    // After a reboot only the scratch folder is there.
    for (std::string& id : ids_below(paths.data + "/build/scratch")) ids.push_back(std::move(id));
    std::ranges::sort(ids);
    const auto repeated = std::ranges::unique(ids);
    ids.erase(repeated.begin(), repeated.end());
    for (const std::string& id : ids) {
        if (is_held(lock_path(paths, id))) continue;
        dead.push_back(id);
        if (!remove) continue;
        TRY(os::remove_tree(build_scratch(paths, id)));
        TRY(os::remove_tree(build_folder(paths, id)));
    }
    return dead;
}

}  // namespace gantry::container
