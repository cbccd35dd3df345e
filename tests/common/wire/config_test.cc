#include "common/wire/config.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <limits>

#include "common/base/fs.h"
#include "common/base/rng.h"
#include "common/wire/schema.h"

using namespace fedqat;

namespace {

const std::filesystem::path kRoot = FEDQAT_SOURCE_DIR;
const std::vector<std::string> kNone;

std::string read(const std::filesystem::path& path) {
  const auto bytes = make_posix_fs()->read(path);
  return bytes ? std::string(as_text(*bytes)) : "";
}

Result<wire::Config> parse(const std::string& toml, const std::vector<std::string>& sets = kNone) {
  return parse_config(toml, "c.toml", sets);
}

std::string refusal(const std::string& toml, const std::vector<std::string>& sets = kNone) {
  const auto config = parse(toml, sets);
  INFO(toml);
  REQUIRE_FALSE(config);
  CHECK(config.error().code == Errc::kInvalid);
  return config.error().what;
}

std::vector<std::filesystem::path> config_files() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(kRoot / "configs")) {
    if (entry.path().extension() != ".toml") continue;
    files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

TEST_CASE("config: an empty file is all defaults") {
  const auto config = parse("");
  REQUIRE(config);
  CHECK_FALSE(config->client().has_batch());
  CHECK(config->client().batch() == 32);
}

TEST_CASE("config: every type is read, integers serve as numbers") {
  const auto config = parse(R"(
run = { name = "a\"b", seed = 9223372036854775807 }
client.batch = 0x40
[client]
learning_rate = 1
[compare]
bits = [8, 4]
techniques = ["qat"]
[[model.layers]]
op = "dense"
units = 10
)");
  // A dotted key opens its table: TOML then refuses [client].
  CHECK_FALSE(config);
  const auto good = parse(R"(
run = { name = "a\"b", seed = 9223372036854775807 }
[client]
batch = 0x40
learning_rate = 1
[compare]
bits = [8, 4]
techniques = ["qat"]
[[model.layers]]
op = "flatten"
[[model.layers]]
op = "dense"
units = 10
)");
  REQUIRE(good);
  CHECK(good->run().name() == "a\"b");
  CHECK(good->run().seed() == 9223372036854775807U);
  CHECK(good->client().batch() == 64);
  CHECK(good->client().learning_rate() == 1.0);
  CHECK(good->compare().bits_size() == 2);
  CHECK(good->compare().techniques(0) == "qat");
  CHECK(good->model().layers(1).units() == 10);
}

TEST_CASE("config: refusals name file, line, column, reason and remedy") {
  const struct {
    const char* toml;
    const char* what;
  } cases[] = {
      {"[client]\nbacth = 3",
       "c.toml:2:1: unknown key 'client.bacth'; did you mean 'client.batch'?"},
      {"[clinet]\nbatch = 3", "c.toml:1:2: unknown key 'clinet'; did you mean 'client'?"},
      {"batch = 3", "c.toml:1:1: unknown key 'batch'; did you mean 'client.batch'?"},
      {"xylophone_quartz = 3",
       "c.toml:1:1: unknown key 'xylophone_quartz'; remove it, or see docs/configuration.md for "
       "all keys"},
      {"[client]\n  batch = \"8\"",
       "c.toml:2:11: 'client.batch' is a string; write an integer, e.g. batch = 32"},
      {"[client]\nbatch = 8.0",
       "c.toml:2:9: 'client.batch' is a fraction; write an integer, e.g. batch = 32"},
      {"client = 3", "c.toml:1:10: 'client' is an integer; write a table"},
      {"[run]\nname = 2024-01-01",
       "c.toml:2:8: 'run.name' is a date or time; write a string, e.g. name = \"run\""},
      {"[partition]\nclients = 0",
       "c.toml:2:11: 'partition.clients' = 0 is out of bounds; use 1 to 10000000"},
      {"[partition]\nalpha = 0",
       "c.toml:2:9: 'partition.alpha' = 0 is out of bounds; use more than 0, at most 1000000"},
      {"[client]\nmomentum = nan",
       "c.toml:2:12: 'client.momentum' = nan is out of bounds; use 0 to 0.9999"},
      {"[client]\nlearning_rate = inf",
       "c.toml:2:17: 'client.learning_rate' = inf is out of bounds; use more than 0, at most 100"},
      {"[data]\nmax_train_samples = -1",
       "c.toml:2:21: 'data.max_train_samples' = -1 is out of bounds; use 0 to 4294967295"},
      {"[data]\nmax_train_samples = 4294967296",
       "c.toml:2:21: 'data.max_train_samples' = 4294967296 is out of bounds; use 0 to 4294967295"},
      {"[run]\nseed = -1",
       "c.toml:2:8: 'run.seed' = -1 is out of bounds; use 0 to 9223372036854775807"},
      {"[partition]\nkind = \"dirichet\"",
       "c.toml:2:8: 'partition.kind' = \"dirichet\" is not one of its choices; use \"dirichlet\", "
       "or "
       "one of \"iid\", \"dirichlet\", \"shards\", \"quantity\", \"natural\""},
      {"[compare]\nbits = [8, 9]",
       "c.toml:2:12: 'compare.bits[1]' = 9 is out of bounds; use 2 to 8"},
      {"[compare]\ntechniques = \"qat\"",
       "c.toml:2:14: 'compare.techniques' is a string; write an array of strings"},
      {"[[model.layers]]\nop = \"relu\"\n[[model.layers]]\nunit = 3",
       "c.toml:4:1: unknown key 'model.layers[1].unit'; did you mean 'model.layers.units'?"},
      {"[model]\nlayers = [3]",
       "c.toml:2:11: 'model.layers[0]' is an integer; write an array of tables"},
  };
  for (const auto& c : cases) CHECK(refusal(c.toml) == c.what);
}

TEST_CASE("config: TOML errors have a place and a remedy") {
  for (const char* toml : {"[run", "a = ", "[run]\nseed = 1\nseed = 2", "x = \"\n\"", "\xff = 1"}) {
    CHECK_THAT(refusal(toml), Catch::Matches("c\\.toml:[0-9]+:[0-9]+: [^]*; correct the TOML "
                                             "syntax here"));
  }
}

TEST_CASE("config: the first error in the file is shown") {
  CHECK_THAT(refusal("[sim]\nthreads = -1\n[client]\nbatch = -1"), Catch::StartsWith("c.toml:2:"));
  CHECK_THAT(refusal("[run]\nzzz = 1\nrounds = -1"), Catch::StartsWith("c.toml:2:1"));
}

TEST_CASE("config: keys that contradict each other are refused at the one that was given") {
  const struct {
    const char* toml;
    const char* what;
  } cases[] = {
      {"[quant]\nweight_bits = 9",
       "c.toml:2:15: quant.weight_bits = 9: weights have 2 to 8 bits, or 32 for fp32; use 8"},
      {"[quant]\nactivation_bits = 1", "c.toml:2:19: quant.activation_bits = 1: activations"},
      {"[quant]\nactivation_bits = 32",
       "c.toml:2:19: quant.weight_bits = 8, quant.activation_bits = 32: fp32 is for weights and "
       "activations together; set both to 32"},
      {"[codec]\nbit_schedule = \"range\"\nuplink = \"eden\"",
       "c.toml:2:16: codec.bit_schedule = \"range\", codec.uplink = \"eden\", codec.uplink_bits "
       "= "},
      {"[codec]\nuplink = \"top-k\"\nuplink_bits = 32", "c.toml:3:15: codec.uplink_bits = 32"},
      {"[codec]\nuplink = \"dither\"\nuplink_bits = 1", "c.toml:3:15: codec.uplink_bits = 1"},
      {"[codec]\nuplink_bits = 16", "c.toml:2:15: codec.uplink_bits = 16"},
      {"[codec]\ndownlink_bits = 5", "c.toml:2:17: codec.downlink_bits = 5"},
      {"[codec]\ndownlink = \"difference\"\ndownlink_bits = 32",
       "c.toml:3:17: codec.downlink_bits = 32, codec.downlink = \"difference\": the broadcast"},
      {"[codec]\ndownlink_bits = 2", "c.toml:2:17: codec.downlink_bits = 2, codec.downlink"},
      {"[quant]\nkure = 1\ncodebook = 16\nweight_bits = 32\nactivation_bits = 32\n"
       "[codec]\ndownlink_bits = 32",
       "c.toml:2:8: quant.kure = 1.0, quant.codebook = 16: the kurtosis"},
      {"[quant]\nactivation_scales = \"ema\"\nscale_learning_rate = 0",
       "c.toml:2:21: quant.activation_scales = \"ema\", quant.scale_learning_rate = 0.0: with a"},
      {"[run]\nrounds = 3",
       "c.toml:2:10: quant.warmup_rounds = 3, quant.freeze_rounds = 0, run.rounds = 3: warm-up"},
      {"[quant]\nfreeze_rounds = 4294967295", "c.toml:2:17: quant.warmup_rounds = 3"},
      {"[round]\nclients = 11",
       "c.toml:2:11: round.clients = 11, partition.clients = 10: a round cannot have more"},
      {"[sim]\ndropout = 1", "c.toml:2:11: sim.dropout = 1.0: if every"},
      {"[client]\nfinal_learning_rate = 1", "c.toml:2:23: client.final_learning_rate = 1.0"},
      {"[[model.layers]]\nunits = 3", "c.toml:1:1: model.layers[0]: a layer needs an operation"},
      {"[[model.layers]]\nop = \"dense\"",
       "c.toml:1:1: model.layers[0]: dense needs the key units"},
      {"[[model.layers]]\nop = \"conv2d\"\nunits = 3\nkernel_h = 3",
       "c.toml:1:1: model.layers[0]: conv2d needs the key kernel"},
      {"[[model.layers]]\nop = \"relu\"\npadding = 3",
       "c.toml:1:1: model.layers[0]: relu has no key padding"},
      {"[[model.layers]]\nop = \"add\"", "c.toml:1:1: model.layers[0]: add reads 2 layer(s)"},
  };
  for (const auto& c : cases) CHECK_THAT(refusal(c.toml), Catch::StartsWith(c.what));
  CHECK(parse("[quant]\nweight_bits = 32\nactivation_bits = 32\n[run]\nrounds = 1"));
  CHECK(parse("[codec]\ndownlink = \"difference\"\ndownlink_bits = 2"));
  CHECK(parse("[round]\nclients = 20\n[partition]\nkind = \"natural\""));
}

TEST_CASE("config: overrides are TOML values or bare words") {
  const auto config =
      parse("[client]\nbatch = 8\n",
            {"client.batch=64", " client.learning_rate = 0.5", "data.name=mnist",
             "data.dir=/data/my set", "run.name=2024", "compare.bits=[4]", "partition.kind=\"iid\"",
             "sim.dropout=0", "run.seed=9223372036854775807",
             "model.layers=[{op=\"dense\", units=10}]", "client.batch=65"});
  REQUIRE(config);
  CHECK(config->client().batch() == 65);
  CHECK(config->client().learning_rate() == 0.5);
  CHECK(config->data().name() == "mnist");
  CHECK(config->data().dir() == "/data/my set");
  CHECK(config->run().name() == "2024");
  CHECK(config->compare().bits(0) == 4);
  CHECK(config->run().seed() == 9223372036854775807U);
  CHECK(config->model().layers(0).units() == 10);
}

TEST_CASE("config: refused overrides show the assignment") {
  const struct {
    const char* set;
    const char* what;
  } cases[] = {
      {"client.batch", "--set client.batch: no '=' in it; write --set key=value"},
      {"client.bach=1",
       "--set client.bach=1: unknown key 'client.bach'; did you mean 'client.batch'?"},
      {"client.batch.x=1", "--set client.batch.x=1: unknown key"},
      {"=1", "--set =1: unknown key ''"},
      {".=1", "--set .=1: unknown key"},
      {"client.batch=many",
       "--set client.batch=many: 'client.batch' is a string; write an integer"},
      {"client.batch=0",
       "--set client.batch=0: 'client.batch' = 0 is out of bounds; use 1 to 4096"},
      {"client.learning_rate=1e400",
       "--set client.learning_rate=1e400: 'client.learning_rate' = 1e400 is out of bounds; use "
       "more "
       "than 0, at most 100"},
      {"client.momentum=-1e400",
       "--set client.momentum=-1e400: 'client.momentum' = -1e400 is out of bounds; use 0 to "
       "0.9999"},
      {"run.seed=9223372036854775808",
       "--set run.seed=9223372036854775808: 'run.seed' = 9223372036854775808 is out of bounds; use "
       "0 to 9223372036854775807"},
      {"client.batch=+99999999999999999999",
       "--set client.batch=+99999999999999999999: 'client.batch' = +99999999999999999999 is out of "
       "bounds; use 1 to 4096"},
      {"run.seed=007", "--set run.seed=007: Error while parsing"},
      {"client.momentum=.5", "--set client.momentum=.5: Error while parsing"},
      {"compare.bits=99999999999999999999",
       "--set compare.bits=99999999999999999999: Error while parsing"},
      {"client.batch=1\nepochs=2", "--set client.batch=1\nepochs=2: 'client.batch' is a string"},
      {"compare.bits=[4", "--set compare.bits=[4: the value is not TOML"},
      {"run.name=\"x", "--set run.name=\"x: the value is not TOML"},
      {"data.dir=\xff", "--set data.dir=\xff: "},
      {"model.layers.units=3", "--set model.layers.units=3: 'model.layers' is an array of tables"},
      {"client=3", "--set client=3: 'client' is an integer; write a table"},
      {"round.clients=11", "--set round.clients=11: round.clients = 11, partition.clients = 10: "},
      {"quant.weight_bits=9", "--set quant.weight_bits=9: quant.weight_bits = 9: weights have"},
  };
  for (const auto& c : cases) CHECK_THAT(refusal("", {c.set}), Catch::StartsWith(c.what));
  // The file was fine before the override.
  CHECK_THAT(refusal("[round]\nclients = 9", {"partition.clients=8"}),
             Catch::StartsWith("--set partition.clients=8: round.clients = 9, partition"));
}

TEST_CASE("config: the effective TOML reads back to the same config") {
  for (const auto& file : config_files()) {
    const auto config = parse(read(file), {"data.dir=tab\there \"quoted\" \\ and \x7f"});
    REQUIRE(config);
    const std::string effective = effective_toml(*config);
    const auto back = parse(effective);
    INFO(effective);
    REQUIRE(back);
    CHECK(effective_toml(*back) == effective);
    CHECK(back->data().dir() == config->data().dir());
    CHECK(back->model().SerializeAsString() == config->model().SerializeAsString());
    CHECK(back->compare().rows_size() == config->compare().rows_size());
    for (int i = 0; i < back->compare().rows_size(); ++i) {
      CHECK(back->compare().rows(i).SerializeAsString() ==
            config->compare().rows(i).SerializeAsString());
    }
    CHECK(back->client().learning_rate() == config->client().learning_rate());
  }
}

TEST_CASE("config: numbers survive the effective TOML") {
  wire::Config config;
  for (const double x : {0.1, 1.0 / 3, 1e-300, 5e-324, 1e22, 123456789.0, 100.0}) {
    config.mutable_partition()->set_alpha(std::min(x, 1e6));
    const auto back = parse(effective_toml(config));
    REQUIRE(back);
    CHECK(back->partition().alpha() == config.partition().alpha());
  }
}

TEST_CASE("config: the schema as TOML is a valid config of defaults") {
  const auto config = parse(schema_toml());
  REQUIRE(config);
  CHECK(effective_toml(*config) == effective_toml(wire::Config()));
  for (const std::string& name : key_names(*wire::Config::descriptor())) {
    CHECK_THAT(schema_toml(), Catch::Contains(name.substr(name.rfind('.') + 1)));
  }
}

TEST_CASE("config: every key is documented") {
  for (const std::string& name : key_names(*wire::Config::descriptor())) {
    const google::protobuf::Descriptor* table = wire::Config::descriptor();
    const google::protobuf::FieldDescriptor* key = nullptr;
    std::size_t begin = 0;
    while (begin <= name.size()) {
      const std::size_t dot = std::min(name.find('.', begin), name.size());
      key = table->FindFieldByName(name.substr(begin, dot - begin));
      table = key->message_type();
      begin = dot + 1;
    }
    INFO(name);
    CHECK_FALSE(key_doc(*key).empty());
  }
}

TEST_CASE("config: docs/configuration.md says what the schema says") {
  const auto page = kRoot / "docs/configuration.md";
  if (std::getenv("FEDQAT_WRITE_DOCS") != nullptr) {
    REQUIRE(make_posix_fs()->write_atomic(page, as_bytes(schema_markdown())));
  }
  INFO("to make it again: FEDQAT_WRITE_DOCS=1 ctest --preset release -R wire/config_test");
  CHECK(read(page) == schema_markdown());
}

TEST_CASE("config: every file in configs/ is valid and starts with what it shows") {
  CHECK(config_files().size() >= 9);
  for (const auto& file : config_files()) {
    const std::string text = read(file);
    const auto config = parse_config(text, file.filename().string(), kNone);
    INFO(file << ": " << (config ? "" : config.error().what));
    CHECK(config);
    CHECK_THAT(text, Catch::StartsWith("# "));
    if (config) CHECK(config->run().name() == file.stem().string());
  }
}

TEST_CASE("config: mutated files and overrides are read or refused, never worse") {
  Rng rng({.seed = 2});
  const std::string alphabet = "[]{}=.,\"'#\n\\ 0123456789e-+_xabtrue\xff\xc3\0";
  std::vector<std::string> seeds = {schema_toml()};
  for (const auto& file : config_files()) seeds.push_back(read(file));
  int good = 0;
  for (int i = 0; i < 3000; ++i) {
    std::string text = seeds[rng.below(static_cast<std::uint32_t>(seeds.size()))];
    for (std::uint32_t m = rng.below(4); m-- > 0;) {
      const std::size_t at = rng.below(static_cast<std::uint32_t>(text.size()));
      const char c = alphabet[rng.below(static_cast<std::uint32_t>(alphabet.size()))];
      const std::uint32_t kind = rng.below(4);
      if (kind == 0) text[at] = c;
      if (kind == 1) text.insert(at, 1, c);
      if (kind == 2) text.erase(at, 1 + rng.below(20));
      if (kind == 3) text.insert(at, text.substr(rng.below(100), rng.below(60)));
    }
    const std::size_t line = rng.below(static_cast<std::uint32_t>(text.size()));
    const auto config = parse(text, i % 3 == 0 ? std::vector{text.substr(line, 12)} : kNone);
    if (!config) {
      CHECK_THAT(config.error().what, Catch::Contains(": "));
      continue;
    }
    ++good;
    CHECK(parse(effective_toml(*config)));
  }
  CHECK(good > 300);
}

TEST_CASE("config: deep nesting is refused") {
  std::string file = "a = ";
  file.append(100000, '[');
  CHECK_FALSE(parse(file));
  std::string assignment = "run.name=";
  assignment.append(100000, '[');
  CHECK_FALSE(parse("", {assignment}));
}
