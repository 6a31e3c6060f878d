#!/bin/sh
# Builds a deb and an rpm for each architecture:
#
#   packaging/nfpm/build.sh DIRECTORY VERSION ARCHITECTURE...
#
# LDFLAGS from the environment go to the Go linker. The same commit gives the same bytes: all times in the
# packages are the commit's.
set -eu

out=$1
VERSION=$2
shift 2

cd "$(dirname "$0")/../.."
mkdir -p "$out"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || echo 0)

# documents DIRECTORY fills /usr/share/doc/k8s-registrar.
documents() {
	mkdir -p "$1"
	cp README.md docs/*.md "$1"
	cp packaging/deb/copyright "$1/copyright"
	gzip -9nc CHANGELOG.md >"$1/NEWS.md.gz"
	gzip -9nc <<-EOF >"$1/changelog.gz"
		k8s-registrar ($VERSION) unstable; urgency=medium

		  * What an operator has to know of each version is in NEWS.md.gz.

		 -- k8s-registrar maintainers <k8s-registrar@users.noreply.github.com>  $(LC_ALL=C date -u -d "@$SOURCE_DATE_EPOCH" '+%a, %d %b %Y %H:%M:%S +0000')
	EOF
}

for ARCH; do
	STAGE=$work/$ARCH
	documents "$STAGE/doc"
	gzip -9nc packaging/man/k8s-registrar.8 >"$STAGE/k8s-registrar.8.gz"
	CGO_ENABLED=0 GOARCH=$ARCH go build -trimpath -ldflags "${LDFLAGS:--s -w}" -o "$STAGE/k8s-registrar" .
	export VERSION ARCH STAGE SOURCE_DATE_EPOCH
	for format in deb rpm; do
		go tool -modfile=packaging/nfpm/go.mod nfpm package \
			--config packaging/nfpm/nfpm.yaml --packager "$format" --target "$out"
	done
done
