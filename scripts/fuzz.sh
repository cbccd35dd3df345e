#!/usr/bin/env bash
# Runs the fuzz targets of tests/fuzz with libFuzzer, AddressSanitizer and UBSan, from the committed
# corpus. Stops at the first finding and says where the input is. Needs scripts/install-deps.sh
# --fuzz.
#
#   scripts/fuzz.sh [TARGET...] [--runs N] [--seconds S]
#
#   TARGET        such as model_file (default: all, one after the other)
#   --runs N      inputs for each (default: 1000000)
#   --seconds S   at most this long for each (default: 0, no limit)
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

runs=1000000
seconds=0
targets=()
while [ $# -gt 0 ]; do
  case $1 in
    --runs) [ $# -ge 2 ] || fail "--runs needs a number"; runs=$2; shift ;;
    --seconds) [ $# -ge 2 ] || fail "--seconds needs a number"; seconds=$2; shift ;;
    -h | --help) print_help; exit 0 ;;
    -*) fail "fuzz.sh: unknown option '$1'; see --help" ;;
    *) targets+=("$1") ;;
  esac
  shift
done
mapfile -t all < <(sed -n 's/^fedqat_fuzz(\([a-z_0-9]*\).*/\1/p' tests/fuzz/CMakeLists.txt)
if [ ${#targets[@]} = 0 ]; then targets=("${all[@]}"); fi
for target in "${targets[@]}"; do
  [ -f "tests/fuzz/${target}_fuzz.cc" ] || fail "no fuzz target '$target'; there are ${all[*]}"
done
command -v clang++ >/dev/null || fail "clang++ is missing: scripts/install-deps.sh --fuzz"

say "building"
configure fuzz
build fuzz "${targets[@]/#/fuzz_}"
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
for target in "${targets[@]}"; do
  found=build/fuzz/found/$target
  grown=build/fuzz/corpus/$target
  mkdir -p "$found" "$grown"
  log=build/fuzz/$target.log
  if ! "build/fuzz/tests/fuzz/fuzz_$target" -runs="$runs" -max_total_time="$seconds" -max_len=8192 \
    -timeout=10 -rss_limit_mb=1024 -malloc_limit_mb=64 -print_final_stats=1 -seed=1 \
    -artifact_prefix="$found/" "$grown" "tests/fuzz/corpus/$target" >"$log" 2>&1; then
    tail -n 60 "$log" >&2
    fail "$target: the input is in $found, the log in $log"
  fi
  say "$target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs," \
    "peak $(sed -n 's/^stat::peak_rss_mb: *//p' "$log") MB, no finding"
done
