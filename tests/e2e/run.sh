#!/usr/bin/env bash
# A short federation: its files, the same model for any number of threads, and the other commands.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

cat >"$work/small.toml" <<'END'
[run]
name = "small"
rounds = 6
[partition]
kind = "dirichlet"
clients = 6
[round]
clients = 4
[model]
name = "mlp-64"
[quant]
warmup_rounds = 2
[compare]
seeds = 2
END

expect 0 '^test accuracy' run "$work/small.toml" --out "$work/a" --threads 1 --fp32-twin
for file in config.toml manifest.json metrics.csv report.json report.html model.fedqat; do
  [ -s "$work/a/$file" ] || fail "$file was not written"
  [ -s "$work/a/fp32/$file" ] || fail "fp32/$file was not written"
done
grep -q 'round 6/6' "$work/stderr" || fail "no progress on stderr"
if grep -q 'round [0-9]' "$work/stdout"; then fail "progress on stdout"; fi
if LC_ALL=C grep -q "$(printf '\033\\|\r')" "$work/stderr"; then fail "control characters in a log"; fi
[ "$(wc -l <"$work/a/metrics.csv")" = 7 ] || fail "metrics.csv does not have a line for each round"
hash=$(json "$work/a/manifest.json" model_sha256)
[ "$(sha256sum <"$work/a/model.fedqat" | cut -d' ' -f1)" = "$hash" ] ||
  fail "model_sha256 is not the hash of model.fedqat"
[ "$(sha256sum <"$work/a/config.toml" | cut -d' ' -f1)" = \
  "$(json "$work/a/manifest.json" config_sha256)" ] || fail "config_sha256 is not that of config.toml"

expect 0 '^test accuracy' run "$work/small.toml" --out "$work/twin" --fp32-twin --quiet
expect 0 '^test accuracy' run "$work/small.toml" --out "$work/twin" --quiet
[ ! -e "$work/twin/fp32" ] || fail "the twin of an earlier run was left"
expect 0 'qat W4A4' compare "$work/small.toml" --out "$work/twin" --set run.rounds=4 --set compare.seeds=1 --quiet
[ ! -e "$work/twin/report.json" ] || fail "a comparison left the report of an earlier run"

for threads in 2 8; do
  expect 0 "$hash" run "$work/small.toml" --out "$work/b" --threads $threads --quiet
  [ ! -s "$work/stderr" ] || fail "--quiet is not quiet"
done
expect 0 "$hash" run "$work/b/config.toml" --out "$work/c" --json
expect 0 '^model sha256' run "$work/small.toml" --out "$work/d" --seed 2 --quiet
[ "$(json "$work/d/manifest.json" model_sha256)" != "$hash" ] || fail "the seed changes nothing"
expect 0 '"rounds": 4' run "$work/small.toml" --out "$work/d" --set run.rounds=4 --json --quiet

expect 0 'both.html' report "$work/a" "$work/d" --out "$work/both.html"
grep -q '2 runs' "$work/both.html" || fail "report does not show both runs"
before=$(sha256sum <"$work/a/report.html")
expect 0 'a/report.html' report "$work/a"
[ "$(sha256sum <"$work/a/report.html")" = "$before" ] || fail "report is not the page run wrote"

expect 0 'dirichlet\(0.5\), seed 1: 6 clients' partition "$work/small.toml"
expect 0 '"clients": 6' partition "$work/small.toml" --json
expect 0 'qat W4A4' compare "$work/small.toml" --out "$work/cmp" --set run.rounds=4 --quiet
for file in config.toml compare.json compare.html manifest.json; do
  [ -s "$work/cmp/$file" ] || fail "compare did not write $file"
done
[ "$(grep -c '"technique"' "$work/cmp/compare.json")" = 7 ] || fail "compare.json has not 7 rows"

cat >>"$work/small.toml" <<'END'
[[compare.rows]]
name = "coarse"
set = ["codec.uplink_bits=2"]
END
expect 0 '^coarse ' compare "$work/small.toml" --out "$work/cmp" --set run.rounds=4
grep -q 'round 40/40  run 10/10' "$work/stderr" || fail "no progress over all runs on stderr"
expect 0 '^coarse ' compare "$work/cmp/config.toml" --out "$work/cmp2" --quiet
sed -i 's/uplink_bits=2/uplink_bit=2/' "$work/small.toml"
expect 2 "small.toml:17:8: compare row 'coarse': --set codec.uplink_bit=2: unknown key" \
  compare "$work/small.toml" --out "$work/cmp3"
[ ! -e "$work/cmp3" ] || fail "a refused comparison left a folder"
finish
