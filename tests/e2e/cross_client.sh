#!/usr/bin/env bash
# A client of another processor enrols, trains and delivers over TLS to the coordinator of this one,
# and each of its updates is, bit for bit, that of this machine's client.
# cross_client.sh SIM COORDINATOR CLIENT RUNNER...: RUNNER, such as qemu and the other client, is
# what to call in place of CLIENT.
set -uo pipefail
here=$(dirname "$0")
# shellcheck source=tests/e2e/common.sh
source "$here/common.sh"
config=configs/quickstart.toml
# The first round is fp32 and observes, the others are quantized.
rounds=3
keys=(--set run.rounds=$rounds --set quant.warmup_rounds=1 --set partition.clients=4
  --set round.clients=1)
# shellcheck source=tests/e2e/federation.sh
source "$here/federation.sh"
native=$client
runner=("${@:4}")
[ ${#runner[@]} -gt 0 ] || fail "what runs the other client?"
other_client() { "${runner[@]}" "$@"; }

# federation NAME CLIENT: one device trains all rounds in a fresh federation, each with a process of
# its own. Writes NAME.updates, the hashes that the coordinator has accepted, and NAME.model.
federation() {
  local name=$1 round
  client=$2
  rm -rf "$work/coordinator" "$work/device"
  "$coordinator" init --state "$work/coordinator" --name 127.0.0.1 >/dev/null || fail "init"
  serve --exit-when-done
  enroll device "$(token device)" || fail "$name: enroll: $(cat "$work/device.enroll")"
  for ((round = 1; round <= rounds; ++round)); do
    start device --once
    wait "$device" || fail "$name: round $round: $(tail -n 3 "$work/device.log")"
  done
  start device # hears that the run is over
  wait "$device" || fail "$name: $(tail -n 3 "$work/device.log")"
  wait "$server" || fail "$name: the coordinator: $(tail -n 3 "$work/coordinator.log")"
  sed -n 's/.*"event":"accept".*"update":"\([0-9a-f]*\)".*/\1/p' \
    "$work/coordinator/audit.jsonl" >"$work/$name.updates"
  status | sed -n 's/.*"sha256": "\([0-9a-f]*\)".*/\1/p' >"$work/$name.model"
  [ "$(wc -l <"$work/$name.updates")" = $rounds ] ||
    fail "$name: $(wc -l <"$work/$name.updates") updates of $rounds rounds were accepted"
}
federation here "$native"
federation there other_client

cmp "$work/here.updates" "$work/there.updates" ||
  fail "the updates differ: $(paste "$work/here.updates" "$work/there.updates")"
cmp "$work/here.model" "$work/there.model" || fail "the models differ"
[ $failures != 0 ] || echo "$rounds updates are the same: $(cut -c 1-16 "$work/there.updates" | tr '\n' ' ')"
finish
