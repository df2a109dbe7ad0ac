#!/usr/bin/env bash
# Makes the twenty images of `make bench`, about 1 GB in all, once, into an OCI layout.
#
# usage: images.sh DIR         makes DIR/layout and DIR/names; does nothing if this script made them already
#
# Each image is Debian's base, shared layers with a language or a compiler, a layer of its own, and one of
# 12 MB that no compressor makes smaller (as models, archives and compiled data are). All layers are gzip.
set -euo pipefail
source "$(dirname "$0")/../e2e/lib.sh"
OUT=${1:?usage: images.sh DIR}
STAMP=$OUT/made-by-$(cksum <"$0" | cut -d ' ' -f 1)
[ -e "$STAMP" ] && exit 0
rm -rf "$OUT"
mkdir -p "$OUT/layout/blobs/sha256" "$OUT/layers" "$OUT/tmp"
BLOBS=$OUT/layout/blobs/sha256
EPOCH=1767225600
NOISE_MIB=12

# layer → packages
declare -A LAYERS=(
    [java]=openjdk-17-jre-headless
    [jdk]=openjdk-17-jdk-headless
    [go]='golang-1.19-go golang-1.19-src'
    [gcc]='gcc-12 cpp-12 g++-12 libgcc-12-dev libstdc++-12-dev'
    [llvm]='libllvm14 llvm-14 libclang-cpp14'
    [rust]='rustc libstd-rust-dev'
    [python]='python3.11 python3.11-minimal libpython3.11-stdlib libpython3.11-minimal python3-numpy'
    [erlang]='erlang-base rabbitmq-server'
    [node]='nodejs libnode108 libicu72'
    [postgres]=postgresql-15 [mariadb]=mariadb-server-core [scipy]=python3-scipy [pandas]=python3-pandas
    [prometheus]=prometheus [alertmanager]=prometheus-alertmanager [etcd]=etcd-server
    [containerd]='containerd runc' [docker]=docker.io [influxdb]=influxdb [caddy]=caddy [r]=r-base-core
    [git]=git [cmake]='cmake cmake-data gdb'
)

# image → layers above the base
IMAGES=(
    'postgres postgres' 'mariadb mariadb' 'prometheus prometheus' 'alertmanager alertmanager' 'etcd etcd'
    'containerd containerd' 'docker docker' 'influxdb influxdb' 'caddy caddy' 'queue erlang' 'web node'
    'scipy python scipy' 'pandas python pandas' 'notebook python gcc' 'statistics gcc r' 'app java'
    'build-java java jdk' 'build-go go git' 'build-rust gcc llvm rust' 'build-cpp gcc cmake'
)

# Turns a tar into a gzip blob of the layout, and notes its descriptor and diff id.
add_layer() { # NAME TAR
    local blob=$OUT/tmp/$1.gz digest diff
    diff=$(sha256sum <"$2" | cut -d ' ' -f 1)
    gzip -n -6 -c "$2" >"$blob"
    digest=$(sha256sum <"$blob" | cut -d ' ' -f 1)
    jq -cn --arg d "sha256:$digest" --argjson s "$(stat -c %s "$blob")" --arg i "sha256:$diff" \
        '{diff: $i, layer: {mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest: $d, size: $s}}' \
        >"$OUT/layers/$1"
    mv "$blob" "$BLOBS/$digest"
    rm -f "$2"
}

base() {
    local sources
    mapfile -t sources < <(find /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources -size +0 2>/dev/null)
    SOURCE_DATE_EPOCH=$EPOCH mmdebstrap --quiet --variant=essential \
        "$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-stable}")" "$OUT/tmp/base.tar" \
        "${sources[@]}" 2>"$OUT/mmdebstrap.log" || { tail -n 5 "$OUT/mmdebstrap.log" >&2; exit 1; }
    add_layer base "$OUT/tmp/base.tar"
}

# A package that this release of Debian lacks leaves its layer smaller, not the bench undone.
packages() { # NAME
    local name=$1 dir=$OUT/tmp/$1 package deb
    mkdir -p "$dir/debs" "$dir/tree"
    for package in ${LAYERS[$name]}; do
        (cd "$dir/debs" && apt-get download -qq "$package" 2>/dev/null) || note "$name: no package $package"
    done
    for deb in "$dir"/debs/*.deb; do [ ! -e "$deb" ] || dpkg-deb -x "$deb" "$dir/tree"; done
    tree_tar "$dir/tree" "$OUT/tmp/$name.tar"
    add_layer "$name" "$OUT/tmp/$name.tar"
    rm -rf "$dir"
}

noise() { # NAME
    mkdir -p "$OUT/tmp/$1/opt"
    openssl enc -aes-128-ctr -nosalt -pbkdf2 -iter 1 -pass "pass:$1" -in /dev/zero 2>/dev/null |
        head -c $((NOISE_MIB << 20)) >"$OUT/tmp/$1/opt/model.bin" || true
    tree_tar "$OUT/tmp/$1" "$OUT/tmp/$1.tar"
    add_layer "$1" "$OUT/tmp/$1.tar"
    rm -rf "${OUT:?}/tmp/$1"
}

tree_tar() { # TREE TAR
    tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$EPOCH" -C "$1" -cf "$2" .
}

put() { # FILE: moves it into the layout; prints digest and size
    local digest size
    digest=$(sha256sum <"$1" | cut -d ' ' -f 1)
    size=$(stat -c %s "$1")
    mv "$1" "$BLOBS/$digest"
    printf 'sha256:%s %s' "$digest" "$size"
}

image() { # NAME LAYER...
    local name=$1 digest size
    shift
    (cd "$OUT/layers" && cat base "$@" "noise-$name") >"$OUT/tmp/layers"
    jq -cs --arg n "$name" '{architecture: "amd64", os: "linux", created: "2026-01-01T00:00:00Z",
        config: {Cmd: [$n]}, rootfs: {type: "layers", diff_ids: map(.diff)}}' "$OUT/tmp/layers" >"$OUT/tmp/config"
    read -r digest size <<<"$(put "$OUT/tmp/config")"
    jq -cs --arg d "$digest" --argjson s "$size" '{schemaVersion: 2,
        mediaType: "application/vnd.oci.image.manifest.v1+json",
        config: {mediaType: "application/vnd.oci.image.config.v1+json", digest: $d, size: $s},
        layers: map(.layer)}' "$OUT/tmp/layers" >"$OUT/tmp/manifest"
    read -r digest size <<<"$(put "$OUT/tmp/manifest")"
    jq -cn --arg d "$digest" --argjson s "$size" --arg n "$name" \
        '{mediaType: "application/vnd.oci.image.manifest.v1+json", digest: $d, size: $s,
          annotations: {"org.opencontainers.image.ref.name": $n}}' >>"$OUT/tmp/index"
}

say "Making twenty images from Debian packages (kept in $OUT; some minutes, once)"
base
for name in "${!LAYERS[@]}"; do packages "$name"; done
for line in "${IMAGES[@]}"; do
    # shellcheck disable=SC2086
    set -- $line
    noise "noise-$1"
    image "$@"
    printf '%s\n' "$1" >>"$OUT/names"
done
jq -cs '{schemaVersion: 2, manifests: .}' "$OUT/tmp/index" >"$OUT/layout/index.json"
printf '{"imageLayoutVersion":"1.0.0"}' >"$OUT/layout/oci-layout"
rm -rf "$OUT/tmp" "$OUT/layers"
touch "$STAMP"
note "$(wc -l <"$OUT/names") images, $(du -sh "$OUT/layout" | cut -f 1) in $(find "$BLOBS" -type f | wc -l) blobs"
