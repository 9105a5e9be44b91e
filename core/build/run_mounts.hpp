// RUN --mount: what each kind shows, and what of it counts for the step's cache key.
#pragma once

#include "build/inputs.hpp"
#include "build/run_step.hpp"

namespace gantry::build {

class RunMounts {
public:
    RunMounts(Session& session, Inputs& inputs) : session_(session), inputs_(inputs) {}

    // The part of the step's key that the mounts are: contents of binds, names of the rest.
    Result<std::string> key(const std::vector<dockerfile::RunMount>& mounts, std::size_t stage, const std::string& workdir);

    // Puts them into the request. The locks of cache mounts are held until this object goes; folders and files of the step are
    // in the build's own folders.
    Result<> prepare(const std::vector<dockerfile::RunMount>& mounts, std::size_t stage, StepRequest& request);

    // A here-document that is a script of its own ("#!"): a file that the step can execute.
    Result<std::string> add_script(const dockerfile::Heredoc& script, StepRequest& request);

private:
    Result<> add_bind(const dockerfile::RunMount& mount, std::size_t stage, StepRequest& request);
    Result<> add_cache(const dockerfile::RunMount& mount, std::size_t stage, StepRequest& request);
    Result<> add_tmpfs(const dockerfile::RunMount& mount, StepRequest& request);
    Result<> add_secret(const dockerfile::RunMount& mount, StepRequest& request);
    Result<> add_ssh(const dockerfile::RunMount& mount, StepRequest& request);
    Result<std::string> cache_folder(const dockerfile::RunMount& mount, const std::string& target);
    Result<> fill_cache(const dockerfile::RunMount& mount, std::size_t stage, const std::string& folder);
    void add_host(StepRequest& request, std::string source, std::string target, bool read_only, bool folder);

    Session& session_;
    Inputs& inputs_;
    std::vector<os::Fd> locks_;
};

}  // namespace gantry::build
