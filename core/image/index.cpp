#include "image/index.hpp"

#include "image/json.hpp"
#include "image/media_types.hpp"
#include "os/file.hpp"

namespace gantry::image {

namespace {

constexpr std::size_t index_entry_limit = 100'000;

std::vector<std::string> words(std::string_view text) {
    std::vector<std::string> list;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find(' ', at), text.size());
        if (end > at) list.emplace_back(text.substr(at, end - at));
        at = end + 1;
    }
    return list;
}

std::string take(std::map<std::string, std::string>& annotations, const char* key) {
    auto node = annotations.extract(key);
    return node.empty() ? std::string() : std::move(node.mapped());
}

void add_once(std::vector<std::string>& list, const std::string& text) {
    if (std::ranges::find(list, text) == list.end()) list.push_back(text);
}

Result<> take_entry(const Json& entry, Index& index) {
    constexpr const char* what = "index";
    if (!entry.is_object()) return error(Errc::invalid, "{}: an entry is not an object", what);
    const Digest digest = TRY(detail::digest_member(entry, "digest", what));
    const std::int64_t size = TRY(detail::integer_member(entry, "size", what));
    auto annotations = TRY(detail::map_member(entry, "annotations", what));
    std::string name = take(annotations, containerd_name_annotation);
    const std::string ref_name = take(annotations, ref_name_annotation);
    // containerd's is always complete; the other may be a tag alone ("latest", as docker save writes it).
    if (name.empty()) name = ref_name;
    const std::string digests = take(annotations, digests_annotation);

    IndexRecord* record = index.find(digest);
    if (!record) {
        index.records.push_back({TRY(detail::string_member(entry, "mediaType", what)),
                                 digest,
                                 static_cast<std::uint64_t>(std::max<std::int64_t>(size, 0)),
                                 {},
                                 {},
                                 std::move(annotations),
                                 {}});
        record = &index.records.back();
        Json rest = entry;
        for (const char* known : {"mediaType", "digest", "size", "annotations"}) rest.erase(known);
        if (!rest.empty()) record->rest = dump_json(rest);
    }
    if (!name.empty()) add_once(record->names, name);
    for (const std::string& text : words(digests)) add_once(record->digests, text);
    return {};
}

Json entry_json(const IndexRecord& record, const std::string* name) {
    Json entry = record.rest.empty() ? Json::object() : parse_json(record.rest);
    if (!entry.is_object()) entry = Json::object();
    Json annotations = record.annotations;
    if (name) annotations[ref_name_annotation] = annotations[containerd_name_annotation] = *name;
    std::string digests;
    for (const std::string& text : record.digests) digests += (digests.empty() ? "" : " ") + text;
    if (!digests.empty()) annotations[digests_annotation] = digests;
    entry["mediaType"] = record.media_type;
    entry["digest"] = record.digest.str();
    entry["size"] = record.size;
    if (!annotations.empty()) entry["annotations"] = std::move(annotations);
    return entry;
}

}  // namespace

IndexRecord* Index::find(const Digest& digest) {
    const auto found = std::ranges::find(records, digest, &IndexRecord::digest);
    return found == records.end() ? nullptr : &*found;
}

IndexRecord* Index::find_name(const std::string& name) {
    for (IndexRecord& record : records)
        if (std::ranges::find(record.names, name) != record.names.end()) return &record;
    return nullptr;
}

void Index::drop_name(const std::string& name) {
    for (IndexRecord& record : records) std::erase(record.names, name);
}

Result<Index> parse_index(std::string_view json) {
    const Json root = TRY(detail::parse_object(json, "index"));
    Index index;
    const Json* manifests = TRY(detail::array_member(root, "manifests", "index"));
    if (!manifests) return index;
    if (manifests->size() > index_entry_limit) return error(Errc::invalid, "index: more than {} entries", index_entry_limit);
    for (const Json& entry : *manifests) TRY(take_entry(entry, index));
    return index;
}

std::string index_text(const Index& index) {
    Json manifests = Json::array();
    for (const IndexRecord& record : index.records) {
        if (record.names.empty()) manifests.push_back(entry_json(record, nullptr));
        for (const std::string& name : record.names) manifests.push_back(entry_json(record, &name));
    }
    Json root = {{"schemaVersion", 2}, {"mediaType", oci_index_type}, {"manifests", std::move(manifests)}};
    return dump_json(root, 2) + "\n";
}

Result<Index> read_index(const std::string& folder) {
    const std::string path = folder + "/index.json";
    auto text = os::read_file(path, detail::json_limit);
    if (!text.ok() && text.error().code() == Errc::not_found) return Index();
    if (!text.ok()) return std::move(text).error();
    auto index = parse_index(*text);
    if (!index.ok()) return error(Errc::corrupt, "'{}': {}", path, index.error().message());
    return index;
}

Result<> write_index(const std::string& folder, const Index& index) {
    const std::string text = index_text(index);
    if (text.size() > detail::json_limit)
        return error(Errc::no_space, "the image index would exceed {} bytes", detail::json_limit);
    return os::write_file_atomic(folder + "/index.json", text);
}

}  // namespace gantry::image
