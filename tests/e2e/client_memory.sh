#!/usr/bin/env bash
# A device that trains LeNet-5 on 600 images of its own holds 20 MiB at most.
# client_memory.sh SIM COORDINATOR CLIENT
set -uo pipefail
here=$(dirname "$0")
# shellcheck source=tests/e2e/common.sh
source "$here/common.sh"
config=configs/mnist-lenet5.toml
keys=(--set run.rounds=4 --set quant.warmup_rounds=2 --set quant.freeze_rounds=0
  --set partition.clients=1 --set round.clients=1 --set data.name=idx --data "$work/data")
# shellcheck source=tests/e2e/federation.sh
source "$here/federation.sh"

# images FILE LABELS N: N images of noise, of the classes 0 to 9 in turn.
images() {
  {
    printf '\0\0\010\003%b\0\0\0\034\0\0\0\034' "$3"
    head -c $(($4 * 784)) /dev/urandom
  } >"$work/data/$1"
  {
    printf '\0\0\010\001%b' "$3"
    for ((i = 0; i < $4; i += 10)); do printf '\0\1\2\3\4\5\6\7\010\011'; done
  } >"$work/data/$2"
}
mkdir "$work/data"
images train-images-idx3-ubyte train-labels-idx1-ubyte '\0\0\02\0130' 600
images t10k-images-idx3-ubyte t10k-labels-idx1-ubyte '\0\0\0\062' 50

"$coordinator" init --state "$work/coordinator" --name 127.0.0.1 >/dev/null || fail "init"
serve
enroll a "$(token a)" || fail "enroll: $(cat "$work/a.enroll")"
start a
wait "$device" || fail "a: $(tail -n 3 "$work/a.log")"
mib=$(sed -n 's/.*at most \([0-9]*\)\.[0-9]* MiB of memory/\1/p' "$work/a.log")
echo "$mib MiB"
[ -n "$mib" ] && [ "$mib" -lt 20 ] || fail "memory: $(cat "$work/a.log")"

finish
