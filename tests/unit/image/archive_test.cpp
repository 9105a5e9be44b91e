#include "support.hpp"

#include "image/hasher.hpp"
#include "image/transfer.hpp"
#include "os/file.hpp"
#include "os/process.hpp"

#include <fcntl.h>
#include <unistd.h>

namespace gantry::image::test {
namespace {

namespace fs = std::filesystem;

struct ArchiveTest : testing::Test {
    Scratch scratch;
    FolderDriver driver{scratch / "storage"};
    Store store = Store::open(paths_below(scratch / "one"), driver).value();
    FolderDriver other_driver{scratch / "other_storage"};
    Store other = Store::open(paths_below(scratch / "two"), other_driver).value();
    const std::string base = Tar().file("base", "base").text();
    const std::string top = Tar().file("top", "top").text();
    const std::string file = scratch / "archive.tar";

    static ImageRef ref(const std::string& text) { return ImageRef::parse(text).value(); }
    Blobs named(const std::string& text) {
        const Blobs blobs = put_image(store, {base, top});
        EXPECT_TRUE(store.add(blobs.manifest, ref(text), std::nullopt).ok());
        return blobs;
    }
    std::vector<std::string> loaded(const std::string& source) {
        auto names = load(other, source, {});
        EXPECT_TRUE(names.ok()) << names.error().message();
        return names.ok() ? *names : std::vector<std::string>{};
    }
    std::string refused(const std::string& archive) {
        EXPECT_TRUE(os::write_file_atomic(file, archive).ok());
        const auto names = load(other, file, {});
        EXPECT_FALSE(names.ok());
        EXPECT_TRUE(other.list()->empty());
        EXPECT_TRUE(fs::is_empty(scratch / "other_storage/staging"));
        return names.ok() ? "accepted" : names.error().message();
    }
    static std::string config_for(const std::vector<std::string>& archives) {
        std::string ids;
        for (const std::string& archive : archives) ids += (ids.empty() ? "\"" : ",\"") + digest_of(archive).str() + "\"";
        return R"({"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[)" + ids + "]}}";
    }
};

TEST_F(ArchiveTest, EveryFormatGoesRound) {
    const Blobs blobs = named("web:1.0");
    for (const ArchiveFormat format : {ArchiveFormat::docker_archive, ArchiveFormat::oci_archive, ArchiveFormat::oci_layout}) {
        const std::string target = scratch / std::to_string(static_cast<int>(format));
        const auto saved = save(store, {"web:1.0"}, format, target);
        ASSERT_TRUE(saved.ok()) << saved.error().message();
        EXPECT_THAT(loaded(target), testing::ElementsAre("web:1.0"));
        const auto image = other.find("web:1.0");
        ASSERT_TRUE(image.ok());
        EXPECT_EQ(image->id, blobs.config);
        EXPECT_EQ(image->manifest, blobs.manifest) << "layers go out and in as they are";
        EXPECT_EQ(read_text(other_driver.layer(std::string(blobs.diff_ids[1].hex())) + "/top"), "top");
        EXPECT_TRUE(other.check(false, true)->empty());
        ASSERT_TRUE(other.remove("web:1.0", {}, false).ok());
    }
    for (const auto& entry : fs::directory_iterator(scratch.path()))
        EXPECT_EQ(entry.path().string().find(".tmp"), std::string::npos);
}

TEST_F(ArchiveTest, CompressedArchives) {
    named("web:1.0");
    ASSERT_TRUE(save(store, {"web:1.0"}, ArchiveFormat::docker_archive, file).ok());
    for (const std::string& text : {gzip(read_text(file)), zstd(read_text(file))}) {
        ASSERT_TRUE(os::write_file_atomic(scratch / "small", text).ok());
        EXPECT_THAT(loaded(scratch / "small"), testing::ElementsAre("web:1.0"));
        ASSERT_TRUE(other.remove("web:1.0", {}, false).ok());
    }
    ASSERT_TRUE(os::write_file_atomic(scratch / "small", gzip(read_text(file)).substr(0, 500)).ok());
    EXPECT_FALSE(load(other, scratch / "small", {}).ok());
}

TEST_F(ArchiveTest, FromAPipe) {
    named("web:1.0");
    ASSERT_TRUE(save(store, {"web:1.0"}, ArchiveFormat::oci_archive, file).ok());
    int ends[2];
    ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
    const int kept = dup(0);
    dup2(ends[0], 0);
    const std::string text = read_text(file);
    ASSERT_LT(text.size(), 65536u);  // fits the pipe
    ASSERT_TRUE(os::write_all(ends[1], text, "pipe").ok());
    close(ends[1]);
    EXPECT_THAT(loaded("-"), testing::ElementsAre("web:1.0"));
    dup2(kept, 0);
    close(kept);
    close(ends[0]);
    EXPECT_TRUE(fs::is_empty(other.paths().images() + "/partial"));
}

