#!/usr/bin/env bash
# One seed gives one model: the scalar kernels, AVX2, AVX-VNNI and AVX-512-VNNI end in the same hash, in fp32
# rounds, in integer rounds and in the fp32 twin. What the machine lacks falls back to the next.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

cat >"$work/short.toml" <<'END'
[run]
name = "short"
rounds = 4
[partition]
kind = "dirichlet"
clients = 4
[round]
clients = 3
[model]
name = "digits-cnn"
[quant]
weight_bits = 4
activation_bits = 4
warmup_rounds = 2
END

for isa in scalar avx2 avxvnni avx512vnni; do
  export FEDQAT_ISA=$isa
  expect 0 '^test accuracy' run "$work/short.toml" --out "$work/$isa" --fp32-twin
  for part in . fp32; do
    expected=$(json "$work/scalar/$part/manifest.json" model_sha256)
    actual=$(json "$work/$isa/$part/manifest.json" model_sha256)
    [ -n "$expected" ] && [ "$actual" = "$expected" ] ||
      fail "$isa ($part) ends in model $actual, scalar in $expected"
  done
done
finish
