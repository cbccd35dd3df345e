#!/usr/bin/env bash
# Proves that the two commands of the README work on a fresh Debian 12: makes a minimal one with
# debootstrap, clones the last commit into it, and runs quickstart.sh and test.sh there. By hand;
# needs root and the package debootstrap.
#
#   scripts/test-fresh-debian.sh [--dir DIR] [--keep] [--only quickstart|test]
#
#   --dir DIR   where the system goes; one that is there is used again (default: a temporary one)
#   --keep      leaves it there at the end
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

dir=
keep=no
commands="quickstart test"
while [ $# -gt 0 ]; do
  case $1 in
    --dir) [ $# -ge 2 ] || fail "--dir needs a folder"; dir=$2; keep=yes; shift ;;
    --keep) keep=yes ;;
    --only) [ $# -ge 2 ] || fail "--only needs quickstart or test"; commands=$2; shift ;;
    -h | --help) print_help; exit 0 ;;
    *) fail "test-fresh-debian.sh: unknown option '$1'; see --help" ;;
  esac
  shift
done
[ "$(id -u)" = 0 ] || fail "chroot needs root"
command -v debootstrap >/dev/null || fail "debootstrap is missing: apt-get install debootstrap"
if [ -z "$dir" ]; then dir=$(mktemp -d /var/tmp/fedqat-fresh-XXXXXX); fi
cleanup() {
  if [ $keep = yes ]; then say "left in $dir"; else rm -rf --one-file-system "$dir"; fi
}
trap cleanup EXIT

# The mirror and apt's settings (proxy, sources) are those of this machine.
mirror=$(apt-get indextargets --format '$(CODENAME) $(REPO_URI)' 'Created-By: Packages' |
  awk '$1 == "bookworm" { print $2; exit }')
[ -n "$mirror" ] || fail "apt knows no bookworm source; run apt-get update first"
if [ ! -x "$dir/usr/bin/apt-get" ]; then
  say "debootstrap bookworm into $dir"
  mkdir -p "$dir"
  debootstrap --variant=minbase bookworm "$dir" "$mirror" >"$dir.log" 2>&1 ||
    { tail -n 20 "$dir.log" >&2; fail "debootstrap failed"; }
  rm -f "$dir.log" "$dir/etc/apt/sources.list"
  for part in sources.list sources.list.d auth.conf.d trusted.gpg.d; do
    if [ -e "/etc/apt/$part" ]; then cp -a "/etc/apt/$part" "$dir/etc/apt/"; fi
  done
  grep -l Acquire /etc/apt/apt.conf.d/* 2>/dev/null |
    while read -r file; do cp "$file" "$dir/etc/apt/apt.conf.d/"; done
  cp -a /usr/share/keyrings/. "$dir/usr/share/keyrings/"
fi
cp -L /etc/resolv.conf "$dir/etc/resolv.conf"
rm -rf "$dir/root/fedqat"
git clone --quiet --no-local . "$dir/root/fedqat"

for command in $commands; do
  for time in first second; do
    say "$command.sh in the fresh system, $time time"
    start=$SECONDS
    # The mounts end with the namespace.
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb LC_ALL=C.UTF-8 \
      ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
      unshare --mount sh -c "mount -t proc proc '$dir/proc' && mount --rbind /dev '$dir/dev' &&
        exec chroot '$dir' /root/fedqat/scripts/$command.sh"
    say "$command.sh, $time time: passed in $((SECONDS - start)) s"
  done
done
