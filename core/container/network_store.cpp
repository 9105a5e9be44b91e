#include "container/network_store.hpp"

#include "os/file.hpp"

#include <ctime>
#include <sstream>

#include <toml++/toml.h>

namespace gantry::container {

namespace {

constexpr std::size_t file_limit = 256U << 10;

std::string file_of(const config::Paths& paths, std::string_view name) {
    return fmt::format("{}/{}.toml", paths.networks(), name);
}

// Reads the members of one table and remembers the first that is wrong.
class TableReader {
public:
    TableReader(const toml::table& table, std::string file) : table_(table), file_(std::move(file)) {}

    void text(std::string_view key, std::string& value) {
        if (const toml::node* node = take(key)) {
            if (auto found = node->value_exact<std::string>())
                value = *found;
            else
                fail(*node, fmt::format("key '{}' must be a string", key));
        }
    }
    void flag(std::string_view key, bool& value) {
        if (const toml::node* node = take(key)) {
            if (auto found = node->value_exact<bool>())
                value = *found;
            else
                fail(*node, fmt::format("key '{}' must be true or false", key));
        }
    }
    void number(std::string_view key, std::int64_t& value, std::int64_t least, std::int64_t most) {
        if (const toml::node* node = take(key)) {
            auto found = node->value_exact<std::int64_t>();
            if (found && *found >= least && *found <= most)
                value = *found;
            else
                fail(*node, fmt::format("key '{}' must be a number from {} to {}", key, least, most));
        }
    }
    void strings(std::string_view key, const std::function<void(std::string, std::string)>& add) {
        const toml::node* node = take(key);
        if (node == nullptr) return;
        if (!node->is_table()) return fail(*node, fmt::format("key '{}' must be a table", key));
        for (const auto& [name, value] : *node->as_table()) {
            if (auto found = value.value_exact<std::string>())
                add(std::string(name.str()), *found);
            else
                fail(value, fmt::format("key '{}' must be a string", name.str()));
        }
    }
    void subnets(std::vector<driver::Subnet>& list) {
        const toml::node* node = take("subnets");
        if (node == nullptr) return;
        if (!node->is_array_of_tables()) return fail(*node, "key 'subnets' must be an array of tables");
        for (const toml::node& item : *node->as_array()) {
            TableReader reader(*item.as_table(), file_);
            driver::Subnet subnet;
            reader.text("cidr", subnet.cidr);
            reader.text("gateway", subnet.gateway);
            reader.text("ip_range", subnet.ip_range);
            if (auto checked = reader.finish(); !checked.ok() && !problem_) problem_ = checked.error();
            list.push_back(std::move(subnet));
        }
    }
    Result<> finish() {
        for (const auto& [name, node] : table_)
            if (!known_.contains(std::string(name.str()))) fail(node, fmt::format("key '{}' is not known", name.str()));
        if (problem_) return *problem_;
        return {};
    }

private:
    const toml::node* take(std::string_view key) {
        known_.insert(std::string(key));
        return table_.get(key);
    }
    void fail(const toml::node& node, std::string_view what) {
        if (problem_) return;
        const auto& at = node.source().begin;
        problem_ = error(Errc::corrupt, "{}:{}:{}: {}", file_, at.line, at.column, what);
    }

