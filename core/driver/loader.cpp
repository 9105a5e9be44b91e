#include "driver/loader.hpp"

#include "driver/descriptor.hpp"
#include "driver/object_file.hpp"
#include "driver/older_network.hpp"
#include "driver/older_storage.hpp"
#include "os/file.hpp"

#include <boost/dll/shared_library.hpp>

#include <dlfcn.h>
#include <link.h>
#include <sys/stat.h>

#include <cerrno>
#include <deque>
#include <mutex>

namespace gantry::driver {

namespace {

// A driver stays loaded until the process ends: objects it made (and their code) may outlive the loader.
struct Loaded {
    boost::dll::shared_library library;
    std::string data_dir, run_dir;
    HostContext context{};
};

const HostContext* keep(boost::dll::shared_library library, std::string data_dir, std::string run_dir) {
    static std::mutex mutex;
    static std::deque<Loaded>& kept = *new std::deque<Loaded>;
    const std::lock_guard lock(mutex);
    Loaded& loaded = kept.emplace_back(std::move(library), std::move(data_dir), std::move(run_dir));
    loaded.context = {loaded.data_dir.c_str(), loaded.run_dir.c_str()};
    return &loaded.context;
}

struct Opened {
    boost::dll::shared_library library;
    const gantry_driver_descriptor* descriptor = nullptr;
};

// The size and type that the object's own symbol table gives, so that a function or a stray byte of that name is not read as a
// descriptor.
Result<std::uint64_t> symbol_size(const void* symbol) {
    Dl_info info{};
    void* extra = nullptr;
    if (dladdr1(symbol, &info, &extra, RTLD_DL_SYMENT) == 0 || !extra) return std::uint64_t{0};
    const auto* entry = static_cast<const ElfW(Sym)*>(extra);
    if (ELF64_ST_TYPE(entry->st_info) != STT_OBJECT)
        return error(Errc::unsupported, "its symbol '{}' is no data object", GANTRY_DRIVER_SYMBOL);
    return std::uint64_t{entry->st_size};
}

Result<Opened> open_checked(const std::string& file, const std::string& name, std::uint32_t kind) {
    struct stat info {};
    if (stat(file.c_str(), &info) != 0) {
        if (errno == ENOENT) return error(Errc::not_found, "no such driver is installed");
        return errno_error("stat");
    }
    if (!S_ISREG(info.st_mode)) return error(Errc::invalid, "not a regular file");
    TRY(check_object_file(file));
    Opened opened;
    boost::dll::fs::error_code failed;
    try {
        // Every symbol is resolved now: a missing one must not kill the process at the first call.
        opened.library.load(file, failed, boost::dll::load_mode::rtld_now | boost::dll::load_mode::rtld_local);
    } catch (const std::exception& caught) {
        return error(Errc::unsupported, "cannot be loaded: {}", caught.what());
    }
    if (failed) {
        const char* reason = dlerror();  // what the dynamic linker says is better than Boost's "bad file descriptor"
        return error(Errc::unsupported, "cannot be loaded: {}", reason ? reason : failed.message());
    }
    if (!opened.library.has(GANTRY_DRIVER_SYMBOL))
        return error(Errc::unsupported, "it exports no symbol '{}'", GANTRY_DRIVER_SYMBOL);
    // Anything may carry that name, a function too: not even a reference of the descriptor's type before its place is known to
    // be fit.
    const auto* symbol = &opened.library.get<const unsigned char>(GANTRY_DRIVER_SYMBOL);
    const std::uint64_t size = TRY(symbol_size(symbol));
    if (reinterpret_cast<std::uintptr_t>(symbol) % alignof(gantry_driver_descriptor) != 0)
        return error(Errc::unsupported, "its symbol '{}' is not aligned as a descriptor is", GANTRY_DRIVER_SYMBOL);
    opened.descriptor = reinterpret_cast<const gantry_driver_descriptor*>(symbol);
    TRY(check_descriptor(opened.descriptor, size, name, kind));
    return opened;
}

}  // namespace

Loader::Loader(std::string folder, std::string data_dir, std::string run_dir)
    : folder_(std::move(folder)), data_dir_(std::move(data_dir)), run_dir_(std::move(run_dir)) {}

Result<Loader::Made> Loader::create(const std::string& name, std::uint32_t kind) {
    const std::string kind_folder = kind_name(kind);
    TRY_CONTEXT(check_driver_name(name), "{} driver", kind_folder);
    const std::string file = fmt::format("{}/{}/{}.so", folder_, kind_folder, name);
    Opened opened = TRY_CONTEXT(open_checked(file, name, kind), "{} driver '{}' ('{}')", kind_folder, name, file);
    const std::uint16_t minor = opened.descriptor->abi_minor;
    auto* const make = opened.descriptor->create;
    std::string data = kind == GANTRY_DRIVER_STORAGE ? fmt::format("{}/storage/{}", data_dir_, name) : data_dir_ + "/network";
    const HostContext* context = keep(std::move(opened.library), std::move(data), run_dir_);
    void* driver = make(context);
    if (!driver) return error(Errc::internal, "{} driver '{}' ('{}'): it could not be created", kind_folder, name, file);
    return Made{driver, minor};
}

Result<std::unique_ptr<StorageDriver>> Loader::storage(const std::string& name) {
    const Made made = TRY(create(name, GANTRY_DRIVER_STORAGE));
    std::unique_ptr<StorageDriver> driver(static_cast<StorageDriver*>(made.driver));
    if (made.abi_minor == GANTRY_DRIVER_ABI_MINOR) return driver;
    return adapt_older_storage(std::move(driver), made.abi_minor);
}

Result<std::unique_ptr<NetworkDriver>> Loader::network(const std::string& name) {
    const Made made = TRY(create(name, GANTRY_DRIVER_NETWORK));
    std::unique_ptr<NetworkDriver> driver(static_cast<NetworkDriver*>(made.driver));
    if (made.abi_minor == GANTRY_DRIVER_ABI_MINOR) return driver;
    return adapt_older_network(std::move(driver), made.abi_minor);
}

std::vector<DriverInfo> Loader::list() {
    std::vector<DriverInfo> found;
    for (const std::uint32_t kind : {GANTRY_DRIVER_STORAGE, GANTRY_DRIVER_NETWORK}) {
        const std::string folder = folder_ + "/" + kind_name(kind);
        auto files = os::list_dir(folder);
        if (!files.ok()) {
            found.push_back({.file = folder, .problem = files.error().message(), .kind = kind});
            continue;
        }
        for (const std::string& entry : *files) {
            if (!entry.ends_with(".so")) continue;
            DriverInfo info{.name = entry.substr(0, entry.size() - 3), .file = folder + "/" + entry, .kind = kind};
            if (auto opened = open_checked(info.file, info.name, kind); opened.ok())
                info.version = opened->descriptor->version;
            else
                info.problem = opened.error().message();
            found.push_back(std::move(info));
        }
    }
    return found;
}

}  // namespace gantry::driver
