// One stage of a build, instruction by instruction.
#pragma once

#include "build/inputs.hpp"

namespace gantry::build {

struct StageTask {
    const dockerfile::Dockerfile& file;
    const dockerfile::PlannedStage& plan;
    dockerfile::Values globals;
    std::string label;  // before the numbers of its steps: "build "; empty where it is the only one
};

// Runs in a thread of its own; waits for the stages that it needs where it needs them. A failure is told to the session as
// well.
class StageBuilder {
public:
    StageBuilder(Session& session, Inputs& inputs, const StageTask& task);
    Result<StageState> run();

private:
    struct Outcome {  // of a step that may change files
        std::string created;
        std::optional<image::CachedStep::Layer> layer;
    };
    using Work = std::function<Result<std::optional<image::CachedStep::Layer>>(Vertex& vertex)>;

    Result<StageState> start();
    Result<> run_triggers();
    Result<> execute(const dockerfile::Instruction& instruction);
    Result<> carry_out(const dockerfile::Instruction& expanded);
    Result<> declare(const dockerfile::Arg& arg);
    Result<> run_command(const dockerfile::Run& run, const std::string& shown);
    Result<std::optional<image::CachedStep::Layer>> run_unit(const dockerfile::Run& run, const std::string& shown,
                                                             Vertex& vertex);
    Result<> copy(const dockerfile::Copy& copy, const dockerfile::Add* add, const std::string& shown);
    Result<> change_folder(const dockerfile::Workdir& folder, const std::string& shown);
    Result<> change_metadata(const dockerfile::Instruction& instruction);
    // From the cache, or by work and into it.
    Result<> step(const std::string& shown, const std::string& history, const Digest& key, const Work& work);
    void add_history(std::string created, std::string created_by, bool empty);

    [[nodiscard]] std::optional<std::string> lookup(std::string_view name) const;
    [[nodiscard]] std::vector<std::pair<std::string, std::string>> visible_args() const;
    [[nodiscard]] bool may_use_cache() const;
    std::string next_label(const std::string& shown);

    Session& session_;
    Inputs& inputs_;
    const StageTask& task_;
    const dockerfile::Stage& stage_;
    std::optional<StageState> state_;
    std::vector<std::pair<std::string, std::optional<std::string>>> args_;  // declared, in order
    bool command_set_ = false;
    std::size_t step_ = 1, steps_ = 1;
};

}  // namespace gantry::build
