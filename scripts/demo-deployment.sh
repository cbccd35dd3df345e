#!/usr/bin/env bash
# A whole deployment on this machine: a coordinator and 4 device processes on loopback with a
# throw-away authority train on the built-in digits. In the middle the coordinator is killed
# (SIGKILL) and started again. The final model must be, bit by bit, that of the simulator.
#
#   scripts/demo-deployment.sh [--rounds N] [--keep] [--no-install]
#
#   --rounds N     rounds of training (default: 40)
#   --keep         leaves keys, logs and models in a temporary folder and names it
#   --no-install   leaves the system's packages alone
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

rounds=40
keep=no
install=yes
while [ $# -gt 0 ]; do
  case $1 in
    --rounds) [ $# -ge 2 ] || fail "--rounds needs a number"; rounds=$2; shift ;;
    --keep) keep=yes ;;
    --no-install) install=no ;;
    -h | --help) print_help; exit 0 ;;
    *) fail "demo-deployment.sh: unknown option '$1'; see --help" ;;
  esac
  shift
done
build_programs $install fedqat-sim fedqat-coordinator fedqat-client
bin=build/release
work=$(mktemp -d)
pids=()
cleanup() {
  for pid in "${pids[@]}"; do kill -9 "$pid" 2>/dev/null || true; done
  if [ $keep = yes ]; then say "left in $work"; else rm -rf "$work"; fi
}
trap cleanup EXIT
trap 'exit 130' INT TERM

config=configs/quickstart.toml
keys=(--set run.rounds="$rounds" --set partition.clients=4 --set round.clients=4
  --set deploy.address=127.0.0.1)
ports=(--set deploy.port=0 --set deploy.enroll_port=0 --set deploy.ops_port=0)
port_of() { awk -v key="$1" '$1 == key { print $2 }' "$work/coordinator/ports"; }
field() { sed -n "s/^ *\"$1\": \"\{0,1\}\([^\",]*\).*/\1/p" "$work/status" | head -n 1; }
status() {
  $bin/coordinator/fedqat-coordinator status --state "$work/coordinator" >"$work/status" 2>/dev/null
}

say "simulating: one process, the same config"
$bin/sim/fedqat-sim run $config "${keys[@]}" --out "$work/simulated" --quiet >"$work/sim.log" ||
  fail "fedqat-sim failed, see above"
wanted=$(sha256sum "$work/simulated/model.fedqat" | cut -d' ' -f1)
say "the simulator's model: $wanted"

$bin/coordinator/fedqat-coordinator init --state "$work/coordinator" --name localhost \
  >"$work/init.log"
serve() {
  rm -f "$work/coordinator/ports"
  $bin/coordinator/fedqat-coordinator serve --state "$work/coordinator" $config "${keys[@]}" \
    "${ports[@]}" --exit-when-done 2>>"$work/coordinator.log" &
  server=$!
  pids+=("$server")
  for _ in $(seq 100); do
    if [ -s "$work/coordinator/ports" ]; then return; fi
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
  done
  cat "$work/coordinator.log" >&2
  fail "the coordinator did not start"
}
serve
say "coordinator listens on port $(port_of port); 4 devices enrol, each with its own key"
devices=()
for name in anna ben cleo dan; do
  command=$($bin/coordinator/fedqat-coordinator enroll --state "$work/coordinator" \
    --server "localhost:$(port_of enroll_port)" $name | tail -n 1)
  # shellcheck disable=SC2086 # the printed command is words
  $bin/client/${command} --state "$work/$name" >"$work/$name.log" 2>&1 ||
    fail "enrolling $name failed: $(cat "$work/$name.log")"
  $bin/client/fedqat-client run $config "${keys[@]}" --state "$work/$name" --shard \
    >>"$work/$name.log" 2>&1 &
  devices+=($!)
  pids+=($!)
done

early=$((rounds / 4))  # leaves rounds to go, also on fast machines
for _ in $(seq 600); do
  if status && [ "$(field rounds_done)" -ge $early ]; then break; fi
  sleep 0.1
done
kill -STOP "${devices[0]}"  # a round waits for all four, so this one stays open
status
[ "$(field rounds_done)" -lt "$rounds" ] || fail "too fast to be killed in the middle: --rounds 100"
say "killing the coordinator after round $(field rounds_done) with SIGKILL"
ports[1]="deploy.port=$(port_of port)"  # where the devices look for it
kill -9 "$server"
wait "$server" 2>/dev/null || true
serve
kill -CONT "${devices[0]}"
say "started again; it goes on inside the round"
wait "$server" || fail "the coordinator failed: $(tail -n 3 "$work/coordinator.log")"
for pid in "${devices[@]}"; do wait "$pid" || fail "a device failed: $(tail -n 2 "$work"/*.log)"; done
status
$bin/coordinator/fedqat-coordinator export --state "$work/coordinator" --out "$work/deployed.fedqat" \
  >/dev/null
got=$(sha256sum "$work/deployed.fedqat" | cut -d' ' -f1)
say "the deployment's model: $got"
$bin/coordinator/fedqat-coordinator audit verify --state "$work/coordinator"
$bin/client/fedqat-client eval "$work/deployed.fedqat" --config $config
[ "$got" = "$wanted" ] || fail "the two models differ"
say "the same model, bit by bit"
