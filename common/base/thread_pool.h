// A fixed set of worker threads that take tasks in the order they were given.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace fedqat {

// submit() is thread-safe. The destructor finishes what was submitted.
class ThreadPool {
 public:
  // threads >= 1. Throws std::system_error when the system does not give that many.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int size() const { return static_cast<int>(workers_.size()); }

  // `task(worker)` runs on some worker, 0 <= worker < size(): index per-thread scratch with it.
  // An exception is handed to the future.
  template <class Task>
  auto submit(Task task) -> std::future<decltype(task(0))> {
    using R = decltype(task(0));
    auto packaged = std::make_shared<std::packaged_task<R(int)>>(std::move(task));
    auto result = packaged->get_future();
    post([packaged](int worker) { (*packaged)(worker); });
    return result;
  }

  // body(i, worker) for every i in [0, n), and waits for all. Not to be called from a worker.
  void for_each(std::size_t n, const std::function<void(std::size_t i, int worker)>& body);

 private:
  void post(std::function<void(int)> task);
  void work(int worker);
  void stop();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void(int)>> queue_;
  bool stopping_ = false;
  std::vector<std::thread> workers_;
};

}  // namespace fedqat
