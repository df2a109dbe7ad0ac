#!/usr/bin/env bash
# Measures haversack beside skopeo and hauler: twenty images, about 1 GB, one registry, all on 127.0.0.1.
#
# usage: run.sh [--runs N] [--only haversack|skopeo|hauler]
#
# Every line is the median by wall time of N rounds (default 3), each from an empty target; candidates take turns. The page cache is
# warm for everybody. $HAVERSACK names the program (default target/release/haversack). Peers come from PATH,
# .tools/bin or $HAVERSACK_PEERS; a missing one is reported as not run. Prints a table and the commands.
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=/dev/null
source "$HERE/../e2e/lib.sh"
HAVERSACK=${HAVERSACK:-$ROOT/target/release/haversack}
CACHE=${HAVERSACK_CACHE:-$ROOT/target/bench}
RUNS=3 ONLY=

while [ $# -gt 0 ]; do
    case $1 in
        --runs) RUNS=$2 ;;
        --only) ONLY=$2 ;;
        *) die "unknown argument $1" ;;
    esac
    shift 2
done

set_up() {
    local tool
    for tool in docker-registry skopeo jq curl openssl /usr/bin/time; do
        have "$tool" || die "$(why_not "$tool"), and nothing works without it: run tests/e2e/install.sh"
    done
    "$HERE/images.sh" "$CACHE/images"
    mapfile -t NAMES <"$CACHE/images/names"
    # Next to the cache: a memory-backed /tmp would make disks look free.
    WORK=$(mktemp -d "$CACHE/run.XXXXXX")
    trap 'end_all; rm -rf "$WORK"' EXIT
    trap 'exit 130' INT TERM
    mkdir -p "$WORK"/{log,home,trust,keys,tmp}
    export HOME=$WORK/home XDG_RUNTIME_DIR=$WORK/tmp TMPDIR=$WORK/tmp
    export no_proxy=127.0.0.1,localhost NO_PROXY=127.0.0.1,localhost
}

source_up() {
    local name
    SRC=127.0.0.1:$(free_port)
    start_distribution source "${SRC#*:}" "$CACHE/registry"
    for name in "${NAMES[@]}"; do
        curl -sf -o /dev/null "http://$SRC/v2/bench/$name/manifests/1.0" \
            -H 'Accept: application/vnd.oci.image.manifest.v1+json' ||
            skopeo copy --quiet --dest-tls-verify=false "oci:$CACHE/images/layout:$name" "docker://$SRC/bench/$name:1.0"
    done
    BYTES=$(find "$CACHE/images/layout/blobs" -type f -printf '%s\n' | awk '{s += $1} END {print s}')
    note "source $SRC: ${#NAMES[@]} images, $((BYTES / 1000000)) MB"
}

# An empty registry to send to, and its end.
target_up() {
    DST=127.0.0.1:$(free_port)
    start_distribution target "${DST#*:}" "$WORK/target"
}

# A fast copy that is no copy does not count: every image must be there, under the same digest.
arrived() { # PREFIX
    local name
    for name in "${NAMES[@]}"; do
        [ "$(digest "$SRC" "bench/$name")" = "$(digest "$DST" "$1bench/$name")" ] || die "$name did not arrive"
    done
}

digest() { # HOST REPO
    curl -sf -H 'Accept: application/vnd.oci.image.manifest.v1+json' "http://$1/v2/$2/manifests/1.0" | sha256sum
}

target_down() {
    end target
    rm -rf "$WORK/target" "$WORK/log/target.log"
}

# --- measuring

TABLE=() COMMANDS=()
declare -A WALL=() FLUSHED=() OUT_OF_IT=()

# Measures one command with /usr/bin/time: appends seconds, CPU seconds, and KiB of the largest process;
# then the seconds until all that was written is on disk, which some wait for themselves and some do not.
once() { # KEY COMMAND...
    local key=$1 done
    shift
    sync
    /usr/bin/time -q -f '%e %U %S %M' -a -o "$WORK/time" "$@" >"$WORK/log/$key.out" 2>"$WORK/log/$key.err" ||
        { tail -n 10 "$WORK/log/$key.err" "$WORK/log/$key.out" >&2; return 1; }
    done=$(date +%s.%N)
    sync
    awk -v a="$done" -v b="$(date +%s.%N)" '{printf "%s %.2f\n", $0, b - a}' "$WORK/time" >>"$WORK/times-$key"
    rm -f "$WORK/time"
}

