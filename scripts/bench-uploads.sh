#!/usr/bin/env bash
# How fast the coordinator takes uploads, against OpenSSL alone and against gRPC over TLS, in one
# run, as a Markdown table of ratios; docs/performance.md says how to read it. gRPC is Debian's
# libgrpc++-dev with protobuf-compiler-grpc, which nothing else needs and no script installs;
# without them its columns stay empty.
#
#   scripts/bench-uploads.sh [--rounds N] [--seconds S] [--devices N] [--clients "K..."]
#
#   --rounds N       turns of all contestants (default: 7); more for a noisy machine
#   --seconds S      length of a turn of gRPC (default: 2)
#   --devices N      that upload to the coordinator, each once in a round of the run (default: 400)
#   --clients "K..." numbers of gRPC's clients, of which its fastest counts (default: "1 4 32")
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

rounds=7 seconds=2 devices=400 clients="1 4 32"
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) print_help; exit 0 ;;
    --rounds) rounds=$2 ;;
    --seconds) seconds=$2 ;;
    --devices) devices=$2 ;;
    --clients) clients=$2 ;;
    *) fail "unknown option $1; --help lists them" ;;
  esac
  shift 2 || fail "an option lacks its value; --help lists them"
done

# The tests' part of the build holds the benchmarks.
say "building (some minutes the first time)" >&2
configure release -DBUILD_TESTING=ON
build release fedqat-coordinator bench_fleet >&2
bench=build/release/tests/bench grpc=no
if cmake --build build/release --target help | grep -q bench_grpc_upload; then
  build release bench_grpc_upload >&2
  grpc=yes
else
  say "gRPC is not there, its columns stay empty: apt-get install libgrpc++-dev" \
    "protobuf-compiler-grpc" >&2
fi

# fleet HIDDEN DURABILITY: "MB/s, raw OpenSSL's, updates/s", medians over the run's int8 rounds.
# The first round sends fp32, four times as much, and warms up.
fleet() {
  "$bench/bench_fleet" build/release/coordinator/fedqat-coordinator --devices "$devices" \
    --hidden "$1" --durability "$2" --rounds 4 2>/dev/null |
    sed -nE '/^round 1:/d; s|^round .*: ([0-9]+) MB/s \(.* of raw OpenSSL.s ([0-9]+)\), ([0-9]+) updates/s.*|\1 \2 \3|p' |
    sort -n | sed -n 2p
}

# peer KIND BYTES COLUMN: the fastest number of clients; COLUMN 1 is messages/s, 3 is MB/s.
peer() {
  if [ $grpc = no ]; then return; fi
  for k in $clients; do
    "$bench/bench_grpc_upload" "$1" --bytes "$2" --clients "$k" --seconds "$seconds"
  done | awk -v c="$3" '$c > best { best = $c } END { print best }'
}

rows=$(mktemp)
trap 'rm -f "$rows"' EXIT
for ((round = 1; round <= rounds; ++round)); do
  say "round $round of $rounds" >&2
  stream=$(peer stream 1048576 3)
  unary=$(peer unary 100000 1)
  for durability in full rounds; do
    read -r rate raw _ <<<"$(fleet 14000 $durability)"
    echo "1 MiB|$durability|MB/s|$rate|$raw|$stream" >>"$rows"
    read -r _ _ rate <<<"$(fleet 1350 $durability)"
    echo "100 KB|$durability|updates/s|$rate||$unary" >>"$rows"
  done
done

python3 - "$rows" <<'PYTHON'
import statistics
import sys

cases = {}
for line in open(sys.argv[1]):
    size, durability, unit, *rates = line.rstrip("\n").split("|")
    cases.setdefault((size, durability, unit), []).append([float(r) if r else None for r in rates])


def median(values):
    values = [v for v in values if v is not None]
    return statistics.median(values) if values else None


def cell(value, form):
    return "-" if value is None else format(value, form)


print("| update | durability | unit | fedqat | raw OpenSSL | gRPC | fedqat / raw | fedqat / gRPC |")
print("|---|---|---|---:|---:|---:|---:|---:|")
for (size, durability, unit), turns in sorted(cases.items()):
    rates = [cell(median(t[i] for t in turns), ".0f") for i in range(3)]
    ratios = [cell(median(t[0] / t[i] if t[i] else None for t in turns), ".2f") for i in (1, 2)]
    print("|", " | ".join([size, durability, unit, *rates, *ratios]), "|")
PYTHON
