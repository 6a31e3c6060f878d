#!/bin/sh
# Puts a Consul for the tests and the demo at bin/consul: the one on PATH where
# it is new enough, else one built from source, of the version in go.mod here.
#
# New enough is 1.21: from there on Consul cleans and checks the keys of its KV
# store, and the tests meet that.
set -eu

min_major=1
min_minor=21

cd "$(dirname "$0")/../.."
out=bin/consul

# version FILE prints "1.22" for a Consul v1.22.0, and nothing for anything else.
version() {
	"$1" version 2>/dev/null | sed -n 's/^Consul v\([0-9][0-9]*\.[0-9][0-9]*\)\..*/\1/p'
}

# new_enough 1.22 tells whether a version is at least the one needed.
new_enough() {
	[ -n "$1" ] || return 1
	[ "${1%.*}" -gt $min_major ] || { [ "${1%.*}" -eq $min_major ] && [ "${1#*.}" -ge $min_minor ]; }
}

fail() {
	echo "$*" >&2
	exit 1
}

if [ -x $out ] && new_enough "$(version $out)"; then
	exit 0
fi
mkdir -p bin

if found=$(command -v consul); then
	has=$(version "$found")
	if new_enough "$has"; then
		ln -sf "$found" $out
		echo "Using Consul $has, found at $found."
		exit 0
	fi
	echo "$found is Consul ${has:-of an unknown version}; $min_major.$min_minor or newer is needed, so one is built."
fi

command -v go >/dev/null || fail "There is no Consul $min_major.$min_minor or newer on PATH, and no Go to build one. Install either and try again."

want=$(awk '$1 == "github.com/hashicorp/consul" { print $2 }' packaging/consul/go.mod)
echo "Building Consul $want for the tests and the demo. The first time takes about 7 minutes on 2 cores, later ones seconds."
started=$(date +%s)

# Built beside its place and moved there, so that an interrupted build leaves nothing behind.
tmp=$out.$$
trap 'rm -f "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
GOWORK=off go build -C packaging/consul -ldflags '-s -w' -o "$PWD/$tmp" github.com/hashicorp/consul ||
	fail "Building Consul $want failed; what Go said is above. A Consul $min_major.$min_minor or newer on PATH is used instead of a build."
new_enough "$(version "./$tmp")" ||
	fail "The Consul $want that was built does not run on this machine: it did not answer 'version'."
mv -f "$tmp" $out
echo "Built Consul $want at $out in $(($(date +%s) - started)) seconds."
