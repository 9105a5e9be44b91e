// A terminal's output as lines in the journal, found by `journalctl -u ctr@NAME` like a container's own.
#pragma once

#include "config/definition.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace gantry::console {

class JournalLines {
public:
    // Nothing is written where the definition wants no log.
    JournalLines(const ContainerName& name, const std::string& id, const config::Definition& definition);
    void add(std::string_view data);
    void end();  // an unfinished line too

private:
    void send();
    bool enabled_;
    std::vector<std::string> fields_;
    std::string line_;
};

}  // namespace gantry::console
