#!/usr/bin/env bash
# What a device's owner and the coordinator's operator do to it: enrolment, doctor, signals,
# revocation.
# device.sh SIM COORDINATOR CLIENT
set -uo pipefail
here=$(dirname "$0")
# shellcheck source=tests/e2e/common.sh
source "$here/common.sh"
config=configs/quickstart.toml
keys=(--set run.rounds=1000 --set partition.clients=4 --set round.clients=1
  --set client.epochs=1000 --set data.max_train_samples=400)
# shellcheck source=tests/e2e/federation.sh
source "$here/federation.sh"

# ends CODE SECONDS PROCESS: how it ended, and how soon.
ends() {
  local code=$1 begin=$SECONDS actual=0
  wait "$3" || actual=$?
  [ $actual = "$code" ] || fail "a client ended with $actual, not $code: $(tail -n 3 "$work"/a.log)"
  [ $((SECONDS - begin)) -le "$2" ] || fail "a client took $((SECONDS - begin)) s to end"
}
trains() { grep -q "training on" "$work/a.log"; }

"$coordinator" init --state "$work/coordinator" --name 127.0.0.1 >/dev/null || fail "init"
# Without the authority's key what is left of it can still be completed from a backup.
cp -r "$work/coordinator" "$work/copy"
rm "$work/coordinator/ca.key"
"$coordinator" init --state "$work/coordinator" --name 127.0.0.1 >"$work/out" 2>&1
[ $? = 2 ] && grep -q "restore it from a backup" "$work/out" || fail "a lost key: $(cat "$work/out")"
cp -p "$work/copy/ca.key" "$work/coordinator"
diff -r "$work/copy" "$work/coordinator" || fail "init changed an authority without its key"
serve

# Before enrolment.
"$client" run --state "$work/a" >"$work/out" 2>&1
[ $? = 3 ] && grep -q "not enrolled" "$work/out" || fail "not enrolled: $(cat "$work/out")"
"$client" doctor --state "$work/a" >"$work/out" 2>&1
[ $? = 1 ] && grep -q "fedqat-client enroll" "$work/out" || fail "doctor: $(cat "$work/out")"

# Tokens: used, of another coordinator, from stdin; a device that is enrolled.
t=$(token a)
enroll a "$t" || fail "enroll a: $(cat "$work/a.enroll")"
[ "$(stat -c %a "$work/a" "$work/a/identity.key" | tr '\n' ' ')" = "700 600 " ] ||
  fail "the key can be read by others"
enroll b "$t" && fail "a used token was taken"
grep -q "bad token" "$work/b.enroll" || fail "used token: $(cat "$work/b.enroll")"
enroll a "$(token again)" && fail "an enrolled device enrolled again"
grep -q "enrolled already" "$work/a.enroll" || fail "twice: $(cat "$work/a.enroll")"
enroll b "fq1.$(head -c 48 /dev/zero | base64 | tr '+/' '-_')" &&
  fail "a token of another coordinator was taken"
grep -q "fingerprint" "$work/b.enroll" || fail "pin: $(cat "$work/b.enroll")"
token b | "$client" enroll --state "$work/b" --server "127.0.0.1:$(port enroll_port)" --token - \
  >"$work/b.enroll" 2>&1 || fail "a token from stdin: $(cat "$work/b.enroll")"

"$client" doctor --state "$work/a" "$config" "${keys[@]}" >"$work/out" 2>&1 ||
  fail "doctor: $(cat "$work/out")"
grep -q "^fail" "$work/out" && fail "doctor: $(cat "$work/out")"
"$client" doctor --state "$work/a" --json | grep -q '"health": "ok"' || fail "doctor --json"

# Another config.
"$client" run "$config" --state "$work/a" --shard >"$work/out" 2>&1
[ $? = 2 ] && grep -q "not the one of the run" "$work/out" || fail "config: $(cat "$work/out")"

# Stops in the middle of training; goes on there.
start a
until_true 20 trains || fail "no training: $(cat "$work/a.log")"
until_true 20 test -s "$work/a/checkpoint.bin" || fail "no checkpoint"
"$client" doctor --state "$work/a" >"$work/out" 2>&1 || fail "doctor beside run: $(cat "$work/out")"
kill -TERM "$device"
ends 0 3 "$device"
grep -q "goes on from here" "$work/a.log" || fail "stop: $(cat "$work/a.log")"
start a
until_true 20 grep -q "training goes on at sample" "$work/a.log" || fail "resume: $(cat "$work/a.log")"
kill -INT "$device" 2>/dev/null || kill -TERM "$device" # background jobs may ignore SIGINT
wait "$device" 2>/dev/null

# Nobody is asked while the device is busy.
start a --set 'duty.free_command=false' --set duty.free_every_s=1
until_true 10 grep -q "off duty" "$work/a.log" || fail "free_command: $(tail -n 3 "$work/a.log")"
kill -TERM "$device"
ends 0 3 "$device"

# Revoked: before it connects, and while it waits for the coordinator.
keys[7]=client.epochs=1 # another run; its rounds are short and ask others when nobody comes
keys+=(--set round.deadline_s=0.5)
kill_hard "$server"
ports[3]="deploy.port=$(port port)"
serve
start b
until_true 20 grep -q "counted" "$work/b.log" || fail "b: $(cat "$work/b.log")"
"$coordinator" revoke --state "$work/coordinator" b --reason stolen >/dev/null || fail "revoke"
ends 1 5 "$device"
grep -qE "revoked|not enrolled here" "$work/b.log" || fail "revoked: $(tail -n 3 "$work/b.log")"
start b
ends 1 5 "$device"

# Evaluation.
"$sim" run $config --set run.rounds=5 --out "$work/sim" >/dev/null 2>&1 || fail "sim"
"$client" eval "$work/sim/model.fedqat" --config "$config" --json >"$work/out" 2>&1 ||
  fail "eval: $(cat "$work/out")"
[ "$(json "$work/out" accuracy)" = "$(grep '"test_accuracy"' "$work/sim/report.json" | tail -n 1 |
  sed 's/.*: \([0-9.]*\),*/\1/')" ] || fail "eval differs from the report: $(cat "$work/out")"
"$client" eval "$config" >"$work/out" 2>&1
[ $? = 3 ] || fail "a config is no model: $(cat "$work/out")"

finish
