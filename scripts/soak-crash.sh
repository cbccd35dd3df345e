#!/usr/bin/env bash
# Kills a coordinator again and again, at random instants, while 4 devices train against it, and
# demands that no acknowledged update is lost and that every run ends in the simulator's model.
#
#   scripts/soak-crash.sh [--crashes N] [--power] [--durability D] [--seed N] [--bin DIR]
#
#   --crashes N      how often (default: 300; with --power 50)
#   --power          power cuts: the state lies on a loop-mounted ext4 image, which is copied at the
#                    instant of the SIGKILL; the next coordinator gets the copy. What was not synced
#                    is lost. Needs root and e2fsprogs.
#   --durability D   deploy.durability of the coordinator; with "relaxed" power cuts must lose
#                    acknowledged updates, or the rig proves nothing
#   --seed N         of the instants (default: 1)
#   --bin DIR        programs (default: build/release)
#
# A device that had its update acknowledged and is asked to train the same round again, or an older
# model than it has seen, shows a lost update. Prints one line a run; exit code 1 when anything was lost or differs (with "relaxed": when
# nothing was lost).
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

crashes=
power=no
durability=full
seed=1
bin=build/release
while [ $# -gt 0 ]; do
  case $1 in
    --crashes) crashes=$2; shift ;;
    --power) power=yes ;;
    --durability) durability=$2; shift ;;
    --seed) seed=$2; shift ;;
    --bin) bin=$2; shift ;;
    -h | --help) print_help; exit 0 ;;
    *) fail "soak-crash.sh: unknown option '$1'; see --help" ;;
  esac
  shift
done
if [ -z "$crashes" ]; then if [ $power = yes ]; then crashes=50; else crashes=300; fi; fi
[ $power = no ] || [ "$(id -u)" = 0 ] || fail "--power mounts images: it needs root"
RANDOM=$seed

