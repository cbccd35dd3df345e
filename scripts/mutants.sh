#!/usr/bin/env bash
# Proves that the tests find what they are for: applies each sabotage of tests/mutants to a copy of
# the sources, builds the tests that it names and demands that one of them fails.
#
#   scripts/mutants.sh [--sample N] [NAME...]
#
#   NAME         mutants, without .patch (default: all)
#   --sample N   N of them, others every day
#
# A mutant is a patch that begins with what it does and "# run: TEST ARGUMENT..." for each test that
# may find it. The copy is build/mutants; it is kept, so that a second call is fast.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

sample=0
names=()
while [ $# -gt 0 ]; do
  case $1 in
    --sample) [ $# -ge 2 ] || fail "--sample needs a number"; sample=$2; shift ;;
    -h | --help) print_help; exit 0 ;;
    -*) fail "mutants.sh: unknown option '$1'; see --help" ;;
    *) names+=("$1") ;;
  esac
  shift
done
if [ ${#names[@]} = 0 ]; then
  mapfile -t names < <(cd tests/mutants && printf '%s\n' *.patch | sed 's/\.patch$//')
fi
if [ "$sample" -gt 0 ]; then
  day=$(($(date +%s) / 86400))
  chosen=()
  for ((i = 0; i < sample && i < ${#names[@]}; ++i)); do
    chosen+=("${names[(day * sample + i) % ${#names[@]}]}")
  done
  names=("${chosen[@]}")
fi
for name in "${names[@]}"; do
  [ -f "tests/mutants/$name.patch" ] || fail "there is no tests/mutants/$name.patch"
done

# Objects of the copy are those of the tree: ccache sees paths from the build folder on.
export CCACHE_BASEDIR=${CCACHE_BASEDIR:-$root} CCACHE_NOHASHDIR=1
patches=$root/tests/mutants
tree=$root/build/mutants
mkdir -p "$tree"
# Older files never take the place of newer ones: Ninja would not see it.
git ls-files -z -co --exclude-standard | while IFS= read -r -d '' file; do
  [ -f "$file" ] || continue
  cmp -s "$file" "$tree/$file" && continue
  mkdir -p "$tree/$(dirname "$file")"
  cp "$file" "$tree/$file"
done
cd "$tree"
configure release -DBUILD_TESTING=ON

runs_of() { sed -n 's/^# run: //p' "$patches/$1.patch"; }
build_tests() {
  local targets
  targets=$(runs_of "$1" | cut -d' ' -f1 | sort -u)
  # shellcheck disable=SC2086
  cmake --build build/release -j "$(build_jobs)" --target $targets >build/mutant.log 2>&1
}
# Succeeds if all tests do.
run_tests() {
  local line target arguments
  while IFS= read -r line; do
    target=${line%% *}
    arguments=${line#"$target"}
    if [[ $target = test_* ]]; then arguments="-w NoTests$arguments"; fi
    # shellcheck disable=SC2046
    printf '%s' "$arguments" | xargs timeout 300 \
      $(find build/release/tests -name "$target" -type f -perm -u+x) >build/mutant.log 2>&1 ||
      return 1
  done < <(runs_of "$1")
}

# apply NAME [--reverse]
apply() {
  git -C "$root" apply -p0 --directory=build/mutants "${@:2}" "$patches/$1.patch"
}

# The tests pass without a mutant.
for name in "${names[@]}"; do
  build_tests "$name" || { tail -20 build/mutant.log; fail "the tests for $name do not build"; }
done
declare -A passed
for name in "${names[@]}"; do
  key=$(runs_of "$name")
  [ -n "$key" ] || fail "$name.patch names no test"
  [ -z "${passed[$key]:-}" ] || continue
  run_tests "$name" || { tail -20 build/mutant.log; fail "the tests for $name fail without it"; }
  passed[$key]=yes
done

missed=0
for name in "${names[@]}"; do
  start=$SECONDS
  apply "$name" || fail "$name.patch does not apply; renew it"
  trap 'apply "$name" --reverse' EXIT
  if ! build_tests "$name"; then
    tail -20 build/mutant.log
    fail "$name does not build; renew its patch"
  fi
  if run_tests "$name"; then
    verdict=MISSED
    missed=$((missed + 1))
  else
    verdict=caught
    # Anything but a failed test, or a process that a check or a signal ended, is a fault of ours.
    grep -qE 'FAILED|failed:|Terminated|Killed' build/mutant.log ||
      { cat build/mutant.log; fail "the tests for $name ended in another way than by failing"; }
  fi
  trap - EXIT
  apply "$name" --reverse
  printf '%-6s  %-24s %3d s  %s\n' "$verdict" "$name" $((SECONDS - start)) \
    "$(sed -n '1s/^# //p' "$patches/$name.patch")"
done
say "${#names[@]} mutants, $((${#names[@]} - missed)) caught, $missed missed"
[ "$missed" = 0 ]
