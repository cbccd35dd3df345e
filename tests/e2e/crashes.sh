#!/usr/bin/env bash
# A sample of scripts/soak-crash.sh: the coordinator is killed, and where the system lets us mount
# images loses its power, again and again.
# crashes.sh BUILD
set -uo pipefail
bin=$1
scripts/soak-crash.sh --bin "$bin" --crashes 10 --seed 7 || exit 1
probe=$(mktemp -d)
truncate -s 8M "$probe/image"
if [ "$(id -u)" = 0 ] && mkfs.ext4 -q "$probe/image" 2>/dev/null &&
  mkdir "$probe/mount" && mount -o loop "$probe/image" "$probe/mount" 2>/dev/null; then
  umount "$probe/mount"
  rm -rf "$probe"
  scripts/soak-crash.sh --bin "$bin" --power --crashes 5 --seed 8 || exit 1
  scripts/soak-crash.sh --bin "$bin" --power --crashes 20 --seed 9 --durability relaxed || exit 1
else
  rm -rf "$probe"
  echo "power cuts are left out: no right to mount an image here"
fi
