// inspect, for every kind of object.
#include "cli/inspect.hpp"

#include "cli/format/template.hpp"
#include "cli/verbs/verbs.hpp"

namespace gantry::cli {

namespace {

struct InspectOptions {
    std::vector<std::string> names;
    std::string format, type;
    bool size = false, verbose = false;
};

void declare_common(Verb& verb, InspectOptions& options) {
    verb.add_option("NAME", options.names, "name or id").required();
    verb.add_option("-f,--format", options.format, "json or a Go template").value("FORMAT");
}

void declare_any(Verb& verb, InspectOptions& options) {
    declare_common(verb, options);
    verb.add_option("--type", options.type, "container, image, network or volume")
        .value("KIND")
        .one_of({"container", "image", "network", "volume"});
    verb.add_flag("-s,--size", options.size, "with the size of the writable layer");
}

template <const char* kind>
void declare_one(Verb& verb, InspectOptions& options) {
    declare_common(verb, options);
    options.type = kind;
    if (options.type == "network") verb.add_flag("-v,--verbose", options.verbose, "accepted: everything is shown").hidden();
    if (options.type == "container") verb.add_flag("-s,--size", options.size, "with the size of the writable layer");
}

Result<Json> inspect_one(container::Engine& engine, const std::string& name, const InspectOptions& options) {
    const auto wanted = [&](const char* kind) { return options.type.empty() || options.type == kind; };
    // A thing that is not of one kind may be of the next; any other failure is the answer.
    const auto next = [&](const Error& failure) { return options.type.empty() && failure.code() == Errc::not_found; };
    if (wanted("container")) {
        auto container = engine.container(name);
        if (container.ok()) return inspect_container(engine, *container, options.size);
        if (!next(container.error())) return std::move(container).error();
    }
    if (wanted("image")) {
        auto* store = TRY(engine.images());
        auto image = store->find(name);
        if (image.ok()) return inspect_image(*store, *image);
        if (!next(image.error()) && image.error().code() != Errc::invalid) return std::move(image).error();
        if (!options.type.empty()) return std::move(image).error();
    }
    if (wanted("network")) {
        auto network = engine.network(name);
        if (network.ok())
            return inspect_network(*network, TRY(engine.containers()),
                                   TRY(container::read_services(engine.paths(), network->config.name)));
        if (!next(network.error())) return std::move(network).error();
    }
    if (wanted("volume")) {
        auto volume = engine.volume(name);
        if (volume.ok()) return inspect_volume(*volume);
        if (!next(volume.error())) return std::move(volume).error();
    }
    return error(Errc::not_found, "no such object: {}", name);
}

Result<int> run_inspect(Context& context, InspectOptions& options) {
    auto* engine = TRY(context.engine());
    std::optional<Template> format;
    if (!options.format.empty() && options.format != "json") format = TRY(Template::parse(options.format));
    Json all = Json::array();
    std::string out;
    const int status = TRY(for_each_object(options.names, [&](const std::string& name) -> Result<> {
        Json object = TRY(inspect_one(*engine, name, options));
        if (format) out += TRY(format->render(object)) + "\n";
        all.push_back(std::move(object));
        return {};
    }));
    if (!format) out = dump_json(all, options.format == "json" ? -1 : 4) + "\n";
    TRY(print(out));
    return status;
}

constexpr char container_kind[] = "container", image_kind[] = "image", network_kind[] = "network", volume_kind[] = "volume";

}  // namespace

void add_inspect_verbs(Parents& parents, Context& context) {
    add_verb(parents.top, context, "inspect", "Show all about objects", declare_any, run_inspect);
    add_verb(parents.container, context, "inspect", "Show all about containers", declare_one<container_kind>, run_inspect);
    add_verb(parents.image, context, "inspect", "Show all about images", declare_one<image_kind>, run_inspect);
    add_verb(parents.network, context, "inspect", "Show all about networks", declare_one<network_kind>, run_inspect);
    add_verb(parents.volume, context, "inspect", "Show all about volumes", declare_one<volume_kind>, run_inspect);
}

}  // namespace gantry::cli
