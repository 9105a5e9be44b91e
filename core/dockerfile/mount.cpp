// RUN --mount=type=bind|cache|tmpfs|secret|ssh,...
#include "base/units.hpp"
#include "dockerfile/instruction.hpp"
#include "dockerfile/words.hpp"

#include <charconv>

namespace gantry::dockerfile {

namespace {

using namespace detail;

constexpr std::array<const char*, 5> types = {"bind", "cache", "tmpfs", "secret", "ssh"};
constexpr std::array<const char*, 3> sharings = {"shared", "private", "locked"};

// Options that need no type to be checked have "*".
struct Option {
    std::string_view name;
    std::string_view key;    // what it is an alias of
    std::string_view types;  // that take it
    bool bare;               // may stand without a value
};
constexpr std::array<Option, 19> options = {{
    {"type", "type", "*", false},
    {"from", "from", "bind cache tmpfs ssh", false},
    {"source", "source", "*", false},
    {"src", "source", "*", false},
    {"target", "target", "*", false},
    {"dst", "target", "*", false},
    {"destination", "target", "*", false},
    {"readonly", "readonly", "*", true},
    {"ro", "readonly", "*", true},
    {"readwrite", "readwrite", "*", true},
    {"rw", "readwrite", "*", true},
    {"id", "id", "*", false},
    {"sharing", "sharing", "cache", false},
    {"required", "required", "secret ssh", true},
    {"mode", "mode", "cache secret ssh", false},
    {"uid", "uid", "cache secret ssh", false},
    {"gid", "gid", "cache secret ssh", false},
    {"size", "size", "tmpfs", false},
    {"env", "env", "secret", true},
}};

struct Field {
    const Option* option;
    std::optional<std::string> value;
};

// One record of comma-separated values (RFC 4180): a field that starts with a quote ends with one, "" is a quote in it.
Result<std::vector<std::string>> split_fields(std::string_view text) {
    std::vector<std::string> fields(1);
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] == ',') {
            fields.emplace_back();
        } else if (text[at] == '"' && fields.back().empty()) {
            for (++at; at < text.size(); ++at) {
                if (text[at] == '"' && (at + 1 == text.size() || text[at + 1] != '"')) break;
                if (text[at] == '"') ++at;
                fields.back() += text[at];
            }
            if (at >= text.size()) return error(Errc::invalid, "a quote is not closed in '{}'", shown(text));
            if (at + 1 < text.size() && text[at + 1] != ',')
                return error(Errc::invalid, "text after a closing quote in '{}'", shown(text));
        } else {
            fields.back() += text[at];
        }
    }
    return fields;
}

Error unknown_option(std::string_view key, std::string_view field) {
    std::vector<std::string> names;
    for (const Option& option : options) names.emplace_back(option.name);
    return error(Errc::invalid, "unexpected key '{}' in '{}'{}", shown(key), shown(field), did_you_mean(key, names));
}

Result<Field> read_field(const std::string& text, const Expand& expand) {
    const std::size_t equals = text.find('=');
    const std::string key = lower(text.substr(0, equals));
    const auto option = std::ranges::find(options, key, &Option::name);
    if (option == options.end()) return unknown_option(key, text);
    Field field{&*option, std::nullopt};
    if (equals == std::string::npos) {
        if (!option->bare) return error(Errc::invalid, "invalid field '{}' must be a key=value pair", shown(text));
        return field;
    }
    field.value = text.substr(equals + 1);
    if (option->key == "from" && field.value->find('$') != std::string::npos)
        return error(Errc::invalid, "'from' doesn't support variable expansion, define alias stage instead");
    if (expand) field.value = TRY(expand(*field.value));
    return field;
}

Result<bool> truth(const Field& field) {
    if (!field.value) return true;
    // Go's strconv.ParseBool.
    for (const char* yes : {"1", "t", "T", "TRUE", "true", "True"})
        if (*field.value == yes) return true;
    for (const char* no : {"0", "f", "F", "FALSE", "false", "False"})
        if (*field.value == no) return false;
    return error(Errc::invalid, "invalid value for {}: '{}', it is true or false", field.option->name, shown(*field.value));
}

