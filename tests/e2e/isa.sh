#!/usr/bin/env bash
# One seed gives one model: the scalar kernels, AVX2, AVX-VNNI and AVX-512-VNNI end in the same
# hash, with gradients in fp32 and in integers, with EDEN updates, with differences down, and in the
# fp32 twin. What the machine lacks falls back to the next.
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

# same NAME ARGUMENT...: runs with every instruction set end in the model of the scalar kernels.
same() {
  local name=$1 isa part expected actual
  shift
  for isa in scalar avx2 avxvnni avx512vnni; do
    FEDQAT_ISA=$isa expect 0 '^test accuracy' run "$work/short.toml" --out "$work/$name-$isa" \
      --fp32-twin "$@"
    for part in . fp32; do
      expected=$(json "$work/$name-scalar/$part/manifest.json" model_sha256)
      actual=$(json "$work/$name-$isa/$part/manifest.json" model_sha256)
      [ -n "$expected" ] && [ "$actual" = "$expected" ] ||
        fail "$name: $isa ($part) ends in model $actual, scalar in $expected"
    done
  done
}

same float --set client.backward='"float"'
same int8 --set client.backward='"int8"'
same eden --set codec.uplink=eden --set codec.uplink_bits=1.5 --set codec.downlink_bits=4
same difference --set codec.downlink=difference --set codec.downlink_bits=2
same resnet --set client.backward='"int8"' --set model.name='"resnet8"' --set run.rounds=3 \
  --set data.max_train_samples=120 --set quant.weight_bits=8 --set quant.activation_bits=8
[ "$(json "$work/float-scalar/manifest.json" model_sha256)" != \
  "$(json "$work/int8-scalar/manifest.json" model_sha256)" ] || fail "client.backward changes nothing"
finish
