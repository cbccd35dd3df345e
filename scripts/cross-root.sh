#!/usr/bin/env bash
# Downloads the Debian 12 libraries of another processor and unpacks them into
# build/cross-root/NAME, where the presets of that name look for them. The system's own packages and
# architectures stay as they are; needs no root. Does nothing when the folder is there.
#
#   scripts/cross-root.sh aarch64|armhf
#
# The compilers and qemu come from scripts/install-deps.sh --cross.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

packages="libssl-dev libprotobuf-dev zlib1g-dev libsqlite3-dev libcpp-httplib-dev libtomlplusplus-dev libstdc++6"
case ${1:-} in
  aarch64) arch=arm64 ;;
  armhf) arch=armhf ;;
  -h | --help) print_help; exit 0 ;;
  *) fail "cross-root.sh: needs aarch64 or armhf" ;;
esac
target=$root/build/cross-root/$1
if [ -d "$target" ]; then exit 0; fi

mirror=$(apt-get indextargets --format '$(CODENAME) $(REPO_URI)' 'Created-By: Packages' |
  awk '$1 == "bookworm" { print $2; exit }')
[ -n "$mirror" ] || fail "apt knows no bookworm source; run apt-get update first"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/archives/partial" "$work/root"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror bookworm main" \
  >"$work/sources.list"
# An apt that knows nothing of this system but its mirror and its proxy.
apt() {
  apt-get -q -o APT::Architecture=$arch -o APT::Architectures=$arch -o Debug::NoLocking=1 \
    -o APT::Sandbox::User="$(id -un)" -o Dir::Etc::SourceList="$work/sources.list" \
    -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists="$work/lists" \
    -o Dir::State::status=/dev/null -o Dir::Cache="$work" \
    -o Dir::Cache::Archives="$work/archives" "$@" >>"$work/log" 2>&1 && return
  cat "$work/log" >&2
  fail "apt-get $1 for $arch failed (see above)"
}
say "downloading libraries for $1"
apt update
# shellcheck disable=SC2086 # a list of words
apt install -y --no-install-recommends --download-only $packages
for package in "$work"/archives/*.deb; do dpkg-deb -x "$package" "$work/root"; done
# Libraries of /lib are named with absolute links, which would lead to this system's.
find "$work/root" -type l -lname '/*' | while read -r link; do
  ln -sfnr "$work/root$(readlink "$link")" "$link"
done
mkdir -p "${target%/*}"
mv "$work/root" "$target"
