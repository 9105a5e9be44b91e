// Lists in pieces (distribution-spec "Listing Tags").
#pragma once

#include "base/result.hpp"

#include <string>
#include <vector>

namespace gantry::registry {

struct Page {
    std::vector<std::string> entries;
    bool more = false;  // the next page begins after the last entry
};

// sorted: the whole list. n: how many are wanted, "" for all (of at most 10,000); last: the last entry of the page before.
// Errc::invalid for an n that is no number.
Result<Page> page_of(const std::vector<std::string>& sorted, const std::string& n, const std::string& last);

// "<PATH?QUERY>; rel=\"next\"" (RFC 8288); query: "n=10&last=abc", encoded.
std::string next_link(std::string_view path, std::string_view query);

}  // namespace gantry::registry
