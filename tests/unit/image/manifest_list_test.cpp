#include "support.hpp"

#include "image/manifest_list.hpp"
#include "image/hasher.hpp"
#include "os/file.hpp"

namespace gantry::image::test {
namespace {

struct ManifestListTest : testing::Test {
    Scratch scratch;
    config::Paths paths = paths_below(scratch.path());
    ImageRef name = ImageRef::parse("registry.example:5000/team/app:1").value();

    static ListEntry entry(const std::string& reference, const std::string& type) {
        return {reference, {type, digest_of(reference), 7, {}}, {"linux", "arm", "v7", "", {"f"}}};
    }
    std::vector<std::string> files() {
        std::vector<std::string> names;
        for (const auto& file : std::filesystem::directory_iterator(paths.data + "/manifests"))
            if (file.path().filename().string()[0] != '.') names.push_back(file.path().filename());
        return names;
    }
};

TEST_F(ManifestListTest, IsKeptAndComesBack) {
    EXPECT_EQ(read_manifest_list(paths, name).error().code(), Errc::not_found);
    EXPECT_EQ(remove_manifest_list(paths, name).error().code(), Errc::not_found);
    const ListEntry made = entry("registry.example:5000/team/app:arm", "application/vnd.oci.image.manifest.v1+json");
    ASSERT_TRUE(change_manifest_list(paths, name, [&](ManifestList& list) {
                    list.entries.push_back(made);
                    return Result<>();
                }).ok());
    EXPECT_THAT(files(), testing::ElementsAre("registry.example%3A5000%2Fteam%2Fapp%3A1.json"));
    const ManifestList list = read_manifest_list(paths, name).value();
    EXPECT_EQ(list.name, name.str());
    ASSERT_EQ(list.entries.size(), 1u);
    EXPECT_EQ(list.entries[0].reference, made.reference);
    EXPECT_EQ(list.entries[0].descriptor.digest, made.descriptor.digest);
    EXPECT_EQ(list.entries[0].platform.variant, "v7");
    EXPECT_THAT(list.entries[0].platform.os_features, testing::ElementsAre("f"));
    ASSERT_TRUE(remove_manifest_list(paths, name).ok());
    EXPECT_TRUE(files().empty());
}

TEST_F(ManifestListTest, AFailedChangeChangesNothing) {
    const auto fail = [](ManifestList& list) -> Result<> {
        list.entries.push_back(entry("a/b:c", "x"));
        return error(Errc::invalid, "no");
    };
    EXPECT_FALSE(change_manifest_list(paths, name, fail).ok());
    EXPECT_TRUE(files().empty());
}

TEST_F(ManifestListTest, WhatIsNoListIsAnErrorWithItsFile) {
    ASSERT_TRUE(os::make_dirs(paths.data + "/manifests").ok());
    const std::string file = paths.data + "/manifests/registry.example%3A5000%2Fteam%2Fapp%3A1.json";
    for (const char* text : {"", "{", "[]", "{}", R"({"manifests":[1]})", R"({"manifests":[{"digest":"sha256:x"}]})"}) {
        ASSERT_TRUE(os::write_file_atomic(file, text).ok());
        const auto read = read_manifest_list(paths, name);
        ASSERT_FALSE(read.ok()) << text;
        EXPECT_THAT(read.error().message(), testing::HasSubstr(file));
        EXPECT_FALSE(change_manifest_list(paths, name, [](ManifestList&) { return Result<>(); }).ok());
        EXPECT_EQ(read_text(file), text);
    }
}

TEST_F(ManifestListTest, TheIndexIsOfItsEntriesKind) {
    constexpr const char* docker = "application/vnd.docker.distribution.manifest.v2+json";
    ManifestList list{"x", {entry("a", docker), entry("b", docker)}};
    EXPECT_EQ(index_of(list).media_type, "application/vnd.docker.distribution.manifest.list.v2+json");
    list.entries.push_back(entry("c", "application/vnd.oci.image.manifest.v1+json"));
    EXPECT_EQ(index_of(list).media_type, "application/vnd.oci.image.index.v1+json");
    EXPECT_EQ(index_of(list).text, index_of(list).text);
    EXPECT_THAT(index_of(list).text, testing::HasSubstr(digest_of("c").str()));
}

TEST_F(ManifestListTest, IsMadeOfImagesAndAnnotated) {
    std::vector<std::string> asked;
    const auto fetch = [&](const ImageRef& ref) -> Result<RemoteManifest> {
        asked.push_back(ref.str());
        RemoteManifest found{"{}", "application/vnd.oci.image.manifest.v1+json", digest_of(ref.str()), std::nullopt};
        if (ref.tag != "index") found.platform = ListPlatform{"linux", "amd64", "", "", {}};
        return found;
    };
    const std::string one = "registry.example:5000/team/app:one", two = "registry.example:5000/other:two";
    EXPECT_EQ(create_manifest_list(paths, name, {one, "elsewhere.example/app:1"}, false, fetch).error().code(), Errc::invalid);
    EXPECT_EQ(create_manifest_list(paths, name, {"registry.example:5000/x:index"}, false, fetch).error().code(), Errc::invalid);
    EXPECT_TRUE(list_manifest_lists(paths).value().empty());
    ASSERT_TRUE(create_manifest_list(paths, name, {one}, false, fetch).ok());
    asked.clear();
    EXPECT_EQ(create_manifest_list(paths, name, {two}, false, fetch).error().code(), Errc::exists);
    EXPECT_TRUE(asked.empty()) << "refused before anything is fetched";
    ASSERT_TRUE(create_manifest_list(paths, name, {two, one}, true, fetch).ok());
    EXPECT_THAT(list_manifest_lists(paths).value(), testing::ElementsAre(name.str()));
    ManifestList list = read_manifest_list(paths, name).value();
    ASSERT_EQ(list.entries.size(), 2u);
    EXPECT_EQ(find_entry(list, two).value()->reference, two);
    EXPECT_EQ(find_entry(list, "registry.example:5000/other@" + digest_of(two).str()).value()->reference, two);
    EXPECT_EQ(find_entry(list, "registry.example:5000/third:1").error().code(), Errc::not_found);

    PlatformChange change;
    change.architecture = "arm";
    change.variant = "v6";
    change.os_features = {"a,b", "b,c"};
    ASSERT_TRUE(annotate_manifest(paths, name, two, change).ok());
    list = read_manifest_list(paths, name).value();
    const ListPlatform& platform = find_entry(list, two).value()->platform;
    EXPECT_EQ(platform.os + "/" + platform.architecture + "/" + platform.variant, "linux/arm/v6");
    EXPECT_THAT(platform.os_features, testing::ElementsAre("a", "b", "c"));
    change.os = "";
    EXPECT_EQ(annotate_manifest(paths, name, two, change).error().code(), Errc::invalid);
    EXPECT_EQ(annotate_manifest(paths, ImageRef::parse("registry.example:5000/none:1").value(), two, change).error().code(),
              Errc::not_found);
    EXPECT_FALSE(parse_list_name("registry.example:5000/app@" + digest_of("x").str()).ok());
}

}  // namespace
}  // namespace gantry::image::test
