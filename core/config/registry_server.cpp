#include "base/reference.hpp"
#include "config/engine_reading.hpp"

namespace gantry::config {

namespace {

struct Rule {
    RegistryRule rule;
    std::string allow;
};

constexpr Key<Rule> rule_keys[] = {
    {"repositories", [](const Item& i, Rule& r) { get(i, r.rule.repositories); }},
    {"users", [](const Item& i, Rule& r) { get(i, r.rule.users); }},
    {"allow", [](const Item& i, Rule& r) { get(i, r.allow); }},
};

void get_rules(const Item& item, std::optional<std::vector<RegistryRule>>& out) {
    out.emplace();
    each(item, [&](const Item& element) {
        Rule rule;
        read_inner<Rule>(element, rule_keys, "registry_server.rules", rule);
        if (rule.rule.repositories.empty()) return element.fail("a rule needs 'repositories'");
        if (rule.rule.users.empty()) return element.fail("a rule needs 'users'");
        if (rule.allow != "read" && rule.allow != "write") return element.fail("a rule needs 'allow', \"read\" or \"write\"");
        rule.rule.write = rule.allow == "write";
        out->push_back(std::move(rule.rule));
    });
}

bool is_path(std::string_view text) {
    const auto ref = ImageRef::parse(fmt::format("localhost/{}", text));
    return ref.ok() && ref->path == text && ref->tag.empty() && !ref->digest;
}

void get_upstreams(const Item& item, std::map<std::string, std::string>& out) {
    get(item, out);
    for (const auto& [prefix, upstream] : out) {
        const std::size_t slash = std::min(upstream.find('/'), upstream.size());
        if (prefix != "*" && !is_path(prefix))
            item.fail(fmt::format("'{}' is not the beginning of repositories' names", printable(prefix)));
        if (!is_registry(upstream.substr(0, slash)) || (slash < upstream.size() && !is_path(upstream.substr(slash + 1))))
            item.fail(fmt::format("'{}' is not an upstream's host[:port][/prefix]", printable(upstream)));
    }
}

constexpr Key<RegistryServer> server_keys[] = {
    {"certificate", [](const Item& i, RegistryServer& s) { get_file(i, s.certificate); }},
    {"key", [](const Item& i, RegistryServer& s) { get_file(i, s.key); }},
    {"htpasswd", [](const Item& i, RegistryServer& s) { get_file(i, s.htpasswd); }},
    {"rules", [](const Item& i, RegistryServer& s) { get_rules(i, s.rules); }},
    {"names", [](const Item& i, RegistryServer& s) { get_registries(i, s.names, "a host[:port]"); }},
    {"engine_images", [](const Item& i, RegistryServer& s) { get(i, s.engine_images); }},
    {"read_only", [](const Item& i, RegistryServer& s) { get(i, s.read_only); }},
    {"quota", [](const Item& i, RegistryServer& s) { get_bytes(i, s.quota); }},
    {"repository_quota", [](const Item& i, RegistryServer& s) { get_bytes(i, s.repository_quota); }},
    {"upstreams", [](const Item& i, RegistryServer& s) { get_upstreams(i, s.upstreams); }},
    {"idle_exit", [](const Item& i, RegistryServer& s) { get_seconds(i, s.idle_exit_seconds); }},
};

}  // namespace

void read_registry_server(const Item& item, RegistryServer& out) {
    read_inner<RegistryServer>(item, server_keys, "registry_server", out);
    if (out.certificate.empty() != out.key.empty()) item.fail("'certificate' and 'key' belong together");
}

std::vector<std::string> registry_server_key_names() {
    std::vector<std::string> names;
    for (const auto& key : server_keys) names.push_back(fmt::format("registry_server.{}", key.name));
    for (const auto& key : rule_keys) names.push_back(fmt::format("registry_server.rules.{}", key.name));
    return names;
}

}  // namespace gantry::config
