#include "fake_registry.hpp"

#include "image/decompress.hpp"
#include "image/hasher.hpp"
#include "image/roots.hpp"
#include "os/file.hpp"

namespace gantry::image::test {

class PushTest : public RegistryTest {
protected:
    FakeRegistry registry_;
    // Gzip, zstd and uncompressed in turn, see put_image().
    Blobs blobs_ = put_image(store_, {Tar().file("a", std::string(30'000, 'a')).text(), Tar().file("b", "b").text(),
                                      Tar().file("c", std::string(2'000'000, 'c')).text()});
    std::string name_ = registry_.host() + "/team/app:1";

    void name_it(const std::string& name) {
        ASSERT_TRUE(store_.add(blobs_.manifest, ImageRef::parse(name).value(), std::nullopt).ok());
    }
    std::vector<std::string> said(const std::string& status) {
        const std::scoped_lock lock(mutex_);
        std::vector<std::string> layers;
        for (const Progress& progress : progress_)
            if (progress.status == status) layers.push_back(progress.layer);
        return layers;
    }
    std::size_t sent() {  // requests that carry something
        const auto all = registry_.server().requests();
        return static_cast<std::size_t>(std::ranges::count_if(all, [](const Request& request) {
            return !request.body.empty() && request.target.find("manifests") == std::string::npos;
        }));
    }
    std::string stored(const Digest& digest) { return read_text(store_.blob_path(digest)); }
};

TEST_F(PushTest, SendsAnImageAsItIs) {
    // Only layers that are compressed.
    const MadeImage image = make_image({make_layer("x", 50'000), make_layer("y", 10, true)});
    registry_.put("from", "1", image);
    ASSERT_TRUE(pull(registry_.host() + "/from:1").ok());
    for (const MadeLayer& layer : image.layers) registry_.drop_blob(layer.digest);
    registry_.drop_blob(image.config_digest);
    ASSERT_TRUE(store_.tag(store_.find(registry_.host() + "/from:1").value(), ImageRef::parse(name_).value()).ok());
    const auto pushed = push(name_);
    ASSERT_TRUE(pushed.ok()) << pushed.error().message();
    EXPECT_EQ(pushed->digest, image.digest);
    EXPECT_EQ(pushed->size, image.manifest.size());
    EXPECT_EQ(registry_.manifest("team/app", "1"), image.manifest);
    EXPECT_EQ(registry_.blob(image.layers[0].digest), image.layers[0].data);
    EXPECT_EQ(registry_.blob(image.config_digest), image.config);
    EXPECT_THAT(store_.find(name_)->digests, testing::Contains(registry_.host() + "/team/app@" + image.digest.str()));
    EXPECT_THAT(said("Pushed"), testing::SizeIs(2));
    EXPECT_THAT(said("Preparing"), testing::Contains(std::string(image.layers[0].diff_id.hex().substr(0, 12))));
    // The place it was pulled from was asked to give the layers.
    EXPECT_EQ(registry_.server().count("POST", "from=from"), 2u);
}

TEST_F(PushTest, UncompressedLayersBecomeGzipOnce) {
    name_it(name_);
    const auto first = push(name_);
    ASSERT_TRUE(first.ok()) << first.error().message();
    const Manifest manifest = parse_manifest(registry_.manifest("team/app", "1")).value();
    EXPECT_EQ(digest_of(registry_.manifest("team/app", "1")), first->digest);
    for (std::size_t at = 0; at < manifest.layers.size(); ++at) {
        const std::string data = registry_.blob(manifest.layers[at].digest);
        EXPECT_EQ(data.size(), manifest.layers[at].size);
        EXPECT_NE(compression_of(data), Compression::none) << at;
        EXPECT_EQ(manifest.layers[at].digest == blobs_.layers[at].digest,
                  compression_of(stored(blobs_.layers[at].digest)) != Compression::none);
    }
    registry_.server().forget();
    const auto again = push(name_);
    ASSERT_TRUE(again.ok());
    EXPECT_EQ(again->digest, first->digest);
    EXPECT_EQ(sent(), 0u);
    EXPECT_THAT(said("Layer already exists"), testing::SizeIs(3));
    for (const Request& request : registry_.server().requests()) EXPECT_EQ(request.method, "HEAD") << request.target;
    // A tag that is another's since is taken back.
    registry_.put("team/app", "1", make_image({make_layer("other", 1000)}));
    ASSERT_TRUE(push(name_).ok());
    EXPECT_EQ(digest_of(registry_.manifest("team/app", "1")), first->digest);
    expect_clean();
}

TEST_F(PushTest, WhatWasCompressedGoesWithTheImage) {
    name_it(name_);
    ASSERT_TRUE(push(name_).ok());
    const auto roots = read_roots(paths_).value();
    ASSERT_EQ(roots.size(), 1u);
    const Digest made = roots[0].root->blobs.at(0);
    EXPECT_TRUE(store_.has_blob(made));
    EXPECT_TRUE(store_.check(false, true)->empty());
    EXPECT_TRUE(store_.prune(false, {}, {}).ok());
    EXPECT_TRUE(store_.has_blob(made)) << "the image is still there";
    ASSERT_TRUE(store_.remove(store_.find(name_)->id.str(), {}, true).ok());
    EXPECT_FALSE(store_.has_blob(made));
    EXPECT_TRUE(read_roots(paths_)->empty());
    EXPECT_TRUE(store_.check(false, true)->empty());
}

TEST_F(PushTest, ADamagedMemoryIsMadeAgain) {
    name_it(name_);
    const auto first = push(name_);
    ASSERT_TRUE(first.ok());
    const auto root = read_roots(paths_).value().at(0);
    ASSERT_EQ(unlink(store_.blob_path(root.root->blobs.at(0)).c_str()), 0);
    EXPECT_EQ(push(name_)->digest, first->digest);
    ASSERT_TRUE(os::write_file_atomic(root.file, "{").ok());
    EXPECT_EQ(push(name_)->digest, first->digest);
    EXPECT_TRUE(store_.check(false, true)->empty());
}

TEST_F(PushTest, FormatsThatAreAskedFor) {
    name_it(name_);
    for (const char* format : {"zstd", "zstd:chunked", "gzip"}) {
        push_options_.compression = format;
        ASSERT_TRUE(push(name_).ok());
        const std::string text = registry_.manifest("team/app", "1");
        const Manifest manifest = parse_manifest(text).value();
        for (std::size_t at = 0; at < manifest.layers.size(); ++at) {
            const Compression kind = compression_of(registry_.blob(manifest.layers[at].digest));
            EXPECT_EQ(kind, format[0] == 'g' ? Compression::gzip : Compression::zstd) << format << at;
            if (manifest.layers[at].digest == blobs_.layers[at].digest) continue;  // as it was, whatever it is called
            EXPECT_TRUE(manifest.layers[at].media_type.ends_with(format[0] == 'g' ? "gzip" : "zstd")) << format;
        }
        EXPECT_EQ(text.find("zstd-chunked.manifest-position") != std::string::npos, std::string(format) == "zstd:chunked");
    }
    push_options_.compression = "zstd";
    push_options_.recompress = false;
    ASSERT_TRUE(push(name_).ok());
    const Manifest manifest = parse_manifest(registry_.manifest("team/app", "1")).value();
    for (std::size_t at = 0; at < manifest.layers.size(); ++at)
        if (compression_of(stored(blobs_.layers[at].digest)) == Compression::gzip)
            EXPECT_EQ(manifest.layers[at].digest, blobs_.layers[at].digest);
    push_options_.compression = "bzip2";
    EXPECT_EQ(push(name_).error().code(), Errc::invalid);
    push_options_.compression = "gzip";
    push_options_.level = 13;
    EXPECT_EQ(push(name_).error().code(), Errc::invalid);
}

TEST_F(PushTest, DockersManifestBecomesOciWithZstd) {
    const MadeImage docker = make_image({make_layer("a", 1000)}, {.docker = true});
    registry_.put("from", "1", docker);
    const std::string from = registry_.host() + "/from:1";
    ASSERT_TRUE(pull(from).ok());
    push_options_.compression = "zstd";
    ASSERT_TRUE(push(from).ok());
    const Manifest manifest = parse_manifest(registry_.manifest("from", "1")).value();
    EXPECT_EQ(manifest.media_type, "application/vnd.oci.image.manifest.v1+json");
    EXPECT_EQ(manifest.config.media_type, "application/vnd.oci.image.config.v1+json");
    EXPECT_EQ(manifest.config.digest, docker.config_digest);
    EXPECT_EQ(manifest.layers[0].media_type, "application/vnd.oci.image.layer.v1.tar+zstd");
}

TEST_F(PushTest, TheManifestIsThatOfTheName) {
    // One configuration in two manifests.
    const MadeLayer layer = make_layer("a", 1000);
    const MadeImage image = make_image({layer});
    const std::string other = fmt::format(
        R"({{"schemaVersion":2,"config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{}","size":{}}},"layers":[{{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"{}","size":{}}}],"annotations":{{"a":"b"}}}})",
        image.config_digest.str(), image.config.size(), layer.digest.str(), layer.data.size());
    registry_.put("from", "1", image);
    registry_.put_manifest("from", "2", other, "application/vnd.oci.image.manifest.v1+json");
    ASSERT_TRUE(pull(registry_.host() + "/from:1").ok());
    ASSERT_TRUE(pull(registry_.host() + "/from:2").ok());
    EXPECT_EQ(push(registry_.host() + "/from:1")->digest, image.digest);
    EXPECT_EQ(push(registry_.host() + "/from:2")->digest, digest_of(other));
}

TEST_F(PushTest, TheSameLayerTwiceIsSentOnce) {
    const MadeLayer layer = make_layer("a", 5000);
    const MadeImage twice = make_image({layer, make_layer("b", 10), layer});
    registry_.put("from", "1", twice);
    ASSERT_TRUE(pull(registry_.host() + "/from:1").ok());
    registry_.drop_blob(layer.digest);
    ASSERT_TRUE(push(registry_.host() + "/from:1").ok());
    EXPECT_EQ(sent(), 1u);
}

TEST_F(PushTest, WhatCannotBePushed) {
    EXPECT_EQ(push(name_).error().code(), Errc::not_found);
    EXPECT_THAT(push(name_).error().message(), testing::HasSubstr("does not exist locally with the tag"));
    name_it(name_);
    EXPECT_EQ(push(registry_.host() + "/team/app@" + blobs_.manifest.str()).error().code(), Errc::invalid);
    push_options_.platform = Platform{"linux", "s390x", ""};
    EXPECT_EQ(push(name_).error().code(), Errc::not_found);
    EXPECT_TRUE(registry_.server().requests().empty());
}

TEST_F(PushTest, ALayerThatIsNotItsDiffIdIsRefused) {
    name_it(name_);
    for (const Descriptor& layer : blobs_.layers)
        if (std::string data = stored(layer.digest); compression_of(data) == Compression::none) {
            data[700] ^= 1;
            ASSERT_TRUE(os::write_file_atomic(store_.blob_path(layer.digest), data).ok());
        }
    const auto pushed = push(name_);
    ASSERT_FALSE(pushed.ok());
    EXPECT_EQ(pushed.error().code(), Errc::corrupt);
    EXPECT_TRUE(registry_.manifest("team/app", "1").empty());
    EXPECT_TRUE(read_roots(paths_)->empty());
    EXPECT_TRUE(std::filesystem::is_empty(paths_.images() + "/partial"));
}

}  // namespace gantry::image::test
