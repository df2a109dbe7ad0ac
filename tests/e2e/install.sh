#!/usr/bin/env bash
# Installs the peers of `make e2e` and `make bench`: Debian packages, then Go programs into .tools/bin.
#
# usage: install.sh [1|2]      1: Debian packages only; 2 (default): Go programs too
#
# What is on PATH, in .tools/bin or in $HAVERSACK_PEERS already is left alone. What cannot be had is
# not an error here: the reason is kept in .tools/not-installed/, and the checks that need the tool
# are reported as not run.
set -euo pipefail
source "$(dirname "$0")/lib.sh"
TIER=${1:-2}
REASONS=$ROOT/.tools/not-installed
mkdir -p "$TOOLS" "$REASONS"

# command → Debian package
declare -A DEBIAN=(
    [docker-registry]=docker-registry [skopeo]=skopeo [umoci]=umoci [mmdebstrap]=mmdebstrap
    [lighttpd]=lighttpd [htpasswd]=apache2-utils [jq]=jq [curl]=curl [git]=git [zstd]=zstd
    [openssl]=openssl [ssh-keygen]=openssh-client [xz]=xz-utils [/usr/bin/time]=time
)

# command → module path@version, each installable as it is
declare -A GO=(
    [crane]=github.com/google/go-containerregistry/cmd/crane@v0.21.9
    [oras]=oras.land/oras/cmd/oras@v1.3.3
    [helm]=helm.sh/helm/v3/cmd/helm@v3.21.4
    [cosign]=github.com/sigstore/cosign/v3/cmd/cosign@v3.1.2
    [zot]=zotregistry.dev/zot/v2/cmd/zot@v2.1.20
    [soft]=github.com/charmbracelet/soft-serve/cmd/soft@v0.12.2
    [hauler]=hauler.dev/go/hauler/v2/cmd/hauler@v2.0.3
)

missing_packages() {
    local command
    for command in "${!DEBIAN[@]}"; do
        have "$command" || printf '%s\n' "${DEBIAN[$command]}"
    done | sort -u
}

# Installs packages without letting them start their services on the machine.
apt_install() {
    local policy=/usr/sbin/policy-rc.d made=
    if [ ! -e $policy ]; then
        printf '#!/bin/sh\nexit 101\n' >$policy
        chmod 755 $policy
        made=1
    fi
    apt-get update -qq || true
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" || true
    [ -z "$made" ] || rm -f $policy
}

debian() {
    local packages command
    mapfile -t packages < <(missing_packages)
    if [ ${#packages[@]} -gt 0 ]; then
        if [ "$(id -u)" -eq 0 ] && have apt-get; then
            say "Installing ${packages[*]}"
            apt_install "${packages[@]}"
        else
            say "Not root, or not Debian: please install ${packages[*]}"
        fi
    fi
    hash -r
    for command in "${!DEBIAN[@]}"; do
        if have "$command"; then
            rm -f "$REASONS/${command##*/}"
        else
            printf 'Debian package %s is not installed\n' "${DEBIAN[$command]}" >"$REASONS/${command##*/}"
        fi
    done
}

go_install() { # COMMAND
    local command=$1 module=${GO[$1]} log=$ROOT/.tools/$1.log
    if ! have go; then
        printf 'needs Go to build %s\n' "$module" >"$REASONS/$command"
        return
    fi
    say "Building $command from $module"
    # jsonv2: zot does not build without it, and the others do not mind.
    if CGO_ENABLED=0 GOEXPERIMENT=jsonv2 GOBIN=$TOOLS GOFLAGS=-trimpath go install "$module" >"$log" 2>&1; then
        rm -f "$REASONS/$command" "$log"
    else
        { grep -v '^go: downloading' "$log" || true; } | tail -n 1 | cut -c 1-160 >"$REASONS/$command"
        note "not installed: $(cat "$REASONS/$command")"
    fi
}

debian
if [ "$TIER" -ge 2 ]; then
    for command in crane oras helm cosign soft zot hauler; do
        if have "$command"; then rm -f "$REASONS/$command"; else go_install "$command"; fi
    done
fi
say "Peers"
for command in $(printf '%s\n' "${!DEBIAN[@]}" "${!GO[@]}" | sort); do
    if have "$command"; then note "$command: $(command -v "$command")"; else note "$(why_not "$command")"; fi
done
