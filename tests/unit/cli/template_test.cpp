#include "cli/format/template.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

using gantry::cli::Template;
using Json = nlohmann::ordered_json;

namespace {

const Json sample = Json::parse(R"({"Name":"web","Count":3,"Up":true,"List":["a","b"],"Empty":[],
    "State":{"Pid":7,"Labels":{"z":"1","a":"2"}},"Nothing":null})");

std::string render(std::string_view text, const Json& value = sample) {
    auto parsed = Template::parse(text);
    if (!parsed.ok()) return "PARSE " + parsed.error().message();
    auto rendered = parsed->render(value);
    return rendered.ok() ? *rendered : "RENDER " + rendered.error().message();
}

}  // namespace

TEST(Template, prints_fields_as_go_does) {
    EXPECT_EQ(render("plain"), "plain");
    EXPECT_EQ(render("{{.Name}}/{{ .State.Pid }}"), "web/7");
    EXPECT_EQ(render("{{.List}} {{.State.Labels}} {{.Up}} {{.Nothing}}"), "[a b] map[a:2 z:1] true <no value>");
    EXPECT_EQ(render("{{$.Name}}"), "web");
    EXPECT_EQ(render("a {{- /* note */ -}} b"), "ab");
}

TEST(Template, calls_dockers_functions) {
    EXPECT_EQ(render("{{json .List}}"), R"(["a","b"])");
    EXPECT_EQ(render("{{json .}}"), sample.dump());
    EXPECT_EQ(render("{{join .List \",\"}}|{{.List | join `-`}}"), "a,b|a-b");
    EXPECT_EQ(render("{{upper .Name}} {{title .Name}} {{lower \"ABC\"}}"), "WEB Web abc");
    EXPECT_EQ(render("{{index .List 1}}{{index .State.Labels \"z\"}}"), "b1");
    EXPECT_EQ(render("{{len .List}} {{len .Name}}"), "2 3");
    EXPECT_EQ(render("{{pad .Name 1 2}}|"), " web  |");
    EXPECT_EQ(render("{{printf \"%-5s|%03d|%q\" .Name .Count .Name}}"), "web  |  3|\"web\"");
    EXPECT_EQ(render("{{range (split \"x,y\" \",\")}}<{{.}}>{{end}}"), "<x><y>");
}

TEST(Template, has_control_structures) {
    EXPECT_EQ(render("{{if .Up}}up{{else}}down{{end}}"), "up");
    EXPECT_EQ(render("{{if .Empty}}some{{else if eq .Count 3}}three{{else}}none{{end}}"), "three");
    EXPECT_EQ(render("{{range .List}}{{.}};{{end}}{{range .Empty}}x{{else}}empty{{end}}"), "a;b;empty");
    EXPECT_EQ(render("{{with .State}}{{.Pid}}{{end}}"), "7");
    EXPECT_EQ(render("{{range .State.Labels}}{{$.Name}}={{.}} {{end}}"), "web=2 web=1 ");
    EXPECT_EQ(render("{{if and .Up (gt .Count 2)}}yes{{end}}{{if not .Up}}no{{end}}"), "yes");
}

TEST(Template, names_what_is_wrong) {
    EXPECT_EQ(render("{{.Nmae}}"), "RENDER template: no field 'Nmae', did you mean 'Name'");
    EXPECT_EQ(render("{{jsn .}}"), "PARSE template: 3: unknown function 'jsn', did you mean 'json'");
    for (const char* bad :
         {"{{", "{{.Name", "{{if .Up}}x", "{{end}}", "{{\"a}}", "{{(.Name}}", "{{.Name | .Count}}", "{{range .Count}}{{end}}",
          "{{index .List 9}}", "{{lt .Name .Count}}", "{{printf \"%s\"}}", "{{else}}"}) {
        const std::string text = render(bad);
        EXPECT_TRUE(text.starts_with("PARSE template:") || text.starts_with("RENDER template:")) << bad << " -> " << text;
    }
}

TEST(Template, does_not_overflow_on_deep_nesting) {
    std::string deep;
    for (int i = 0; i < 100000; ++i) deep += "{{if .Up}}";
    EXPECT_TRUE(render(deep).starts_with("PARSE"));
    EXPECT_TRUE(render("{{" + std::string(100000, '(')).starts_with("PARSE"));
}

TEST(Template, has_variables_of_blocks) {
    const Json ports =
        Json::parse(R"({"Ports":{"80/tcp":[{"HostPort":"8080"},{"HostPort":"8081"}],"443/tcp":[{"HostPort":"8443"}]}})");
    EXPECT_EQ(render("{{range $p, $conf := .Ports}} {{$p}} -> {{(index $conf 0).HostPort}}{{end}}", ports),
              " 443/tcp -> 8443 80/tcp -> 8080");
    EXPECT_EQ(render("{{(index (index .Ports \"80/tcp\") 1).HostPort}}", ports), "8081");
    EXPECT_EQ(render("{{range $i, $e := index .Ports \"80/tcp\"}}{{if $i}}, {{end}}{{$e.HostPort}}{{end}}", ports),
              "8080, 8081");
    EXPECT_EQ(render("{{$n := 0}}{{range .Ports}}{{$n = 1}}{{end}}{{$n}}", ports), "1");
    EXPECT_EQ(render("{{with $x := index .Ports \"443/tcp\"}}{{len $x}}{{end}}", ports), "1");
    // What a block declares ends with it.
    EXPECT_FALSE(Template::parse("{{range $k, $v := .Ports}}{{end}}{{$k}}")->render(ports).ok());
    EXPECT_FALSE(Template::parse("{{$x = 1}}")->render(ports).ok());
}
