// registry enable, disable, status, ls, rm, gc.
#include "base/units.hpp"
#include "cli/format/listing.hpp"
#include "cli/format/template.hpp"
#include "cli/verbs/verbs.hpp"
#include "container/registry_socket.hpp"
#include "image/repositories.hpp"

namespace gantry::cli {

namespace {

struct EnableOptions {
    std::vector<std::string> listen;
};

void declare_enable(Verb& verb, EnableOptions& options) {
    verb.add_option("--listen", options.listen, "instead of 127.0.0.1:5000 and [::1]:5000").value("ADDRESS:PORT");
}

std::string joined(const std::vector<std::string>& parts) {
    std::string text;
    for (const auto& part : parts) text += (text.empty() ? "" : ", ") + part;
    return text;
}

Result<int> run_enable(Context& context, EnableOptions& options) {
    auto* engine = TRY(context.engine());
    TRY(container::registry_enable(*engine, options.listen));
    return print(joined(TRY(container::registry_state(*engine)).addresses) + "\n");
}

struct NoOptions {};
void declare_nothing(Verb&, NoOptions&) {}

Result<int> run_disable(Context& context, NoOptions&) {
    TRY(container::registry_disable(*TRY(context.engine())));
    return 0;
}

struct StatusOptions {
    std::string format;
};

void declare_status(Verb& verb, StatusOptions& options) {
    verb.add_option("--format", options.format, "json or a Go template").value("FORMAT");
}

Result<int> run_status(Context& context, StatusOptions& options) {
    auto* engine = TRY(context.engine());
    const auto state = TRY(container::registry_state(*engine));
    const image::Repositories repositories(*TRY(engine->images()));
    const auto names = TRY(repositories.list());
    std::map<Digest, std::uint64_t> contents;
    for (const auto& name : names)
        if (const auto repository = repositories.read(name); repository.ok())
            contents.merge(repositories.contents(**repository));
    const auto& server = engine->config().registry_server;
    const Json status{{"Enabled", state.enabled},     {"Listening", state.listening},       {"Running", state.running},
                      {"Addresses", state.addresses}, {"TLS", !server.certificate.empty()}, {"ReadOnly", server.read_only},
                      {"Repositories", names.size()}, {"Size", image::sum_of(contents)},    {"Quota", server.quota}};
    if (options.format == "json") return print(dump_json(status) + "\n");
    if (!options.format.empty()) return print(TRY(TRY(Template::parse(options.format)).render(status)) + "\n");
    const std::string quota = server.quota ? fmt::format(" of {}", human_size(server.quota)) : "";
    return print(fmt::format("Registry: {}{}{}\nAddresses: {}\nTLS: {}\nRead-only: {}\nRepositories: {}\nSize: {}{}\n",
                             state.listening ? "on" : "off", state.enabled ? ", enabled at boot" : "",
                             state.running ? ", serving" : "", joined(state.addresses),
                             server.certificate.empty() ? "no" : "yes", server.read_only ? "yes" : "no", names.size(),
                             human_size(image::sum_of(contents)), quota));
}

struct LsOptions {
    std::string repository, format;
    bool quiet = false;
};

void declare_ls(Verb& verb, LsOptions& options) {
    verb.add_option("REPOSITORY", options.repository, "list its tags instead");
    verb.add_flag("-q,--quiet", options.quiet, "only names");
    verb.add_option("--format", options.format, "table, json, 'table TEMPLATE' or a Go template").value("FORMAT");
}

const Listing repository_listing{{{"Manifests", "MANIFESTS"}, {"Name", "REPOSITORY"}, {"Size", "SIZE"}, {"Tags", "TAGS"}},
                                 "{{.Name}}\t{{.Tags}}\t{{.Manifests}}\t{{.Size}}",
                                 "Name"};
const Listing tag_listing{{{"Digest", "DIGEST"}, {"MediaType", "MEDIA TYPE"}, {"Size", "SIZE"}, {"Tag", "TAG"}},
                          "{{.Tag}}\t{{.Digest}}\t{{.Size}}",
                          "Tag"};

// With all that it needs.
std::uint64_t size_of(const image::Repositories& repositories, const image::Repository& repository,
                      const image::RepositoryManifest& manifest) {
    std::uint64_t size = manifest.size;
    const auto facts = repositories.facts(manifest.digest, manifest.media_type);
    if (!facts.ok()) return size;
    for (const auto& blob : (*facts)->blobs) size += blob.size;
    for (const auto& nested : (*facts)->manifests)
        if (const auto* found = repository.find(nested.digest)) size += size_of(repositories, repository, *found);
    return size;
}

Result<int> list_tags(const image::Repositories& repositories, const LsOptions& options) {
    const auto repository = TRY(repositories.read(TRY(image::RepositoryName::parse(options.repository))));
    std::vector<Json> rows;
    for (const auto& manifest : repository->manifests) {
        const std::vector<std::string> untagged{"<none>"};
        for (const std::string& tag : manifest.tags.empty() ? untagged : manifest.tags)
            rows.push_back(Json{{"Digest", manifest.digest.str()},
                                {"MediaType", manifest.media_type},
                                {"Size", human_size(size_of(repositories, *repository, manifest))},
                                {"Tag", tag}});
    }
    return print(TRY(print_listing(tag_listing, {options.format, options.quiet}, rows)));
}

Result<int> run_ls(Context& context, LsOptions& options) {
    auto* engine = TRY(context.engine());
    const image::Repositories repositories(*TRY(engine->images()));
    if (!options.repository.empty()) return list_tags(repositories, options);
    std::vector<Json> rows;
    for (const auto& name : TRY(repositories.list())) {
        const auto repository = TRY(repositories.read(name));
        rows.push_back(Json{{"Manifests", std::to_string(repository->manifests.size())},
                            {"Name", name.str()},
                            {"Size", human_size(image::sum_of(repositories.contents(*repository)))},
                            {"Tags", std::to_string(repository->tags().size())}});
    }
    return print(TRY(print_listing(repository_listing, {options.format, options.quiet}, rows)));
}

struct RmOptions {
    std::vector<std::string> names;
};

void declare_rm(Verb& verb, RmOptions& options) {
    verb.add_option("REPOSITORY", options.names, "REPOSITORY, REPOSITORY:TAG or REPOSITORY@DIGEST").required();
}

Result<int> run_rm(Context& context, RmOptions& options) {
    auto* engine = TRY(context.engine());
    const image::Repositories repositories(*TRY(engine->images()));
    return for_each_object(options.names, [&](const std::string& text) -> Result<> {
        TRY(repositories.remove(text));
        TRY(print(text + "\n"));
        return {};
    });
}

struct GcOptions {
    bool untagged = false;
};

void declare_gc(Verb& verb, GcOptions& options) {
    verb.add_flag("--untagged", options.untagged, "also manifests that no tag leads to");
}

Result<int> run_gc(Context& context, GcOptions& options) {
    auto* engine = TRY(context.engine());
    auto* store = TRY(engine->images());
    for (const std::string& manifest : TRY(image::Repositories(*store).collect_all(options.untagged)))
        TRY(print(manifest + "\n"));
    const std::uint64_t bytes = TRY(store->sweep());
    return print(fmt::format("Total reclaimed space: {}\n", human_size(bytes)));
}

}  // namespace

void add_registry_verbs(Parents& parents, Context& context) {
    Verb& registry = parents.registry;
    add_verb(registry, context, "enable", "Serve images from this host, now and at boot", declare_enable, run_enable);
    add_verb(registry, context, "disable", "Stop serving images", declare_nothing, run_disable);
    add_verb(registry, context, "status", "Show whether and what the registry serves", declare_status, run_status);
    add_verb(registry, context, "ls", "List repositories, or the tags of one", declare_ls, run_ls).alias("list");
    add_verb(registry, context, "rm", "Remove repositories, tags or manifests", declare_rm, run_rm).alias("remove");
    add_verb(registry, context, "gc", "Remove what nothing names any more", declare_gc, run_gc);
}

}  // namespace gantry::cli
