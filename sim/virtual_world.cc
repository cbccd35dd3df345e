#include "sim/virtual_world.h"

#include <algorithm>

#include "sim/guarded.h"

namespace fedqat {

VirtualWorld::VirtualWorld(Coordinator& coordinator, const Dataset& train,
                           const Partition& partition, const Scenario& scenario, ThreadPool& pool,
                           VirtualClock& clock)
    : coordinator_(coordinator),
      data_(train),
      partition_(partition),
      scenario_(scenario),
      pool_(pool),
      clock_(clock) {
  for (int i = 0; i < pool.size(); ++i) {
    trainers_.push_back(
        std::make_unique<LocalTrainer>(coordinator.graph(), coordinator.network().input));
  }
}

VirtualWorld::~VirtualWorld() { wait_for_training(); }

void VirtualWorld::wait_for_training() {
  for (const auto& [at, job] : uploads_) {
    if (job.update.valid()) job.update.wait();
  }
}

Result<void> VirtualWorld::run_round() {
  const std::uint32_t round = coordinator_.rounds_done();
  last_failure_.clear();
  trained_ = failed_ = 0;
  invite();
  while (coordinator_.status() == Coordinator::Status::kRunning &&
         coordinator_.rounds_done() == round) {
    const std::uint32_t attempt = coordinator_.attempt();
    const bool stepped = step();
    if (broken_) return *broken_;
    if (!stepped) {
      if (failed_ > 0 && trained_ == 0 && uploads_.empty()) {
        return Error{Errc::kUnavailable, last_failure_ + " (round " + std::to_string(round + 1) +
                                             ": it was so with all " + std::to_string(failed_) +
                                             " clients that trained)"};
      }
      clock_.advance_to(coordinator_.deadline_ms());
      coordinator_.tick(clock_.now_ms());
      const bool open = coordinator_.rounds_done() == round &&
                        coordinator_.status() == Coordinator::Status::kRunning;
      if (open && coordinator_.attempt() != attempt) invite();
    }
  }
  std::erase_if(uploads_, [&](const auto& upload) {
    const auto& [at, job] = upload;
    if (coordinator_.takes(job.work->task.round)) return false;
    if (job.update.valid()) job.update.wait();
    busy_until_[at.second] = at.first;
    working_.erase(at.second);
    return true;
  });
  std::erase_if(busy_until_, [&](const auto& b) { return b.second <= clock_.now_ms(); });
  if (coordinator_.takes(round + 1)) return {};  // who is on its way is still welcome
  for (const auto& [at, nothing] : check_ins_) working_.erase(at.second);
  check_ins_.clear();
  return {};
}

void VirtualWorld::invite() {
  called_ = 0;
  invite_more();
  // Who dropped out is back, and says so: it is counted on again in the rounds to come.
  for (const ClientId who : coordinator_.attendance().absent) call(who);
}

// The cohort grows as updates come in, if rounds are asynchronous.
void VirtualWorld::invite_more() {
  const auto cohort = coordinator_.cohort();
  while (called_ < cohort.size()) call(cohort[called_++]);
}

void VirtualWorld::call(ClientId who) {
  if (!working_.insert(who).second) return;
  const std::uint32_t round = coordinator_.rounds_done() + 1;
  std::int64_t at = clock_.now_ms() + scenario_.check_in_ms(round, who);
  if (const auto busy = busy_until_.find(who); busy != busy_until_.end()) {
    at = std::max(at, busy->second);
  }
  check_ins_.emplace(At{at, who}, std::monostate{});
}

// The next event before the deadline; false if there is none.
bool VirtualWorld::step() {
  const auto before_deadline = [&](const auto& queue) {
    return !queue.empty() && queue.begin()->first.first < coordinator_.deadline_ms();
  };
  const bool check_in_due = before_deadline(check_ins_), upload_due = before_deadline(uploads_);
  if (!check_in_due && !upload_due) return false;
  if (check_in_due && (!upload_due || check_ins_.begin()->first <= uploads_.begin()->first)) {
    const At at = check_ins_.begin()->first;
    check_ins_.erase(check_ins_.begin());
    clock_.advance_to(at.first);
    check_in(at.second);
  } else {
    train_ahead();
    auto node = uploads_.extract(uploads_.begin());
    clock_.advance_to(node.key().first);
    upload(node.key().second, std::move(node.mapped()));
    invite_more();
  }
  return true;
}

void VirtualWorld::check_in(ClientId who) {
  working_.erase(who);  // unless there is something to do
  MemoryTransport transport(coordinator_, who, clock_, traffic_);
  const Traffic before = traffic_;
  std::optional<std::uint64_t> held;
  if (const auto known = held_.find(who); known != held_.end()) held = known->second;
  auto begun = session(transport).begin(&held);
  if (held) held_[who] = *held;
  if (!begun) {
    last_failure_ = begun.error().what;
    return;
  }
  auto* work = std::get_if<Work>(&*begun);
  if (work == nullptr) return;  // it has delivered already
  const Task& task = work->task;
  if (scenario_.drops_out(task.round, coordinator_.attempt(), who)) return;
  // What goes up is as big as what the grid takes; near enough to what comes down for a duration.
  const std::uint64_t bytes = 2 * (traffic_.down - before.down);
  const std::uint64_t samples = partition_.samples(who).size() * task.training.epochs;
  const At at{clock_.now_ms() + scenario_.work_ms(who, samples, bytes), who};
  uploads_.emplace(at, Job{std::make_shared<const Work>(std::move(*work)), {}});
  working_.insert(who);
}

// Hands the next uploads that can still count to the pool.
void VirtualWorld::train_ahead() {
  const auto window = std::min<std::size_t>(2 * trainers_.size(), coordinator_.wanted());
  std::size_t ahead = 0;
  for (auto& [at, job] : uploads_) {
    if (ahead++ == window || at.first >= coordinator_.deadline_ms()) break;
    if (!job.update.valid()) start_training(at.second, job);
  }
}

void VirtualWorld::start_training(ClientId who, Job& job) {
  const auto known = memory_.find(who);
  const Memory memory = known != memory_.end() ? known->second : nullptr;
  job.update = pool_.submit([this, who, work = job.work, memory](int worker) {
    return guarded([&] {
      return Session::train(*trainers_[static_cast<std::size_t>(worker)], coordinator_.graph(),
                            *work, data_, partition_.samples(who), nullptr,
                            memory ? std::span<const float>(*memory) : std::span<const float>());
    });
  });
}

void VirtualWorld::upload(ClientId who, Job job) {
  working_.erase(who);
  auto update = job.update.get();
  if (!update) {
    last_failure_ = "client " + std::to_string(who) + ": " + update.error().what;
    if (update.error().code == Errc::kUnavailable) broken_ = update.error();
    ++failed_;
    return;
  }
  ++trained_;
  samples_trained_ += partition_.samples(who).size() * job.work->task.training.epochs;
  MemoryTransport transport(coordinator_, who, clock_, traffic_);
  auto outcome = session(transport).finish(*update);
  if (!outcome) {
    last_failure_ = "client " + std::to_string(who) + ": " + outcome.error().what;
  } else if (const auto* refusal = std::get_if<Refusal>(&*outcome)) {
    last_failure_ = "client " + std::to_string(who) + ": " + refusal->text;
  } else if (!update->memory.empty()) {
    memory_[who] = std::make_shared<const std::vector<float>>(std::move(update->memory));
  }
}

Session VirtualWorld::session(MemoryTransport& transport) {
  return Session(transport, coordinator_.graph(), cache_);
}

}  // namespace fedqat
