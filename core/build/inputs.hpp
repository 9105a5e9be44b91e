// Where the files of a build come from: its context, named contexts, other stages and images.
#pragma once

#include "build/session.hpp"

#include <future>

namespace gantry::build {

inline constexpr std::string_view image_scheme = "docker-image://";  // of a named context

// The context as it is on this host, after whatever was fetched for it.
struct ContextFolder {
    std::string path;                   // a folder; empty: there is none (only a Dockerfile was given)
    std::optional<std::string> script;  // the Dockerfile, where the context was nothing else
};

class Inputs {
public:
    explicit Inputs(Session& session) : session_(session) {}

    // A tree and, where it is a whole root file system, the image that it belongs to.
    struct Input {
        const Tree* tree = nullptr;
        std::string host_path;              // of a context
        const StageState* state = nullptr;  // of a stage or image
    };
    // The main context with its ignore patterns. dockerfile: its file's path, beside which NAME.dockerignore may be.
    Result<> open_context(const ContextFolder& folder, const std::string& dockerfile);
    Result<> open_named(const std::string& name, const std::string& source);
    [[nodiscard]] const dockerfile::Patterns& ignore() const { return main_ ? main_->tree.ignore : no_patterns_; }
    [[nodiscard]] std::set<std::string, std::less<>> names() const;

    void set_graph(const dockerfile::Dockerfile& file, const dockerfile::PlanOptions& options) {
        file_ = &file;
        plan_ = &options;
    }
    // Stages that are being built; whoever asks for one waits.
    void set_stage(std::size_t index, std::shared_future<Result<StageState>> stage) { stages_[index] = std::move(stage); }

    Result<const StageState*> stage(std::size_t index);
    // A base image, pulled where it is missing (or Options::pull says so), each once.
    Result<const StageState*> image(const std::string& reference, const std::optional<image::Platform>& platform);
    // The configuration of a base image if it is here: nothing is pulled. Without its platform unless image() had it: the one
    // that is here may be of another.
    std::optional<image::ImageConfig> find_image(const std::string& reference, const std::optional<image::Platform>& platform);
    // What "--from=TEXT" means in that stage; an empty text is the context.
    Result<Input> from(const std::string& text, std::size_t stage);

    // Contents of sources in an input; of stages and images they are remembered, because those never change.
    Result<Digest> digest(const Input& input, const std::vector<std::string>& words, const dockerfile::Patterns& exclude,
                          std::string_view exclude_text);
    Result<std::vector<Source>> sources(const Input& input, const std::vector<std::string>& words,
                                        const dockerfile::Patterns& exclude);
    Result<> save();

private:
    struct Context {
        Tree tree;
        std::string path;
        std::unique_ptr<FileDigests> digests;
    };
    struct Image {
        std::once_flag once;
        std::optional<Result<StageState>> state;
    };
    // The reference of the named context that takes its place.
    [[nodiscard]] const std::string& meant(const std::string& reference) const;
    Image& slot(const std::string& reference, const std::optional<image::Platform>& platform);
    Result<std::unique_ptr<Context>> open_folder(const std::string& path, const std::string& name);
    Result<StageState> load_image(const std::string& reference, const std::optional<image::Platform>& platform);
    Result<const Tree*> tree_of(const StageState& state, const std::string& name);

    Session& session_;
    dockerfile::Patterns no_patterns_;
    std::unique_ptr<Context> main_;
    std::map<std::string, std::unique_ptr<Context>, std::less<>> named_;
    std::map<std::string, std::string, std::less<>> named_images_;  // docker-image://
    const dockerfile::Dockerfile* file_ = nullptr;
    const dockerfile::PlanOptions* plan_ = nullptr;
    std::map<std::size_t, std::shared_future<Result<StageState>>> stages_;
    std::mutex mutex_;  // of what follows
    std::map<std::string, std::unique_ptr<Image>> images_;
    std::map<std::string, std::unique_ptr<Tree>> trees_;  // mounted, by the state's key
};

}  // namespace gantry::build
