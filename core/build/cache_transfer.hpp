// The cache of builds from one host to another (--cache-from, --cache-to), as an image: its layers are those of the steps, and
// its label io.gantry.build.cache says which step each belongs to. So registries, archives and our own store keep it like any
// image, and an image that was built may carry it along itself (type=inline).
#pragma once

#include "build/session.hpp"

namespace gantry::build {

inline constexpr const char* cache_label = "io.gantry.build.cache";

// "type=registry,ref=REF", "type=local,src=FOLDER" / "dest=FOLDER", "type=inline", or "REF" alone.
struct CachePlace {
    enum class Kind { registry, local, inline_ } kind = Kind::registry;
    std::string where;  // a reference or a folder
    static Result<CachePlace> parse(const std::string& text, bool target);
};

// Steps that are there from now on. What cannot be fetched is no failure of the build: it is told and the rest goes on.
void import_cache(Session& session, const CachePlace& place);

// All steps that the build used. Errors name the place.
Result<> export_cache(Session& session, const CachePlace& place);

// The label's text for steps with these layers.
std::string cache_text(const std::vector<std::pair<Digest, image::CachedStep>>& steps);

}  // namespace gantry::build
