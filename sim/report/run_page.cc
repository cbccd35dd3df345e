#include "sim/report/run_page.h"

#include <cmath>

#include "sim/report/html.h"
#include "sim/report/number.h"
#include "sim/report/run_plots.h"

namespace fedqat {
namespace {

using Facts = std::vector<std::pair<std::string, std::string>>;

std::string points_text(double difference) {
  const std::string text = fixed(100 * difference, 2);
  return (text.front() == '-' ? "" : "+") + text + " points";
}

double bytes_of(const RunReport& r) { return double(r.bytes_up) + double(r.bytes_down); }

std::string subtitle(const RunReport& r) {
  return r.model_name + " (" + bits_of(r) + ") on " + r.data_name + ", " + grouped(r.clients) +
         " clients, " + r.partition + ", " + std::to_string(r.rounds.size()) + " rounds, seed " +
         std::to_string(r.seed);
}

std::string tiles(const RunReport& r, const RunReport* twin) {
  const std::string accuracy_note = twin == nullptr
                                        ? "loss " + fixed(r.final_loss, 4)
                                        : "fp32 " + percent(twin->final_accuracy) + ", " +
                                              points_text(r.final_accuracy - twin->final_accuracy);
  const double bytes_up_down = bytes_of(r);
  const std::string sent_note =
      twin == nullptr
          ? bytes_text(double(r.bytes_up)) + " up, " + bytes_text(double(r.bytes_down)) + " down"
          : ratio_text(bytes_of(*twin), bytes_up_down) + " less than the fp32 run's " +
                bytes_text(bytes_of(*twin));
  const std::vector<Tile> all = {
      {"Test accuracy, " + bits_of(r), percent(r.final_accuracy), accuracy_note},
      {"Model file", bytes_text(double(r.bytes_packed)),
       ratio_text(double(r.bytes_fp32), double(r.bytes_packed)) + " smaller than fp32's " +
           bytes_text(double(r.bytes_fp32))},
      {"Sent between clients and server", bytes_text(bytes_up_down), sent_note},
      {"Time", seconds_text(r.seconds),
       grouped(static_cast<std::uint64_t>(std::max(0.0, r.train_samples_per_second))) +
           " training samples a second"}};
  return html_tiles(all);
}

Facts model_facts(const RunReport& r) {
  Facts facts = {{"Name", r.model_name},
                 {"Parameters", grouped(r.parameters)},
                 {"Multiply-adds a sample", grouped(r.macs_per_sample)},
                 {"Bits of weights", std::to_string(r.weight_bits)},
                 {"Bits of activations", std::to_string(r.activation_bits)}};
  std::string layers;
  for (const std::string& bits : r.layer_bits) layers += (layers.empty() ? "" : ", ") + bits;
  if (!layers.empty()) facts.emplace_back("Bits of single layers", layers);
  facts.emplace_back("File", grouped(r.bytes_packed) + " bytes");
  facts.emplace_back("SHA-256", r.model_sha256);
  return facts;
}

Facts data_facts(const RunReport& r) {
  return {{"Name", r.data_name},
          {"Training samples", grouped(r.train_samples)},
          {"Test samples", grouped(r.test_samples)},
          {"Classes", std::to_string(r.classes)},
          {"Clients", grouped(r.clients)},
          {"Partition", r.partition},
          {"SHA-256", r.data_sha256}};
}

Facts run_facts(const RunReport& r) {
  return {{"Seed", std::to_string(r.seed)},
          {"Instruction set", r.isa},
          {"Threads", std::to_string(r.threads)},
          {"Peak memory", bytes_text(double(r.peak_rss_bytes))},
          {"Sent up", grouped(r.bytes_up) + " bytes"},
          {"Sent down", grouped(r.bytes_down) + " bytes"}};
}

std::string rounds_table(const RunReport& r) {
  const std::vector<std::string> header = {"Round",    "Phase",     "Clients", "Train loss",
                                           "Accuracy", "Test loss", "Up",      "Down",
                                           "Clipped",  "Seconds"};
  std::vector<std::vector<std::string>> rows;
  for (const RoundReport& round : r.rounds) {
    rows.push_back(
        {std::to_string(round.round), round.phase,
         std::to_string(round.clients_aggregated) + " of " + std::to_string(round.clients_sampled),
         fixed(round.train_loss, 4), round.evaluated ? percent(round.test_accuracy) : "-",
         round.evaluated ? fixed(round.test_loss, 4) : "-", bytes_text(double(round.bytes_up)),
         bytes_text(double(round.bytes_down)), percent(round.clipped_share),
         fixed(round.seconds, 3)});
  }
  return html_table(header, rows);
}

std::string hint(const std::string& plain) {
  return "<p class=\"hint\">" + escape_html(plain) + "</p>";
}

}  // namespace

std::string bits_text(int weight_bits, int activation_bits) {
  if (weight_bits >= 32) return "fp32";
  return "W" + std::to_string(weight_bits) + "A" + std::to_string(activation_bits);
}

std::string bits_of(const RunReport& run) {
  return bits_text(run.weight_bits, run.activation_bits) +
         (run.layer_bits.empty() ? "" : ", mixed");
}

std::string run_page(const RunReport& run, const RunReport* fp32_twin,
                     std::string_view config_toml) {
  std::vector<NamedRun> runs = {{bits_of(run), &run}};
  if (fp32_twin != nullptr) runs.push_back({"fp32", fp32_twin});

  std::string body = tiles(run, fp32_twin);
  body += html_card("Test accuracy", accuracy_plot(runs, true));
  body += html_card("Loss", train_test_loss_plot(run));
  body += html_card("Bytes sent, cumulative", bytes_plot(runs, true));
  const std::string activations =
      scales_plot(run, run.activation_names, &RoundReport::activation_log2_scales);
  if (!run.class_recall.empty()) body += html_card("Recall of each class", recall_bars(run));
  if (!activations.empty()) {
    body += html_card("Activation scales",
                      hint("log2 of the step between two codes, by layer") + activations);
    body += html_card("Weight scales",
                      hint("log2 of the step between two codes, mean over a layer's channels") +
                          scales_plot(run, run.weight_names, &RoundReport::weight_log2_scales));
  }
  if (!run.shares.empty()) {
    const std::string which = run.shares.size() < run.clients
                                  ? "Samples of each class; the first " +
                                        std::to_string(run.shares.size()) + " of " +
                                        grouped(run.clients) + " clients"
                                  : "Samples of each class on every client";
    body += html_card("Data of the clients", hint(which) + clients_plot(run), true);
  }
  body += html_card("Model", html_facts(model_facts(run)));
  body += html_card("Data", html_facts(data_facts(run)));
  body += html_card("Run", html_facts(run_facts(run)), true);
  body += html_details("All rounds", rounds_table(run));
  if (!config_toml.empty()) {
    body += html_details("Configuration", "<pre>" + escape_html(config_toml) + "</pre>");
  }
  return html_page(run.name, subtitle(run), body);
}

std::string runs_page(std::span<const RunReport> runs) {
  if (runs.size() == 1) return run_page(runs.front(), nullptr, {});
  std::vector<NamedRun> named;
  std::vector<std::vector<std::string>> rows;
  for (const RunReport& r : runs) {
    const std::string name = r.name + " " + bits_of(r) + ", seed " + std::to_string(r.seed);
    named.push_back({name, &r});
    rows.push_back({name, r.model_name, r.data_name, r.partition, percent(r.final_accuracy),
                    fixed(r.final_loss, 4), bytes_text(double(r.bytes_packed)),
                    bytes_text(bytes_of(r)), seconds_text(r.seconds),
                    r.model_sha256.substr(0, 12)});
  }
  const std::vector<std::string> header = {"Run",  "Model", "Data", "Partition", "Accuracy",
                                           "Loss", "File",  "Sent", "Time",      "SHA-256"};
  std::string body = html_card("Results", html_table(header, rows), true);
  body += html_card("Test accuracy", accuracy_plot(named, false));
  body += html_card("Test loss", loss_plot(named, false));
  body += html_card("Bytes sent, cumulative", bytes_plot(named, false), true);
  for (const RunReport& r : runs) {
    body +=
        html_details(r.name + ", seed " + std::to_string(r.seed) + ": all rounds", rounds_table(r));
  }
  return html_page(std::to_string(runs.size()) + " runs", "Side by side", body);
}

}  // namespace fedqat
