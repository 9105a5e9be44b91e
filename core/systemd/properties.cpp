// SetUnitProperties: values to the D-Bus types that systemd wants for each property (org.freedesktop.systemd1(5)).
#include "systemd/connection.hpp"

#include <charconv>

namespace gantry::systemd {

namespace {

// Properties whose type a Value cannot say by itself.
bool is_device_list(std::string_view name) { return name == "DeviceAllow"; }
bool is_rate_list(std::string_view name) {
    return name == "IOReadBandwidthMax" || name == "IOWriteBandwidthMax" || name == "IOReadIOPSMax" || name == "IOWriteIOPSMax";
}
bool is_cpu_set(std::string_view name) {
    return name == "AllowedCPUs" || name == "AllowedMemoryNodes" || name == "StartupAllowedCPUs";
}

std::pair<std::string, std::string> split_pair(const std::string& text) {
    const auto space = text.rfind(' ');
    if (space == std::string::npos) return {text, ""};
    return {text.substr(0, space), text.substr(space + 1)};
}

Result<unsigned> cpu_number(std::string_view text) {
    unsigned number = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
    // 8192: the kernel's largest NR_CPUS.
    if (code != std::errc() || end != text.data() + text.size() || number >= 8192)
        return error(Errc::invalid, "'{}' is not the number of a processor or memory node", text);
    return number;
}

// "0-1,3" as the bit mask that the property is on the bus: byte by byte, lowest first.
Result<std::vector<unsigned char>> cpu_mask(std::string_view text) {
    std::vector<unsigned char> mask;
    while (!text.empty()) {
        const auto comma = text.find(',');
        const std::string_view part = text.substr(0, comma);
        text = comma == std::string_view::npos ? "" : text.substr(comma + 1);
        const auto dash = part.find('-');
        const unsigned first = TRY(cpu_number(part.substr(0, dash)));
        const unsigned last = dash == std::string_view::npos ? first : TRY(cpu_number(part.substr(dash + 1)));
        for (unsigned cpu = first; cpu <= last; ++cpu) {
            if (mask.size() <= cpu / 8) mask.resize(cpu / 8 + 1);
            mask[cpu / 8] = static_cast<unsigned char>(mask[cpu / 8] | (1U << (cpu % 8)));
        }
    }
    return mask;
}

int append_strings(sd_bus_message* message, const std::vector<std::string>& list) {
    int r = sd_bus_message_open_container(message, 'v', "as");
    if (r >= 0) r = sd_bus_message_open_container(message, 'a', "s");
    for (const std::string& item : list)
        if (r >= 0) r = sd_bus_message_append_basic(message, 's', item.c_str());
    if (r >= 0) r = sd_bus_message_close_container(message);
    return r >= 0 ? sd_bus_message_close_container(message) : r;
}

int append_pairs(sd_bus_message* message, const std::vector<std::string>& list, bool rates) {
    int r = sd_bus_message_open_container(message, 'v', rates ? "a(st)" : "a(ss)");
    if (r >= 0) r = sd_bus_message_open_container(message, 'a', rates ? "(st)" : "(ss)");
    for (const std::string& item : list) {
        const auto [path, rest] = split_pair(item);
        if (r < 0) break;
        if (rates) {
            std::uint64_t rate = 0;
            std::from_chars(rest.data(), rest.data() + rest.size(), rate);
            r = sd_bus_message_append(message, "(st)", path.c_str(), rate);
        } else {
            r = sd_bus_message_append(message, "(ss)", path.c_str(), rest.c_str());
        }
    }
    if (r >= 0) r = sd_bus_message_close_container(message);
    return r >= 0 ? sd_bus_message_close_container(message) : r;
}

int append_mask(sd_bus_message* message, const std::vector<unsigned char>& mask) {
    int r = sd_bus_message_open_container(message, 'v', "ay");
    if (r >= 0) r = sd_bus_message_append_array(message, 'y', mask.data(), mask.size());
    return r >= 0 ? sd_bus_message_close_container(message) : r;
}

Result<int> append_value(sd_bus_message* message, const std::string& name, const Value& value) {
    if (const auto* flag = std::get_if<bool>(&value)) return sd_bus_message_append(message, "v", "b", static_cast<int>(*flag));
    if (const auto* number = std::get_if<std::int32_t>(&value)) return sd_bus_message_append(message, "v", "i", *number);
    if (const auto* number = std::get_if<std::uint32_t>(&value)) return sd_bus_message_append(message, "v", "u", *number);
    if (const auto* number = std::get_if<std::uint64_t>(&value)) return sd_bus_message_append(message, "v", "t", *number);
    if (const auto* text = std::get_if<std::string>(&value)) {
        if (is_cpu_set(name)) return append_mask(message, TRY_CONTEXT(cpu_mask(*text), "property '{}'", name));
        return sd_bus_message_append(message, "v", "s", text->c_str());
    }
    const auto& list = std::get<std::vector<std::string>>(value);
    if (is_device_list(name) || is_rate_list(name)) return append_pairs(message, list, is_rate_list(name));
    return append_strings(message, list);
}

}  // namespace

Result<int> append_properties(sd_bus_message* message, const Properties& properties) {
    int r = 0;
    for (const auto& [name, value] : properties) {
        if (r >= 0) r = sd_bus_message_open_container(message, 'r', "sv");
        if (r >= 0) r = sd_bus_message_append_basic(message, 's', name.c_str());
        if (r >= 0) r = TRY(append_value(message, name, value));
        if (r >= 0) r = sd_bus_message_close_container(message);
    }
    return r;
}

Result<> Manager::set_properties(const std::string& unit, const Properties& properties, bool runtime) {
    const std::string what = "set properties of unit '" + unit + "'";
    sd_bus_message* raw = nullptr;
    int r = sd_bus_message_new_method_call(impl_->bus.get(), &raw, systemd_name, manager_path, manager_interface,
                                           "SetUnitProperties");
    if (r < 0) return bus_error(r, nullptr, what);
    const MessagePtr request(raw);
    r = sd_bus_message_append(raw, "sb", unit.c_str(), static_cast<int>(runtime));
    if (r >= 0) r = sd_bus_message_open_container(raw, 'a', "(sv)");
    if (r >= 0) r = TRY(append_properties(raw, properties));
    if (r >= 0) r = sd_bus_message_close_container(raw);
    if (r < 0) return bus_error(r, nullptr, what);
    BusError failure;
    sd_bus_message* reply = nullptr;
    r = sd_bus_call(impl_->bus.get(), raw, 0, &failure.raw, &reply);
    if (r < 0) return bus_error(r, &failure.raw, what);
    const MessagePtr done(reply);
    return {};
}

}  // namespace gantry::systemd
