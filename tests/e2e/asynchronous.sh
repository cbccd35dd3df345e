#!/usr/bin/env bash
# Asynchronous rounds between processes: they do not wait for slow devices, whose updates count
# later, exactly once, also when the coordinator is killed in between.
# asynchronous.sh SIM COORDINATOR CLIENT
set -uo pipefail
here=$(dirname "$0")
# shellcheck source=tests/e2e/common.sh
source "$here/common.sh"
config=configs/quickstart.toml
rounds=60
keys=(--set run.rounds="$rounds" --set round.clients=2 --set round.over_selection=3
  --set round.max_staleness=40 --set client.epochs=2)
# shellcheck source=tests/e2e/federation.sh
source "$here/federation.sh"

closed_rounds() { [ "$(grep -c '"event":"round_closed"' "$work/coordinator.log")" -ge "$1" ]; }
finished() { grep -q '"event":"run_finished"' "$work/coordinator.log"; }

"$coordinator" init --state "$work/coordinator" --name 127.0.0.1 >/dev/null || fail "init"
serve --exit-when-done --set deploy.start_devices=6
for d in a b c d e f; do
  enroll $d "$(token $d)" || fail "enroll $d: $(cat "$work/$d.enroll")"
done
ports[3]="deploy.port=$(port port)" # the devices know it
for d in a b c d; do start $d; done
for d in e f; do start $d --set duty.upload_kbit_s=40; done # needs many rounds for an update

for after in 10 25 40; do
  until_true 30 closed_rounds $after || {
    fail "no $after rounds: $(tail -n 5 "$work"/*.log)"
    finish
  }
  kill_hard "$server"
  serve --exit-when-done --set deploy.start_devices=6
done
until_true 120 finished || fail "the run does not end: $(tail -n 5 "$work/coordinator.log")"
wait "$server" || fail "the coordinator: $(tail -n 3 "$work/coordinator.log")"

audit=$(ls "$work"/coordinator/audit.jsonl) || fail "no audit log"
"$coordinator" audit verify --state "$work/coordinator" >/dev/null || fail "the audit log"
# One line for each device and round of training: none was taken twice.
twice=$(sed -n 's/.*"event":"accept".*"device":"\([^"]*\)".*"round":\([0-9]*\).*/\1 \2/p' "$audit" |
  sort | uniq -d)
[ -z "$twice" ] || fail "taken twice: $twice"
stale=$(sed -n 's/.*"event":"round_closed".*"stale":\([0-9]*\).*/\1/p' "$work/coordinator.log" |
  awk '{s += $1} END {print s + 0}')
echo "$stale updates of older models counted"
[ "$stale" -ge 2 ] || fail "no update of a slow device counted"
grep -q '"event":"update_refused".*not invited' "$work/coordinator.log" &&
  fail "a device was not known after a restart"

finish
