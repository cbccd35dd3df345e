#!/usr/bin/env bash
# Devices that die, freeze or are slow cost a federation at most the round that they fail in: no
# round takes longer than its deadline, and the ones that follow are as quick as before.
# dropouts.sh SIM COORDINATOR CLIENT
set -uo pipefail
here=$(dirname "$0")
# shellcheck source=tests/e2e/common.sh
source "$here/common.sh"
config=configs/quickstart.toml
rounds=40 deadline_ms=2000
keys=(--set run.rounds="$rounds" --set round.clients=5 --set round.over_selection=1.6
  --set round.quorum=0.4 --set round.deadline_s="$((deadline_ms / 1000))" --set client.epochs=2)
# shellcheck source=tests/e2e/federation.sh
source "$here/federation.sh"

closed() { grep -c '"event":"round_closed"' "$work/coordinator.log"; }
closed_rounds() { [ "$(closed)" -ge "$1" ]; }
finished() { grep -q '"event":"run_finished"' "$work/coordinator.log"; }

"$coordinator" init --state "$work/coordinator" --name 127.0.0.1 >/dev/null || fail "init"
# Nobody trains before all ten are there.
serve --exit-when-done --set deploy.start_devices=10
declare -A devices=()
for d in a b c d e f g h i j; do
  enroll $d "$(token $d)" || fail "enroll $d: $(cat "$work/$d.enroll")"
done
for d in a b c d e f g h i; do
  start $d
  devices[$d]=$device
done
start j --set duty.upload_kbit_s=4 # needs some rounds' time for its update

until_true 60 closed_rounds 8 || fail "no 8 rounds: $(tail -n 5 "$work"/*.log)"
kill -STOP "${devices[d]}"
for d in a b c; do kill_hard "${devices[$d]}"; done
dead_after=$(closed)

until_true 120 finished || fail "the run does not end: $(tail -n 5 "$work/coordinator.log")"
wait "$server" || fail "the coordinator: $(tail -n 3 "$work/coordinator.log")"
mapfile -t durations < <(sed -n 's/.*"event":"round_closed".*"duration_ms":\([0-9]*\).*/\1/p' \
  "$work/coordinator.log")
echo "the devices died after round $dead_after; durations in ms: ${durations[*]}"
[ ${#durations[@]} = $rounds ] || fail "${#durations[@]} rounds were closed, not $rounds"
[ "$dead_after" -lt $((rounds - 6)) ] || fail "the devices died too late to show anything"
for ((i = 0; i < ${#durations[@]}; i++)); do
  [ "${durations[i]}" -le $((deadline_ms + 1000)) ] ||
    fail "round $((i + 1)) took ${durations[i]} ms"
  # The round in which they died, and two more.
  if [ $i -ge $((dead_after + 3)) ] && [ "${durations[i]}" -ge 1000 ]; then
    fail "round $((i + 1)) took ${durations[i]} ms: the dead devices still cost time"
  fi
done

finish