TEST_F(ArchiveTest, SeveralImagesAndNames) {
    named("web:1");
    named("web:2");
    const Blobs second = put_image(store, {base}, "second");
    ASSERT_TRUE(store.add(second.manifest, std::nullopt, std::nullopt).ok());
    ASSERT_TRUE(save(store, {"web", second.config.str()}, ArchiveFormat::docker_archive, file).ok());
    EXPECT_THAT(loaded(file), testing::UnorderedElementsAre("web:1", "web:2", second.config.str()));
    EXPECT_FALSE(save(store, {"web:3"}, ArchiveFormat::docker_archive, file).ok());
    EXPECT_FALSE(save(store, {}, ArchiveFormat::docker_archive, file).ok());
}

// As docker save wrote it before version 25: a layer in a folder of its own, a shared one as a link to another's.
TEST_F(ArchiveTest, OldDockerArchive) {
    const std::string config = config_for({base, top, base});
    const std::string id(digest_of(config).hex());
    const Tar tar =
        Tar()
            .folder("aaa/")
            .file("aaa/VERSION", "1.0")
            .file("aaa/layer.tar", base)
            .file("bbb/layer.tar", gzip(top))
            .symlink("ccc/layer.tar", "../aaa/layer.tar")
            .file(id + ".json", config)
            .file(
                "manifest.json",
                R"([{"Config":")" + id +
                    R"(.json","RepoTags":["web:1","localhost:5000/x/web:2"],"Layers":["aaa/layer.tar","bbb/layer.tar","ccc/layer.tar"]}])")
            .file("repositories", "{}");
    ASSERT_TRUE(os::write_file_atomic(file, tar.text()).ok());
    EXPECT_THAT(loaded(file), testing::ElementsAre("web:1", "localhost:5000/x/web:2"));
    const auto image = other.find("web:1");
    ASSERT_TRUE(image.ok());
    EXPECT_EQ(image->id.hex(), id);
    EXPECT_EQ(read_text(other_driver.layer(std::string(digest_of(top).hex())) + "/top"), "top");
    EXPECT_TRUE(other.check(false, true)->empty());
    EXPECT_THAT(loaded(file), testing::ElementsAre("web:1", "localhost:5000/x/web:2")) << "again changes nothing";
    EXPECT_EQ(other.list()->size(), 1u);
}

TEST_F(ArchiveTest, ABareWordIsALocalName) {
    const Blobs blobs = named("web:1.0");
    ASSERT_TRUE(save(store, {"web:1.0"}, ArchiveFormat::oci_layout, scratch / "layout").ok());
    ASSERT_TRUE(os::write_file_atomic(
                    scratch / "layout/index.json",
                    R"({"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":")" +
                        blobs.manifest.str() + R"(","size":1,"annotations":{"org.opencontainers.image.ref.name":"nginx"}}]})")
                    .ok());
    EXPECT_THAT(loaded(scratch / "layout"), testing::ElementsAre("localhost/nginx:latest"));
    EXPECT_EQ(other.find("nginx")->id, blobs.config) << "found by its short name";
}

TEST_F(ArchiveTest, ATagAloneIsNoName) {
    const Blobs blobs = named("web:1.0");
    ASSERT_TRUE(save(store, {"web:1.0"}, ArchiveFormat::oci_layout, scratch / "busybox").ok());
    for (const char* tag : {"latest", "1.36", "v2"}) {
        ASSERT_TRUE(
            os::write_file_atomic(
                scratch / "busybox/index.json",
                R"({"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":")" +
                    blobs.manifest.str() + R"(","size":1,"annotations":{"org.opencontainers.image.ref.name":")" + tag +
                    R"("}}]})")
                .ok());
        EXPECT_THAT(loaded(scratch / "busybox"), testing::ElementsAre(std::string("localhost/busybox:") + tag));
        const auto packed = os::run({{"tar", "-C", scratch / "busybox", "-cf", file, "."}, {}});
        ASSERT_TRUE(packed.ok() && packed->status == 0);
        EXPECT_THAT(loaded(file), testing::ElementsAre(blobs.config.str())) << tag;
    }
}

