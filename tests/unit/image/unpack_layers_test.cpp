// What well-meant layers must become. Here: entries that meet what is there, earlier ones and those of the layers below.
#include "unpack_support.hpp"

#include "os/file.hpp"

#include <fcntl.h>
#include <sys/sysmacros.h>

namespace gantry::image::test {
namespace {

using driver::LayerFormat;
namespace fs = std::filesystem;

TEST_F(UnpackTest, LaterEntriesReplaceEarlierOnes) {
    good(Tar()
             .file("a", "file")
             .folder("a")
             .file("a/in", "x")
             .folder("b")
             .file("b/in", "x")
             .file("b", "now a file")
             .symlink("c", "a")
             .folder("c")
             .symlink("d", "a")
             .file("d", "not through the link")
             .file("e", "1")
             .hardlink("f", "e")
             .file("f", "2")
             .symlink("g", "a")
             .symlink("g", "b")
             .folder("dir", 0700)
             .file("dir/kept", "x")
             .folder("dir", 0750));
    EXPECT_EQ(text("a/in"), "x");
    EXPECT_EQ(text("b"), "now a file");
    EXPECT_TRUE(S_ISDIR(info("c").st_mode));
    EXPECT_EQ(text("d"), "not through the link");
    EXPECT_EQ(text("e"), "1") << "a replaced hard link leaves its other name alone";
    EXPECT_EQ(text("f"), "2");
    EXPECT_EQ(fs::read_symlink(root + "/g"), "b");
    EXPECT_EQ(info("dir").st_mode & 07777, 0750u);
    EXPECT_EQ(text("dir/kept"), "x");
}

// The parent's descriptor must outlive what is removed for the entry.
TEST_F(UnpackTest, ReplacingBelowFolders) {
    for (const LayerFormat format : {LayerFormat::overlay, LayerFormat::applied}) {
        fs::remove_all(root);
        Tar tar;
        for (const char* name : {"p/q/file", "p/q/folder", "p/q/link", "p/q/hard", "p/q/node"})
            tar.folder(name).file(std::string(name) + "/x", "x");
        tar.file("p/q/file", "file").symlink("p/q/link", "file").hardlink("p/q/hard", "p/q/file").raw({"p/q/node", '6'});
        tar.symlink("p/q/folder", "file").folder("p/q/folder").file("p/q/folder/y", "y");
        good(tar, format);
        EXPECT_EQ(text("p/q/file"), "file");
        EXPECT_EQ(fs::read_symlink(root + "/p/q/link"), "file");
        EXPECT_EQ(info("p/q/hard").st_ino, info("p/q/file").st_ino);
        EXPECT_TRUE(S_ISFIFO(info("p/q/node").st_mode));
        EXPECT_EQ(text("p/q/folder/y"), "y");
        EXPECT_FALSE(fs::exists(root + "/p/q/folder/x"));
    }
}

TEST_F(UnpackTest, AppliedWhiteoutsBelowFolders) {
    Tar lower;
    for (const char* name : {"p/q/one", "p/q/two", "p/r/one", "p/r/two"})
        lower.folder(name).file(std::string(name) + "/x", "x");
    good(lower, LayerFormat::applied);
    good(Tar()
             .folder("p/q")
             .file("p/q/.wh.one", "")
             .file("p/q/.wh.two", "")
             .file("p/q/new", "n")
             .folder("p/r")
             .file("p/r/.wh..wh..opq", "")
             .file("p/r/new", "n"),
         LayerFormat::applied);
    EXPECT_EQ(std::distance(fs::directory_iterator(root + "/p/q"), fs::directory_iterator()), 1);
    EXPECT_EQ(std::distance(fs::directory_iterator(root + "/p/r"), fs::directory_iterator()), 1);
    EXPECT_EQ(text("p/q/new") + text("p/r/new"), "nn");
}

// More folders than are kept open.
TEST_F(UnpackTest, ParentsThroughLinksStayInside) {
    good(Tar()
             .folder("usr")
             .folder("usr/lib")
             .symlink("lib", "usr/lib")
             .file("lib/a", "a")
             .symlink("abs", "/usr/lib")
             .file("abs/b", "b")
             .hardlink("abs/c", "lib/a"));
    EXPECT_EQ(text("usr/lib/a"), "a");
    EXPECT_EQ(text("usr/lib/b"), "b");
    EXPECT_EQ(info("usr/lib/c").st_ino, info("usr/lib/a").st_ino);
}

TEST_F(UnpackTest, OverlayWhiteouts) {
    good(Tar()
             .folder("d")
             .file("d/.wh.gone", "")
             .folder("o")
             .file("o/.wh..wh..opq", "")
             .file("o/own", "x")
             .file(".wh..wh.plnk", "")
             .file("x/.wh.y", "")
             .file(".wh.back", "")
             .folder("back")
             .file("both", "own")
             .file(".wh.both", "")
             .folder("dir")
             .file(".wh.dir", "")
             .file(".wh.implied", "")
             .file("implied/file", "x")
             .file(".wh.again", "")
             .file(".wh.again", ""));
    EXPECT_TRUE(whiteout("d/gone"));
    EXPECT_TRUE(whiteout("x/y"));
    EXPECT_TRUE(whiteout("again"));
    EXPECT_TRUE(opaque("o"));
    EXPECT_EQ(text("o/own"), "x");
    EXPECT_FALSE(opaque("d"));
    EXPECT_TRUE(S_ISDIR(info("back").st_mode));
    EXPECT_TRUE(opaque("back")) << "a folder in the place of a whiteout hides what was below";
    EXPECT_EQ(text("both"), "own") << "a whiteout does not concern its own layer";
    EXPECT_TRUE(opaque("dir"));
    EXPECT_TRUE(opaque("implied"));
    EXPECT_FALSE(fs::exists(root + "/.wh..wh.plnk"));
}

TEST_F(UnpackTest, AppliedWhiteouts) {
    good(Tar()
             .file("gone", "x")
             .folder("tree")
             .file("tree/deep/file", "x")
             .folder("o")
             .file("o/lower", "x")
             .file("o/both", "lower")
             .folder("keep")
             .file("keep/lower", "x")
             .file("stays", "x"),
         LayerFormat::applied);
    good(Tar()
             .file(".wh.gone", "")
             .file(".wh.tree", "")
             .file("o/both", "own")
             .file("o/.wh..wh..opq", "")
             .file("o/own", "x")
             .file("keep/own", "x")
             .file(".wh.keep", "")
             .file(".wh.never", ""),
         LayerFormat::applied);
    EXPECT_FALSE(fs::exists(root + "/gone"));
    EXPECT_FALSE(fs::exists(root + "/tree"));
    EXPECT_FALSE(fs::exists(root + "/o/lower"));
    EXPECT_EQ(text("o/both"), "own");
    EXPECT_EQ(text("o/own"), "x");
    EXPECT_EQ(text("keep/own"), "x");
    EXPECT_FALSE(fs::exists(root + "/keep/lower"));
    EXPECT_EQ(text("stays"), "x");
    EXPECT_FALSE(fs::exists(root + "/.wh.gone"));
}

TEST_F(UnpackTest, HardLinksToFilesOfTheLayersBelow) {
    good(Tar().file("lower", "x"), LayerFormat::applied);
    good(Tar().hardlink("upper", "lower"), LayerFormat::applied);
    EXPECT_EQ(info("lower").st_ino, info("upper").st_ino);
}

}  // namespace
}  // namespace gantry::image::test
