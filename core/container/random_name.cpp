// Names for containers that got none: an adjective and a scientist or engineer, joined by "_".
#include "container/engine_impl.hpp"

#include <sys/random.h>

namespace gantry::container {

namespace {

constexpr const char* adjectives[] = {
    "able",    "agile",  "airy",    "alert",  "amber",    "ample",  "apt",      "arctic", "azure",   "balmy",  "bold",
    "brave",   "breezy", "bright",  "brisk",  "calm",     "candid", "careful",  "cheery", "clear",   "clever", "coastal",
    "cosy",    "crisp",  "curious", "daring", "dazzling", "deft",   "eager",    "early",  "earnest", "easy",   "elastic",
    "elegant", "exact",  "fair",    "famous", "fearless", "fine",   "firm",     "fleet",  "fluent",  "fond",   "frank",
    "fresh",   "frosty", "gentle",  "gifted", "glad",     "golden", "graceful", "grand",  "handy",   "happy",  "hardy",
    "honest",  "humble", "jolly",   "keen",   "kind",     "lively", "logical",  "lucid",  "lucky",   "mellow", "merry",
    "mighty",  "mild",   "modest",  "neat",   "nimble",   "noble",  "patient",  "placid", "plucky",  "polite", "prompt",
    "proud",   "quick",  "quiet",   "rapid",  "ready",    "robust", "serene",   "sharp",  "silent",  "smooth", "snug",
    "solid",   "spry",   "steady",  "sunny",  "swift",    "tidy",   "upbeat",   "vivid",  "warm",    "witty",  "zesty",
};
constexpr const char* surnames[] = {
    "abel",     "agnesi",     "alhazen",    "ampere",      "anning",       "archimedes", "avogadro", "babbage",    "banneker",
    "bardeen",  "bassi",      "bell",       "bernoulli",   "bohr",         "boltzmann",  "boole",    "bose",       "boyle",
    "brahe",    "brunel",     "cantor",     "carnot",      "carson",       "carver",     "cauchy",   "cavendish",  "celsius",
    "chandra",  "church",     "conway",     "copernicus",  "coulomb",      "crick",      "curie",    "darwin",     "davy",
    "dijkstra", "dirac",      "doppler",    "edison",      "einstein",     "eiffel",     "elion",    "euclid",     "euler",
    "faraday",  "fermat",     "fermi",      "feynman",     "fourier",      "franklin",   "galileo",  "galois",     "gauss",
    "germain",  "goedel",     "goodall",    "hamilton",    "hamming",      "harvey",     "hawking",  "heisenberg", "herschel",
    "hertz",    "hilbert",    "hodgkin",    "hooke",       "hopper",       "hubble",     "huygens",  "hypatia",    "jenner",
    "joule",    "kepler",     "kilby",      "knuth",       "kovalevskaya", "lagrange",   "lamarr",   "lavoisier",  "leavitt",
    "leibniz",  "linnaeus",   "lovelace",   "maxwell",     "mayer",        "mcclintock", "meitner",  "mendel",     "mendeleev",
    "minsky",   "mirzakhani", "newton",     "nightingale", "noether",      "ohm",        "pascal",   "pasteur",    "pauli",
    "payne",    "planck",     "poincare",   "ptolemy",     "ramanujan",    "riemann",    "ritchie",  "rubin",      "rutherford",
    "sagan",    "shannon",    "somerville", "stephenson",  "stokes",       "tesla",      "thompson", "torvalds",   "turing",
    "volta",    "watt",       "wiles",      "wu",          "yalow",        "zuse",
};

std::size_t pick(std::size_t count) {
    std::uint32_t random = 0;
    [[maybe_unused]] const ssize_t got = getrandom(&random, sizeof random, 0);
    return random % count;
}

}  // namespace

std::string random_name(int attempt) {
    std::string name = fmt::format("{}_{}", adjectives[pick(std::size(adjectives))], surnames[pick(std::size(surnames))]);
    if (attempt > 0) name += fmt::format("{}", pick(static_cast<std::size_t>(attempt) * 10));
    return name;
}

}  // namespace gantry::container