TEST_F(ArchiveTest, NestedIndexOfPlatforms) {
    const Blobs blobs = named("web:1.0");
    ASSERT_TRUE(save(store, {"web:1.0"}, ArchiveFormat::oci_layout, scratch / "layout").ok());
    const auto nest = [&](const std::string& architecture) {
        const std::string inner =
            R"({"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":")" +
            blobs.manifest.str() + R"(","size":1,"platform":{"os":"linux","architecture":")" + architecture + R"("}}]})";
        EXPECT_TRUE(
            os::write_file_atomic((scratch / "layout/blobs/sha256/") + std::string(digest_of(inner).hex()), inner).ok());
        EXPECT_TRUE(os::write_file_atomic(
                        scratch / "layout/index.json",
                        R"({"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.index.v1+json","digest":")" +
                            digest_of(inner).str() +
                            R"(","size":1,"annotations":{"io.containerd.image.name":"docker.io/library/web:9"}}]})")
                        .ok());
    };
    nest(Platform::host().architecture);
    EXPECT_THAT(loaded(scratch / "layout"), testing::ElementsAre("web:9"));
    nest("vax");
    const auto wrong = load(other, scratch / "layout", {});
    ASSERT_FALSE(wrong.ok());
    EXPECT_THAT(wrong.error().message(), testing::HasSubstr("no image for linux/"));
}

TEST_F(ArchiveTest, HostileArchives) {
    const std::string config = config_for({base});
    const auto with = [&](const std::string& manifest) {
        return Tar().file("c.json", config).file("l.tar", base).file("manifest.json", manifest).text();
    };
    EXPECT_THAT(refused("not an archive at all, but longer than one block? no"), testing::HasSubstr("load"));
    EXPECT_THAT(refused(Tar().file("x", "x").text()), testing::HasSubstr("neither"));
    EXPECT_THAT(refused(with("{")), testing::HasSubstr("manifest.json"));
    EXPECT_THAT(refused(with("[]")), testing::HasSubstr("no images"));
    EXPECT_THAT(refused(with("[3]")), testing::HasSubstr("manifest.json"));
    EXPECT_THAT(refused(with(R"([{"Config":"../../../etc/passwd","Layers":["l.tar"]}])")), testing::HasSubstr("leaves"));
    EXPECT_THAT(refused(with(R"([{"Config":"/etc/passwd","Layers":["l.tar"]}])")), testing::HasSubstr("no '/etc/passwd'"));
    EXPECT_THAT(refused(with(R"([{"Config":"c.json","Layers":[]}])")), testing::HasSubstr("0 layers"));
    EXPECT_THAT(refused(with(R"([{"Config":"c.json","Layers":["missing"]}])")), testing::HasSubstr("missing"));
    EXPECT_THAT(refused(with(R"([{"Config":"c.json","RepoTags":["a b"],"Layers":["l.tar"]}])")),
                testing::HasSubstr("RepoTags"));
    EXPECT_THAT(refused(with(R"([{"Config":"c.json","Layers":["c.json"]}])")), testing::HasSubstr("archive"));
    EXPECT_THAT(refused(Tar().symlink("manifest.json", "a").symlink("a", "b").symlink("b", "a").text()),
                testing::HasSubstr("neither"));
    EXPECT_THAT(refused(Tar().symlink("manifest.json", "/etc/passwd").text()), testing::HasSubstr("neither"));
    EXPECT_THAT(refused(Tar().raw({"manifest.json", '0', {}, 0644, 0, 0, 0, 1ULL << 40}).text()), testing::HasSubstr("load"));
    const std::string lie = Tar().file("evil", "evil").text();
    EXPECT_THAT(refused(Tar()
                            .file("c.json", config)
                            .file("l.tar", lie)
                            .file("manifest.json", R"([{"Config":"c.json","Layers":["l.tar"]}])")
                            .text()),
                testing::HasSubstr("digest"));
    EXPECT_FALSE(load(other, scratch / "nothing", {}).ok());
}

TEST_F(ArchiveTest, LayoutFolderThatPointsOut) {
    const Blobs blobs = named("web:1.0");
    ASSERT_TRUE(save(store, {"web:1.0"}, ArchiveFormat::oci_layout, scratch / "layout").ok());
    const std::string blob = (scratch / "layout/blobs/sha256/") + std::string(blobs.config.hex());
    fs::rename(blob, scratch / "outside");
    fs::create_symlink(scratch / "outside", blob);
    EXPECT_FALSE(load(other, scratch / "layout", {}).ok());
    fs::remove(blob);
    ASSERT_EQ(mkfifo(blob.c_str(), 0600), 0);
    EXPECT_FALSE(load(other, scratch / "layout", {}).ok()) << "and does not hang";
}

}  // namespace
}  // namespace gantry::image::test
