// The manager's images: in, out and away.
#include "bus/objects.hpp"
#include "bus/options.hpp"
#include "bus/output_pump.hpp"
#include "image/byte_source.hpp"

#include <charconv>

namespace gantry::bus {

namespace {

// Options of PushImage by the names of the command line's flags.
Result<image::PushOptions> push_options(const TextMap& options) {
    image::PushOptions wanted;
    for (const auto& [name, value] : options) {
        if (name == "compression") {
            wanted.compression = value;
        } else if (name == "compression-level") {
            const auto [end, code] = std::from_chars(value.data(), value.data() + value.size(), wanted.level);
            if (code != std::errc() || end != value.data() + value.size() || wanted.level < 1)
                return error(Errc::invalid, "option 'compression-level': '{}' is no level", value);
        } else if (name == "force-compression") {
            if (value != "true" && value != "false")
                return error(Errc::invalid, "option 'force-compression': '{}' is neither true nor false", value);
            wanted.recompress = value == "true";
        } else {
            return unknown_option(name, Texts{"compression", "compression-level", "force-compression"});
        }
    }
    return wanted;
}

}  // namespace

void ManagerObject::PullImage(sdbus::Result<sdbus::ObjectPath>&& result, std::string reference, std::string platform) {
    answer_job(host_, getObject(), std::move(result), permission("image.pull", {{"image", reference}}),
               [reference, platform]() -> Result<JobWork> {
                   const ImageRef ref = TRY(ImageRef::parse(reference));
                   image::PullOptions options;
                   if (!platform.empty()) options.platform = TRY(image::Platform::parse(platform));
                   return JobWork{"pull " + ref.normalized().str(), images_kind,
                                  [ref, options](container::Engine& engine, const std::atomic<bool>& cancel,
                                                 const Teller& tell) -> Result<std::string> {
                                      image::PullOptions how = options;
                                      how.cancel = &cancel;
                                      how.progress = tell.progress;
                                      image::Store* store = TRY(engine.images());
                                      const auto pulled = TRY(image::pull(*store, engine.config(), ref, how));
                                      return object_path("image", std::string(pulled.image.id.hex()));
                                  }};
               });
}

void ManagerObject::ImportImage(sdbus::Result<sdbus::ObjectPath>&& result, sdbus::UnixFd archive, std::string name,
                                std::string message, Texts changes, std::string platform) {
    const auto look = [archive = std::make_shared<os::Fd>(archive.release()), name, message, changes,
                       platform]() -> Result<JobWork> {
        container::ImportOptions options;
        options.name = TRY(given_name(name));
        options.message = message;
        options.changes = changes;
        if (!platform.empty()) options.platform = TRY(image::Platform::parse(platform));
        return JobWork{"import " + name, images_kind,
                       [archive, options](container::Engine& engine, const std::atomic<bool>& cancel,
                                          const Teller&) -> Result<std::string> {
                           container::ImportOptions how = options;
                           how.cancel = &cancel;
                           image::FunctionSource source = image::descriptor_source(archive->get(), "archive", &cancel);
                           const image::Image made = TRY(engine.import_image(source, how));
                           return object_path("image", std::string(made.id.hex()));
                       }};
    };
    answer_job(host_, getObject(), std::move(result), permission("image.import", {{"image", name}}), look);
}

void ManagerObject::PushImage(sdbus::Result<sdbus::ObjectPath>&& result, std::string reference, std::string platform,
                              TextMap options) {
    const auto look = [reference, platform, options]() -> Result<JobWork> {
        const ImageRef ref = TRY(ImageRef::parse(reference));
        image::PushOptions wanted = TRY(push_options(options));
        if (!platform.empty()) wanted.platform = TRY(image::Platform::parse(platform));
        return JobWork{
            "push " + ref.normalized().str(), images_kind,
            [ref, wanted](container::Engine& engine, const std::atomic<bool>& cancel,
                          const Teller& tell) -> Result<std::string> {
                image::PushOptions how = wanted;
                how.cancel = &cancel;
                how.progress = tell.progress;
                image::Store* store = TRY(engine.images());
                const auto pushed = TRY(image::push(*store, engine.config(), ref, how));
                tell.progress(
                    {"", fmt::format("{}: digest: {} size: {}", ref.normalized().tag, pushed.digest.str(), pushed.size), 0, 0});
                return object_path("image", std::string(TRY(store->find(pushed.name)).id.hex()));
            }};
    };
    answer_job(host_, getObject(), std::move(result), permission("image.push", {{"image", reference}}), look);
}

void ManagerObject::LoadImages(sdbus::Result<sdbus::ObjectPath>&& result, sdbus::UnixFd archive) {
    const auto look = [archive = std::make_shared<os::Fd>(archive.release())]() -> Result<JobWork> {
        return JobWork{
            "load images", images_kind,
            [archive](container::Engine& engine, const std::atomic<bool>& cancel, const Teller& tell) -> Result<std::string> {
                image::Store* store = TRY(engine.images());
                const auto loaded = TRY(image::load(*store, archive->get(), tell.progress, &cancel));
                for (const std::string& name : loaded) tell.progress({"", "Loaded image: " + name, 0, 0});
                if (loaded.size() != 1) return "/";
                return object_path("image", std::string(TRY(store->find(loaded.front())).id.hex()));
            }};
    };
    answer_job(host_, getObject(), std::move(result), permission("image.load"), look);
}

void ManagerObject::SaveImages(sdbus::Result<sdbus::ObjectPath>&& result, Texts images, std::string format,
                               sdbus::UnixFd archive) {
    const std::string names = fmt::format("{}", fmt::join(images, " "));
    const auto look = [images, names, format, archive = std::make_shared<os::Fd>(archive.release())]() -> Result<JobWork> {
        if (!format.empty() && format != "docker-archive" && format != "oci-archive")
            return error(Errc::invalid, "format '{}' is neither docker-archive nor oci-archive", format);
        const auto wanted = format == "oci-archive" ? image::ArchiveFormat::oci_archive : image::ArchiveFormat::docker_archive;
        return JobWork{"save " + names, 0,
                       [images, wanted, archive](container::Engine& engine, const std::atomic<bool>& cancel,
                                                 const Teller&) -> Result<std::string> {
                           OutputPump pump = TRY(OutputPump::start(*archive, cancel));
                           auto saved = image::save(*TRY(engine.images()), images, wanted, pump.input());
                           TRY(pump.finish());  // a pump that broke off is why the rest failed
                           TRY(std::move(saved));
                           return "/";
                       }};
    };
    answer_job(host_, getObject(), std::move(result), permission("image.save", {{"image", names}}), look);
}

void ManagerObject::PruneImages(sdbus::Result<Texts, uint64_t>&& result, bool all, TextMap filters) {
    answer<Texts, uint64_t>(host_, getObject(), std::move(result), permission("image.remove"), images_kind,
                            [all, filters](container::Engine& engine) -> Result<std::tuple<Texts, uint64_t>> {
                                auto done = TRY(engine.prune_images(all, filters));
                                return std::tuple(std::move(done.lines), done.bytes);
                            });
}

}  // namespace gantry::bus
