// The progress of a build on standard error, in the forms of `docker build --progress`: plain (a line for everything), tty
// (what runs now, below what is done), rawjson (BuildKit's SolveStatus, an object a line) and none.
#pragma once

#include "build/events.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace gantry::cli {

class BuildView {
public:
    enum class Form { none, plain, terminal, json };
    // "auto" is terminal where standard error is one. Empty for an unknown word.
    static std::optional<Form> parse(const std::string& text);

    explicit BuildView(Form form) : form_(form) {}
    ~BuildView();
    void show(const build::Event& event);

private:
    struct Line {
        std::string name;
        std::string pending[2];  // of both streams: text without its end
        std::vector<std::string> last;
        build::Event seen;
    };

    void show_plain(const build::Event& event);
    void show_terminal(const build::Event& event);
    void show_json(const build::Event& event);
    void turn_to(std::size_t vertex);
    std::vector<std::string> lines_of(Line& line, const build::Event& event);
    void draw();
    void erase();

    Form form_;
    std::map<std::size_t, Line> lines_;  // of vertices that are not done (plain: all)
    std::size_t current_ = 0;
    std::size_t drawn_ = 0;  // lines at the bottom of the terminal that are replaced
    std::chrono::steady_clock::time_point drawn_at_;
};

}  // namespace gantry::cli
