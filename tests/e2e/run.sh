#!/usr/bin/env bash
# The whole way on one machine, against other people's servers and clients. All on 127.0.0.1.
#
# usage: run.sh [--tier 1|2] [--no-install] [--keep]
#
#   --tier 1       Debian packages only (what CI runs); 2 (default) adds Go programs
#   --no-install   use what is there
#   --keep         leave the work folder, and say where it is
#
# $HAVERSACK names the program (default target/release/haversack), $HAVERSACK_PEERS a folder with peers
# that are already built, $HAVERSACK_CORPUS the folder with charts. Exit: 0 when nothing failed.
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
for part in lib checks outside targets; do
    # shellcheck source=/dev/null
    source "$HERE/$part.sh"
done
HAVERSACK=${HAVERSACK:-$ROOT/target/release/haversack}
CACHE=${HAVERSACK_CACHE:-$ROOT/target/e2e}
TIER=2 INSTALL=1 KEEP=

while [ $# -gt 0 ]; do
    case $1 in
        --tier) TIER=$2; shift ;;
        --no-install) INSTALL= ;;
        --keep) KEEP=1 ;;
        *) die "unknown argument $1" ;;
    esac
    shift
done

set_up() {
    local tool
    [ -x "$HAVERSACK" ] || die "no program at $HAVERSACK: build it, or set \$HAVERSACK"
    [ -z "$INSTALL" ] || "$HERE/install.sh" "$TIER"
    for tool in docker-registry skopeo umoci mmdebstrap lighttpd htpasswd jq curl git zstd openssl; do
        have "$tool" || die "$(why_not "$tool"), and nothing works without it: run tests/e2e/install.sh"
    done
    WORK=$(mktemp -d "${TMPDIR:-/tmp}/haversack-e2e.XXXXXX")
    trap 'end_all; [ -n "$KEEP" ] && echo "kept: $WORK" || rm -rf "$WORK"' EXIT
    trap 'exit 130' INT TERM
    mkdir -p "$WORK"/{log,tmp,home,auth,inside,expected,trust,keys} "$CACHE"
    # Nothing of the person who runs this comes in, and nothing of ours stays with them.
    export HOME=$WORK/home XDG_CACHE_HOME=$WORK/home/.cache XDG_CONFIG_HOME=$WORK/home/.config
    export DOCKER_CONFIG=$WORK/auth REGISTRY_AUTH_FILE=$WORK/auth/config.json
    export HELM_REGISTRY_CONFIG=$WORK/auth/config.json XDG_RUNTIME_DIR=$WORK/tmp
    export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=$WORK/gitconfig GIT_TERMINAL_PROMPT=0
    export no_proxy=127.0.0.1,localhost NO_PROXY=127.0.0.1,localhost
    git config --file "$GIT_CONFIG_GLOBAL" credential.helper "store --file=$WORK/git-credentials"
    git config --file "$GIT_CONFIG_GLOBAL" init.defaultBranch main
    printf '{"auths":{}}\n' >"$WORK/auth/config.json"
    : >"$WORK/netrc"
}

# What the plain clients saw outside, before outside is stopped.
remember() {
    local repo
    say "Outside, as plain clients see it"
    capture "$OUT" "" "$WORK/expected/content"
    skopeo_copy "$OUT" "" "$WORK/expected/skopeo"
    ! have oras || oras_tree "$OUT" "" >"$WORK/expected/oras"
    for repo in platform tools; do git_refs "http://$WEB/git" "$repo" >"$WORK/expected/refs-$repo"; done
    note "$(cat "$WORK"/expected/content/* | grep -c -v '^#') manifests and blobs, $(cat \
        "$WORK"/expected/refs-* | wc -l) refs"
}

haversack() {
    local begin
    begin=$(date +%s.%N)
    "$HAVERSACK" "$@" >"$WORK/log/haversack-$1.out" 2>"$WORK/log/haversack-$1.err" || {
        local rc=$?
        tail -n 25 "$WORK/log/haversack-$1.err"
        return $rc
    }
    printf 'haversack %s: %s s\n' "$1" "$(awk -v b="$begin" -v e="$(date +%s.%N)" 'BEGIN {printf "%.1f", e - b}')" |
        tee -a "$WORK/log/times"
}