# Prints the median of what `once` measured and puts it into the table.
row() { # KEY TITLE COMMAND
    local wall user sys rss flush
    if [ ! -s "$WORK/times-$1" ]; then
        TABLE+=("$2|not run|||||${3:-}")
        return
    fi
    read -r wall user sys rss flush <<<"$(sort -n "$WORK/times-$1" | awk '{l[NR] = $0} END {print l[int((NR + 1) / 2)]}')"
    WALL[$1]=$wall
    FLUSHED[$1]=$(awk -v a="$wall" -v b="$flush" 'BEGIN {print a + b}')
    TABLE+=("$2|$wall|$flush|$(awk -v u="$user" -v s="$sys" 'BEGIN {printf "%.1f", u + s}')|$((rss / 1024))|$(cat "$WORK/disk-$1" 2>/dev/null || true)|")
    COMMANDS+=("$2|$3")
}

not_run() { TABLE+=("$1|not run|||||$2"); }

disk() { # KEY PATH...: MB on disk
    local key=$1
    shift
    du -sm --total "$@" 2>/dev/null | tail -n 1 | cut -f 1 >"$WORK/disk-$key"
}

# One round of one candidate. A failure takes that candidate out, with the reason; the bench goes on.
round() { # NAME
    local rc
    [ -z "${OUT_OF_IT[$1]:-}" ] || return 0
    set +e
    (set -euo pipefail; trap 'end target' EXIT; "bench_$1") 2>&1
    rc=$?
    set -e
    [ $rc -eq 0 ] || OUT_OF_IT[$1]='failed, see above'
    rm -rf "$WORK"/{target,store,bundles,dir,oci,haul,haul-back,haul.tar.zst}
}

# --- the candidates

bench_skopeo() {
    # One process per image in a loop, as one would write it; images share blobs in one OCI layout.
    cat >"$WORK/out.sh" <<'SH'
for n in $NAMES; do skopeo copy --quiet --all --preserve-digests --src-tls-verify=false docker://$SRC/bench/$n:1.0 oci:$WORK/oci:$n; done
SH
    cat >"$WORK/in.sh" <<'SH'
for n in $NAMES; do skopeo copy --quiet --all --preserve-digests --dest-tls-verify=false oci:$WORK/oci:$n docker://$DST/bench/$n:1.0; done
SH
    {
        printf '%s:\n  tls-verify: false\n  images:\n' "$SRC"
        printf '    bench/%s: ["1.0"]\n' "${NAMES[@]}"
    } >"$WORK/sync.yaml"
    rm -rf "$WORK"/{oci,dir}
    once skopeo-copy-out env NAMES="${NAMES[*]}" SRC="$SRC" WORK="$WORK" bash -e "$WORK/out.sh"
    disk skopeo-copy-out "$WORK/oci"
    target_up
    once skopeo-copy-in env NAMES="${NAMES[*]}" DST="$DST" WORK="$WORK" bash -e "$WORK/in.sh"
    arrived ''
    once skopeo-copy-again env NAMES="${NAMES[*]}" DST="$DST" WORK="$WORK" bash -e "$WORK/in.sh"
    target_down
    once skopeo-sync-out skopeo sync --all --scoped --src yaml --dest dir "$WORK/sync.yaml" "$WORK/dir"
    disk skopeo-sync-out "$WORK/dir"
    target_up
    once skopeo-sync-in skopeo sync --all --src dir --dest docker --dest-tls-verify=false \
        "$WORK/dir/$SRC/bench" "$DST/bench"
    arrived ''
    target_down
}

rows_skopeo() {
    row skopeo-copy-out 'fetch: skopeo copy to one OCI layout' "$(cat "$WORK/out.sh")"
    row skopeo-sync-out 'fetch: skopeo sync to dir' 'skopeo sync --all --scoped --src yaml --dest dir sync.yaml dir'
    row skopeo-copy-in 'send: skopeo copy from the layout' "$(cat "$WORK/in.sh")"
    row skopeo-sync-in 'send: skopeo sync from dir' 'skopeo sync --all --src dir --dest docker --dest-tls-verify=false dir/$SRC/bench $DST/bench'
    row skopeo-copy-again 'again: skopeo copy from the layout' 'the same as send'
}

bench_hauler() {
    printf "$SRC/bench/%s:1.0\n" "${NAMES[@]}" >"$WORK/images.txt"
    rm -rf "$WORK"/{haul,haul-back,haul.tar.zst}
    once hauler-sync hauler store sync --no-progress --store "$WORK/haul" --image-txt "$WORK/images.txt"
    once hauler-save hauler store save --store "$WORK/haul" --filename "$WORK/haul.tar.zst"
    disk hauler-sync "$WORK/haul" "$WORK/haul.tar.zst"
    once hauler-load hauler store load --store "$WORK/haul-back" --filename "$WORK/haul.tar.zst"
    target_up
    once hauler-copy hauler store copy --plain-http --store "$WORK/haul-back" "registry://$DST"
    arrived ''
    once hauler-again hauler store copy --plain-http --store "$WORK/haul-back" "registry://$DST"
    target_down
}

