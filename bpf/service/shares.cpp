#include "service/shares.hpp"

namespace gantry::service {

std::vector<service_slot> slots_of(const std::vector<Backend>& backends) {
    std::vector<service_slot> slots;
    std::vector<std::uint64_t> left;  // weight times the number of slots: on the average a slot's worth is the sum of weights
    std::uint64_t sum = 0;
    for (const Backend& backend : backends) {
        if (backend.weight == 0) continue;
        slots.push_back({backend.address, backend.address, 0});
        left.push_back(backend.weight);
        sum += backend.weight;
    }
    std::vector<std::size_t> small, large;
    for (std::size_t i = 0; i < slots.size(); ++i) {
        left[i] *= slots.size();
        (left[i] < sum ? small : large).push_back(i);
    }
    // What a small one leaves of its slot is filled by a large one, which is then smaller by that. All in whole numbers, so
    // that nothing is left over at the end.
    while (!small.empty()) {
        const std::size_t poor = small.back(), rich = large.back();
        small.pop_back();
        slots[poor].second = slots[rich].first;
        slots[poor].share = (left[poor] << 32) / sum;
        left[rich] -= sum - left[poor];
        if (left[rich] >= sum) continue;
        large.pop_back();
        small.push_back(rich);
    }
    for (const std::size_t whole : large) slots[whole].share = std::uint64_t{1} << 32;
    return slots;
}

}  // namespace gantry::service