work=$(mktemp -d)
mountpoint=$work/mount
if [ $power = yes ]; then state=$mountpoint/state; else state=$work/state; fi
server=
devices=()
disk=0
cleanup() {
  kill -9 ${server:+"$server"} "${devices[@]}" 2>/dev/null || true
  wait 2>/dev/null || true
  if [ $power = yes ]; then umount "$mountpoint" 2>/dev/null || true; fi
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

coordinator=$bin/coordinator/fedqat-coordinator
client=$bin/client/fedqat-client
# Updates of more than 64 KiB, so that the payload segment takes part.
config=configs/quickstart.toml
keys=(--set model.name=mlp-1000 --set partition.clients=4 --set round.clients=4
  --set client.epochs=1 --set deploy.address=127.0.0.1 --set deploy.durability="$durability")
ports=(--set deploy.port=0 --set deploy.enroll_port=0 --set deploy.ops_port=0)

serve() {
  rm -f "$state/ports"
  $coordinator serve --state "$state" $config "${keys[@]}" "${run_keys[@]}" "${ports[@]}" \
    --exit-when-done 2>>"$work/coordinator.log" &
  server=$!
  for _ in $(seq 200); do
    if [ -s "$state/ports" ]; then return; fi
    kill -0 "$server" 2>/dev/null || break
    sleep 0.05
  done
  tail -n 5 "$work/coordinator.log" >&2
  fail "the coordinator does not start again"
}
# The process dies; with --power so does everything that is not on the image by now.
crash() {
  kill -9 "$server" 2>/dev/null || true
  if [ $power = yes ]; then
    cp --sparse=always "$work/disk$disk" "$work/disk$((disk + 1))"
  fi
  { wait "$server"; } 2>/dev/null || true
  if [ $power = no ]; then return; fi
  umount "$mountpoint"
  rm -f "$work/disk$disk"
  disk=$((disk + 1))
  mount -o loop "$work/disk$disk" "$mountpoint"
}
if [ $power = yes ]; then
  mkdir "$mountpoint"
  truncate -s 2G "$work/disk0"
  mkfs.ext4 -q "$work/disk0"
  mount -o loop "$work/disk0" "$mountpoint"
fi
$coordinator init --state "$state" --name localhost >/dev/null
run_keys=(--set run.rounds=100000 --set run.name=enrolment)
serve
for name in a b c d; do
  command=$($coordinator enroll --state "$state" \
    --server "localhost:$(awk '$1 == "enroll_port" { print $2 }' "$state/ports")" $name | tail -n 1)
  # shellcheck disable=SC2086 # the printed command is words
  $bin/client/${command} --state "$work/$name" >/dev/null
done
ports[1]="deploy.port=$(awk '$1 == "port" { print $2 }' "$state/ports")"
kill "$server" && wait "$server"
sync

# Rounds that a device was asked to train after they had been acknowledged to it.
lost_in() {
  awk '/: training on/ { split($0, w, "round "); r = w[2] + 0; if (r in counted) print FILENAME, r }
       /was seen before, and older models/ { print FILENAME, "rolled back" }
       / counted$/ { split($0, w, "round "); counted[w[2] + 0] = 1; n++ }' "$1"
}
stuck=no done_crashes=0 lost=0 acked=0 differ=0 run=0
start=$SECONDS
while [ $done_crashes -lt "$crashes" ]; do
  run=$((run + 1))
  run_keys=(--set run.rounds=40 --set run.seed=$((seed * 1000 + run)) --set run.name="soak-$run")
  $bin/sim/fedqat-sim run $config "${keys[@]}" "${run_keys[@]}" --out "$work/sim$run" --quiet \
    --set sim.eval_every=1000 >/dev/null
  wanted=$(sha256sum "$work/sim$run/model.fedqat" | cut -d' ' -f1)
  serve
  devices=()
  for name in a b c d; do
    $client run $config "${keys[@]}" "${run_keys[@]}" --state "$work/$name" --shard \
      >"$work/$name.$run.log" 2>&1 &
    devices+=($!)
  done
  in_run=0
  while [ $done_crashes -lt "$crashes" ]; do
    sleep "$(printf '0.%03d' $((RANDOM % 600 + 20)))"
    kill -0 "$server" 2>/dev/null || break
    if grep -qs '"state": "finished"' "$state"/runs/*/status.json &&
      tail -n 3 "$work/coordinator.log" | grep -q run_finished; then break; fi
    crash
    done_crashes=$((done_crashes + 1))
    in_run=$((in_run + 1))
    serve
    # Devices refuse to go back: a run that lost a closed round does not go on.
    if [ "$durability" = relaxed ] && grep -q "older models are not taken" "$work"/?."$run".log; then
      stuck=yes
      kill "$server" "${devices[@]}" 2>/dev/null || true
      break
    fi
  done
  if [ $stuck = yes ]; then
    lost=$(for name in a b c d; do lost_in "$work/$name.$run.log"; done | wc -l)
    say "run $run: after $in_run crashes $lost acknowledged updates were lost, as they must be" \
      "without syncs"
    exit 0
  fi
  for pid in "${devices[@]}"; do
    timeout 300 tail --pid="$pid" -f /dev/null || fail "run $run hangs"
    wait "$pid" || { tail -n 3 "$work"/?."$run".log; fail "a device failed"; }
  done
  wait "$server" || fail "the coordinator failed: $(tail -n 3 "$work/coordinator.log")"
  $coordinator export --state "$state" --out "$work/model" >/dev/null
  got=$(sha256sum "$work/model" | cut -d' ' -f1)
  lost_now=$(for name in a b c d; do lost_in "$work/$name.$run.log"; done | wc -l)
  acked_now=$(cat "$work"/?."$run".log | grep -c ' counted$')
  same=same
  if [ "$got" != "$wanted" ]; then same=DIFFERENT; differ=$((differ + 1)); fi
  lost=$((lost + lost_now))
  acked=$((acked + acked_now))
  say "run $run: $in_run crashes, $acked_now acknowledged, $lost_now lost, $same model"
done
$coordinator audit verify --state "$state" || fail "the audit log does not verify"
say "$done_crashes crashes in $((SECONDS - start)) s, $acked updates acknowledged, $lost lost," \
  "$differ of $run models differ"
if [ "$durability" = relaxed ] && [ $power = yes ]; then
  [ $lost -gt 0 ] || fail "nothing was lost without durability: this rig finds nothing"
else
  [ $lost = 0 ] && [ $differ = 0 ]
fi
