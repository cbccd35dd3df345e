#!/usr/bin/env bash
# Builds for an ARM processor and runs the result under qemu: unit tests of the arithmetic, two
# rounds of the quickstart, and a client that enrols with this machine's coordinator and trains for
# it over TLS. Models and updates must be those of this machine's build, bit for bit.
#
#   scripts/test-cross.sh aarch64|armhf [--no-install]
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

name=
install=yes
for option in "$@"; do
  case $option in
    aarch64 | armhf) name=$option ;;
    --no-install) install=no ;;
    -h | --help) print_help; exit 0 ;;
    *) fail "test-cross.sh: unknown option '$option'; see --help" ;;
  esac
done
[ -n "$name" ] || fail "test-cross.sh: needs aarch64 or armhf"
if [ $install = yes ]; then scripts/install-deps.sh --cross; fi
scripts/cross-root.sh "$name"

folders="base kernels quant codec nn"
say "building $name"
configure "$name"
# shellcheck disable=SC2086 # lists of words
build "$name" fedqat-sim fedqat-client $(printf 'test_common_%s ' $folders)
say "tests under qemu"
# Not what takes a minute under qemu.
ctest --preset "$name" -j "$(build_jobs)" --no-tests=error \
  -R "^common/(${folders// /|})/" -E "gradient_test|range_fit_test"

say "two rounds on $name and here"
configure release
build release fedqat-sim fedqat-coordinator fedqat-client
qemu=(qemu-"${name/armhf/arm}"-static -L "build/cross-root/$name")
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
# run NAME BACKWARD COMMAND...: an fp32 round that observes, then a quantized one. Prints the
# model's hash.
run() {
  local as=$1 backward=$2
  shift 2
  "$@" run configs/quickstart.toml --set run.rounds=2 --set quant.warmup_rounds=1 \
    --set client.backward="\"$backward\"" --out "$out/$as" \
    >"$out/log" 2>&1 || { cat "$out/log" >&2; fail "fedqat-sim failed on $as"; }
  sed -n 's/^ *"model_sha256": "\([0-9a-f]*\)".*/\1/p' "$out/$as/manifest.json"
}
for backward in float int8; do
  here=$(run here $backward build/release/sim/fedqat-sim)
  there=$(run "$name" $backward "${qemu[@]}" "build/$name/sim/fedqat-sim")
  [ -n "$here" ] && [ "$here" = "$there" ] ||
    fail "$name ends in model '$there' with $backward gradients, this machine in '$here'"
  say "$name ends in the same model with $backward gradients: $here"
done

say "a client on $name and a coordinator here"
tests/e2e/cross_client.sh build/release/sim/fedqat-sim \
  build/release/coordinator/fedqat-coordinator build/release/client/fedqat-client \
  "${qemu[@]}" "build/$name/client/fedqat-client"
