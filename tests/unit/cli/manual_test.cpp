#include "cli/manual.hpp"

#include <gtest/gtest.h>

using namespace gantry::cli;

namespace {

// Runs look() on a tree like the real one, without parsing anything that matters.
void with_tree(const std::function<void(Verb)>& look) {
    static bool force;
    static std::string name, when;
    static std::vector<std::string> names;
    parse_command_line({"__hidden"}, [&](Verb top) {
        const auto declare_rm = [](Verb verb) {
            verb.add_option("CONTAINER", names, "name, id or the first digits of an id").required();
            verb.add_flag("-f,--force", force, "kill a running container first");
            verb.add_option("--cid_file", name, "where the *id* goes").value("FILE");
            verb.add_option("--pull", when, "always or never").value("WHEN").one_of({"always", "never"});
            verb.add_option("--secret", name, "not for everyone").hidden();
        };
        Verb container = top.add_group("container", "Manage containers");
        Verb network = top.add_group("network", "Manage networks");
        declare_rm(top.add_verb("rm", "Remove containers"));
        declare_rm(container.add_verb("rm", "Remove containers"));
        container.add_verb("prune", "Remove all stopped containers");
        network.add_verb("rm", "Remove networks").add_option("NETWORK", names).required();
        top.add_verb("ps", "List containers").usage("usage: gantry ps [OPTIONS] [ps OPTIONS] ARG...");
        top.add_verb("__hidden", "For the build").hide();
        look(top);
    });
}

}  // namespace

TEST(Manual, has_a_page_for_each_verb_and_links_for_other_names) {
    with_tree([](const Verb& top) {
        std::string all;
        for (const auto& page : manual_pages(top)) all += page.name + ">" + page.target + " ";
        EXPECT_EQ(all, "container> container-rm>rm container-prune> network> network-rm> rm> ps> ");
    });
}

TEST(Manual, shows_what_was_declared) {
    with_tree([](const Verb& top) {
        EXPECT_EQ(manual_page(*top.find("rm"), "# DESCRIPTION\n\nRemoves.\n\n# SEE ALSO\n\n*gantry*(1)\n"),
                  "gantry-rm(1)\n\n# NAME\n\ngantry-rm - remove containers\n\n"
                  "# SYNOPSIS\n\n*gantry rm* [_OPTIONS_] _CONTAINER_...\n\n"
                  "# DESCRIPTION\n\nRemoves.\n\n"
                  "# OPTIONS\n\n_CONTAINER_\n\tname, id or the first digits of an id.\n\n"
                  "*-f*, *--force*\n\tKill a running container first.\n\n"
                  "*--cid\\_file* _FILE_\n\tWhere the \\*id\\* goes.\n\n"
                  "*--pull* _WHEN_\n\tAlways or never.\n\n"
                  "# SEE ALSO\n\n*gantry*(1)\n");
    });
}

TEST(Manual, takes_usage_lines_and_groups) {
    with_tree([](const Verb& top) {
        EXPECT_NE(
            manual_page(*top.find("ps"), "# DESCRIPTION\n\nx\n").find("*gantry ps* [_OPTIONS_] [*ps* _OPTIONS_] _ARG_...\n"),
            std::string::npos);
        const std::string group = manual_page(*top.find("container"), "# DESCRIPTION\n\nx\n");
        EXPECT_NE(group.find("*gantry container* _VERB_"), std::string::npos);
        EXPECT_NE(group.find("Remove containers. See *gantry-rm*(1)."), std::string::npos);
        EXPECT_NE(group.find("See *gantry-container-prune*(1)."), std::string::npos);
        const std::string all = manual_page(top, "# DESCRIPTION\n\nx\n");
        EXPECT_NE(all.find("See *gantry-network-rm*(1)."), std::string::npos);
        EXPECT_EQ(all.find("__hidden"), std::string::npos);
    });
}

TEST(CommandLine, keeps_only_the_verbs_that_it_names) {
    const auto verbs = [](std::vector<std::string> words) {
        std::string list;
        testing::internal::CaptureStdout();
        testing::internal::CaptureStderr();
        parse_command_line(std::move(words), [&](Verb top) {
            list += "|";
            top.add_verb("ps", "List containers").alias("list");
            Verb network = top.add_group("network", "Manage networks");
            network.add_verb("ls", "List networks").add_option("--never-freed", list);
            network.add_verb("rm", "Remove networks").alias("remove");
            for (const auto& name : top.visible_verbs()) list += name + " ";
            if (const auto group = top.find("network"))
                for (const auto& name : group->visible_verbs()) list += name + " ";
        });
        testing::internal::GetCapturedStdout();
        testing::internal::GetCapturedStderr();
        return list;
    };
    EXPECT_EQ(verbs({"ps"}), "|ps ");
    EXPECT_EQ(verbs({"network", "rm"}), "|network rm ");
    // An alias, help, a wrong word: everything, after a look for the verb alone.
    EXPECT_EQ(verbs({"list"}), "||ps network ls rm ");
    EXPECT_EQ(verbs({"network", "remove"}), "|network |ps network ls rm ");
    EXPECT_EQ(verbs({"network"}), "|network |ps network ls rm ");
    EXPECT_EQ(verbs({"network", "rn"}), "|network |ps network ls rm ");
    EXPECT_EQ(verbs({"help", "ps"}), "|ps |ps network ls rm ");
    EXPECT_EQ(verbs({"--help"}), "||ps network ls rm ");
    EXPECT_EQ(verbs({}), "|ps network ls rm ");
}
