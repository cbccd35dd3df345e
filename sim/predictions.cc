#include "sim/predictions.h"

#include <algorithm>

#include "common/base/check.h"
#include "common/nn/engine.h"

namespace fedqat {

Result<Predictions> predict(const PackedModel& model, const Dataset& test) {
  constexpr std::size_t kBatch = 64;
  auto engine = Engine::make(model, static_cast<int>(kBatch));
  if (!engine) return engine.error();
  const auto classes = static_cast<std::size_t>(test.classes);
  Predictions out;
  out.reserve(test.size());
  for (std::size_t begin = 0; begin < test.size(); begin += kBatch) {
    const std::size_t n = std::min(kBatch, test.size() - begin);
    engine->run(test.sample(begin).data(), static_cast<int>(n));
    for (std::size_t i = 0; i < n; ++i) {
      const auto logits = engine->logits().subspan(i * classes, classes);
      out.push_back(static_cast<std::uint16_t>(std::max_element(logits.begin(), logits.end()) -
                                               logits.begin()));
    }
  }
  return out;
}

double accuracy(const Predictions& predictions, const Dataset& test) {
  FEDQAT_CHECK(predictions.size() == test.size());
  if (predictions.empty()) return 0;
  std::size_t correct = 0;
  for (std::size_t i = 0; i < test.size(); ++i) correct += predictions[i] == test.labels[i] ? 1 : 0;
  return double(correct) / double(test.size());
}

std::vector<double> class_recall(const Predictions& predictions, const Dataset& test) {
  FEDQAT_CHECK(predictions.size() == test.size());
  const auto classes = static_cast<std::size_t>(test.classes);
  std::vector<double> hits(classes);
  std::vector<double> all(classes);
  for (std::size_t i = 0; i < test.size(); ++i) {
    all[test.labels[i]] += 1;
    if (predictions[i] == test.labels[i]) hits[test.labels[i]] += 1;
  }
  for (std::size_t c = 0; c < classes; ++c) hits[c] = all[c] > 0 ? hits[c] / all[c] : 0;
  return hits;
}

double disagreement(const Predictions& a, const Predictions& b) {
  FEDQAT_CHECK(a.size() == b.size());
  if (a.empty()) return 0;
  std::size_t unlike = 0;
  for (std::size_t i = 0; i < a.size(); ++i) unlike += a[i] == b[i] ? 0 : 1;
  return double(unlike) / double(a.size());
}

}  // namespace fedqat
