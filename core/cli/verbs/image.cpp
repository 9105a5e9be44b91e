// images, rmi, tag, history.
#include "base/units.hpp"
#include "cli/format/listing.hpp"
#include "cli/rows.hpp"
#include "cli/verbs/verbs.hpp"
#include "image/usage.hpp"

#include <fnmatch.h>

namespace gantry::cli {

namespace {

struct ImagesOptions {
    bool all = false, quiet = false, no_trunc = false, digests = false;
    std::string format, repository;
    std::vector<std::string> filters;
};

void declare_images(Verb& verb, ImagesOptions& options) {
    verb.add_option("REPOSITORY", options.repository, "only this one, NAME[:TAG]");
    verb.add_flag("-a,--all", options.all, "all images (there are no hidden ones here)");
    verb.add_flag("-q,--quiet", options.quiet, "only ids");
    verb.add_flag("--no-trunc", options.no_trunc, "do not shorten");
    verb.add_flag("--digests", options.digests, "show digests");
    verb.add_option("--format", options.format, "table, json, 'table TEMPLATE' or a Go template").value("FORMAT");
    verb.add_option("-f,--filter", options.filters,
                    "dangling=BOOL, label=KEY[=VALUE], reference=PATTERN, before=IMAGE, since=IMAGE, until=TIME")
        .value("KEY=VALUE");
}

const Listing images_listing{{{"Containers", "CONTAINERS"},
                              {"CreatedAt", "CREATED AT"},
                              {"CreatedSince", "CREATED"},
                              {"Digest", "DIGEST"},
                              {"ID", "IMAGE ID"},
                              {"Repository", "REPOSITORY"},
                              {"SharedSize", "SHARED SIZE"},
                              {"Size", "SIZE"},
                              {"Tag", "TAG"},
                              {"UniqueSize", "UNIQUE SIZE"},
                              {"VirtualSize", "VIRTUAL SIZE"}},
                             "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}",
                             "ID"};

// Shell patterns as path.Match has them: * stays within a component.
bool pattern_matches(const std::string& pattern, const ImageRef& ref) {
    const auto match = [&](const std::string& text) { return fnmatch(pattern.c_str(), text.c_str(), FNM_PATHNAME) == 0; };
    return match(ref.familiar()) || match(ref.familiar_repository()) || match(ref.str()) || match(ref.repository());
}

struct Name {
    std::optional<ImageRef> ref;  // none: dangling
    std::string digest;
};

std::vector<Name> names_of(const image::Image& image) {
    std::vector<Name> names;
    for (const auto& text : image.names) {
        auto ref = ImageRef::parse(text);
        if (!ref.ok()) continue;
        Name name{*ref, ""};
        for (const auto& digest : image.digests)
            if (digest.starts_with(ref->repository() + "@")) name.digest = digest.substr(digest.find('@') + 1);
        names.push_back(std::move(name));
    }
    if (names.empty()) {
        Name name;
        if (!image.digests.empty()) {
            if (auto ref = ImageRef::parse(image.digests[0]); ref.ok()) name.ref = *ref;
            name.digest = image.digests[0].substr(image.digests[0].find('@') + 1);
        }
        names.push_back(std::move(name));
    }
    return names;
}

Result<bool> image_matches(image::Store& store, const image::Image& image, const Filters& filters) {
    const bool dangling = image.names.empty();
    if (!filters.match("dangling", [&](const std::string& value) { return (value == "true" || value == "1") == dangling; }))
        return false;
    if (filters.has("label") && !filters.match_labels(TRY(store.config(image)).labels)) return false;
    for (const auto& other : filters.values("before"))
        if (image.created >= TRY(store.find(other)).created) return false;
    for (const auto& other : filters.values("since"))
        if (image.created <= TRY(store.find(other)).created) return false;
    for (const auto& until : filters.values("until"))
        if (parse_time(image.created).value_or(0) >= TRY(parse_time(until))) return false;
    return true;
}

Result<int> run_images(Context& context, ImagesOptions& options) {
    const Filters filters =
        TRY(Filters::parse(options.filters, {"dangling", "label", "reference", "before", "since", "until"}));
    auto* engine = TRY(context.engine());
    auto* store = TRY(engine->images());
    std::optional<ImageRef> wanted;
    if (!options.repository.empty() && options.repository.find_first_of("*?[") == std::string::npos)
        wanted = TRY(ImageRef::parse(options.repository));
    auto images = TRY(store->list());
    std::ranges::stable_sort(images, [](const auto& a, const auto& b) { return a.created > b.created; });
    std::vector<Json> rows;
    for (const auto& image : images) {
        if (!TRY(image_matches(*store, image, filters))) continue;
        for (const auto& name : names_of(image)) {
            if (wanted && (!name.ref || name.ref->repository() != wanted->normalized().repository() ||
                           (!wanted->tag.empty() && name.ref->tag != wanted->tag)))
                continue;
            if (!wanted && !options.repository.empty() && (!name.ref || !pattern_matches(options.repository, *name.ref)))
                continue;
            if (!filters.match("reference",
                               [&](const std::string& pattern) { return name.ref && pattern_matches(pattern, *name.ref); }))
                continue;
            const std::int64_t created = parse_time(image.created).value_or(0) / 1000000;
            Json row;
            row["Containers"] = "N/A";
            row["CreatedAt"] = go_time(created);
            row["CreatedSince"] = time_ago(created);
            row["Digest"] = name.digest.empty() ? "<none>" : name.digest;
            row["ID"] = options.no_trunc ? image.id.str() : short_id(image.id.str());
            row["Repository"] = name.ref ? name.ref->familiar_repository() : "<none>";
            row["Size"] = human_size(image.size);
            row["VirtualSize"] = row["Size"];
            row["SharedSize"] = row["UniqueSize"] = "N/A";  // `system df -v` has them
            row["Tag"] = name.ref && !name.ref->tag.empty() ? name.ref->tag : "<none>";
            rows.push_back(std::move(row));
            if (options.quiet) break;
        }
    }
    Listing listing = images_listing;
    if (options.digests) listing.table = "{{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}";
    return print(TRY(print_listing(listing, {options.format, options.quiet}, rows)));
}

struct RmiOptions {
    std::vector<std::string> images;
    bool force = false, no_prune = false;
};

void declare_rmi(Verb& verb, RmiOptions& options) {
    verb.add_option("IMAGE", options.images, "name, id or digest").required();
    verb.add_flag("-f,--force", options.force, "also where containers use it");
    verb.add_flag("--no-prune", options.no_prune, "accepted for Docker's sake; there are no untagged parents").hidden();
}

Result<int> run_rmi(Context& context, RmiOptions& options) {
    auto* engine = TRY(context.engine());
    auto* store = TRY(engine->images());
    return for_each_object(options.images, [&](const std::string& name) -> Result<> {
        for (const auto& line : TRY(store->remove(name, TRY(engine->images_in_use()), options.force))) TRY(print(line + "\n"));
        return {};
    });
}

struct TagOptions {
    std::string source, target;
};

void declare_tag(Verb& verb, TagOptions& options) {
    verb.add_option("SOURCE", options.source, "image").required();
    verb.add_option("TARGET", options.target, "new name, NAME[:TAG]").required();
}

Result<int> run_tag(Context& context, TagOptions& options) {
    const ImageRef target = TRY(ImageRef::parse(options.target));
    if (target.digest) return error(Errc::invalid, "'{}' has a digest: a tag cannot be made for one", options.target);
    auto* store = TRY(TRY(context.engine())->images());
    TRY(store->tag(TRY(store->find(options.source)), target.normalized()));
    return 0;
}

struct HistoryOptions {
    std::string image, format;
    bool quiet = false, no_trunc = false, human = true;
};

void declare_history(Verb& verb, HistoryOptions& options) {
    verb.add_option("IMAGE", options.image).required();
    verb.add_flag("-q,--quiet", options.quiet, "only ids");
    verb.add_flag("--no-trunc", options.no_trunc, "do not shorten");
    verb.add_flag("-H,--human,!--no-human", options.human, "sizes and times for people");
    verb.add_option("--format", options.format, "table, json, 'table TEMPLATE' or a Go template").value("FORMAT");
}

const Listing history_listing{{{"Comment", "COMMENT"},
                               {"CreatedAt", "CREATED AT"},
                               {"CreatedBy", "CREATED BY"},
                               {"CreatedSince", "CREATED"},
                               {"ID", "IMAGE"},
                               {"Size", "SIZE"}},
                              "{{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}",
                              "ID"};

Result<int> run_history(Context& context, HistoryOptions& options) {
    auto* store = TRY(TRY(context.engine())->images());
    const auto image = TRY(store->find(options.image));
    std::vector<Json> rows;
    for (const auto& line : TRY(image::history(*store, image))) {
        Json row;
        row["Comment"] = line.comment;
        row["CreatedAt"] = line.created;
        const auto created = parse_time(line.created);
        row["CreatedSince"] = options.human && created.ok() ? time_ago(*created / 1000000) : line.created;
        std::string step = line.created_by;
        std::ranges::replace(step, '\t', ' ');
        row["CreatedBy"] = options.no_trunc ? step : truncated(step, 45);
        row["ID"] = options.no_trunc || line.id == "<missing>" ? line.id : short_id(line.id);
        row["Size"] = options.human ? human_size(line.size) : std::to_string(line.size);
        rows.push_back(std::move(row));
    }
    return print(TRY(print_listing(history_listing, {options.format, options.quiet}, rows)));
}

}  // namespace

void add_image_verbs(Parents& parents, Context& context) {
    add_verb(parents.top, context, "images", "List images", declare_images, run_images);
    add_verb(parents.image, context, "ls", "List images", declare_images, run_images).alias("list");
    add_verb(parents.top, context, "rmi", "Remove images", declare_rmi, run_rmi);
    add_verb(parents.image, context, "rm", "Remove images", declare_rmi, run_rmi).alias("remove");
    for (Verb* parent : {&parents.top, &parents.image}) {
        add_verb(*parent, context, "tag", "Give an image a further name", declare_tag, run_tag);
        add_verb(*parent, context, "history", "Show the layers of an image", declare_history, run_history);
    }
}

}  // namespace gantry::cli