make_keys() {
    printf 'correct horse battery staple' >"$WORK/passphrase"
    haversack keys generate e2e --dir "$WORK/keys" --passphrase-file "$WORK/passphrase"
    cp "$WORK/keys/e2e.pub.pem" "$WORK/trust/"
}

lock_it() {
    haversack lock "$WORK/inventory.yaml" --store "$WORK/store" --plain-http "$OUT" --plain-http "$WEB"
    test -s "$WORK/e2e.lock.json"
    # What nobody wrote down was found all the same.
    grep -q library/web "$WORK/e2e.lock.json"
    grep -q library/cache "$WORK/e2e.lock.json"
}

build_it() { # STORE BUNDLES
    haversack build "$WORK/inventory.yaml" --locked --key "$WORK/keys/e2e.key.pem" \
        --passphrase-file "$WORK/passphrase" --store "$1" --bundles "$2" \
        --plain-http "$OUT" --plain-http "$WEB"
}

build_twice() {
    build_it "$WORK/store-2" "$WORK/bundles-2"
    diff -r "$WORK/bundles" "$WORK/bundles-2"
    rm -rf "$WORK/store-2" "$WORK/bundles-2"
}

verify_it() { haversack verify "$BUNDLE" --trust "$WORK/trust" --deep; }

refuses_damage() {
    local copy=$WORK/damaged pack rc=0
    cp -r "$BUNDLE" "$copy"
    pack=$(find "$copy" -name 'pack-*' | head -n 1)
    chmod u+w "$pack"
    printf 'X' | dd of="$pack" bs=1 seek=4096 conv=notrunc status=none
    haversack verify "$copy" --trust "$WORK/trust" || rc=$?
    [ "$rc" -eq 6 ]
    grep -q "$(basename "$pack")" "$WORK/log/haversack-verify.err"
    rm -rf "$copy"
}

