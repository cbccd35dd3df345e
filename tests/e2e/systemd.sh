#!/usr/bin/env bash
# The units are valid, and give their services little of the machine.
# systemd.sh FOLDER_OF_UNITS; skips (77) without systemd-analyze.
set -uo pipefail
units=${1:?the folder of units}
command -v systemd-analyze >/dev/null || {
  echo "skipped: no systemd-analyze"
  exit 77
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
for unit in fedqat-coordinator fedqat-client; do
  # The programs need not be installed where the units will look for them.
  sed 's|^ExecStart=[^ ]*|ExecStart=/bin/true|' "$units/$unit.service" >"$work/$unit.service"
  if ! systemd-analyze verify --man=no "$work/$unit.service" >"$work/out" 2>&1 ||
    grep "$unit" "$work/out"; then
    echo "FAILED: $unit is not valid: $(cat "$work/out")"
    failed=1
  fi
  # The threshold is in tenths.
  if ! systemd-analyze security --no-pager --offline=true --threshold=20 "$work/$unit.service" \
    >"$work/out" 2>&1; then
    echo "FAILED: $unit is exposed more than 2.0:"
    grep -v '^✓' "$work/out"
    failed=1
  fi
  grep 'Overall exposure' "$work/out"
done
exit $failed
