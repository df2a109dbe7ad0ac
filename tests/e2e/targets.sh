# The isolated sides of `make e2e`, one after the other. Sourced.
#
# Each `up_NAME` starts a registry and a git server, writes $WORK/site-NAME.yaml, and sets REG (host:port),
# GIT (base URL) and ACCESS (log files in which every request leaves a line).

PASSWORD=e2e-$RANDOM$RANDOM$RANDOM

site() { # NAME REGISTRY GIT [WITH_CREDENTIALS]
    local credentials=
    [ -z "${4:-}" ] || credentials="
  credentials: {user: replayer, passwordFile: $WORK/password}"
    cat >"$WORK/site-$1.yaml" <<YAML
haversack: 1
registry:
  url: http://$2
  prefix: mirror$credentials
git:
  url: $3
  kind: plain$credentials
YAML
}

# Lets the plain clients in: curl, git, and everything that reads a docker config.
let_in() { # HOST USER PASSWORD
    printf 'machine %s login %s password %s\n' "${1%:*}" "$2" "$3" >"$WORK/netrc"
    printf 'http://%s:%s@%s\n' "$2" "$3" "$1" >>"$WORK/git-credentials"
    jq --arg h "$1" --arg a "$(printf '%s:%s' "$2" "$3" | base64 -w 0)" '.auths[$h] = {auth: $a}' \
        "$WORK/auth/config.json" >"$WORK/auth/new" && mv "$WORK/auth/new" "$WORK/auth/config.json"
}

# CNCF distribution and git http-backend, both behind Basic authentication. Repositories exist already,
# because a plain git server makes none on push.
up_distribution() {
    local port repo web=$WORK/inside/distribution/web
    printf '%s' "$PASSWORD" >"$WORK/password"
    htpasswd -Bbn replayer "$PASSWORD" >"$WORK/htpasswd" 2>/dev/null
    printf 'replayer:%s\n' "$PASSWORD" >"$WORK/webusers"
    port=$(free_port)
    REG=127.0.0.1:$port
    start_distribution in-distribution "$port" "$WORK/inside/distribution/registry" "$WORK/htpasswd"
    port=$(free_port)
    GIT=http://127.0.0.1:$port/git
    mkdir -p "$web/git/acme"
    for repo in platform tools; do bare_repo "$web/git/acme/$repo.git"; done
    start_web in-web "$port" "$web" "$WORK/webusers"
    let_in "$REG" replayer "$PASSWORD"
    let_in "127.0.0.1:$port" replayer "$PASSWORD"
    ACCESS=("$WORK/log/in-distribution.log" "$WORK/log/in-web.access")
    site distribution "$REG" "$GIT" with_credentials
}

# zot, and soft-serve, which makes repositories on push and knows its users by tokens.
up_zot() {
    local port
    port=$(free_port)
    REG=127.0.0.1:$port
    cat >"$WORK/zot.json" <<JSON
{"storage": {"rootDirectory": "$WORK/inside/zot/registry", "gc": false},
 "http": {"address": "127.0.0.1", "port": "$port"}, "log": {"level": "info"}}
JSON
    start in-zot zot serve "$WORK/zot.json"
    await in-zot "http://$REG/v2/"
    ACCESS=("$WORK/log/in-zot.log")
    if have soft; then up_soft; else GIT=; fi
    site zot "$REG" "$GIT"
    if [ -n "$GIT" ]; then
        printf '  credentials: {user: replayer, passwordFile: %s}\n' "$WORK/password" >>"$WORK/site-zot.yaml"
    else
        sed -i '/^git:/,$d' "$WORK/site-zot.yaml"
    fi
}

up_soft() {
    local http ssh token
    http=$(free_port)
    ssh=$(free_port)
    ssh-keygen -q -t ed25519 -N '' -f "$WORK/soft-key"
    start in-soft env SOFT_SERVE_DATA_PATH="$WORK/inside/zot/soft" \
        SOFT_SERVE_INITIAL_ADMIN_KEYS="$(cat "$WORK/soft-key.pub")" \
        SOFT_SERVE_HTTP_LISTEN_ADDR="127.0.0.1:$http" SOFT_SERVE_HTTP_PUBLIC_URL="http://127.0.0.1:$http" \
        SOFT_SERVE_SSH_LISTEN_ADDR="127.0.0.1:$ssh" SOFT_SERVE_GIT_ENABLED=false \
        SOFT_SERVE_STATS_ENABLED=false soft serve
    await in-soft "http://127.0.0.1:$http/"
    token=$(ssh -n -q -p "$ssh" -i "$WORK/soft-key" -o IdentitiesOnly=yes -o StrictHostKeyChecking=no \
        -o UserKnownHostsFile=/dev/null 127.0.0.1 token create e2e 2>/dev/null | grep -o 'ss_[0-9a-f]*')
    printf '%s' "$token" >"$WORK/password"
    GIT=http://127.0.0.1:$http
    let_in "127.0.0.1:$http" replayer "$token"
}

# Our own registry and git server. It keeps no log of requests, so nothing is counted here.
up_serve() {
    local port
    port=$(free_port)
    REG=127.0.0.1:$port
    GIT=http://$REG/git
    ACCESS=()
    : >"$WORK/netrc"
    mkdir -p "$WORK/inside/serve/files"
    start in-serve "$HAVERSACK" serve --root "$WORK/inside/serve" --listen "$REG"
    await in-serve "http://$REG/v2/"
    site serve "$REG" "$GIT"
}

down() {
    local name
    for name in in-distribution in-web in-zot in-soft in-serve; do end $name; done
}

# Requests so far that change something: registries by method, git by the push service.
writes() {
    [ ${#ACCESS[@]} -gt 0 ] || return 0
    cat "${ACCESS[@]}" 2>/dev/null |
        grep -E '"(POST|PUT|PATCH|DELETE) |"method":"(POST|PUT|PATCH|DELETE)"' |
        grep -c -v 'git-upload-pack' || true
}

# Requests so far, of any kind.
requests() {
    [ ${#ACCESS[@]} -gt 0 ] || return 0
    cat "${ACCESS[@]}" 2>/dev/null |
        grep -c -E '"(GET|HEAD|POST|PUT|PATCH|DELETE) |"method":"(GET|HEAD|POST|PUT|PATCH|DELETE)"' || true
}
