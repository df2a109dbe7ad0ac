#!/usr/bin/env bash
# Makes real container images from Debian packages, once, into an OCI layout with one tag per image.
#
# usage: images.sh DIR         makes DIR/layout; does nothing if this same script made it already
#
#   base      Debian's essential packages (mmdebstrap)
#   web       base and nginx-light      } two services that share the base layer
#   cache     base and redis-server     }
#   static    one statically linked program on nothing, for amd64 and arm64 under one index
#   signed    the same program; signed after it was pushed
set -euo pipefail
source "$(dirname "$0")/lib.sh"
OUT=${1:?usage: images.sh DIR}
STAMP=$OUT/made-by-$(cksum <"$0" | cut -d ' ' -f 1)
[ -e "$STAMP" ] && exit 0
rm -rf "$OUT"
mkdir -p "$OUT/debs" "$OUT/tars"
LAYOUT=$OUT/layout
EPOCH=1767225600

# --- root file systems

# Debian's essential packages, from wherever this machine gets its packages.
base_tar() {
    local suite sources
    suite=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-stable}")
    mapfile -t sources < <(find /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources \
        -size +0 2>/dev/null)
    note "base: mmdebstrap $suite"
    SOURCE_DATE_EPOCH=$EPOCH mmdebstrap --quiet --variant=essential "$suite" "$OUT/tars/base.tar" \
        "${sources[@]}" 2>"$OUT/mmdebstrap.log" || { tail -n 5 "$OUT/mmdebstrap.log" >&2; exit 1; }
}

# A layer with the files of these packages, their dependencies not among them.
package_tar() { # NAME PACKAGE...
    local name=$1 deb
    shift
    note "$name: $*"
    mkdir -p "$OUT/debs/$name" "$OUT/tree/$name"
    (cd "$OUT/debs/$name" && apt-get download -qq "$@" 2>/dev/null)
    for deb in "$OUT/debs/$name"/*.deb; do dpkg-deb -x "$deb" "$OUT/tree/$name"; done
    merge_usr "$OUT/tree/$name"
    tree_tar "$OUT/tree/$name" "$OUT/tars/$name.tar"
}

# /bin, /lib and /sbin are links in the base: a layer that brought folders would break them.
merge_usr() { # TREE
    local name
    for name in bin lib sbin; do
        [ -d "$1/$name" ] || continue
        mkdir -p "$1/usr/$name"
        cp -a "$1/$name/." "$1/usr/$name/"
        rm -rf "${1:?}/$name"
    done
}

tree_tar() { # TREE TAR: names in order, no owner, one date
    tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$EPOCH" -C "$1" -cf "$2" .
}

# A static program for one architecture: built by Go, else Debian's static busybox.
static_tar() { # ARCHITECTURE
    local architecture=$1 tree=$OUT/tree/static-$1
    mkdir -p "$tree/bin" "$OUT/go"
    if have go; then
        cat >"$OUT/go/main.go" <<'GO'
package main

import (
	"fmt"
	"net/http"
	"os"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		_ = http.ListenAndServe(":8080", http.NotFoundHandler())
	}
	fmt.Println("static")
}
GO
        printf 'module example.com/static\n\ngo 1.19\n' >"$OUT/go/go.mod"
        (cd "$OUT/go" && GOFLAGS=-trimpath GOTOOLCHAIN=local CGO_ENABLED=0 GOOS=linux \
            GOARCH=$architecture go build -o "$tree/bin/static" .)
    else
        (cd "$OUT/debs" && apt-get download -qq busybox-static 2>/dev/null)
        dpkg-deb -x "$OUT"/debs/busybox-static_*.deb "$tree"
        echo "$architecture" >"$tree/architecture"
    fi
    tree_tar "$tree" "$OUT/tars/static-$architecture.tar"
}

# --- images

umoci_image() { # TAG ARCHITECTURE FROM TAR: FROM is a tag of the layout, or `scratch`
    local tag=$1 architecture=$2 from=$3 tar=$4
    if [ "$from" = scratch ]; then
        umoci new --image "$LAYOUT:$tag"
    else
        umoci tag --image "$LAYOUT:$from" "$tag"
    fi
    umoci raw add-layer --image "$LAYOUT:$tag" --history.created 2026-01-01T00:00:00Z "$tar"
    umoci config --image "$LAYOUT:$tag" --no-history --architecture "$architecture" --os linux \
        --created 2026-01-01T00:00:00Z --config.cmd /bin/sh
}

# An index over tags of the layout; umoci makes none, so it is written out here.
index_image() { # TAG ARCHITECTURE...: over TAG-ARCHITECTURE
    local tag=$1 architecture file digest size
    shift
    for architecture in "$@"; do
        jq -c --arg a "$architecture" --arg t "$tag-$architecture" '.manifests[]
            | select(.annotations["org.opencontainers.image.ref.name"] == $t)
            | {mediaType, digest, size, platform: {os: "linux", architecture: $a}}' "$LAYOUT/index.json"
    done | jq -cs '{schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests: .}' \
        >"$OUT/index.json"
    digest=$(sha256sum "$OUT/index.json" | cut -d ' ' -f 1)
    size=$(stat -c %s "$OUT/index.json")
    mv "$OUT/index.json" "$LAYOUT/blobs/sha256/$digest"
    file=$(jq -c --arg d "sha256:$digest" --argjson s "$size" --arg t "$tag" '.manifests +=
        [{mediaType: "application/vnd.oci.image.index.v1+json", digest: $d, size: $s,
          annotations: {"org.opencontainers.image.ref.name": $t}}]' "$LAYOUT/index.json")
    printf '%s\n' "$file" >"$LAYOUT/index.json"
}

say "Making images from Debian packages (kept in $OUT)"
base_tar
package_tar web nginx nginx-light nginx-common libpcre2-8-0 libssl3
package_tar cache redis-server redis-tools libjemalloc2 liblua5.1-0
static_tar amd64
static_tar arm64
umoci init --layout "$LAYOUT"
umoci_image base amd64 scratch "$OUT/tars/base.tar"
umoci_image web amd64 base "$OUT/tars/web.tar"
umoci_image cache amd64 base "$OUT/tars/cache.tar"
umoci_image static-amd64 amd64 scratch "$OUT/tars/static-amd64.tar"
umoci_image static-arm64 arm64 scratch "$OUT/tars/static-arm64.tar"
umoci_image signed amd64 scratch "$OUT/tars/static-amd64.tar"
index_image static amd64 arm64
rm -rf "$OUT/debs" "$OUT/tree" "$OUT/tars" "$OUT/go"
touch "$STAMP"
