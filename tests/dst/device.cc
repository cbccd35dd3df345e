#include "tests/dst/device.h"

#include "client/device/checkpoint_store.h"
#include "client/device/state_dir.h"
#include "common/crypto/authority.h"
#include "common/wire/config.h"
#include "common/wire/manifest.h"
#include "coordinator/run_state.h"
#include "tests/dst/updates.h"

namespace fedqat::dst {
namespace {

constexpr std::int64_t kTimeoutMs = 8000;
constexpr std::uint64_t kNow = 1'800'000'000;  // Unix time

// Issues certificates to all devices of this process.
struct Issuer {
  PrivateKey key = PrivateKey::make_p256();
  Certificate ca = *make_ca(key, "CA", {1'700'000'000, 1'900'000'000});

  Certificate sign(const PrivateKey& device) const {
    return *sign_csr(ca, key, *make_csr(device, "device"),
                     {"device", CertificateProfile::Purpose::kClient, {}, {0, 1'900'000'000}});
  }
};
const Issuer& issuer() {
  static const Issuer kIssuer;
  return kIssuer;
}

void expect(const Result<void>& ok, const char* what) {
  if (!ok) throw Violation{std::string(what) + ": " + ok.error().what};
}

}  // namespace

Device::Device(World& world, ClientId who, Fs& fs, std::filesystem::path dir)
    : world_(world),
      who_(who),
      fs_(fs),
      dir_(std::move(dir)),
      store_(fs, dir_ / "update.bin"),
      memory_(fs, dir_ / "memory.bin"),
      slow_(world.chance(world.plan().slow_share)) {}

void Device::retire() {
  ++life_;
  done_ = true;
}

void Device::boot_later(std::int64_t delay_ms) {
  later(delay_ms, [this] { boot(); });
}

void Device::boot() {
  if (world_.on_real_files()) enroll();
  auto kept = store_.load();
  if (!kept && !hostile()) throw Violation{name() + ": " + kept.error().what};
  if (!kept) kept = std::optional<SealedUpdate>();
  update_ = std::move(*kept);
  if (by_steps()) {
    const std::uint64_t run = run_number(config_hash(world_.plan().config));
    expect(models().load(run, world_.graph(), cache_), "load");
  }
  world_.say(name() + (update_ ? " begins with an update" : " begins"));
  talk();
}

void Device::crash() {
  world_.say(name() + " ends");
  ++life_;
  cache_ = {};
  update_.reset();
  answers_.known.clear();
  boot_later(world_.between(100, 5000));
}

// As the client's program does it: once, and again if it was stopped on the way.
void Device::enroll() {
  auto state = StateDir::open(fs_, dir_ / "identity");
  if (!state) throw Violation{name() + ": " + state.error().what};
  auto key = state->key();
  if (!key) throw Violation{name() + ": " + key.error().what};
  const Certificate certificate = issuer().sign(*key);
  if (!state->enrolled()) {
    expect(state->enroll(certificate, issuer().ca,
                         {"host:7443", "host", world_.manifest_key(), name(), who_}),
           "enroll");
  } else {
    expect(state->renew(certificate), "renew");
  }
  const auto identity = state->identity();
  if (!identity) throw Violation{name() + ": " + identity.error().what};
}

void Device::later(std::int64_t delay_ms, std::function<void()> step) {
  world_.after(delay_ms, [this, life = life_, step = std::move(step)] {
    if (life == life_) world_.as_device(who_, step);
  });
}

void Device::talk() {
  answers_.rewind();
  try {
    converse();
  } catch (Unanswered& unanswered) {
    const std::uint64_t call = ++call_;
    const auto hear = [this, life = life_, call](const Result<Bytes>& answer) {
      if (life != life_ || call != call_) return;
      world_.as_device(who_, [&] { heard(answer); });
    };
    world_.after(kTimeoutMs, [hear] { hear(Error{Errc::kTimeout, "simulated: no answer"}); });
    world_.send(who_, std::move(unanswered.request), hear);
  }
}

void Device::heard(Result<Bytes> answer) {
  ++call_;
  answers_.known.push_back(std::move(answer));
  talk();
}

void Device::converse() {
  Session session(answers_, world_.graph(), cache_);
  if (update_) {
    const auto outcome = session.finish(*update_);
    answers_.known.clear();
    return finished(outcome);
  }
  auto held = cache_.newest();
  const auto work = session.begin(&held);
  answers_.known.clear();
  begun(work);
}

void Device::talk_later(std::int64_t delay_ms) {
  later(delay_ms, [this] { talk(); });
}

void Device::begun(const Result<std::variant<Work, Idle>>& begun) {
  if (!begun) {
    if (begun.error().code == Errc::kCorrupt || begun.error().code == Errc::kInvalid) {
      throw Violation{name() + " cannot begin: " + begun.error().what};
    }
    return talk_later(world_.between(200, 3000));
  }
  if (const auto* idle = std::get_if<Idle>(&*begun)) {
    done_ = idle->finished;
    if (done_) return world_.say(name() + " is done");
    return talk_later(idle->retry_after_ms);
  }
  const Work& work = std::get<Work>(*begun);
  if (work.task.client != who_) throw Violation{name() + " got another one's task"};
  if (world_.plan().signs) admit(work.task);
  if (by_steps()) expect(models().keep(work.task, world_.graph(), *work.model), "keep");
  const std::int64_t training = world_.between(100, 2000) * (slow_ && !world_.calm() ? 20 : 1);
  later(training, [this, work] { trained(work); });
}

void Device::admit(const Task& task) {
  const auto manifest = open_manifest(task.manifest, world_.manifest_key());
  if (!manifest) throw Violation{name() + ": " + manifest.error().what};
  if (manifest->run != task.run || manifest->round != task.round ||
      manifest->model_sha256 != task.model_sha256) {
    throw Violation{name() + " got a manifest of another task"};
  }
  auto seen = SeenModels::open(fs_, dir_ / "seen.bin");
  if (!seen) throw Violation{name() + ": " + seen.error().what};
  expect(seen->admit(*manifest, kNow), "a task went back to an older model");
}

void Device::trained(const Work& work) {
  const bool one_hot = world_.plan().mode == Mode::kOneHot;
  const auto memory = memory_.load(work.task.run);
  if (!memory) throw Violation{name() + ": " + memory.error().what};
  SealedUpdate update = one_hot ? one_hot_update(world_.graph(), work.task, 0.25F)
                                : pseudo_update(world_.graph(), work.task, *memory);
  world_.oracle().made(work.task.round, who_,
                       one_hot ? one_hot_value(world_.graph(), work.task, update) : 0,
                       update.digest);
  if (hostile() && world_.chance(0.5)) update.digest[0] ^= std::byte{1};
  const VirtualClock clock;
  CheckpointStore checkpoint(fs_, dir_ / "checkpoint.bin", clock, 0);
  if (world_.on_real_files()) {
    TrainCheckpoint halfway;
    halfway.task = update.digest;
    checkpoint.keep(halfway);
  }
  expect(store_.keep(update), "keep");
  if (world_.on_real_files()) checkpoint.clear();
  update_ = update;
  world_.say(name() + " has trained round " + std::to_string(work.task.round));
  talk();
}

void Device::finished(const Result<UploadOutcome>& outcome) {
  if (!outcome) {
    if (outcome.error().code == Errc::kCorrupt) {
      throw Violation{name() + " cannot upload: " + outcome.error().what};
    }
    return talk_later(world_.between(200, 3000));
  }
  if (const auto* refusal = std::get_if<Refusal>(&*outcome)) {
    world_.say(name() + " is refused: " + std::string(refusal_name(refusal->code)));
    switch (refusal->code) {
      case RefusalCode::kBusy:
        return talk_later(1000);
      case RefusalCode::kWrongRound:
      case RefusalCode::kLate:
        break;
      case RefusalCode::kInvalidUpdate:
      case RefusalCode::kQuarantined:
        if (hostile()) break;
        [[fallthrough]];
      default:
        throw Violation{name() + ": an honest update is refused: " + refusal->text};
    }
    // Acknowledgements are repeated until the round after theirs is closed.
    if (world_.oracle().is_acked(update_->round, who_) &&
        world_.oracle().durable_rounds() <= update_->round) {
      throw Violation{name() + ": refused after it was acknowledged", true};
    }
  }
  const bool counts = std::holds_alternative<Counted>(*outcome);
  if (counts && !update_->memory.empty()) {
    expect(memory_.keep(update_->run, update_->memory), "keep what was left out");
  }
  expect(store_.clear(), "clear");
  update_.reset();
  talk_later(1);
}

}  // namespace fedqat::dst