Result<std::uint64_t> number(const Field& field, int base) {
    std::uint32_t value = 0;
    const std::string& text = *field.value;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (failure != std::errc() || end != text.data() + text.size() || (base == 8 && value > 07777))
        return error(Errc::invalid, "invalid value '{}' for {}", shown(text), field.option->name);
    return std::uint64_t{value};
}

Result<> set_field(RunMount& mount, const Field& field) {
    const std::string_view key = field.option->key;
    if (key == "from") mount.from = *field.value;
    if (key == "source") mount.source = *field.value;
    if (key == "target") mount.target = *field.value;
    if (key == "readonly") mount.read_only = TRY(truth(field));
    if (key == "readwrite") mount.read_only = !TRY(truth(field));
    if (key == "id") mount.id = *field.value;
    if (key == "required") mount.required = TRY(truth(field));
    if (key == "env") mount.env = field.value.value_or("");
    if (key == "mode") mount.mode = TRY(number(field, 8));
    if (key == "uid") mount.uid = TRY(number(field, 10));
    if (key == "gid") mount.gid = TRY(number(field, 10));
    if (key == "size") mount.size = TRY_CONTEXT(parse_bytes(*field.value), "invalid value for size");
    if (key == "sharing") {
        const auto found = std::ranges::find(sharings, lower(*field.value));
        if (found == sharings.end())
            return error(Errc::invalid, "unsupported sharing value '{}': it is shared, private or locked", shown(*field.value));
        mount.sharing = static_cast<MountSharing>(found - sharings.begin());
    }
    return {};
}

Result<> set_type(RunMount& mount, const std::string& value) {
    const auto found = std::ranges::find(types, lower(value));
    if (found == types.end())
        return error(Errc::invalid, "unsupported mount type '{}'{}: there are bind, cache, tmpfs, secret and ssh", shown(value),
                     did_you_mean(value, types));
    mount.type = static_cast<MountType>(found - types.begin());
    return {};
}

bool is_type_of(const Option& option, MountType type) {
    if (option.types == "*") return true;
    const auto allowed = split(option.types, ' ');
    return std::ranges::find(allowed, mount_type_name(type)) != allowed.end();
}

}  // namespace

const char* mount_type_name(MountType type) { return types[static_cast<std::size_t>(type)]; }

namespace detail {

Result<RunMount> parse_mount(std::string_view text, const Expand& expand) {
    RunMount mount;
    mount.text = text;
    std::vector<Field> fields;
    for (const std::string& field : TRY(split_fields(text))) fields.push_back(TRY(read_field(field, expand)));
    const auto later = [&](const Field& field) {
        return !expand && field.value && field.value->find('$') != std::string::npos;
    };
    bool known = true;  // the type
    for (const Field& field : fields) {
        if (field.option->key != "type") continue;
        known = !later(field);
        if (known) TRY(set_type(mount, *field.value));
    }
    bool complete = known;
    for (const Field& field : fields) {
        if (known && !is_type_of(*field.option, mount.type))
            return error(Errc::invalid, "unexpected key '{}' for mount type '{}'", field.option->name,
                         mount_type_name(mount.type));
        const bool text_field = field.option->key == "source" || field.option->key == "target" || field.option->key == "id";
        if (later(field) && !text_field) {
            complete = false;
            continue;
        }
        TRY(set_field(mount, field));
    }
    if (!complete || mount.type != MountType::secret) return mount;
    if (mount.source.empty() && mount.target.empty() && mount.id.empty())
        return error(Errc::invalid, "invalid secret mount: one of id, source, target is required");
    if (!mount.source.empty() && !mount.id.empty()) return error(Errc::invalid, "a secret mount has both source and id");
    return mount;
}

}  // namespace detail

}  // namespace gantry::dockerfile
