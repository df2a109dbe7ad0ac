# Shared by the scripts of `make e2e` and `make bench`: words, results, processes. Sourced, not run.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
TOOLS=$ROOT/.tools/bin
CORPUS=${HAVERSACK_CORPUS:-$ROOT/../shared/corpus}
PATH=$TOOLS:${HAVERSACK_PEERS:+$HAVERSACK_PEERS:}$PATH:/usr/sbin:/sbin
export PATH

say() { printf '\n== %s\n' "$*"; }
note() { printf '   %s\n' "$*"; }
die() { printf 'e2e: %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# --- results: one line per check, `passed`, `FAILED` or `not run`; the table is printed at the end

RESULTS=()

result() { # NAME STATUS [REASON]
    RESULTS+=("$2|$1|${3:-}")
    printf '   %-8s %s%s\n' "$2" "$1" "${3:+ ($3)}"
}

# Runs a function or command in a subshell where every failing line counts, and writes down how it went.
check() { # NAME COMMAND...
    local name=$1 log rc
    shift
    log=$WORK/log/check-${#RESULTS[@]}.log
    set +e
    (set -euo pipefail; "$@") >"$log" 2>&1
    rc=$?
    set -e
    if [ $rc -eq 0 ]; then
        result "$name" passed
    else
        result "$name" FAILED "exit $rc"
        sed 's/^/      | /' "$log" | tail -n 25
    fi
    return 0
}

# The same, but only where a tool is there; a missing tool is never a pass.
check_with() { # TOOL NAME COMMAND...
    local tool=$1
    shift
    if have "$tool"; then check "$@"; else result "$1" 'not run' "$(why_not "$tool")"; fi
}

why_not() { # TOOL: why it is not here
    local kept=$ROOT/.tools/not-installed/${1##*/}
    if [ -s "$kept" ]; then printf '%s: %s' "$1" "$(head -n 1 "$kept")"; else printf '%s is not installed' "$1"; fi
}

failures() { printf '%s\n' "${RESULTS[@]}" | grep -c '^FAILED|' || true; }

table() {
    local line status name reason
    say "Results"
    printf '   %-8s  %-70s %s\n' status check reason
    for line in "${RESULTS[@]}"; do
        IFS='|' read -r status name reason <<<"$line"
        printf '   %-8s  %-70s %s\n' "$status" "$name" "$reason"
    done
    printf '\n   %s passed, %s failed, %s not run\n' \
        "$(printf '%s\n' "${RESULTS[@]}" | grep -c '^passed|' || true)" "$(failures)" \
        "$(printf '%s\n' "${RESULTS[@]}" | grep -c '^not run|' || true)"
}

# --- processes: everything started here is ended by `end_all`, by its own id

declare -A PIDS=()

start() { # NAME COMMAND...: output goes to log/NAME.log
    local name=$1
    shift
    "$@" >>"$WORK/log/$name.log" 2>&1 &
    PIDS[$name]=$!
}

end() { # NAME
    local pid=${PIDS[$1]:-}
    [ -n "$pid" ] || return 0
    unset "PIDS[$1]"
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
}

end_all() {
    local name
    for name in "${!PIDS[@]}"; do end "$name"; done
}

# Below 32768, where Linux begins to take ports for outgoing connections.
free_port() {
    local port
    while :; do
        port=$((20000 + RANDOM % 12000))
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            printf '%s' "$port"
            return
        fi
    done
}

await() { # NAME URL: until it answers at all
    local name=$1 url=$2 n
    for n in $(seq 1 150); do
        if curl -s -o /dev/null --max-time 2 "$url"; then return 0; fi
        kill -0 "${PIDS[$name]}" 2>/dev/null || break
        sleep 0.1
    done
    tail -n 20 "$WORK/log/$name.log" >&2
    die "$name does not answer at $url"
}

# --- servers used on either side

# CNCF distribution as Debian packs it. With a password file it asks for Basic authentication.
start_distribution() { # NAME PORT DATA [HTPASSWD]
    local name=$1 port=$2 data=$3 users=${4:-}
    mkdir -p "$data"
    {
        printf 'version: 0.1\nlog: {level: warn}\n'
        printf 'storage: {filesystem: {rootdirectory: %s}, delete: {enabled: true}}\n' "$data"
        printf 'http: {addr: "127.0.0.1:%s", secret: %s}\n' "$port" "$name"
        if [ -n "$users" ]; then printf 'auth: {htpasswd: {realm: e2e, path: %s}}\n' "$users"; fi
    } >"$WORK/$name.yml"
    # It takes every REGISTRY_… variable for a setting; REGISTRY_AUTH_FILE is meant for skopeo.
    start "$name" env -u REGISTRY_AUTH_FILE docker-registry serve "$WORK/$name.yml"
    await "$name" "http://127.0.0.1:$port/v2/"
}

# Static files, and git over smart HTTP by git's own CGI program. With a password file it asks for
# Basic authentication; without one anybody may read, and push where a repository says so.
start_web() { # NAME PORT DATA [USERS]: files at /, repositories of DATA/git at /git/
    local name=$1 port=$2 data=$3 users=${4:-}
    mkdir -p "$data/git" "$WORK/$name.tmp"
    cat >"$WORK/$name.conf" <<CONF
server.modules = ("mod_alias", "mod_setenv", "mod_auth", "mod_authn_file", "mod_cgi", "mod_accesslog")
server.bind = "127.0.0.1"
server.port = $port
server.document-root = "$data"
server.upload-dirs = ("$WORK/$name.tmp")
server.stream-response-body = 2
accesslog.filename = "$WORK/log/$name.access"
mimetype.assign = (".yaml" => "text/yaml", ".tgz" => "application/gzip", "" => "application/octet-stream")
\$HTTP["url"] =~ "^/git/" {
    alias.url = ("/git" => "$(git --exec-path)/git-http-backend")
    cgi.assign = ("" => "")
    setenv.add-environment = ("GIT_PROJECT_ROOT" => "$data/git", "GIT_HTTP_EXPORT_ALL" => "1")
}
CONF
    if [ -n "$users" ]; then
        cat >>"$WORK/$name.conf" <<CONF
auth.backend = "plain"
auth.backend.plain.userfile = "$users"
auth.require = ("/" => ("method" => "basic", "realm" => "e2e", "require" => "valid-user"))
CONF
    fi
    start "$name" lighttpd -D -f "$WORK/$name.conf"
    await "$name" "http://127.0.0.1:$port/"
}

# A bare repository that the web server lets everybody it knows push to.
bare_repo() { # DIR
    git init --quiet --bare --initial-branch=main "$1"
    git -C "$1" config http.receivepack true
}
