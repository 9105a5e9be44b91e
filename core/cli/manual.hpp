// Manual pages in scdoc(5): name, synopsis and options come from the declarations that --help shows, the rest is written by
// hand.
#pragma once

#include "cli/verb.hpp"

namespace gantry::cli {

// One page: "run", "network-create". With a target it only points at the page of the same verb at the top level.
struct ManualPage {
    std::string name;
    std::string target;
};

// A page for every verb and every group below top that is not hidden.
std::vector<ManualPage> manual_pages(const Verb& top);

// prose: sections in scdoc(5), the first of which is the description. What is made goes around it: name and synopsis in front,
// options (of a group: its verbs) behind it.
std::string manual_page(const Verb& verb, const std::string& prose);

}  // namespace gantry::cli
