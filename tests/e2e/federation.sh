# Processes of one federation on loopback; sourced after common.sh by tests whose arguments are
# SIM COORDINATOR CLIENT. The caller sets $config and the array keys.
# shellcheck shell=bash
coordinator=${2:?the coordinator} client=${3:?the client}
declare -a pids=()
stop_all() {
  [ ${#pids[@]} = 0 ] || kill -9 "${pids[@]}" 2>/dev/null
  [ -n "${KEEP:-}" ] && cp -r "$work" "$KEEP"
  rm -rf "$work"
}
trap stop_all EXIT
duty=(--set duty.retry_max_s=1 --set duty.checkpoint_s=0.05)
ports=(--set deploy.address=127.0.0.1 --set deploy.port=0 --set deploy.enroll_port=0
  --set deploy.ops_port=0)

port() { sed -n "s/^$1 //p" "$work/coordinator/ports"; }

# until_true SECONDS COMMAND...: repeats it until it succeeds
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
  "$coordinator" serve --state "$work/coordinator" "$config" "${keys[@]}" "${ports[@]}" "$@" \
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

start() { # DEVICE OPTION...; its process is $device
  local name=$1
  shift
  "$client" run "$config" --shard --state "$work/$name" "${keys[@]}" "${duty[@]}" "$@" \
    >>"$work/$name.log" 2>&1 &
  device=$!
  pids+=("$device")
}

# Kills a process and waits for it, without the shell's message.
kill_hard() {
  kill -9 "$1"
  wait "$1" 2>/dev/null
}

status() { "$coordinator" status --state "$work/coordinator" --json; }
rounds_done() { [ "$(status | sed -n 's/.*"rounds_done": \([0-9]*\).*/\1/p')" -ge "$1" ]; }
