// The files of services.hpp. Internal to core/container.
#pragma once

#include "container/services.hpp"
#include "os/fd.hpp"

#include <optional>

namespace gantry::container::detail {

std::string services_folder(const config::Paths& paths);

// Held while a service's files and maps are changed. Not recursive.
Result<os::Fd> lock_service(const config::Paths& paths, const std::string& network, const std::string& service);

// A member with what is to be known of the service itself, so that any one of its files is enough.
struct MemberFile {
    ServiceMember member;
    std::vector<std::string> service_addresses;
    std::vector<std::string> gateways;  // where the network's resolver listens
    bool internal = false;
};

std::string member_text(const MemberFile& file);
// Errc::corrupt for anything that member_text() does not write.
Result<MemberFile> parse_member(const std::string& container, std::string_view text);

Result<> write_member(const config::Paths& paths, const std::string& network, const std::string& service,
                      const MemberFile& file);
// Nothing where there is none.
Result<std::optional<MemberFile>> read_member(const config::Paths& paths, const std::string& network,
                                              const std::string& service, const std::string& container);
// Idempotent.
Result<> erase_member(const config::Paths& paths, const std::string& network, const std::string& service,
                      const std::string& container);
// All of a service, by name; those that end meanwhile and what is damaged are left out.
Result<std::vector<MemberFile>> read_members(const config::Paths& paths, const std::string& network,
                                             const std::string& service);
// Names of the folders in one; none where it is missing.
Result<std::vector<std::string>> folders_in(const std::string& folder);
// The service's folder, and its network's, where they are empty.
void remove_empty(const config::Paths& paths, const std::string& network, const std::string& service);

}  // namespace gantry::container::detail