opens_without_us() {
    local layout=$WORK/layout pack
    mkdir -p "$layout"
    (cd "$BUNDLE" && grep -v '^#' SHA256SUMS | sha256sum --check --strict --quiet)
    for pack in "$BUNDLE"/pack-*; do tar --zstd -C "$layout" -xf "$pack"; done
    test -s "$layout/oci-layout"
    (cd "$layout/blobs/sha256" && sha256sum ./* | awk '{sub("./", "", $2); if ($1 != $2) {print; bad = 1}} END {exit bad}')
    rm -rf "$layout"
}

replay() { # TARGET
    haversack replay "$BUNDLE" --site "$WORK/site-$1.yaml" --trust "$WORK/trust" \
        --receipt "$WORK/receipt-$1.json"
    test -s "$WORK/receipt-$1.json"
}

plan_sends_nothing() { # TARGET
    local before
    before=$(writes)
    haversack replay "$BUNDLE" --site "$WORK/site-$1.yaml" --trust "$WORK/trust" --plan
    [ "$(writes)" = "$before" ]
}

# Kills replays with SIGKILL at rising instants; what can be seen by then must be whole.
killed_replays() { # TARGET PREFIX
    local delay rc name killed=0
    for delay in 0.02 0.05 0.1 0.2 0.4 0.8; do
        rc=0
        timeout --signal=KILL "$delay" "$HAVERSACK" replay "$BUNDLE" --site "$WORK/site-$1.yaml" \
            --receipt "$WORK/receipt-killed.json" \
            --trust "$WORK/trust" >/dev/null 2>&1 || rc=$?
        [ $rc -ne 0 ] || break
        killed=$((killed + 1))
        for name in "${IMAGES[@]}"; do
            if visible "$REG" "$2library/$name"; then walk "$REG" "$2library/$name" 1.0; fi
        done
    done
    echo "killed $killed times"
    [ "$killed" -gt 0 ]
}

visible() { fetch -o /dev/null "http://$1/v2/$2/manifests/1.0" 2>/dev/null; } # HOST REPO

keeps_the_password() { # TARGET
    ! grep -r -l -F -e "$PASSWORD" -e "$(printf 'replayer:%s' "$PASSWORD" | base64 -w 0)" \
        "$WORK"/log/haversack-* "$WORK/receipt-$1.json" "$BUNDLE" "$WORK"/*.lock.json
}

replay_again() { # TARGET: questions only
    local writes_before requests_before
    writes_before=$(writes)
    [ "$writes_before" -gt 0 ] || die "the log shows no writes of the first replay: nothing can be counted"
    requests_before=$(requests)
    replay "$1"
    echo "requests: $(($(requests) - requests_before))" | tee -a "$WORK/log/times"
    [ "$(writes)" = "$writes_before" ]
}

target() { # NAME TITLE
    local name=$1 title=$2 before prefix=mirror/${OUT/:/-}/ repo
    say "Inside: $title"
    "up_$name"
    sed '/password/d; s/^/   | /' "$WORK/site-$name.yaml"
    check "$name: replay --plan sends nothing" plan_sends_nothing "$name"
    check "$name: replay, killed again and again, shows nothing that is not whole" killed_replays "$name" "$prefix"
    before=$(failures)
    check "$name: replay" replay "$name"
    if [ "$(failures)" -gt "$before" ]; then
        result "$name: everything after replay" 'not run' 'replay failed'
        down
        return
    fi
    check "$name: curl and sha256sum find the same bytes" same_content "$REG" "$prefix"
    check "$name: skopeo copies the same" skopeo_agrees "$REG" "$prefix"
    check "$name: umoci unpacks an image" umoci_unpacks "$REG" "$prefix"
    check "$name: charts are the same archives" charts_by_curl "$REG" mirror/
    if [ -e "$WORK/sign.pub" ]; then
        check "$name: openssl verifies the image signature" openssl_verifies "$REG" "$prefix"
    else
        check_with cosign "$name: cosign verifies both signatures" cosign_verifies "$REG" "$prefix"
    fi
    if [ "$TIER" -ge 2 ]; then
        check_with crane "$name: crane validates every image" crane_validates "$REG" "$prefix"
        check_with oras "$name: oras discovers the same referrers" oras_agrees "$REG" "$prefix"
        check_with helm "$name: helm pulls every chart" helm_pulls "$REG" mirror/
    fi
    if [ -n "$GIT" ]; then
        for repo in platform tools; do
            check "$name: git ls-remote of $repo is the same" git_agrees "$GIT" "$repo"
            check "$name: git clone and fsck of $repo" git_is_sound "$GIT" "$repo"
        done
    else
        result "$name: git" 'not run' "$(why_not soft)"
    fi
    if [ ${#ACCESS[@]} -gt 0 ]; then
        check "$name: second replay sends questions only" replay_again "$name"
    else
        check "$name: second replay" replay "$name"
    fi
    check "$name: the password is in no log, receipt, lock or bundle" keeps_the_password "$name"
    down
}

set_up
outside_up
fill_images
fill_charts
fill_git
remember
say "The inventory"
write_inventory
say "Connected side"
check 'keys generate' make_keys
check 'lock' lock_it
check 'build' build_it "$WORK/store" "$WORK/bundles"
check 'build again, into other folders: the same bytes' build_twice
outside_down
BUNDLE=$(find "$WORK/bundles" -mindepth 1 -maxdepth 1 -type d 2>/dev/null | head -n 1)
if [ -n "$BUNDLE" ]; then
    say "Carried: $(basename "$BUNDLE"), $(du -sh "$BUNDLE" | cut -f 1); outside is stopped"
    check 'verify --deep' verify_it
    check 'verify refuses a flipped byte, and names the file' refuses_damage
    check 'sha256sum and tar open the bundle' opens_without_us
    target distribution 'docker-registry and git http-backend, with passwords'
    if [ "$TIER" -ge 2 ]; then
        if have zot; then target zot 'zot and soft-serve'; else result 'target zot' 'not run' "$(why_not zot)"; fi
    else
        result 'zot, soft-serve, crane, oras and helm' 'not run' '--tier 1'
    fi
    target serve 'haversack serve'
else
    result 'everything after build' 'not run' 'there is no bundle'
fi
table
say "Times"
sed 's/^/   /' "$WORK/log/times"
[ "$(failures)" -eq 0 ]
