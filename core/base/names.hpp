// Names that travel through the engine: checked once, where they are made, and then trusted.
#pragma once

#include "base/result.hpp"

#include <compare>
#include <string>
#include <string_view>

namespace gantry {

// A container's name. Docker's grammar, [a-zA-Z0-9][a-zA-Z0-9_.-]+ (moby daemon/names/names.go), at most 128 bytes, so that
// "ctr@NAME.service" stays far below systemd's 255 bytes for a unit name (UNIT_NAME_MAX, systemd.unit(5)). Every byte of the
// grammar is valid unescaped in a unit's instance name, so that %i is the name itself.
class ContainerName {
public:
    static Result<ContainerName> parse(std::string_view text);
    [[nodiscard]] const std::string& str() const { return text_; }
    auto operator<=>(const ContainerName&) const = default;

private:
    explicit ContainerName(std::string text) : text_(std::move(text)) {}
    std::string text_;
};

// A network's or volume's name: the same grammar and length.
class ObjectName {
public:
    // kind ("network", "volume") is only for the error text.
    static Result<ObjectName> parse(std::string_view kind, std::string_view text);
    [[nodiscard]] const std::string& str() const { return text_; }
    auto operator<=>(const ObjectName&) const = default;

private:
    explicit ObjectName(std::string text) : text_(std::move(text)) {}
    std::string text_;
};

// "ctr@NAME.service", and back: the error says that the unit is not a container's.
std::string unit_name(const ContainerName& name);
Result<ContainerName> container_of_unit(std::string_view unit);

// 64 hexadecimal digits for a container whose definition gives no id: a function of /etc/machine-id and the name, so that the
// generator, the launcher and the command line agree without a record. Unique on a host, not a secret.
std::string derived_container_id(std::string_view machine_id, const ContainerName& name);
// 64 random hexadecimal digits (getrandom(2)).
std::string random_container_id();

}  // namespace gantry
