#!/usr/bin/env bash
# Both programs tell systemd what their units promise: ready, alive, reloading, stopping.
# notify.sh SIM COORDINATOR CLIENT LISTENER
set -uo pipefail
here=$(dirname "$0")
# shellcheck source=tests/e2e/common.sh
source "$here/common.sh"
config=configs/quickstart.toml
keys=(--set run.rounds=1000 --set partition.clients=2 --set round.clients=2)
# shellcheck source=tests/e2e/federation.sh
source "$here/federation.sh"

listen() { # NAME: from now on the socket of what is started; what it says is in NAME.said
  "$listener" "$work/$1.socket" >"$work/$1.said" &
  pids+=($!)
  until_true 5 test -S "$work/$1.socket" || fail "no socket for $1"
  export NOTIFY_SOCKET=$work/$1.socket WATCHDOG_USEC=400000
}
said() { grep -qx "$2" "$work/$1.said"; } # NAME WHAT
times() { grep -cx "$2" "$work/$1.said"; }
fed_twice() { [ "$(times "$1" WATCHDOG=1)" -ge 2 ]; }
listener=${4:?the listener}

"$coordinator" init --state "$work/coordinator" --name 127.0.0.1 >/dev/null || fail "init"
listen server
serve
until_true 5 said server READY=1 || fail "the coordinator is not ready: $(cat "$work/server.said")"
until_true 5 fed_twice server || fail "the coordinator's watchdog: $(cat "$work/server.said")"
kill -HUP "$server"
ready_again() { [ "$(times server READY=1)" = 2 ]; }
until_true 5 ready_again || fail "the coordinator reloads: $(cat "$work/server.said")"
said server RELOADING=1 || fail "the coordinator did not say that it reloads"

unset NOTIFY_SOCKET WATCHDOG_USEC
enroll a "$(token a)" || fail "enroll a"
listen device
start a
until_true 5 said device READY=1 || fail "the client is not ready: $(cat "$work/device.said")"
until_true 5 fed_twice device || fail "the client's watchdog: $(cat "$work/device.said")"
kill -TERM "$device"
wait "$device" || fail "the client ended with $?"
until_true 5 said device STOPPING=1 || fail "the client stops: $(cat "$work/device.said")"
kill -TERM "$server"
wait "$server" || fail "the coordinator ended with $?"
until_true 5 said server STOPPING=1 || fail "the coordinator stops: $(cat "$work/server.said")"

finish
