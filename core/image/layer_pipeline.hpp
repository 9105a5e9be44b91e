// The two threads behind a layer on its way in:
//     write() ──compressed──> inflate, hash (diff ID) ──plain──> unpack
// While one thread waits for the network and hashes the blob, the second inflates and the third makes files.
#pragma once

#include "image/chunk_pipe.hpp"
#include "image/ingest.hpp"
#include "image/local_files.hpp"

#include <mutex>
#include <thread>

namespace gantry::image {

class LayerPipeline {
public:
    // folder: where the layer is unpacked; -1 only computes the diff ID. diff_algorithm: "sha256" or "sha512". blob_size: of
    // the whole compressed layer, which bounds what it may unpack to. local: see Unpacker.
    LayerPipeline(int folder, driver::LayerFormat format, std::string diff_algorithm, std::uint64_t blob_size,
                  const LocalFiles* local = nullptr);
    ~LayerPipeline();  // gives up

    Result<> start();
    // An empty buffer for write().
    Chunk blank() { return compressed_.blank(); }
    // Waits while the threads are behind. After an error every further call returns it.
    Result<> write(Chunk chunk);

    struct Outcome {
        Digest diff_id;
        std::uint64_t bytes = 0;  // of the files
    };
    // After the last write: waits for the threads.
    Result<Outcome> finish();

private:
    void inflate_thread();
    void unpack_thread();
    Result<> inflate();
    Result<> unpack();
    Result<> emit(Chunk chunk);
    void fail(Error error);
    Error first_error();

    int folder_;
    driver::LayerFormat format_;
    std::string diff_algorithm_;
    UnpackLimits limits_;
    const LocalFiles* local_;
    ChunkPipe compressed_, plain_;
    std::thread inflater_, unpacker_;
    std::mutex mutex_;
    std::optional<Error> error_;
    std::optional<Digest> diff_id_;
    std::uint64_t bytes_ = 0;
};

}  // namespace gantry::image