rows_hauler() {
    # What a person waits for is both steps; run by run they are added up.
    paste -d ' ' "$WORK/times-hauler-sync" "$WORK/times-hauler-save" | sums >"$WORK/times-hauler-out"
    paste -d ' ' "$WORK/times-hauler-load" "$WORK/times-hauler-copy" | sums >"$WORK/times-hauler-in"
    cp "$WORK/disk-hauler-sync" "$WORK/disk-hauler-out"
    row hauler-out 'fetch: hauler store sync + save' 'hauler store sync --no-progress --store haul --image-txt images.txt; hauler store save --store haul --filename haul.tar.zst'
    row hauler-in 'send: hauler store load + copy' 'hauler store load --store back --filename haul.tar.zst; hauler store copy --plain-http --store back registry://$DST'
    row hauler-again 'again: hauler store copy' 'hauler store copy --plain-http --store back registry://$DST'
}

sums() { awk '{print $1 + $6, $2 + $7, $3 + $8, ($4 > $9 ? $4 : $9), $5 + $10}'; }

bench_haversack() {
    local bundle inventory=$WORK/inventory.yaml before
    printf 'correct horse battery staple' >"$WORK/passphrase"
    [ -e "$WORK/keys/bench.key.pem" ] ||
        "$HAVERSACK" keys generate bench --dir "$WORK/keys" --passphrase-file "$WORK/passphrase" >/dev/null
    cp "$WORK/keys/bench.pub.pem" "$WORK/trust/"
    {
        printf 'haversack: 1\nname: bench\nplatforms: [linux/amd64]\nimages:\n'
        printf "  - $SRC/bench/%s:1.0\n" "${NAMES[@]}"
    } >"$inventory"
    local build=("$HAVERSACK" build "$inventory" --key "$WORK/keys/bench.key.pem" --passphrase-file
        "$WORK/passphrase" --store "$WORK/store" --bundles "$WORK/bundles" --plain-http "$SRC")
    rm -rf "$WORK"/{store,bundles,bench.lock.json}
    # The peers do not wait for the disk; neither does this line. The next one does, as is our default.
    once haversack-quick "${build[@]}" --no-sync
    rm -rf "$WORK"/{store,bundles,bench.lock.json}
    once haversack-cold "${build[@]}"
    disk haversack-cold "$WORK/store" "$WORK/bundles"
    rm -rf "$WORK/bundles"
    once haversack-warm "${build[@]}" --locked
    bundle=$(find "$WORK/bundles" -mindepth 1 -maxdepth 1 -type d | head -n 1)
    once haversack-inspect "$HAVERSACK" inspect "$bundle"
    once haversack-verify "$HAVERSACK" verify "$bundle" --trust "$WORK/trust"
    once haversack-deep "$HAVERSACK" verify "$bundle" --trust "$WORK/trust" --deep
    once sha256sum bash -c "find '$bundle' -type f -print0 | xargs -0 -n 1 -P $(nproc) sha256sum"
    once openssl bash -c "find '$bundle' -type f -print0 | xargs -0 -n 1 -P $(nproc) openssl dgst -sha256"
    target_up
    printf 'haversack: 1\nregistry: {url: "http://%s", prefix: mirror}\n' "$DST" >"$WORK/site.yaml"
    local replay=("$HAVERSACK" replay "$bundle" --site "$WORK/site.yaml" --trust "$WORK/trust"
        --receipt "$WORK/receipt.json")
    once haversack-replay "${replay[@]}"
    arrived "mirror/${SRC/:/-}/"
    before=$(grep -c '" [0-9][0-9][0-9] ' "$WORK/log/target.log" || true)
    once haversack-again "${replay[@]}"
    echo $(($(grep -c '" [0-9][0-9][0-9] ' "$WORK/log/target.log" || true) - before)) >"$WORK/questions"
    target_down
}

rows_haversack() {
    local questions
    row haversack-quick 'fetch: haversack build --no-sync, empty store' '… --no-sync'
    row haversack-cold 'fetch: haversack build, empty store' 'haversack build inventory.yaml --key … --store store --bundles bundles --plain-http $SRC (makes the lock too)'
    row haversack-warm 'fetch: haversack build, full store' '… --locked'
    row haversack-replay 'send: haversack replay' 'haversack replay bundle --site site.yaml --trust trust --receipt receipt.json'
    row haversack-again 'again: haversack replay' 'the same as send'
    row haversack-verify 'verify: haversack verify' 'haversack verify bundle --trust trust'
    row haversack-deep 'verify: haversack verify --deep' 'haversack verify bundle --trust trust --deep'
    row sha256sum 'verify: sha256sum, all cores' 'find bundle -type f -print0 | xargs -0 -n 1 -P $(nproc) sha256sum'
    row openssl 'verify: openssl dgst -sha256, all cores' 'find bundle -type f -print0 | xargs -0 -n 1 -P $(nproc) openssl dgst -sha256'
    row haversack-inspect 'inspect: haversack inspect' 'haversack inspect bundle'
    questions=$(cat "$WORK/questions")
    TABLE+=("again: requests of haversack replay|$questions|||||for ${#NAMES[@]} OCI manifests")
}

