// system df.
#include "base/units.hpp"
#include "cli/format/listing.hpp"
#include "cli/rows.hpp"
#include "cli/verbs/verbs.hpp"

namespace gantry::cli {

namespace {

using Usage = container::Engine::Usage;

struct DfOptions {
    std::string format;
    bool verbose = false;
};

void declare_df(Verb& verb, DfOptions& options) {
    verb.add_option("--format", options.format, "table, json, 'table TEMPLATE' or a Go template").value("FORMAT");
    verb.add_flag("-v,--verbose", options.verbose, "every object");
}

const Listing df_listing{
    {{"Active", "ACTIVE"}, {"Reclaimable", "RECLAIMABLE"}, {"Size", "SIZE"}, {"TotalCount", "TOTAL"}, {"Type", "TYPE"}},
    "{{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}",
    "Type"};

Json row(const char* type, std::size_t total, std::size_t active, std::uint64_t bytes, std::uint64_t reclaimable) {
    std::string text = human_size(reclaimable);
    if (bytes) text += fmt::format(" ({}%)", reclaimable * 100 / bytes);
    return Json{{"Active", std::to_string(active)},
                {"Reclaimable", text},
                {"Size", human_size(bytes)},
                {"TotalCount", std::to_string(total)},
                {"Type", type}};
}

Json row_of(const char* type, const std::vector<Usage::Item>& items) {
    std::size_t active = 0;
    std::uint64_t bytes = 0, reclaimable = 0;
    for (const auto& item : items) {
        active += item.active ? 1 : 0;
        bytes += item.bytes;
        if (!item.active) reclaimable += item.bytes;
    }
    return row(type, items.size(), active, bytes, reclaimable);
}

// Layers are counted once, whoever shares them; what no used image has is reclaimable.
Json image_row(const Usage& usage) {
    const auto active = static_cast<std::size_t>(std::ranges::count(usage.images, true, &Usage::Item::active));
    return row("Images", usage.images.size(), active, usage.layer_bytes, usage.layer_reclaimable);
}

Result<std::string> image_table(container::Engine& engine, const Usage& usage) {
    auto* store = TRY(engine.images());
    std::vector<std::string> lines{"REPOSITORY\tTAG\tIMAGE ID\tCREATED\tSIZE\tSHARED SIZE\tUNIQUE SIZE\tCONTAINERS"};
    for (const auto& item : usage.images) {
        const auto image = TRY(store->find(item.name));
        std::string repository = "<none>", tag = "<none>";
        if (!image.names.empty()) {
            const auto ref = TRY(ImageRef::parse(image.names.front()));
            repository = ref.familiar_repository();
            tag = ref.tag;
        }
        lines.push_back(fmt::format("{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}", repository, tag, short_id(item.name),
                                    time_ago(parse_time(image.created).value_or(0) / 1000000), human_size(item.bytes),
                                    human_size(item.bytes - item.unique), human_size(item.unique), item.users));
    }
    return "Images space usage:\n\n" + align(lines);
}

Result<std::string> container_table(container::Engine& engine, const Usage& usage) {
    std::vector<std::string> lines{"CONTAINER ID\tIMAGE\tCOMMAND\tLOCAL VOLUMES\tSIZE\tCREATED\tSTATUS\tNAMES"};
    for (const auto& container : TRY(engine.containers())) {
        const Json shown = container_row(container, false);
        const auto text = [&](const char* key) { return shown[key].get<std::string>(); };
        const auto item = std::ranges::find(usage.containers, container.name.str(), &Usage::Item::name);
        lines.push_back(fmt::format("{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}", text("ID"), text("Image"), text("Command"),
                                    text("LocalVolumes"), human_size(item == usage.containers.end() ? 0 : item->bytes),
                                    text("RunningFor"), text("Status"), text("Names")));
    }
    return "Containers space usage:\n\n" + align(lines);
}

std::string volume_table(const Usage& usage) {
    std::vector<std::string> lines{"VOLUME NAME\tLINKS\tSIZE"};
    for (const auto& item : usage.volumes)
        lines.push_back(fmt::format("{}\t{}\t{}", item.name, item.users, human_size(item.bytes)));
    return "Local Volumes space usage:\n\n" + align(lines);
}

// What only the cache keeps; layers of images are the images'.
Json cache_row(const Usage& usage) {
    std::uint64_t bytes = 0;
    for (const auto& entry : usage.build_cache)
        if (!entry.shared) bytes += entry.size;
    return row("Build Cache", usage.build_cache.size(), 0, bytes, bytes);
}

std::string cache_table(const Usage& usage) {
    std::uint64_t bytes = 0;
    std::vector<std::string> lines{"CACHE ID\tCACHE TYPE\tSIZE\tCREATED\tLAST USED\tSHARED\tSTEP"};
    for (const auto& entry : usage.build_cache) {
        if (!entry.shared) bytes += entry.size;
        lines.push_back(fmt::format("{}\t{}\t{}\t{}\t{}\t{}\t{}", entry.id.substr(0, 12),
                                    entry.mount ? "exec.cachemount" : "regular", human_size(entry.size),
                                    time_ago(entry.created), time_ago(entry.used), entry.shared, truncated(entry.step, 40)));
    }
    return fmt::format("Build cache usage: {}\n\n", human_size(bytes)) + align(lines);
}

Result<int> run_df(Context& context, DfOptions& options) {
    if (options.verbose && !options.format.empty())
        return error(Errc::unsupported, "--verbose and --format contradict each other");
    auto* engine = TRY(context.engine());
    const Usage usage = TRY(engine->usage());
    if (options.verbose)
        return print(TRY(image_table(*engine, usage)) + "\n" + TRY(container_table(*engine, usage)) + "\n" +
                     volume_table(usage) + "\n" + cache_table(usage) + "\n");
    const std::vector<Json> rows{image_row(usage), row_of("Containers", usage.containers),
                                 row_of("Local Volumes", usage.volumes), cache_row(usage)};
    return print(TRY(print_listing(df_listing, {options.format, false}, rows)));
}

}  // namespace

void add_df_verb(Parents& parents, Context& context) {
    add_verb(parents.system, context, "df", "Show what takes space", declare_df, run_df);
}

}  // namespace gantry::cli
