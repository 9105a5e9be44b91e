// Compression of layers: fast on several cores, and the same bytes every time. What is compressed is cut into blocks of one
// fixed size, each compressed on its own; the output is the concatenation of gzip members (RFC 1952 2.2) or zstd frames (RFC
// 8878 3), which every reader of layers takes (Go's and Python's gzip, zlib, ISA-L, libzstd, klauspost's). So the output
// depends on input, level and the versions of libdeflate and libzstd only: not on processors, their features, threads, or the
// sizes of writes. (ISA-L deflates faster, but differently with and without AVX.)
#pragma once

#include "image/decompress.hpp"

#include <functional>

namespace gantry::image {

class Compressor {
public:
    virtual ~Compressor() = default;

    // Any amount. Blocks while as much is waiting as may (about twice the threads' number of blocks). The first error, the
    // sink's too, is final: every later call gives it again.
    virtual Result<> write(std::string_view data) = 0;
    // What was written so far ends its member or frame: it can be decompressed without what follows, and what follows without
    // it. Nothing where a member has just begun. Does not wait for the sink. offset: is set at the latest when end() returns,
    // to the bytes of output before what follows; it lives as long as the compressor.
    virtual Result<> cut(std::uint64_t* offset = nullptr) = 0;
    // The last call: everything has reached the sink. Of no input at all comes one empty member.
    virtual Result<> end() = 0;
};

// Takes the output, in order, on the thread that calls write() or end(). Each call is one whole member or frame.
using CompressedFn = std::function<Result<>(std::string_view)>;

// Throughput (MB/s of input by one core of an AMD EPYC) and ratio, for a tar of 200 MB from /usr:
//     gzip  1: 207, 2.17   3: 138, 2.22   5: 108, 2.25   6: 93, 2.26   7: 73, 2.27   9: 27, 2.27   12: 9, 2.30   (zlib 6:
//     43, 2.25) zstd  1: 588, 2.24   2: 533, 2.32   3: 412, 2.41   5: 178, 2.45   7: 111, 2.51   9: 77, 2.55   15: 10, 2.57
// The defaults: what zlib reaches by default, in 40 % of its time, and the last level of zstd before its price doubles.
inline constexpr int default_gzip_level = 5;
inline constexpr int default_zstd_level = 3;

// level 0: the default; else gzip 1 to 12, zstd 1 to 22. Compression::none passes on what it gets.
// threads 0: one for each processor, at most 8. Threads are started when there is a second block, so that small inputs cost
// none. Errc::invalid for a level that there is not, Errc::unsupported for Compression::unsupported.
Result<std::unique_ptr<Compressor>> make_compressor(Compression compression, int level, CompressedFn sink,
                                                    unsigned threads = 0);

}  // namespace gantry::image