    const toml::table& table_;
    std::string file_;
    std::set<std::string> known_;
    std::optional<Error> problem_;
};

Result<NetworkInfo> parse_network(std::string_view text, const std::string& file, std::string_view name) {
    toml::table table;
    try {
        table = toml::parse(text, file);
    } catch (const toml::parse_error& failure) {
        const auto& at = failure.source().begin;
        return error(Errc::corrupt, "{}:{}:{}: {}", file, at.line, at.column, failure.description());
    }
    NetworkInfo network;
    network.config.name = name;
    network.config.driver = "bridge";
    std::int64_t mtu = 0;
    TableReader reader(table, file);
    reader.text("driver", network.config.driver);
    reader.text("id", network.id);
    reader.number("created", network.created, 0, INT64_MAX);
    reader.flag("internal", network.config.internal);
    reader.flag("isolated", network.config.isolated);
    reader.number("mtu", mtu, 0, 65535);
    reader.subnets(network.config.subnets);
    reader.strings("options", [&](std::string key, std::string value) {
        network.config.options.emplace_back(std::move(key), std::move(value));
    });
    reader.strings("labels",
                   [&](std::string key, std::string value) { network.labels.emplace(std::move(key), std::move(value)); });
    TRY(reader.finish());
    network.config.mtu = static_cast<std::uint32_t>(mtu);
    network.predefined = is_predefined_network(name);
    return network;
}

std::string network_text(const NetworkInfo& network) {
    toml::table table;
    table.insert("driver", network.config.driver);
    if (!network.id.empty()) table.insert("id", network.id);
    if (network.created != 0) table.insert("created", network.created);
    if (network.config.internal) table.insert("internal", true);
    if (!network.config.isolated) table.insert("isolated", false);
    if (network.config.mtu != 0) table.insert("mtu", static_cast<std::int64_t>(network.config.mtu));
    toml::array subnets;
    for (const driver::Subnet& subnet : network.config.subnets) {
        toml::table item;
        item.insert("cidr", subnet.cidr);
        if (!subnet.gateway.empty()) item.insert("gateway", subnet.gateway);
        if (!subnet.ip_range.empty()) item.insert("ip_range", subnet.ip_range);
        subnets.push_back(std::move(item));
    }
    if (!subnets.empty()) table.insert("subnets", std::move(subnets));
    toml::table options, labels;
    for (const auto& [key, value] : network.config.options) options.insert_or_assign(key, value);
    for (const auto& [key, value] : network.labels) labels.insert_or_assign(key, value);
    if (!options.empty()) table.insert("options", std::move(options));
    if (!labels.empty()) table.insert("labels", std::move(labels));
    std::ostringstream text;
    // Strings with every control character escaped: a label may hold anything.
    text << toml::toml_formatter(table, toml::format_flags::none) << '\n';
    return text.str();
}

}  // namespace

bool is_predefined_network(std::string_view name) { return name == "bridge" || name == "host" || name == "none"; }

Result<NetworkInfo> read_network(const config::Paths& paths, std::string_view name) {
    const ObjectName checked = TRY(ObjectName::parse("network", name));
    const std::string file = file_of(paths, checked.str());
    auto text = os::read_file(file, file_limit);
    if (!text.ok()) {
        if (text.error().code() == Errc::not_found) return error(Errc::not_found, "network '{}' not found", name);
        return std::move(text).error();
    }
    return parse_network(*text, file, checked.str());
}

Result<std::vector<NetworkInfo>> read_networks(const config::Paths& paths, std::vector<std::string>* problems) {
    std::vector<NetworkInfo> networks;
    for (const std::string& entry : TRY(os::list_dir(paths.networks()))) {
        if (!entry.ends_with(".toml")) continue;
        auto network = read_network(paths, std::string_view(entry).substr(0, entry.size() - 5));
        if (network.ok())
            networks.push_back(std::move(network).value());
        else if (problems != nullptr && network.error().code() != Errc::not_found)
            problems->push_back(network.error().message());
    }
    return networks;
}

Result<> write_network(const config::Paths& paths, const NetworkInfo& network) {
    const ObjectName name = TRY(ObjectName::parse("network", network.config.name));
    TRY(os::make_dirs(paths.networks()));
    return os::write_file_atomic(file_of(paths, name.str()), network_text(network));
}

Result<> erase_network(const config::Paths& paths, std::string_view name) {
    const ObjectName checked = TRY(ObjectName::parse("network", name));
    return os::remove_tree(file_of(paths, checked.str()));
}

Result<NetworkInfo> make_network(const config::Paths& paths, const config::Engine& engine, driver::NetworkDriver& driver,
                                 NetworkInfo wanted) {
    const ObjectName name = TRY(ObjectName::parse("network", wanted.config.name));
    if (name.str() == "host" || name.str() == "none") return error(Errc::exists, "network '{}' is predefined", name.str());
    TRY(os::make_dirs(paths.networks()));
    const os::Fd lock = TRY(os::lock_file(paths.networks() + "/.lock"));
    if (os::path_exists(file_of(paths, name.str()))) return error(Errc::exists, "network '{}' exists already", name.str());
    std::vector<driver::NetworkConfig> others;
    for (NetworkInfo& other : TRY(read_networks(paths))) others.push_back(std::move(other.config));
    TRY_CONTEXT(driver.probe(), "network driver '{}'", wanted.config.driver);
    const auto is_pool = [](const auto& option) { return option.first == "pool"; };
    if (wanted.config.subnets.empty() && std::ranges::none_of(wanted.config.options, is_pool))
        for (const auto& [base, size] : engine.address_pools)
            wanted.config.options.emplace_back("pool", fmt::format("{}:{}", base, size));
    wanted.config = TRY_CONTEXT(driver.network_create(wanted.config, others), "network '{}'", name.str());
    std::erase_if(wanted.config.options, is_pool);
    if (wanted.id.empty()) wanted.id = random_container_id();
    if (wanted.created == 0) wanted.created = std::time(nullptr);
    wanted.predefined = is_predefined_network(name.str());
    TRY(write_network(paths, wanted));
    return wanted;
}

Result<NetworkInfo> find_network(const config::Paths& paths, const config::Engine& engine, std::string_view name,
                                 driver::NetworkDriver& bridge) {
    auto found = read_network(paths, name);
    if (found.ok() || found.error().code() != Errc::not_found) return found;
    if (name != engine.default_network && name != "bridge") return found;
    NetworkInfo wanted;
    wanted.config.name = name;
    wanted.config.driver = "bridge";
    auto made = make_network(paths, engine, bridge, std::move(wanted));
    // Two first starts at once: the other one was quicker.
    if (!made.ok() && made.error().code() == Errc::exists) return read_network(paths, name);
    return made;
}

}  // namespace gantry::container
