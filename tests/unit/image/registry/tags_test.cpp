#include "fake_registry.hpp"

namespace gantry::image::test {

class Tags : public RegistryTest {
protected:
    FakeRegistry registry_;
    Result<std::vector<std::string>> list(const std::string& reference) {
        return registry::list_tags_with(paths_, engine_, *ImageRef::parse(registry_.host() + "/" + reference), nullptr,
                                        settings_);
    }
    // Answers by what comes after "tags/list".
    void pages(std::map<std::string, Reply> answers) {
        registry_.intercept([answers = std::move(answers)](const Request& request) -> std::optional<Reply> {
            const auto at = request.target.find("/tags/list");
            if (at == std::string::npos) return std::nullopt;
            const auto found = answers.find(request.target.substr(at + 10));
            return found == answers.end() ? error_reply(404, "NAME_UNKNOWN", "no such page") : found->second;
        });
    }
};

TEST_F(Tags, FollowPages) {
    pages({{"?n=1000", {200, {{"Link", "</v2/team/app/tags/list?n=2&last=b>; rel=\"next\""}}, R"({"tags":["a","b"]})"}},
           {"?n=1000&last=b", {200, {{"Link", "<elsewhere>; rel=\"next\""}}, R"({"tags":["c"]})"}},
           {"?n=1000&last=c", {200, {}, R"({"name":"team/app","tags":null})"}}});
    const auto tags = list("team/app");
    ASSERT_TRUE(tags.ok()) << tags.error().message();
    EXPECT_EQ(*tags, (std::vector<std::string>{"a", "b", "c"}));
}

TEST_F(Tags, RefuseNonsense) {
    pages({{"?n=1000", {200, {}, R"({"tags":[1]})"}}});
    EXPECT_EQ(list("team/app").error().code(), Errc::invalid);
    pages({});
    EXPECT_EQ(list("team/app").error().code(), Errc::not_found);
    // A registry that never ends.
    std::string page;
    for (int at = 0; at < 600; ++at) page += fmt::format("{}\"t{}\"", page.empty() ? "" : ",", at);
    const Reply again{200, {{"Link", "<x>; rel=\"next\""}}, "{\"tags\":[" + page + "]}"};
    pages({{"?n=1000", again}, {"?n=1000&last=t599", again}});
    const auto endless = list("team/app");
    ASSERT_FALSE(endless.ok());
    EXPECT_NE(endless.error().message().find("more than 10000 tags"), std::string::npos);
}

}  // namespace gantry::image::test
