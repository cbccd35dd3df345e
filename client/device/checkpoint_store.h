// Checkpoints of local training in a file, every so often.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "client/train_checkpoint.h"
#include "common/base/clock.h"
#include "common/base/fs.h"

namespace fedqat {

Bytes encode_checkpoint(const TrainCheckpoint& checkpoint);  // a whole file
Result<TrainCheckpoint> decode_checkpoint(ByteView file);    // any bytes. kCorrupt

// fs and clock must outlive it. Not thread-safe. A failure to write or read costs repeated work,
// never the training: it is kept in trouble() for the log.
class CheckpointStore final : public Checkpointer {
 public:
  CheckpointStore(Fs& fs, std::filesystem::path path, const Clock& clock, std::int64_t interval_ms);

  // A file that is damaged or of another task is removed.
  std::optional<TrainCheckpoint> resume(const Digest& task) override;
  bool due() override;  // interval_ms after resume() or the last keep()
  void keep(const TrainCheckpoint& checkpoint) override;

  // To be called once the update is stored. Not on error: what is left does no harm.
  void clear();
  // The last failure since it was asked for.
  std::optional<Error> trouble() { return std::exchange(trouble_, std::nullopt); }

 private:
  Fs& fs_;
  std::filesystem::path path_;
  const Clock& clock_;
  std::int64_t interval_ms_;
  std::int64_t last_ms_;
  std::optional<Error> trouble_;
};

}  // namespace fedqat
