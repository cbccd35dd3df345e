#!/usr/bin/env bash
# `fedqat-client bench`: its tables, a row set for each instruction set, and what it refuses. Times
# are the machine's own affair. To be called with the client.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
unset FEDQAT_ISA
quick=(bench --repeat 2 --seconds 0.001)

expect 0 'Examples:' bench --help
expect 0 '^mlp-8 +train W8A8 +32 .* ± ' "${quick[@]}" --model mlp-8
[ "$(wc -l <"$work/stdout")" = 5 ] || fail "a network has not four rows and a header"
expect 0 '^\| softmax@12:3 \| infer W8A8 \| 7 \| ' "${quick[@]}" --model mlp-8,softmax@12:3 --batch 7 --md
expect 0 '^model,test,batch,isa,threads,samples_per_s,' "${quick[@]}" --model mlp-8 --csv
expect 0 '^mlp-8 +train W8A8 +32 +[^ ]+ +2 ' "${quick[@]}" --model mlp-8 --threads 2
[ "$(wc -l <"$work/stdout")" = 6 ] || fail "two threads have not five rows and a header"
expect 0 '"test": "train W4A8"' "${quick[@]}" --model mlp-8 --json --set quant.weight_bits=4
expect 0 '^mlp-32 ' "${quick[@]}" configs/quickstart.toml --set model.name=mlp-32
expect 0 '^mlp-8 +infer W8A8 +5 ' "${quick[@]}" --model mlp-8 configs/quickstart.toml --set client.batch=5
expect 3 'mnist' "${quick[@]}" --data "$work" configs/mnist-lenet5.toml
expect 0 '^lenet5 ' "${quick[@]}" --data "$work" configs/mnist-lenet5.toml --synthetic

expect 0 '^mlp-8,train fp32,32,scalar,' "${quick[@]}" --model mlp-8 --isa scalar --csv
best=$("$sim" "${quick[@]}" --model mlp-8 --csv | sed -n '2s/^[^,]*,[^,]*,[^,]*,\([^,]*\),.*/\1/p')
expect 0 "^mlp-8,train W8A8,32,$best," "${quick[@]}" --model mlp-8 --isa "scalar,$best" --csv
[ "$(wc -l <"$work/stdout")" = 9 ] || fail "two instruction sets have not eight rows and a header"
expect 2 "'sse2' is no instruction set; use one of scalar, neon" "${quick[@]}" --isa sse2
other=neon
[ "$(uname -m)" = x86_64 ] || other=avx2
expect 2 "--isa: this machine has no $other; its best is" "${quick[@]}" --model mlp-8 --isa $other

expect 2 "--model: no model 'lenet6'; known: softmax" "${quick[@]}" --model lenet6
expect 2 "--model: 'lenet5@28x28' is refused; after @ comes the input" bench --model lenet5@28x28
expect 2 "--batch: '0' is refused; use a whole number, 1 to 4096" bench --batch 0
expect 2 "--threads: '0' is refused; use a whole number, 1 to 64" bench --threads 0
expect 2 '--repeat' bench --repeat 0
expect 2 '--seconds' bench --seconds 0
expect 2 'excludes' bench --json --csv
expect 2 'nowhere.toml' bench "$work/nowhere.toml"
finish
