#include "os/fd.hpp"
#include "os/file.hpp"
#include "sandbox/seccomp.hpp"
#include "sandbox/seccomp_library.hpp"
#include "sandbox/seccomp_profile.hpp"
#include "sandbox/seccomp_ranges.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

namespace gantry::sandbox {

namespace {

using Context = std::unique_ptr<void, void (*)(scmp_filter_ctx)>;

Result<std::uint32_t> action_of(const std::string& name, std::optional<unsigned> number) {
    if (name == "SCMP_ACT_ALLOW") return SCMP_ACT_ALLOW;
    if (name == "SCMP_ACT_ERRNO") return SCMP_ACT_ERRNO(number.value_or(EPERM));
    if (name == "SCMP_ACT_KILL" || name == "SCMP_ACT_KILL_THREAD") return SCMP_ACT_KILL_THREAD;
    if (name == "SCMP_ACT_KILL_PROCESS") return SCMP_ACT_KILL_PROCESS;
    if (name == "SCMP_ACT_TRAP") return SCMP_ACT_TRAP;
    if (name == "SCMP_ACT_TRACE") return SCMP_ACT_TRACE(number.value_or(EPERM));
    if (name == "SCMP_ACT_LOG") return SCMP_ACT_LOG;
    return error(Errc::invalid, "action '{}' is not known", name);
}

Result<scmp_arg_cmp> comparison(const SeccompArgument& argument) {
    static const std::map<std::string, scmp_compare> operators{{"SCMP_CMP_NE", SCMP_CMP_NE},
                                                               {"SCMP_CMP_LT", SCMP_CMP_LT},
                                                               {"SCMP_CMP_LE", SCMP_CMP_LE},
                                                               {"SCMP_CMP_EQ", SCMP_CMP_EQ},
                                                               {"SCMP_CMP_GE", SCMP_CMP_GE},
                                                               {"SCMP_CMP_GT", SCMP_CMP_GT},
                                                               {"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ}};
    const auto found = operators.find(argument.op);
    if (found == operators.end()) return error(Errc::invalid, "operator '{}' is not known", argument.op);
    return scmp_arg_cmp{argument.index, found->second, argument.value, argument.value_two};
}

Result<> refused(int code, std::string_view what) {
    if (code >= 0) return {};
    return Error::from_errno(-code, what);
}

Result<> add_rule(const SeccompLibrary& library, scmp_filter_ctx filter, const SeccompRule& rule,
                  std::uint32_t default_action) {
    const std::uint32_t action = TRY(action_of(rule.action, rule.errno_ret));
    // libseccomp refuses a rule that says what the default says anyway.
    if (action == default_action) return {};
    std::vector<scmp_arg_cmp> arguments;
    std::set<unsigned> indices;
    bool twice = false;
    for (const SeccompArgument& argument : rule.arguments) {
        arguments.push_back(TRY(comparison(argument)));
        twice |= !indices.insert(argument.index).second;
    }
    for (const std::string& name : rule.names) {
        const int number = library.resolve_name(name.c_str());
        if (number == __NR_SCMP_ERROR) continue;  // of another kernel or architecture
        if (!twice) {
            TRY(refused(library.rule_add(filter, action, number, static_cast<unsigned>(arguments.size()), arguments.data()),
                        fmt::format("add rule for '{}'", name)));
            continue;
        }
        // Two conditions on one argument cannot be one rule; runc makes alternatives of them, and so do we.
        for (const scmp_arg_cmp& one : arguments)
            TRY(refused(library.rule_add(filter, action, number, 1, &one), fmt::format("add rule for '{}'", name)));
    }
    return {};
}

Result<std::string> exported(const SeccompLibrary& library, scmp_filter_ctx filter) {
    os::Fd memory(memfd_create("seccomp", MFD_CLOEXEC));
    if (!memory) return errno_error("make a memory file");
    TRY(refused(library.export_bpf(filter, memory.get()), "export the program"));
    if (lseek(memory.get(), 0, SEEK_SET) < 0) return errno_error("read the program");
    return os::read_fd(memory.get(), "the program", 1U << 20);
}

}  // namespace

Result<Filter> compile_filter(std::string_view text, CapSet capabilities) {
    const SeccompProfile profile = TRY(parse_profile(text, capabilities));
    const std::uint32_t default_action = TRY(action_of(profile.default_action, profile.default_errno));
    const SeccompLibrary& library = *TRY(SeccompLibrary::load());
    Context filter(library.init(default_action), library.release);
    if (!filter) return error(Errc::internal, "libseccomp refused the default action");
    // no_new_privs is the definition's decision; the tree form makes a long profile cheap at run time (libseccomp 2.5), also
    // where shorten_filter() does not understand the program.
    TRY(refused(library.attr_set(filter.get(), SCMP_FLTATR_CTL_NNP, 0), "leave no_new_privs alone"));
    TRY(refused(library.attr_set(filter.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2), "order the filter as a tree"));
    for (const std::string& name : profile.architectures) {
        const std::uint32_t token = library.arch_resolve_name(name.c_str());
        if (token == 0) return error(Errc::invalid, "architecture '{}' is not known", name);
        if (library.arch_exist(filter.get(), token) == -EEXIST) {
            TRY(refused(library.arch_add(filter.get(), token), fmt::format("add architecture '{}'", name)));
        }
    }
    for (const SeccompRule& rule : profile.rules) TRY(add_rule(library, filter.get(), rule, default_action));
    Filter out;
    out.program = shorten_filter(TRY(exported(library, filter.get())));
    return out;
}

}  // namespace gantry::sandbox
