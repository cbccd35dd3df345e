#!/usr/bin/env bash
# A federation of real processes on loopback gives the very model of the simulator; who has no
# business there stays out.
# deployment.sh SIM COORDINATOR CLIENT
set -uo pipefail
# shellcheck source=tests/e2e/common.sh
source "$(dirname "$0")/common.sh"
coordinator=${2:?the coordinator} client=${3:?the client}
declare -a pids=()
stop_all() { [ ${#pids[@]} = 0 ] || kill -9 "${pids[@]}" 2>/dev/null; rm -rf "$work"; }
trap stop_all EXIT

config=configs/quickstart.toml
keys=(--set run.rounds=6 --set partition.clients=4 --set round.clients=4 --set client.epochs=60)
duty=(--set duty.retry_max_s=1 --set duty.checkpoint_s=0.05)
ports=(--set deploy.address=127.0.0.1 --set deploy.port=0 --set deploy.enroll_port=0
  --set deploy.ops_port=0)

port() { sed -n "s/^$1 //p" "$work/coordinator/ports"; }

# until SECONDS COMMAND...: repeats it until it succeeds
until_true() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    [ $SECONDS -lt $end ] || return 1
    sleep 0.05
  done
}

serve() {
  rm -f "$work/coordinator/ports"
  "$coordinator" serve --state "$work/coordinator" $config "${keys[@]}" "${ports[@]}" "$@" \
    2>>"$work/coordinator.log" &
  server=$!
  pids+=("$server")
  until_true 10 test -s "$work/coordinator/ports" || fail "the coordinator does not serve"
}

token() { # DEVICE
  "$coordinator" enroll --state "$work/coordinator" --server "127.0.0.1:$(port enroll_port)" "$1" |
    sed -n 's/.*--token //p'
}

enroll() { # DEVICE TOKEN
  "$client" enroll --state "$work/$1" --server "127.0.0.1:$(port enroll_port)" --token "$2" \
    >"$work/$1.enroll" 2>&1
}

start() { # DEVICE
  "$client" run $config --shard --state "$work/$1" "${keys[@]}" "${duty[@]}" >>"$work/$1.log" 2>&1 &
  pids+=("$!")
}

status() { "$coordinator" status --state "$work/coordinator" --json; }
rounds_done() { [ "$(status | sed -n 's/.*"rounds_done": \([0-9]*\).*/\1/p')" -ge "$1" ]; }

"$sim" run $config "${keys[@]}" --out "$work/sim" >"$work/sim.log" 2>&1 ||
  fail "fedqat-sim: $(cat "$work/sim.log")"
wanted=$(sha256sum "$work/sim/model.fedqat" | cut -d' ' -f1)

"$coordinator" init --state "$work/coordinator" --name 127.0.0.1 >/dev/null || fail "init"
serve
declare -a devices=(a b c d)
for d in "${devices[@]}"; do
  t=$(token "$d")
  enroll "$d" "$t" || fail "enroll $d: $(cat "$work/$d.enroll")"
done
grep -q "port $(port port)\|:$(port port)$" "$work/a.enroll" ||
  fail "the device was not told the port: $(cat "$work/a.enroll")"

# A used token, an enrolled device, a wrong certificate authority.
enroll intruder "$t" && fail "a used token was taken"
grep -q "bad token" "$work/intruder.enroll" || fail "used token: $(cat "$work/intruder.enroll")"
enroll a "$(token again)" && fail "an enrolled device enrolled again"
grep -q "enrolled already" "$work/a.enroll" || fail "twice: $(cat "$work/a.enroll")"
enroll other "fq1.$(head -c 48 /dev/zero | base64 | tr '+/' '-_')" &&
  fail "a token of another coordinator was taken"
[ -e "$work/a/identity.key" ] && [ "$(stat -c %a "$work/a/identity.key")" = 600 ] ||
  fail "the key can be read by others"

for d in "${devices[@]}"; do start "$d"; done
victim=${pids[-1]}
until_true 60 rounds_done 1 || fail "no round was closed: $(tail -n 5 "$work"/*.log)"
kill -9 "$victim"
wait "$victim" 2>/dev/null
sleep 0.3
start d
until_true 60 rounds_done 3 || fail "no third round: $(tail -n 5 "$work"/*.log)"
kill -9 "$server"
wait "$server" 2>/dev/null
sleep 0.3
# The devices know the port of before.
ports=(--set deploy.address=127.0.0.1 --set "deploy.port=$(port port)" --set deploy.enroll_port=0
  --set deploy.ops_port=0)
serve --exit-when-done
for pid in "${pids[@]:1}"; do
  [ "$pid" = "$victim" ] || [ "$pid" = "$server" ] && continue
  wait "$pid" || fail "a client ended with $?: $(tail -n 3 "$work"/?.log)"
done
grep -q "the run is finished" "$work/a.log" || fail "a: $(tail -n 3 "$work/a.log")"
got=$(status | sed -n 's/.*"sha256": "\([0-9a-f]*\)".*/\1/p')
[ "$got" = "$wanted" ] ||
  fail "the deployment's model is $got, the simulator's $wanted: $(tail -n 5 "$work"/*.log)"

finish
