// StartTransientUnit: a service made by one message, without a file.
#include "systemd/connection.hpp"

namespace gantry::systemd {

namespace {

// ExecStart= and its kin are a(sasb) on the bus: path, argv with the path as its first word, ignore failure.
int append_command(sd_bus_message* message, const char* name, const std::vector<std::string>& words) {
    if (words.empty()) return 0;
    int r = sd_bus_message_open_container(message, 'r', "sv");
    if (r >= 0) r = sd_bus_message_append_basic(message, 's', name);
    if (r >= 0) r = sd_bus_message_open_container(message, 'v', "a(sasb)");
    if (r >= 0) r = sd_bus_message_open_container(message, 'a', "(sasb)");
    if (r >= 0) r = sd_bus_message_open_container(message, 'r', "sasb");
    if (r >= 0) r = sd_bus_message_append_basic(message, 's', words[0].c_str());
    if (r >= 0) r = sd_bus_message_open_container(message, 'a', "s");
    for (const std::string& word : words)
        if (r >= 0) r = sd_bus_message_append_basic(message, 's', word.c_str());
    if (r >= 0) r = sd_bus_message_close_container(message);
    if (r >= 0) r = sd_bus_message_append(message, "b", 0);
    for (int level = 0; level < 4; ++level)
        if (r >= 0) r = sd_bus_message_close_container(message);
    return r;
}

int append_descriptor(sd_bus_message* message, const char* name, int descriptor) {
    return descriptor < 0 ? 0 : sd_bus_message_append(message, "(sv)", name, "h", descriptor);
}

}  // namespace

Result<> Manager::start_transient(const TransientService& service) {
    const std::string what = "start unit '" + service.name + "'";
    TRY(impl_->listen());
    sd_bus_message* raw = nullptr;
    int r = sd_bus_message_new_method_call(impl_->bus.get(), &raw, systemd_name, manager_path, manager_interface,
                                           "StartTransientUnit");
    if (r < 0) return bus_error(r, nullptr, what);
    const MessagePtr request(raw);
    r = sd_bus_message_append(raw, "ss", service.name.c_str(), "fail");
    if (r >= 0) r = sd_bus_message_open_container(raw, 'a', "(sv)");
    if (r >= 0) r = TRY(append_properties(raw, service.properties));
    if (r >= 0) r = append_command(raw, "ExecStart", service.start);
    if (r >= 0) r = append_command(raw, "ExecStopPost", service.stop_post);
    if (r >= 0) r = append_descriptor(raw, "StandardOutputFileDescriptor", service.standard_output);
    if (r >= 0) r = append_descriptor(raw, "StandardErrorFileDescriptor", service.standard_error);
    if (r >= 0) r = sd_bus_message_close_container(raw);
    if (r >= 0) r = sd_bus_message_append(raw, "a(sa(sv))", 0);  // no auxiliary units
    if (r < 0) return bus_error(r, nullptr, what);
    BusError failure;
    sd_bus_message* reply = nullptr;
    r = sd_bus_call(impl_->bus.get(), raw, 0, &failure.raw, &reply);
    if (r < 0) return bus_error(r, &failure.raw, what);
    const MessagePtr answer(reply);
    const char* path = nullptr;
    if (r = sd_bus_message_read(reply, "o", &path); r < 0) return bus_error(r, nullptr, what);
    return impl_->wait_job(*this, {service.name, "start", path, "", std::nullopt});
}

}  // namespace gantry::systemd
