// Tells which kinds of objects changed on disk (inotify(7)).
#pragma once

#include "base/result.hpp"
#include "os/fd.hpp"

#include <map>
#include <string>

namespace gantry::bus {

class FolderWatch {
public:
    FolderWatch();
    // Names appear, disappear or are replaced in the folder: `kind` changed. A missing folder is not watched. Adding one again
    // is cheap and follows a folder that was made anew.
    void add(const std::string& path, unsigned kind);
    [[nodiscard]] int fd() const { return fd_.get(); }
    // The kinds that changed since the last call.
    unsigned drain();

private:
    os::Fd fd_;
    std::map<int, unsigned> kinds_;  // by watch descriptor
};

}  // namespace gantry::bus