# --- the report

least() { # WALL|FLUSHED KEY...: the smallest of their times
    local -n times=$1
    local key
    shift
    for key in "$@"; do [ -z "${times[$key]:-}" ] || printf '%s\n' "${times[$key]}"; done | sort -n | head -n 1
}

ratio() { # TITLE OURS THEIRS AIM
    if [ -z "$2" ] || [ -z "$3" ]; then
        printf '   %-52s not run\n' "$1"
    else
        awk -v t="$1" -v a="$2" -v b="$3" -v g="$4" \
            'BEGIN {printf "   %-52s %.2f%s\n", t, (b > 0 ? a / b : 0), (g == "" ? "" : "  (aim: at most " g ")")}'
    fi
}

report() {
    local line title wall flush cpu rss disk why name
    say "Results: ${#NAMES[@]} images, $((BYTES / 1000000)) MB, $(nproc) cores, median of $RUNS"
    printf '   %-44s %9s %9s %9s %9s %9s\n' '' 'wall s' '+ flush s' 'cpu s' 'rss MiB' 'disk MB'
    for line in "${TABLE[@]}"; do
        IFS='|' read -r title wall flush cpu rss disk why <<<"$line"
        printf '   %-44s %9s %9s %9s %9s %9s  %s\n' "$title" "$wall" "$flush" "$cpu" "$rss" "$disk" "$why"
    done
    say "Ratios of wall time"
    for name in "${!OUT_OF_IT[@]}"; do note "without $name: ${OUT_OF_IT[$name]}"; done
    ratio 'build --no-sync, empty store / fastest fetch of a peer' "${WALL[haversack-quick]:-}" "$(least WALL skopeo-copy-out skopeo-sync-out hauler-out)" 0.6
    ratio 'build, empty store / fastest fetch of a peer' "${WALL[haversack-cold]:-}" "$(least WALL skopeo-copy-out skopeo-sync-out hauler-out)" 0.6
    ratio 'replay / fastest send of a peer' "${WALL[haversack-replay]:-}" "$(least WALL skopeo-copy-in skopeo-sync-in hauler-in)" 0.6
    ratio 'verify / sha256sum on all cores' "${WALL[haversack-verify]:-}" "${WALL[sha256sum]:-}" 1.1
    ratio 'verify / openssl dgst on all cores' "${WALL[haversack-verify]:-}" "${WALL[openssl]:-}" ''
    say "Ratios of wall time and flush"
    ratio 'build --no-sync, empty store / best fetch of a peer' "${FLUSHED[haversack-quick]:-}" "$(least FLUSHED skopeo-copy-out skopeo-sync-out hauler-out)" ''
    ratio 'build, empty store / best fetch of a peer' "${FLUSHED[haversack-cold]:-}" "$(least FLUSHED skopeo-copy-out skopeo-sync-out hauler-out)" ''
    ratio 'replay / best send of a peer' "${FLUSHED[haversack-replay]:-}" "$(least FLUSHED skopeo-copy-in skopeo-sync-in hauler-in)" ''
    say "Commands"
    for line in "${COMMANDS[@]}"; do
        printf '   %s\n      %s\n' "${line%%|*}" "${line#*|}"
    done
}

set_up
say "Source registry"
source_up
CANDIDATES=(haversack skopeo hauler)
[ -z "$ONLY" ] || CANDIDATES=("$ONLY")
[ -x "$HAVERSACK" ] || OUT_OF_IT[haversack]="no program at $HAVERSACK"
have hauler || OUT_OF_IT[hauler]=$(why_not hauler)
# Candidates take turns, so that what else goes on here hits all of them alike.
for n in $(seq "$RUNS"); do
    say "Round $n of $RUNS"
    for candidate in "${CANDIDATES[@]}"; do
        note "$candidate"
        round "$candidate"
    done
done
for candidate in "${CANDIDATES[@]}"; do
    if [ -n "${OUT_OF_IT[$candidate]:-}" ]; then
        not_run "$candidate" "${OUT_OF_IT[$candidate]}"
    else
        "rows_$candidate"
    fi
done
report
! printf '%s\n' "${OUT_OF_IT[@]}" | grep -q failed
