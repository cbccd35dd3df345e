// A device: the real session, stores of update and model, and memory of models; everything else is
// forgotten when its process ends. The session's calls block, the world's answers come later: what
// is not answered yet ends a step, and the step is made again from its first call once the answer
// is there.
#pragma once

#include <filesystem>
#include <optional>

#include "client/device/memory_store.h"
#include "client/device/model_store.h"
#include "client/device/seen_models.h"
#include "client/device/update_store.h"
#include "client/session.h"
#include "tests/dst/world.h"

namespace fedqat::dst {

class Device {
 public:
  Device(World& world, ClientId who, Fs& fs, std::filesystem::path dir);

  void boot_later(std::int64_t delay_ms);  // a process will begin
  void crash();                            // it ends, and another one will begin
  void retire();                           // it ends for good
  bool done() const { return done_; }

 private:
  struct Unanswered {
    Bytes request;
  };
  class Answers final : public Transport {
   public:
    Result<Bytes> call(ByteView request) override {
      if (next_ < known.size()) return known[next_++];
      throw Unanswered{Bytes(request.begin(), request.end())};
    }
    void rewind() { next_ = 0; }
    std::vector<Result<Bytes>> known;

   private:
    std::size_t next_ = 0;
  };

  void boot();
  void talk();
  void converse();  // throws Unanswered
  void heard(Result<Bytes> answer);
  void begun(const Result<std::variant<Work, Idle>>& begun);
  void trained(const Work& work);
  void finished(const Result<UploadOutcome>& outcome);
  void talk_later(std::int64_t delay_ms);
  void later(std::int64_t delay_ms, std::function<void()> step);
  bool by_steps() const { return world_.plan().config.codec().downlink() == "difference"; }
  ModelStore models() { return {fs_, dir_ / "model.bin"}; }
  bool hostile() const { return who_ == 0 && world_.plan().hostile; }
  void admit(const Task& task);
  void enroll();
  std::string name() const { return "device " + std::to_string(who_); }

  World& world_;
  ClientId who_;
  Fs& fs_;
  std::filesystem::path dir_;
  UpdateStore store_;
  MemoryStore memory_;
  bool slow_;
  bool done_ = false;
  std::uint64_t life_ = 0;

  // Of the process:
  ModelCache cache_;
  std::optional<SealedUpdate> update_;
  Answers answers_;
  std::uint64_t call_ = 0;
};

}  // namespace fedqat::dst
