#include "base/json.hpp"
#include "container/units.hpp"

#include "base/digest.hpp"
#include "base/reference.hpp"
#include "os/file.hpp"

namespace gantry::container {

namespace {

// nullptr (a JSON null) for what is missing, too large or no JSON.
Json read_json(const std::string& path) {
    const auto text = os::read_file(path, 4U << 20);
    if (!text.ok()) return nullptr;
    Json value = parse_json(*text);
    return value.is_discarded() ? Json(nullptr) : value;
}

std::string text_of(const Json& object, const char* key) {
    if (!object.is_object()) return "";
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

const Json& child(const Json& object, const char* key) {
    static const Json nothing;
    if (!object.is_object()) return nothing;
    const auto found = object.find(key);
    return found == object.end() ? nothing : *found;
}

std::vector<std::string> words_of(const Json& object, const char* key) {
    std::vector<std::string> words;
    const Json& list = child(object, key);
    if (!list.is_array()) return words;
    for (const Json& word : list)
        if (word.is_string()) words.push_back(word.get<std::string>());
    return words;
}

// Docker's HealthConfig: nanoseconds, zero for "not said".
std::optional<config::Microseconds> span_of(const Json& health, const char* key) {
    const Json& value = child(health, key);
    if (!value.is_number_integer() || value.get<std::int64_t>() <= 0) return std::nullopt;
    return config::Microseconds(value.get<std::int64_t>() / 1000);
}

void take_health(const Json& health, UnitFacts& facts) {
    const Json& test = child(health, "Test");
    if (!test.is_array() || test.empty() || !test[0].is_string() || test[0] == "NONE") return;
    facts.image_health = true;
    facts.image_interval = span_of(health, "Interval");
    facts.image_timeout = span_of(health, "Timeout");
    facts.image_start_period = span_of(health, "StartPeriod");
    const Json& retries = child(health, "Retries");
    if (retries.is_number_integer() && retries.get<std::int64_t>() > 0 && retries.get<std::int64_t>() <= 1000)
        facts.image_retries = retries.get<std::uint32_t>();
}

}  // namespace

struct FactsReader::Impl {
    config::Paths paths;
    std::string machine_id;
    std::optional<std::map<std::string, std::string>> ids;  // image name to config digest, read when first asked for
    std::map<std::string, std::string> aliases;

    const std::map<std::string, std::string>& image_ids() {
        if (ids) return *ids;
        ids.emplace();
        const Json index = read_json(paths.images() + "/index.json");
        for (const Json& entry : child(index, "manifests")) {
            const Json& annotations = child(entry, "annotations");
            const std::string id = text_of(annotations, "io.gantry.image.id");
            for (const char* key : {"io.containerd.image.name", "org.opencontainers.image.ref.name"})
                if (const std::string name = text_of(annotations, key); !name.empty() && !id.empty()) ids->emplace(name, id);
        }
        return *ids;
    }

    std::string image_id(const config::Definition& definition) {
        if (!definition.image_id.empty()) return definition.image_id;
        const auto ref = ImageRef::parse(definition.image);
        if (!ref.ok()) return "sha256:" + definition.image;  // 64 digits
        const auto& known = image_ids();
        const auto found = known.find(ref->normalized().str());
        return found == known.end() ? "" : found->second;
    }
};

FactsReader::FactsReader(config::Paths paths) : impl_(std::make_unique<Impl>()) {
    impl_->paths = std::move(paths);
    auto id = os::read_file("/etc/machine-id", 256);
    if (id.ok()) impl_->machine_id = id->substr(0, id->find('\n'));
}

FactsReader::~FactsReader() = default;

UnitFacts FactsReader::facts(const ContainerName& name, const config::Definition& definition,
                             const std::string& definition_file) {
    UnitFacts facts;
    facts.id = definition.id.empty() ? derived_container_id(impl_->machine_id, name) : definition.id;
    facts.definition_file = definition_file;
    if (has_sockets(definition))
        if (const auto engine = config::load_engine(impl_->paths); engine.ok())
            facts.bind_address = engine->default_bind_address;
    const auto digest = Digest::parse(impl_->image_id(definition));
    if (!digest.ok()) return facts;
    const Json image = read_json(fmt::format("{}/blobs/{}/{}", impl_->paths.images(), digest->algorithm(), digest->hex()));
    const Json& config = child(image, "config");
    facts.stop_signal = text_of(config, "StopSignal");
    facts.entrypoint = words_of(config, "Entrypoint");
    facts.command = words_of(config, "Cmd");
    take_health(child(config, "Healthcheck"), facts);
    return facts;
}

}  // namespace gantry::container
