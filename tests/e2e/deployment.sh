#!/usr/bin/env bash
# A federation of real processes on loopback gives the very model of the simulator, with a client
# and the coordinator killed in the middle.
# deployment.sh SIM COORDINATOR CLIENT OPTION...    of the run
set -uo pipefail
here=$(dirname "$0")
# shellcheck source=tests/e2e/common.sh
source "$here/common.sh"
config=configs/quickstart.toml
rounds=30
keys=(--set run.rounds=$rounds --set partition.clients=4 --set round.clients=4
  --set client.epochs=12 "${@:4}")
# shellcheck source=tests/e2e/federation.sh
source "$here/federation.sh"

"$sim" run $config "${keys[@]}" --out "$work/sim" >"$work/sim.log" 2>&1 ||
  fail "fedqat-sim: $(cat "$work/sim.log")"
wanted=$(sha256sum "$work/sim/model.fedqat" | cut -d' ' -f1)

"$coordinator" init --state "$work/coordinator" --name 127.0.0.1 >/dev/null || fail "init"
serve
declare -A devices=()
for d in a b c d; do
  enroll $d "$(token $d)" || fail "enroll $d: $(cat "$work/$d.enroll")"
  start $d
  devices[$d]=$device
done
grep -q ":$(port port)$" "$work/a.enroll" ||
  fail "the device was not told the port: $(cat "$work/a.enroll")"

until_true 60 rounds_done 1 || fail "no round was closed: $(tail -n 5 "$work"/*.log)"
kill_hard "${devices[d]}"
sleep 0.3
start d
devices[d]=$device

# A round waits for all four: with one stopped, the coordinator dies in the middle of one, however
# fast they are.
until_true 60 rounds_done 3 || fail "no third round: $(tail -n 5 "$work"/*.log)"
kill -STOP "${devices[c]}"
sleep 0.3
kill_hard "$server"
rounds_done $rounds && fail "the run was over before a device was stopped"
ports[3]="deploy.port=$(port port)" # the devices know it
serve --exit-when-done
kill -CONT "${devices[c]}"

for d in a b c d; do
  wait "${devices[$d]}" || fail "client $d ended with $?: $(tail -n 3 "$work/$d.log")"
  grep -q "the run is finished" "$work/$d.log" || fail "$d: $(tail -n 3 "$work/$d.log")"
done
got=$(status | sed -n 's/.*"sha256": "\([0-9a-f]*\)".*/\1/p')
[ "$got" = "$wanted" ] ||
  fail "the deployment's model is $got, the simulator's $wanted: $(tail -n 5 "$work"/*.log)"

# The audit log names each model that devices took, by the hash of their manifests, and the file.
wait "$server" || fail "the coordinator ended with $?: $(tail -n 3 "$work/coordinator.log")"
audit=$work/coordinator/audit.jsonl
"$coordinator" audit verify --state "$work/coordinator" >/dev/null || fail "audit verify"
grep '"event":"publish"' "$audit" | grep -qvE '"model_sha256":"[0-9a-f]{64}"' &&
  fail "a model was published without its hash: $(grep '"event":"publish"' "$audit")"
last=$(sed -n 's/.*"event":"publish".*"round":'$((rounds - 1))',"model_sha256":"\([0-9a-f]*\)".*/\1/p' "$audit")
[ -n "$last" ] && od -An -v -tx1 "$work/a/seen.bin" | tr -d ' \n' | grep -q "$last" ||
  fail "the last model that a device took is not published as '$last'"
grep '"event":"export"' "$audit" | grep -q "\"round\":$rounds,\"file_sha256\":\"$wanted\"" ||
  fail "the export of the final model is not in the audit log"

finish
