#include "leases.hpp"

#include "base/hash.hpp"
#include "os/file.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace gantry::net {

namespace {

// A pool this full is as good as empty; it also bounds a start's time in a very large one.
constexpr std::uint64_t max_probes = 1U << 20;

// The number of addresses tried in a pool: v6 ones stay within 32 bits, so that people can read them.
std::uint64_t pool_size(const Range& range) {
    const Number size = range.pool.last().value - range.pool.first().value + 1;
    return size > 0xffffffffU ? 0xffffffffU : static_cast<std::uint64_t>(size);
}

}  // namespace

std::string link_text(const std::string& path) {
    char text[4096];
    const ssize_t size = readlink(path.c_str(), text, sizeof text);
    return size > 0 ? std::string(text, static_cast<std::size_t>(size)) : std::string();
}

std::vector<Address> Leases::Taken::all() const {
    std::vector<Address> addresses;
    if (v4) addresses.push_back(*v4);
    if (v6) addresses.push_back(*v6);
    return addresses;
}

std::string Leases::address_path(const std::string& network, const Address& address) const {
    return fmt::format("{}/{}/addresses/{}", folder_, network, address.str());
}

std::string Leases::name_path(const std::string& network, const std::string& container) const {
    return fmt::format("{}/{}/containers/{}", folder_, network, container);
}

std::vector<Address> Leases::held(const std::string& network, const std::string& container) const {
    std::vector<Address> addresses;
    const std::string text = link_text(name_path(network, container));
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find(' ', at), text.size());
        if (auto address = Address::parse(std::string_view(text).substr(at, end - at)); address.ok())
            addresses.push_back(*address);
        at = end + 1;
    }
    return addresses;
}

Result<bool> Leases::claim(const AttachPlan& plan, const Address& address, Taken& taken) {
    const std::string path = address_path(plan.network.name, address);
    for (int attempt = 0; attempt < 2; ++attempt) {
        if (symlink(plan.container.c_str(), path.c_str()) == 0) {
            taken.fresh.push_back(address);
            return true;
        }
        if (errno == EEXIST) return link_text(path) == plan.container;
        if (errno != ENOENT) break;
        const std::string base = fmt::format("{}/{}", folder_, plan.network.name);
        // In this order: whoever finds the folder of addresses goes on to that of names, which must be there by then.
        TRY(os::make_dirs(base + "/containers", 0755));
        TRY(os::make_dirs(base + "/addresses", 0755));
    }
    return errno_error("write lease '{}'", path);
}

Result<Address> Leases::choose(const AttachPlan& plan, const Range& range, const std::vector<Address>& had, Taken& taken) {
    const Family family = range.cidr.network.family;
    for (const auto& address : had)
        if (address.family == family && range.pool.contains(address) && range.usable(address) &&
            TRY(claim(plan, address, taken)))
            return address;
    const std::uint64_t size = pool_size(range);
    std::uint64_t place = fnv1a(plan.container) % size;
    // The same number in both families where it fits: 10.88.1.44 and fd00::12c are easier to tell together.
    if (family == Family::v6 && taken.v4)
        place = static_cast<std::uint64_t>(taken.v4->value - plan.network.v4->cidr.network.value) % size;
    for (std::uint64_t probe = 0; probe < std::min(size, max_probes); ++probe, place = (place + 1) % size) {
        Address address = range.pool.network;
        address.value += place;
        if (range.usable(address) && TRY(claim(plan, address, taken))) return address;
    }
    return error(Errc::no_space, "no address is free in '{}'", range.pool.str());
}

Result<> Leases::check(const AttachPlan& plan) const {
    for (const auto& address : {plan.v4, plan.v6}) {
        if (!address) continue;
        const std::string owner = link_text(address_path(plan.network.name, *address));
        if (!owner.empty() && owner != plan.container)
            return error(Errc::in_use, "address '{}' is leased to '{}'", address->str(), owner);
    }
    return {};
}

