#include "cli/journal.hpp"

#include "os/file.hpp"
#include "os/unix_socket.hpp"

#include <sys/socket.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

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

// journald has written what was sent to it before (its varlink interface; what `journalctl --sync` asks for). A journald that
// does not answer is not waited for: nothing but the last lines could be missing.
void synchronize() {
    const auto socket = os::connect_to("/run/systemd/journal/io.systemd.journal", SOCK_STREAM);
    if (!socket.ok()) return;
    const timeval limit{2, 0};
    setsockopt(socket->get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    constexpr std::string_view call("{\"method\":\"io.systemd.Journal.Synchronize\"}\0", 44);
    char answer[256];
    if (os::write_all(socket->get(), call, "the journal").ok()) [[maybe_unused]]
        const ssize_t got = read(socket->get(), answer, sizeof answer);
}

// Before the last so many that count, of those up to `until`: nothing before them needs to be read.
Result<> seek_last(sd_journal* journal, const JournalQuery& query) {
    if (query.until_us)
        TRY(check(sd_journal_seek_realtime_usec(journal, static_cast<std::uint64_t>(*query.until_us) + 1), "seek"));
    else
        TRY(check(sd_journal_seek_tail(journal), "seek"));
    for (std::uint64_t found = 0; found <= *query.last;) {
        const int previous = sd_journal_previous(journal);
        TRY(check(previous, "read"));
        if (previous == 0) return check(sd_journal_seek_head(journal), "seek");
        const JournalEntry entry = TRY(current(journal, query.wanted));
        if (query.since_us && entry.time_us < *query.since_us) return {};
        if (!query.accept || query.accept(entry)) ++found;
    }
    return {};
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
    if (query.last)
        TRY(seek_last(raw, query));
    else if (query.since_us)
        TRY(check(sd_journal_seek_realtime_usec(raw, static_cast<std::uint64_t>(*query.since_us)), "seek"));
    else
        TRY(check(sd_journal_seek_head(raw), "seek"));

    bool ending = false;
    for (;;) {
        const int next = sd_journal_next(raw);
        TRY(check(next, "read"));
        if (next == 0) {
            if (!query.follow || ending) return {};
            ending = query.finished && query.finished();
            // Its last lines may be on their way.
            if (ending) synchronize();
            TRY(check(sd_journal_wait(raw, ending ? 0 : 500000), "wait"));
            continue;
        }
        JournalEntry entry = TRY(current(raw, query.wanted));
        if (query.until_us && entry.time_us > *query.until_us) return {};
        if (!query.accept || query.accept(entry)) TRY(show(entry));
    }
}

}  // namespace gantry::cli
