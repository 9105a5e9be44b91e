#include "cli/journal.hpp"

#include <deque>
#include <systemd/sd-journal.h>

namespace gantry::cli {

namespace {

struct Closer {
    void operator()(sd_journal* journal) const { sd_journal_close(journal); }
};
using Journal = std::unique_ptr<sd_journal, Closer>;

Result<> check(int result, const char* what) {
    if (result < 0) return Error::from_errno(-result, what).context("journal");
    return {};
}

Result<JournalEntry> current(sd_journal* journal, const std::vector<std::string>& wanted) {
    JournalEntry entry;
    std::uint64_t time = 0;
    TRY(check(sd_journal_get_realtime_usec(journal, &time), "read the time"));
    entry.time_us = static_cast<std::int64_t>(time);
    for (const auto& field : wanted) {
        const void* data = nullptr;
        std::size_t size = 0;
        if (sd_journal_get_data(journal, field.c_str(), &data, &size) < 0) continue;
        const std::string_view text(static_cast<const char*>(data), size);
        entry.fields[field] = text.substr(field.size() + 1);
    }
    return entry;
}

Result<> add_matches(sd_journal* journal, const JournalQuery& query) {
    bool first = true;
    for (const auto& group : query.any_of) {
        if (!first) TRY(check(sd_journal_add_disjunction(journal), "add a match"));
        first = false;
        for (const auto& match : group) TRY(check(sd_journal_add_match(journal, match.data(), match.size()), "add a match"));
    }
    return {};
}

}  // namespace

Result<> read_journal(const JournalQuery& query, const std::function<Result<>(const JournalEntry&)>& show) {
    sd_journal* raw = nullptr;
    if (const int opened = sd_journal_open(&raw, SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM); opened < 0)
        return error(Errc::unavailable, "the journal cannot be opened: {}", strerrordesc_np(-opened));
    const Journal journal(raw);
    TRY(add_matches(raw, query));
    // A field longer than this is cut; journald itself cuts lines at 48 KiB (LineMax=, journald.conf(5)).
    TRY(check(sd_journal_set_data_threshold(raw, 0), "set the threshold"));
    if (query.since_us)
        TRY(check(sd_journal_seek_realtime_usec(raw, static_cast<std::uint64_t>(*query.since_us)), "seek"));
    else
        TRY(check(sd_journal_seek_head(raw), "seek"));

    std::deque<JournalEntry> kept;  // with `last`, until the end is reached
    bool holding = query.last.has_value();
    for (;;) {
        const int next = sd_journal_next(raw);
        TRY(check(next, "read"));
        if (next == 0) {
            if (holding) {
                for (const auto& entry : kept) TRY(show(entry));
                kept.clear();
                holding = false;
            }
            if (!query.follow || (query.finished && query.finished() && sd_journal_process(raw) == SD_JOURNAL_NOP)) return {};
            TRY(check(sd_journal_wait(raw, 500000), "wait"));
            continue;
        }
        JournalEntry entry = TRY(current(raw, query.wanted));
        if (query.until_us && entry.time_us > *query.until_us) {
            for (const auto& earlier : kept) TRY(show(earlier));
            return {};
        }
        if (query.accept && !query.accept(entry)) continue;
        if (!holding) {
            TRY(show(entry));
            continue;
        }
        kept.push_back(std::move(entry));
        if (kept.size() > *query.last) kept.pop_front();
    }
}

}  // namespace gantry::cli
