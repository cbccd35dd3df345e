#include "client/device/checkpoint_store.h"
#include "client/device/model_store.h"
#include "client/device/seen_models.h"
#include "client/device/state_dir.h"
#include "client/device/state_file.h"
#include "client/device/update_store.h"
#include "common/crypto/authority.h"
#include "common/crypto/base64.h"
#include "common/wire/enrollment.h"
#include "common/wire/frame.h"
#include "common/wire/identity.pb.h"
#include "common/wire/manifest.h"
#include "coordinator/run_state.h"
#include "coordinator/state/audit_log.h"
#include "tests/fuzz/fuzz_inputs.h"
#include "tests/fuzz/make_corpus.h"
#include "tests/fuzz/memory_files.h"
#include "tests/support/memory_fs.h"

namespace fedqat {
namespace {

constexpr Validity kLife{1'700'000'000, 1'800'000'000};

std::string text(ByteView bytes) { return std::string(as_text(bytes)); }

// A file of a device and its payload: the target takes both.
void put_state(const std::string& name, ByteView file) {
  put("state_file", name, file);
  put("state_file", name + "_payload", file.subspan(kStateHeader));
}

void make_papers() {
  put("token", "plain", to_text(make_enrollment_token(Digest{})));
  put("token", "spaces", " " + to_text(make_enrollment_token(Digest{})) + "\n");

  const Manifest manifest{0x0123456789ABCDEF, 3, 2, sha256({}), Digest{}, 1'700'000'000};
  const Bytes envelope = sign_manifest(manifest, PrivateKey::make_ed25519());
  wire::SignedManifestProto p;
  FEDQAT_CHECK(parse(envelope, p));
  put("manifest", "signed", envelope);
  put("manifest", "body", p.manifest());
}

// The last line of PEM and the first one off, without base64: what is inside.
Bytes der_of(const std::string& pem) {
  const std::size_t begin = pem.find('\n') + 1, end = pem.find("\n-----END");
  std::string body;
  for (const char c : pem.substr(begin, end - begin)) {
    if (c == '+') body += '-';
    if (c == '/') body += '_';
    if (c != '+' && c != '/' && c != '\n' && c != '=') body += c;
  }
  auto der = from_base64url(body);
  FEDQAT_CHECK(der);
  return *std::move(der);
}

void make_certificates() {
  const PrivateKey ca_key = PrivateKey::make_p256(), key = PrivateKey::make_p256();
  const auto ca = make_ca(ca_key, "authority", kLife);
  const auto request = make_csr(key, "device");
  FEDQAT_CHECK(ca && request);
  const auto server =
      sign_csr(*ca, ca_key, *request,
               {"server", CertificateProfile::Purpose::kServer, {"localhost", "::1"}, kLife});
  const auto device =
      sign_csr(*ca, ca_key, *request, {"device", CertificateProfile::Purpose::kClient, {}, kLife});
  FEDQAT_CHECK(server && device);
  put("certificate", "ca.der", ca->der());
  put("certificate", "server.der", server->der());
  put("certificate", "chain.pem", text(server->to_pem()) + text(ca->to_pem()));
  put("csr", "p256.pem", *request);
  put("csr", "p256.der", der_of(text(*request)));
  put("csr", "ed25519.der", der_of(text(*make_csr(PrivateKey::make_ed25519(), "device"))));

  MemoryFs fs;
  FEDQAT_CHECK(fs.write_private("d", {}));
  auto dir = StateDir::look(fs, "d");
  FEDQAT_CHECK(dir);
  const auto own = dir->key();
  FEDQAT_CHECK(own);
  const auto mine = sign_csr(*ca, ca_key, *make_csr(*own, "device"),
                             {"device", CertificateProfile::Purpose::kClient, {}, kLife});
  FEDQAT_CHECK(mine && dir->enroll(*mine, *ca, {"a:1", "a", Bytes(32), "device", 7}));
  const auto profile = fs.read("d/device.bin");
  FEDQAT_CHECK(profile);
  put("state_dir", "profile", std::string(1, 0) + text(ByteView(*profile).subspan(kStateHeader)));
  put("state_dir", "profile_file", "\1" + text(*profile));
  put("state_dir", "key", "\2" + text(*fs.read("d/identity.key")));
  put("state_dir", "certificate", "\3" + text(mine->to_pem()));
  put("state_dir", "ca", "\4" + text(ca->to_pem()));
}

void make_device_files() {
  MemoryFs fs;
  auto seen = SeenModels::open(fs, "seen");
  FEDQAT_CHECK(seen && seen->admit({1, 2, 2, sha256({}), {}, 1000}, 900) &&
               seen->admit({2, 9, 8, Digest{}, {}, 1000}, 900));
  put_state("seen", *fs.read("seen"));
  SealedUpdate update{1, 2, 1, {}, Bytes(20, std::byte{5}), Bytes(7, std::byte{1})};
  update.digest = update_digest(update.payload, update.stats);
  FEDQAT_CHECK(UpdateStore(fs, "update").keep(update));
  put_state("update", *fs.read("update"));
  const Graph graph = fuzz_graph();
  Task task;
  task.run = 5;
  task.model_sha256 = sha256({});
  FEDQAT_CHECK(ModelStore(fs, "model").keep(task, graph, init_model(graph, 1)));
  put_state("model", *fs.read("model"));
  TrainCheckpoint c;
  c.next_sample = 64;
  c.seen = 64;
  c.loss = 0.5;
  c.params = {1, 2, 3};
  c.velocity = {0, -1, 0.5F};
  put_state("checkpoint", encode_checkpoint(c));
  c.histograms.resize(1);
  put_state("observes", encode_checkpoint(c));
}

void make_coordinator_files() {
  RunState state;
  state.run = 5;
  state.rounds_done = 2;
  state.attendance = {6, {1, 4}, {2}};
  state.model = {{1, 2, 3}, true, {0, 3}};
  state.strategy = {0.5F, 0.25F, 0};
  state.ranges = {1, 2};
  state.held = {3, 2, 1};
  state.last.round = 2;
  state.last.phase = Phase::kQuantized;
  state.last.mean_loss = 0.7;
  state.earlier = {{1, {1, 2}, {{0, sha256({})}, {3, Digest{}}}, {4}}};
  const Bytes checkpoint = encode_run_state(state);
  put("run_state", "checkpoint", checkpoint);
  put("run_state", "body", ByteView(checkpoint).subspan(sizeof(Digest)));

  MemoryFiles files;
  auto log = AuditLog::open("/log", 1'700'000'000, &files);
  FEDQAT_CHECK(log);
  for (int i = 0; i < 4; ++i) {
    FEDQAT_CHECK(log->append(1'700'000'000 + i, "ack", {{"device", "a\"b\n\xC3\xA4"}, {"n", i}}));
    if (i != 2) FEDQAT_CHECK(log->sync());
  }
  const auto both = [&](std::size_t log_bytes) {
    const std::string head = text(files.content["/log.head"]);
    std::string out;
    out += static_cast<char>(head.size() & 255);
    out += static_cast<char>(head.size() >> 8);
    return out + head + text(files.content["/log"]).substr(0, log_bytes);
  };
  put("audit_log", "whole", both(std::string::npos));
  put("audit_log", "cut", both(files.content["/log"].size() - 20));
  put("audit_log", "no_head", std::string(2, 0) + text(files.content["/log"]));
  FEDQAT_CHECK(log->append(1'700'000'009, "lost", {}));
  files.content["/log"].resize(files.content["/log"].size() + 9, std::byte{'{'});
  put("audit_log", "torn", both(std::string::npos));
}

}  // namespace

void make_deployment_corpus() {
  make_papers();
  make_certificates();
  make_device_files();
  make_coordinator_files();
  put("config_set", "some",
      std::string("run.rounds=3\nquant.weight_bits=4\ndata.name=digits\npartition.alpha=0.5\n"
                  "duty.hours=22-6\nclient.learning_rate=1e-2"));
}

}  // namespace fedqat
