#include "common/base/thread_pool.h"

#include <atomic>

#include "common/base/check.h"

namespace fedqat {

ThreadPool::ThreadPool(int threads) {
  FEDQAT_CHECK(threads >= 1);
  try {
    for (int i = 0; i < threads; ++i) workers_.emplace_back([this, i] { work(i); });
  } catch (...) {  // the system has no more threads: those that run must end first
    stop();
    throw;
  }
}

ThreadPool::~ThreadPool() { stop(); }

void ThreadPool::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& t : workers_) t.join();
}

void ThreadPool::post(std::function<void(int)> task) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(task));
  }
  wake_.notify_one();
}

void ThreadPool::work(int worker) {
  while (true) {
    std::function<void(int)> task;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      task = std::move(queue_.front());
      queue_.pop_front();
    }
    task(worker);
  }
}

void ThreadPool::for_each(std::size_t n, const std::function<void(std::size_t, int)>& body) {
  std::atomic<std::size_t> next{0};
  std::vector<std::future<void>> done;
  for (int t = 0; t < size(); ++t) {
    done.push_back(submit([&](int worker) {
      for (std::size_t i = next++; i < n; i = next++) body(i, worker);
    }));
  }
  for (auto& d : done) d.wait();
  for (auto& d : done) d.get();
}

}  // namespace fedqat
