#include "container/collect.hpp"

#include "config/reader.hpp"
#include "container/engine_impl.hpp"
#include "container/record.hpp"
#include "os/file.hpp"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <ctime>

namespace gantry::container {

namespace {

Result<> add_image(Engine& engine, const std::string& name, std::vector<Digest>& used) {
    if (name.empty()) return {};
    const auto image = TRY(engine.images())->find(name);
    if (image.ok()) used.push_back(image->id);
    if (!image.ok() && image.error().code() != Errc::not_found) return image.error();
    return {};
}

Result<> add_definition(Engine& engine, const std::string& file, std::vector<Digest>& used) {
    const auto text = os::read_file(file, config::definition_limit);
    if (!text.ok() && text.error().code() == Errc::not_found) return {};  // gone since we looked
    const auto definition = text.ok() ? config::parse_definition(*text, file) : Result<config::Definition>(text.error());
    if (!definition.ok())
        return error(Errc::invalid, "nothing is removed, because a definition cannot be read, which may name any image: {}",
                     definition.error().message());
    // The image that it pins, and what its name means now: the next create takes that.
    TRY(add_image(engine, definition->image_id, used));
    return add_image(engine, definition->image, used);
}

Result<std::vector<Digest>> needed_images(Engine& engine) {
    std::vector<Digest> used;
    for (const std::string& folder : definition_folders(engine.paths()).folders)
        for (const std::string& name : TRY(os::list_dir(folder)))
            if (name.ends_with(".toml")) TRY(add_definition(engine, folder + "/" + name, used));
    for (const std::string& name : TRY(list_records(engine.paths()))) {
        const auto record = read_record(engine.paths(), name);
        if (!record.ok() && record.error().code() == Errc::not_found) continue;
        if (!record.ok()) return record.error();
        TRY(add_image(engine, record->image_id, used));
    }
    return used;
}

// Bytes above so many per cent of the file system that path is on. As df(1) has it: what is kept for root is no room.
Result<std::uint64_t> excess_of(const std::string& path, unsigned percent) {
    const os::Fd folder = TRY(os::open(path, O_RDONLY | O_DIRECTORY));
    syncfs(folder.get());  // what was just removed is free only then, on some file systems
    struct statvfs info {};
    if (fstatvfs(folder.get(), &info) != 0) return errno_error("file system of '{}'", path);
    const std::uint64_t used = info.f_blocks - info.f_bfree, all = used + info.f_bavail;
    const std::uint64_t allowed = all / 100 * percent + all % 100 * percent / 100;
    return used > allowed ? (used - allowed) * info.f_frsize : 0;
}

}  // namespace

Result<image::Collected> collect_images(Engine& engine, bool dry_run) {
    const config::Gc& gc = engine.config().gc;
    image::Store* store = TRY(engine.images());
    image::CollectOptions options;
    options.high = gc.high_percent;
    options.low = gc.low_percent;
    options.unused_since = static_cast<std::int64_t>(std::time(nullptr)) - static_cast<std::int64_t>(gc.minimum_age_seconds);
    options.keep_cache = gc.keep_build_cache;
    options.dry_run = dry_run;
    // Compressed layers and unpacked ones may be on two file systems.
    options.excess = [&](unsigned percent) -> Result<std::uint64_t> {
        const std::uint64_t images = TRY(excess_of(engine.paths().images(), percent));
        return std::max(images, TRY(excess_of(engine.paths().storage(), percent)));
    };
    options.in_use = [&] { return needed_images(engine); };
    return image::collect(*store, options);
}

}  // namespace gantry::container
