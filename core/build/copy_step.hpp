// COPY and ADD: where their sources come from and what they are in the cache's key.
#pragma once

#include "build/copy_files.hpp"
#include "build/inputs.hpp"

namespace gantry::build {

class CopyStep {
public:
    // add: where it is an ADD.
    CopyStep(Session& session, Inputs& inputs, const dockerfile::Copy& copy, const dockerfile::Add* add, std::size_t stage,
             const image::ImageConfig& config);

    // Everything that decides what comes out, besides the root file system below. Downloads what has no digest otherwise.
    Result<std::string> key();
    // The layer. config: of the stage so far.
    Result<std::optional<image::CachedStep::Layer>> work(const image::ImageConfig& config, Vertex& vertex);

private:
    Result<> fetch_remote(const std::string& source, Vertex* vertex);
    Result<> write_documents();
    Result<> fill(int root, const image::ImageConfig& config, Vertex& vertex);
    Result<Destination> destination(int root);
    Result<std::vector<Source>> all_sources();
    Result<Tree*> scratch_tree(const std::string& what);

    Session& session_;
    Inputs& inputs_;
    const dockerfile::Copy& copy_;
    const dockerfile::Add* add_;
    std::size_t stage_;
    std::string target_;
    dockerfile::Patterns exclude_;
    std::vector<std::string> words_;  // of the input: neither URLs nor git references
    std::vector<std::string> remote_;
    std::vector<std::unique_ptr<Tree>> fetched_;  // each with what is to be copied at its top
    bool several_ = false;
};

}  // namespace gantry::build
