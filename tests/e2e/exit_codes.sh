#!/usr/bin/env bash
# Exit codes and messages: 2 for wrong usage or configs, 3 for missing or damaged data and reports.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

expect 0 'Exit codes' --help
expect 0 'fp32-twin' run --help
expect 0 '^fedqat-sim [0-9]+\.[0-9]+' --version
expect 2 '^fedqat-sim: A subcommand is required; see fedqat-sim --help$'
expect 2 "unknown command 'rum'; did you mean 'run'" rum
expect 2 "unknown command 'frobnicate'" frobnicate
expect 2 '^fedqat-sim: config is required; see fedqat-sim run --help$' run
expect 2 'nowhere.toml' run "$work/nowhere.toml"
expect 2 '^fedqat-sim: .* --frobnicate; see fedqat-sim run --help$' run --frobnicate "$work/nowhere.toml"
expect 0 'learning_rate' config

printf '[run]\nrounds = 1\n[client]\nbacth = 3\n' >"$work/bad-key.toml"
expect 2 'bad-key.toml:4:1: .*client.batch' run "$work/bad-key.toml"
expect 2 'bad-key.toml:4:1' partition "$work/bad-key.toml"
expect 2 'bad-key.toml:4:1' compare "$work/bad-key.toml"
printf '[partition]\nclients = 0\n' >"$work/no-clients.toml"
expect 2 'no-clients.toml:2:1[0-9]*: ' run "$work/no-clients.toml"
printf '[quant]\nweight_bits = 9\n' >"$work/nine-bits.toml"
expect 2 'nine-bits.toml:2:1[0-9]*: ' run "$work/nine-bits.toml"
printf '[partition]\nkind = "dirichlet"\nalpha = 0.0\n' >"$work/alpha.toml"
expect 2 'alpha.toml:3:[0-9]*: ' run "$work/alpha.toml"
printf '[run]\nrounds = "many"\n' >"$work/type.toml"
expect 2 'type.toml:2:1[0-9]*: ' run "$work/type.toml"
printf '[run\n' >"$work/syntax.toml"
expect 2 'syntax.toml:1:' run "$work/syntax.toml"
printf '[run]\nrounds = 6\n' >"$work/good.toml"
expect 2 'run.nonsense' run "$work/good.toml" --set run.nonsense=1
for seed in -1 minus-one 9223372036854775808 18446744073709551615 1.5 ''; do
  expect 2 "--seed: '$seed' is refused; use a whole number, 0 to 9223372036854775807" \
    run "$work/good.toml" --seed "$seed"
done
expect 0 'seed 9223372036854775807' partition "$work/good.toml" --seed 9223372036854775807
expect 2 "--threads: '1025' is refused; use a whole number, 0 to 1024" \
  run "$work/good.toml" --threads 1025

expect 2 '^fedqat-sim: --out: the name is empty' compare "$work/bad-key.toml" --out ''
expect 2 '^fedqat-sim: --out: the name is empty' run "$work/bad-key.toml" --out ''
expect 2 '^fedqat-sim: --out: the name is empty' report "$work/run" --out ''
expect 2 '^fedqat-sim: --data: the name is empty' partition "$work/good.toml" --data ''
ln -s "$work/gone" "$work/link"
expect 2 'link: is a symbolic link to .*/gone, which is not there; make' \
  run "$work/good.toml" --out "$work/link"

FEDQAT_ISA=SCALAR expect 2 \
  "^fedqat-sim: FEDQAT_ISA = 'SCALAR' is no instruction set; use scalar, neon, neondot, avx2, avxvnni or avx512vnni" \
  run "$work/good.toml" --out "$work/isa"
if [ -e "$work/isa" ]; then fail "a refused FEDQAT_ISA left a folder behind"; fi

# What cannot be printed is no success.
if [ -w /dev/full ]; then
  for arguments in --help --version config "partition $work/good.toml --json"; do
    code=0
    # shellcheck disable=SC2086
    "$sim" $arguments >/dev/full 2>"$work/stderr" || code=$?
    [ $code = 1 ] || fail "$arguments >/dev/full: expected exit 1, got $code"
    grep -q '^fedqat-sim: stdout: could not be written' "$work/stderr" ||
      fail "$arguments >/dev/full says nothing of it"
  done
fi

printf '[run]\nrounds = 6\n[data]\nname = "mnist"\n' >"$work/mnist.toml"
mkdir "$work/empty"
expect 3 'mnist' run "$work/mnist.toml" --data "$work/empty" --out "$work/out"
if [ -e "$work/out" ]; then fail "a run without data left $work/out behind"; fi
mkdir "$work/damaged"
printf '\0\0\10\3\0\0\0\12\0\0\0\34\0\0\0\34short' >"$work/damaged/train-images-idx3-ubyte"
printf '\0\0\10\1\0\0\0\12' >"$work/damaged/train-labels-idx1-ubyte"
expect 3 'damaged/train-[a-z]*-idx[13]-ubyte.*byte [0-9]+' run "$work/mnist.toml" --data "$work/damaged" --out "$work/out"

mkdir "$work/mine"
echo precious >"$work/mine/thesis.txt"
expect 2 'mine: holds files' run "$work/good.toml" --out "$work/mine"
[ "$(ls "$work/mine")" = thesis.txt ] || fail "a foreign folder was changed"

# What can be refused before the first round leaves no folder; what fails later says so in it.
printf '[run]\nrounds = 6\n[model]\nname = "lenet6"\n' >"$work/no-model.toml"
printf '[run]\nrounds = 6\n[partition]\nclients = 5000\n' >"$work/crowd.toml"
expect 2 'a budget is needed; add --budget-bits 3' bits "$work/good.toml"
expect 2 'excludes' bits "$work/good.toml" --budget-bits 3 --budget-kb 3
expect 2 '--budget-kb: .*; use 25' bits "$work/good.toml" --budget-kb -1
expect 2 '^fedqat-sim: .*; raise it' bits "$work/good.toml" -q --budget-bits 1
expect 2 "quant.layer_bits, layer 'fc9': .*; those with weights are" run "$work/good.toml" \
  --set 'quant.layer_bits=["fc9=4"]' --out "$work/fc9"
for command in run compare; do
  expect 2 'lenet6' $command "$work/no-model.toml" --out "$work/refused"
  expect 2 'partition' $command "$work/crowd.toml" --out "$work/refused"
  if [ -e "$work/refused" ]; then fail "a refused $command left its folder behind"; fi
done
expect 1 'round 1' run "$work/good.toml" --set sim.dropout=0.999999 --out "$work/failed"
grep -q '"status": "failed"' "$work/failed/manifest.json" || fail "the manifest hides the failure"
grep -q '"why": ".*round 1' "$work/failed/manifest.json" || fail "the manifest has no reason"

# A manifest.json is ours only by its format: browser extensions and others have one too.
for manifest in '{"manifest_version": 3}' '{"format": 1}' '[]' 'not json' ''; do
  printf '%s' "$manifest" >"$work/mine/manifest.json"
  expect 2 'mine: holds files, but not those of fedqat-sim' run "$work/good.toml" --out "$work/mine"
  [ "$(cat "$work/mine/manifest.json")" = "$manifest" ] || fail "a foreign manifest.json was changed"
done

expect 3 'empty/report.json' report "$work/empty"
mkdir "$work/broken"
printf '{\n "format": "fedqat.report/1",\n "seed": ,\n' >"$work/broken/report.json"
expect 3 'broken/report.json:3:10: not valid JSON' report "$work/broken"
finish
