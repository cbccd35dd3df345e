// The rule by which a coordinator answers: many requests share one sync of the journal, and no
// reply leaves before it.
#pragma once

#include <cstddef>
#include <vector>

#include "common/base/failpoint.h"
#include "common/base/result.h"
#include "common/wire/messages.h"

namespace fedqat {

// answer(i) -> Reply, for each of `requests`; sync() -> Result<void>, when all are answered; then
// send(i, reply) for each. An error is that of sync(): nothing was sent, nobody knows what is on
// the disk, and the process has to end.
template <class Answer, class Sync, class Send>
Result<void> answer_batch(std::size_t requests, Answer&& answer, Sync&& sync, Send&& send) {
  std::vector<Reply> replies;
  replies.reserve(requests);
  for (std::size_t i = 0; i < requests; ++i) replies.push_back(answer(i));
  FEDQAT_FAILPOINT("serve.batch.before_sync");
  if (auto ok = sync(); !ok) return ok;
  FEDQAT_FAILPOINT("serve.batch.after_sync");
  for (std::size_t i = 0; i < requests; ++i) {
    FEDQAT_FAILPOINT("serve.batch.before_reply");
    send(i, replies[i]);
  }
  FEDQAT_FAILPOINT("serve.batch.after_replies");
  return {};
}

}  // namespace fedqat
