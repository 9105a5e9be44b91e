#include "fuzz.hpp"

#include "base/reference.hpp"

using namespace gantry;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto parsed = ImageRef::parse(fuzz::text(data, size));
    if (!parsed) {
        fuzz::require(parsed.error().message().find('\n') == std::string::npos, "an error is one line");
        return 0;
    }
    const ImageRef whole = parsed->normalized();
    const auto again = ImageRef::parse(whole.str());
    fuzz::require(again && *again == whole, "what is printed is read back the same");
    fuzz::require(whole.normalized() == whole, "completing twice changes nothing");
    const auto familiar = ImageRef::parse(whole.familiar());
    fuzz::require(familiar && familiar->normalized() == whole, "the familiar spelling means the same");
    return 0;
}
