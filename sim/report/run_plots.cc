#include "sim/report/run_plots.h"

#include <algorithm>
#include <cmath>

#include "sim/report/html.h"
#include "sim/report/number.h"
#include "sim/report/svg_plot.h"

namespace fedqat {
namespace {

std::vector<Band> phases(const RunReport& run) {
  std::vector<Band> bands;
  for (const RoundReport& r : run.rounds) {
    if (bands.empty() || bands.back().label != r.phase) {
      if (!bands.empty()) bands.back().to = r.round - 0.5;
      bands.push_back({r.round - 0.5, 0, r.phase});
    }
    bands.back().to = r.round;
  }
  if (!bands.empty()) bands.front().from = run.rounds.front().round;
  if (bands.size() == 1) bands.clear();  // nothing to tell apart
  return bands;
}

// value(round, index) for every round; NaN leaves a gap.
template <class Value>
Series series_of(const RunReport& run, const std::string& name, int color, Value value) {
  Series s{name, {}, {}, color, false};
  for (const RoundReport& r : run.rounds) {
    s.x.push_back(r.round);
    s.y.push_back(value(r));
  }
  return s;
}

template <class Value>
LinePlot plot_of(std::span<const NamedRun> runs, bool dashed, Value value) {
  LinePlot plot{.x_label = "round"};
  for (std::size_t i = 0; i < runs.size(); ++i) {
    plot.series.push_back(
        series_of(*runs[i].run, runs[i].name, static_cast<int>(i), value(*runs[i].run)));
    plot.series.back().dashed = dashed && i > 0;
  }
  plot.bands = phases(*runs.front().run);
  return plot;
}

const double kNotMeasured = std::nan("");

}  // namespace

std::string accuracy_plot(std::span<const NamedRun> runs, bool dashed) {
  LinePlot plot = plot_of(runs, dashed, [](const RunReport&) {
    return [](const RoundReport& r) { return r.evaluated ? r.test_accuracy : kNotMeasured; };
  });
  plot.unit = Unit::kPercent;
  plot.y_top = 1;
  plot.focus_top = true;
  return svg_lines(plot);
}

std::string loss_plot(std::span<const NamedRun> runs, bool dashed) {
  LinePlot plot = plot_of(runs, dashed, [](const RunReport&) {
    return [](const RoundReport& r) { return r.evaluated ? r.test_loss : kNotMeasured; };
  });
  plot.from_zero = true;
  return svg_lines(plot);
}

std::string bytes_plot(std::span<const NamedRun> runs, bool dashed) {
  LinePlot plot = plot_of(runs, dashed, [](const RunReport&) {
    return [sum = 0.0](const RoundReport& r) mutable {
      return sum += double(r.bytes_up) + double(r.bytes_down);
    };
  });
  plot.unit = Unit::kBytes;
  plot.from_zero = true;
  return svg_lines(plot);
}

std::string train_test_loss_plot(const RunReport& run) {
  LinePlot plot{.x_label = "round", .from_zero = true};
  plot.series.push_back(series_of(run, "test", 0, [](const RoundReport& r) {
    return r.evaluated ? r.test_loss : kNotMeasured;
  }));
  plot.series.push_back(
      series_of(run, "train, on clients", 2, [](const RoundReport& r) { return r.train_loss; }));
  plot.bands = phases(run);
  return svg_lines(plot);
}

std::string scales_plot(const RunReport& run, const std::vector<std::string>& names,
                        std::vector<float> RoundReport::*scales) {
  LinePlot plot{.x_label = "round"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    Series s = series_of(run, names[i], static_cast<int>(i), [&](const RoundReport& r) {
      return i < (r.*scales).size() ? double((r.*scales)[i]) : kNotMeasured;
    });
    if (std::any_of(s.y.begin(), s.y.end(), [](double v) { return std::isfinite(v); })) {
      plot.series.push_back(std::move(s));
    }
  }
  if (plot.series.empty()) return {};
  plot.bands = phases(run);
  return svg_lines(plot);
}

std::string clients_plot(const RunReport& run) {
  BarPlot plot{.x_label = "client"};
  std::size_t classes = 0;
  for (const ClientShare& share : run.shares) {
    plot.bars.push_back(std::to_string(share.client));
    plot.values.emplace_back(share.per_class.begin(), share.per_class.end());
    classes = std::max(classes, share.per_class.size());
  }
  for (std::size_t c = 0; c < classes; ++c) plot.parts.push_back(std::to_string(c));
  return svg_stacked_bars(plot);
}

std::string recall_bars(const RunReport& run) {
  std::string out = "<div class=\"bars\">";
  for (std::size_t c = 0; c < run.class_recall.size(); ++c) {
    const double recall = run.class_recall[c];
    const double width = std::isfinite(recall) ? 100 * std::clamp(recall, 0.0, 1.0) : 0;
    out += "<span class=\"name\">" + std::to_string(c) +
           "</span><div class=\"track\"><div class=\"fill\" style=\"width:" + fixed(width, 2) +
           "%\"></div></div><span>" + (std::isfinite(recall) ? percent(recall, 1) : "-") +
           "</span>\n";
  }
  return out + "</div>\n";
}

}  // namespace fedqat
