#!/usr/bin/env bash
# A client that dies at every step that makes something durable, one after the other, changes
# nothing of the model.
# kills.sh SIM COORDINATOR CLIENT
set -uo pipefail
here=$(dirname "$0")
# shellcheck source=tests/e2e/common.sh
source "$here/common.sh"
config=configs/quickstart.toml
steps=(update.before_write update.after_write checkpoint.before_write checkpoint.after_write
  checkpoint.before_remove checkpoint.after_remove update.before_remove update.after_remove
  seen.before_write seen.after_write memory.before_write memory.after_write model.before_write
  model.after_write)
keys=(--set run.rounds=20 --set codec.uplink=top-k --set codec.downlink=difference --set partition.clients=2 --set round.clients=2
  --set data.max_train_samples=200)
# shellcheck source=tests/e2e/federation.sh
source "$here/federation.sh"
grep -qa "client.seen.before_write" "$client" || {
  echo "built without failpoints"
  exit 77
}

"$sim" run $config "${keys[@]}" --out "$work/sim" >"$work/sim.log" 2>&1 || fail "fedqat-sim"
wanted=$(sha256sum "$work/sim/model.fedqat" | cut -d' ' -f1)
"$coordinator" init --state "$work/coordinator" --name 127.0.0.1 >/dev/null || fail "init"
serve --exit-when-done

enroll a "$(token a)" || fail "enroll a"
t=$(token b)
for step in key.before_write key.after_write enrollment.before_remove \
  enrollment.before_certificate enrollment.before_ca enrollment.before_profile; do
  FEDQAT_FAILPOINT=client.$step enroll b "$t"
  code=$?
  [ $code = 137 ] || fail "enroll passed client.$step without dying ($code)"
done
enroll b "$t" || fail "enroll b: $(cat "$work/b.enroll")"

start a
for step in "${steps[@]}"; do
  FEDQAT_FAILPOINT=client.$step start b --set duty.checkpoint_s=0
  wait "$device" 2>/dev/null
  code=$?
  [ $code = 137 ] || fail "b passed client.$step without dying ($code): $(tail -n 2 "$work/b.log")"
done
start b
wait "$device" || fail "b: $(tail -n 3 "$work/b.log")"
wait "$server" || fail "the coordinator: $(tail -n 3 "$work/coordinator.log")"
got=$(status | sed -n 's/.*"sha256": "\([0-9a-f]*\)".*/\1/p')
[ "$got" = "$wanted" ] || fail "the model is $got, the simulator's $wanted"

finish