Result<Leases::Taken> Leases::take(const AttachPlan& plan) {
    Taken taken;
    const std::vector<Address> had = held(plan.network.name, plan.container);
    const auto take_one = [&](Family family, const std::optional<Address>& wanted) -> Result<std::optional<Address>> {
        const auto& range = plan.network.range(family);
        if (!range) return std::optional<Address>();
        if (!wanted) return std::optional<Address>(TRY(choose(plan, *range, had, taken)));
        if (TRY(claim(plan, *wanted, taken))) return wanted;
        TRY(check(plan));
        return error(Errc::in_use, "address '{}' is leased to somebody else", wanted->str());
    };
    const auto fail = [&](Error problem) {
        undo(plan, taken);
        return problem;
    };
    auto v4 = take_one(Family::v4, plan.v4);
    if (!v4.ok()) return fail(std::move(v4).error());
    taken.v4 = *v4;
    auto v6 = take_one(Family::v6, plan.v6);
    if (!v6.ok()) return fail(std::move(v6).error());
    taken.v6 = *v6;

    // The way back is written last: a crash in between leaves a lease that only recover() finds, never a shared address.
    std::vector<Address> now = taken.all();
    if (now != had) {
        const std::string path = name_path(plan.network.name, plan.container);
        const std::string temporary = fmt::format("{}/{}/containers/.{}", folder_, plan.network.name, plan.container);
        std::string text;
        for (const auto& address : now) text += (text.empty() ? "" : " ") + address.str();
        unlink(temporary.c_str());
        if (symlink(text.c_str(), temporary.c_str()) != 0 || rename(temporary.c_str(), path.c_str()) != 0)
            return fail(errno_error("write lease '{}'", path));
        taken.fresh_name = had.empty();
        for (const auto& address : had) {  // a static address instead of the old one
            const std::string old = address_path(plan.network.name, address);
            if (std::ranges::find(now, address) == now.end() && link_text(old) == plan.container) unlink(old.c_str());
        }
    }
    return taken;
}

void Leases::undo(const AttachPlan& plan, const Taken& taken) {
    if (taken.fresh_name) unlink(name_path(plan.network.name, plan.container).c_str());
    for (const auto& address : taken.fresh) unlink(address_path(plan.network.name, address).c_str());
}

Result<> Leases::release(const std::string& network, const std::string& container) {
    Result<> first;
    for (const auto& address : held(network, container)) {
        const std::string path = address_path(network, address);
        if (link_text(path) != container) continue;
        if (unlink(path.c_str()) != 0 && errno != ENOENT && first.ok()) first = errno_error("remove lease '{}'", path);
    }
    const std::string path = name_path(network, container);
    if (unlink(path.c_str()) != 0 && errno != ENOENT && errno != ENOTDIR && first.ok())
        first = errno_error("remove lease '{}'", path);
    return first;
}

Result<> Leases::release_address(const driver::Lease& lease) {
    const std::string path = fmt::format("{}/{}/addresses/{}", folder_, lease.network, lease.address);
    if (link_text(path) == lease.container && unlink(path.c_str()) != 0 && errno != ENOENT)
        return errno_error("remove lease '{}'", path);
    for (const auto& address : held(lease.network, lease.container))
        if (link_text(address_path(lease.network, address)) == lease.container) return {};
    return release(lease.network, lease.container);
}

Result<> Leases::remove_network(const std::string& network) { return os::remove_tree(fmt::format("{}/{}", folder_, network)); }

Result<std::vector<driver::Lease>> Leases::list(const std::string& network) const {
    const std::string base = fmt::format("{}/{}/addresses", folder_, network);
    std::vector<driver::Lease> leases;
    for (const auto& address : TRY(os::list_dir(base)))
        if (std::string owner = link_text(base + "/" + address); !owner.empty()) leases.push_back({network, owner, address});
    return leases;
}

}  // namespace gantry::net
