#!/usr/bin/env bash
# A coordinator that dies before or after it writes the model still ends with the simulator's, and
# no file of it is ever half a model.
# export_kills.sh SIM COORDINATOR CLIENT
set -uo pipefail
here=$(dirname "$0")
# shellcheck source=tests/e2e/common.sh
source "$here/common.sh"
config=configs/quickstart.toml
keys=(--set run.rounds=8 --set partition.clients=1 --set round.clients=1
  --set data.max_train_samples=200)
# shellcheck source=tests/e2e/federation.sh
source "$here/federation.sh"
grep -qa "serve.export.before_write" "$coordinator" || {
  echo "built without failpoints"
  exit 77
}

"$sim" run $config "${keys[@]}" --out "$work/sim" >"$work/sim.log" 2>&1 ||
  fail "fedqat-sim: $(cat "$work/sim.log")"
wanted=$(sha256sum "$work/sim/model.fedqat" | cut -d' ' -f1)
"$coordinator" init --state "$work/coordinator" --name 127.0.0.1 >/dev/null || fail "init"
serve
enroll a "$(token a)" || fail "enroll a: $(cat "$work/a.enroll")"
ports[3]="deploy.port=$(port port)" # the device knows it
kill_hard "$server"
start a

# The first two in the first round that closes after a start, the others when the run is over.
for step in before_write after_write before_write@2 after_write; do
  FEDQAT_FAILPOINT=serve.export.$step timeout 60 "$coordinator" serve --state "$work/coordinator" \
    "$config" "${keys[@]}" "${ports[@]}" 2>>"$work/coordinator.log" &
  wait $! 2>/dev/null
  code=$?
  [ $code = 137 ] || fail "the coordinator passed serve.export.$step without dying ($code)"
  for model in "$work"/coordinator/runs/*/model.fedqat; do
    [ -e "$model" ] || continue
    "$coordinator" inspect "$model" >"$work/inspect" 2>&1 || fail "$step: $(cat "$work/inspect")"
  done
done
grep -q '"event":"publish".*"round":7,' "$work/coordinator/audit.jsonl" ||
  fail "the run was not over when the last of them died"
serve --exit-when-done
wait "$device" || fail "a: $(tail -n 3 "$work/a.log")"
wait "$server" || fail "the coordinator: $(tail -n 3 "$work/coordinator.log")"
got=$(sha256sum "$work"/coordinator/runs/*/model.fedqat | cut -d' ' -f1)
[ "$got" = "$wanted" ] || fail "the model is $got, the simulator's $wanted"
"$coordinator" audit verify --state "$work/coordinator" >/dev/null || fail "audit verify"
grep '"event":"export"' "$work/coordinator/audit.jsonl" | grep -q "\"file_sha256\":\"$wanted\"" ||
  fail "the final model's export is not in the audit log"

finish
