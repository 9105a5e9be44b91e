// The hidden verb that the build asks for manual pages; see doc/CMakeLists.txt.
#include "cli/manual.hpp"

#include "cli/verbs/verbs.hpp"

namespace gantry::cli {

namespace {

struct ManualOptions {
    Verb verb;
};

void declare_manual(Verb& verb, ManualOptions& options) {
    options.verb = verb;
    verb.take_rest();
    verb.hide();
}

// pages: one line a page, with the page that it is another name of. page FILE [VERB...]: the page, with what FILE says.
Result<int> run_manual(Context&, ManualOptions& options) {
    const auto words = options.verb.remaining();
    Verb verb = options.verb.parent();
    if (words.size() == 1 && words[0] == "pages") {
        std::string out;
        for (const auto& page : manual_pages(verb)) out += page.name + (page.target.empty() ? "" : " ") + page.target + "\n";
        return print(out);
    }
    if (words.size() < 2 || words[0] != "page") return error(Errc::invalid, "usage: __manual pages | page FILE [VERB...]");
    for (std::size_t at = 2; at < words.size(); ++at) {
        const auto next = verb.find(words[at]);
        if (!next) return error(Errc::not_found, "{}: there is no verb '{}'", words[1], words[at]);
        verb = *next;
    }
    return print(manual_page(verb, TRY(os::read_file(words[1]))));
}

}  // namespace

void add_manual_verb(Parents& parents, Context& context) {
    add_verb(parents.top, context, "__manual", "Manual pages", declare_manual, run_manual);
}

}  // namespace gantry::cli
