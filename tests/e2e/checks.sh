# What must agree between outside and inside, seen with other people's programs. Sourced.

ACCEPT='application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json'

# --- curl and sha256sum alone

fetch() { curl -sf --netrc-file "$WORK/netrc" -H "Accept: $ACCEPT" "$@"; }

manifest_digest() { # HOST REPO REFERENCE
    fetch "http://$1/v2/$2/manifests/$3" | sha256sum | sed 's/^/sha256:/; s/ .*//'
}

# Prints digest and size of everything below a reference, computed from the bytes that came.
walk() { # HOST REPO REFERENCE
    local host=$1 repo=$2 reference=$3 file digest
    file=$(mktemp "$WORK/tmp/manifest.XXXXXX")
    fetch -o "$file" "http://$host/v2/$repo/manifests/$reference"
    printf 'manifest %s %s\n' "$(sha256sum <"$file" | cut -d ' ' -f 1)" "$(stat -c %s "$file")"
    for digest in $(jq -r '(.layers // [])[].digest, (.config.digest // empty)' "$file" | sort -u); do
        fetch "http://$host/v2/$repo/blobs/$digest" | tee >(wc -c >"$file.size") |
            sha256sum | sed 's/ .*//' >"$file.digest"
        printf 'blob %s %s\n' "$(cat "$file.digest")" "$(cat "$file.size")"
        [ "sha256:$(cat "$file.digest")" = "$digest" ] || die "$repo: $digest is not what came"
    done
    for digest in $(jq -r '(.manifests // [])[].digest' "$file"); do walk "$host" "$repo" "$digest"; done
}

# Digests of what refers to a manifest: by the API, else by the fallback tag.
referrers() { # HOST REPO DIGEST
    { fetch "http://$1/v2/$2/referrers/$3" || fetch "http://$1/v2/$2/manifests/${3/:/-}" ||
        printf '{"manifests":[]}'; } | jq -r '.manifests[]?.digest' | sort
}

# Writes down everything of every image: tags, signatures, referrers, and all digests below them.
capture() { # HOST PREFIX DIR
    local host=$1 prefix=$2 dir=$3 name repo reference digest
    mkdir -p "$dir"
    for name in "${IMAGES[@]}"; do
        repo=${prefix}library/$name
        {
            for reference in $(fetch "http://$host/v2/$repo/tags/list" | jq -r '.tags[]' |
                grep -v -E '^sha256-[0-9a-f]{64}$' | sort); do
                printf '# %s\n' "$reference"
                walk "$host" "$repo" "$reference"
            done
            for digest in $(walk "$host" "$repo" 1.0 | sed -n -E 's/^manifest ([0-9a-f]+) .*/sha256:\1/p'); do
                for reference in $(referrers "$host" "$repo" "$digest"); do
                    printf '# %s refers to %s\n' "$reference" "$digest"
                    walk "$host" "$repo" "$reference"
                done
            done
        } >"$dir/$name"
    done
}

same_content() { # HOST PREFIX: everything inside is what was outside
    capture "$1" "$2" "$WORK/inside/$1"
    diff -r "$WORK/expected/content" "$WORK/inside/$1"
}

# --- skopeo and umoci

skopeo_copy() { # HOST PREFIX DIR
    local name
    for name in "${IMAGES[@]}"; do
        mkdir -p "$3/$name"
        skopeo copy --quiet --all --preserve-digests --src-tls-verify=false \
            "docker://$1/$2library/$name:1.0" "dir:$3/$name"
    done
}

skopeo_agrees() { # HOST PREFIX
    skopeo_copy "$1" "$2" "$WORK/inside/skopeo-$1"
    diff -r "$WORK/expected/skopeo" "$WORK/inside/skopeo-$1"
    rm -rf "$WORK/inside/skopeo-$1"
}

umoci_unpacks() { # HOST PREFIX
    local dir=$WORK/inside/umoci-$1 rootless=
    [ "$(id -u)" -eq 0 ] || rootless=--rootless
    mkdir -p "$dir"
    skopeo copy --quiet --src-tls-verify=false "docker://$1/$2library/web:1.0" "oci:$dir/layout:web"
    umoci unpack $rootless --image "$dir/layout:web" "$dir/bundle"
    ls -l "$dir/bundle/rootfs/usr/sbin/nginx"
    # It runs where we may change the root, on the libraries of the two layers.
    [ "$(id -u)" -ne 0 ] || chroot "$dir/bundle/rootfs" /usr/sbin/nginx -v
    rm -rf "$dir"
}

# --- crane, oras, cosign, helm

crane_validates() { # HOST PREFIX
    local name
    for name in "${IMAGES[@]}"; do crane validate --insecure --remote "$1/$2library/$name:1.0"; done
}

oras_tree() { # HOST PREFIX
    local name
    for name in "${IMAGES[@]}"; do
        oras discover --plain-http --format json "$1/$2library/$name:1.0" |
            jq -c --arg n "$name" '{($n): [.. | objects | select(has("artifactType")) | {digest, artifactType}] | sort}'
    done
}

oras_agrees() { # HOST PREFIX
    oras_tree "$1" "$2" >"$WORK/inside/oras-$1"
    grep -q spdx "$WORK/inside/oras-$1"
    diff "$WORK/expected/oras" "$WORK/inside/oras-$1"
}

cosign_verifies() { # HOST PREFIX: the signature at the tag, and the one that is a referrer
    local bundle
    for bundle in false true; do
        cosign verify --key "$WORK/cosign.pub" --insecure-ignore-tlog=true --private-infrastructure \
            --new-bundle-format=$bundle --allow-http-registry "$1/$2library/signed:1.0" >/dev/null
    done
}

openssl_verifies() { # HOST PREFIX: the signature made by hand
    local repo=$2library/signed digest
    digest=$(manifest_digest "$1" "$repo" 1.0)
    fetch "http://$1/v2/$repo/manifests/${digest/:/-}.sig" >"$WORK/tmp/sig"
    fetch "http://$1/v2/$repo/blobs/$(jq -r '.layers[0].digest' "$WORK/tmp/sig")" >"$WORK/tmp/payload"
    jq -r '.layers[0].annotations["dev.cosignproject.cosign/signature"]' "$WORK/tmp/sig" |
        base64 -d >"$WORK/tmp/signature"
    openssl dgst -sha256 -verify "$WORK/sign.pub" -signature "$WORK/tmp/signature" "$WORK/tmp/payload"
    grep -q "$digest" "$WORK/tmp/payload"
}

helm_pulls() { # HOST PREFIX_WITHOUT_SOURCE_HOST: charts of the HTTP repository and of the registry
    local chart version dir=$WORK/inside/helm-$1
    mkdir -p "$dir/http" "$dir/oci"
    for chart in "${CHARTS[@]}"; do
        version=$(chart_version "$chart")
        helm pull --plain-http "oci://$1/$2${WEB/:/-}/charts/$chart" --version "$version" -d "$dir/http"
        cmp "$dir/http/$chart-$version.tgz" "$WORK/outside/web/charts/$chart-$version.tgz"
    done
    chart=${CHARTS[0]}
    version=$(chart_version "$chart")
    helm pull --plain-http "oci://$1/$2${OUT/:/-}/charts/$chart" --version "$version" -d "$dir/oci"
    cmp "$dir/oci/$chart-$version.tgz" "$WORK/outside/web/charts/$chart-$version.tgz"
}

charts_by_curl() { # HOST PREFIX_WITHOUT_SOURCE_HOST
    local chart version layer
    for chart in "${CHARTS[@]}"; do
        version=$(chart_version "$chart")
        layer=$(fetch "http://$1/v2/$2${WEB/:/-}/charts/$chart/manifests/${version/+/_}" |
            jq -r '.layers[0].digest')
        [ "$layer" = "sha256:$(sha256sum <"$WORK/outside/web/charts/$chart-$version.tgz" | cut -d ' ' -f 1)" ]
    done
}

# --- git

git_refs() { # BASE REPO: heads and tags that the inventory asks for, and HEAD
    git ls-remote "$1/acme/$2.git" | grep -E '	(HEAD|refs/heads/(main|release-.*)|refs/tags/v.*)$'
}

git_agrees() { # BASE REPO: what git ls-remote says is the same; the rest of outside is not here
    git_refs "$1" "$2" | diff "$WORK/expected/refs-$2" -
    if git ls-remote "$1/acme/$2.git" | grep -E 'refs/(pull|heads/scratch)'; then return 1; fi
}

git_is_sound() { # BASE REPO
    local dir=$WORK/inside/clone-$RANDOM-$2
    git clone --quiet "$1/acme/$2.git" "$dir"
    git -C "$dir" fsck --full --strict
    git -C "$dir" diff --exit-code HEAD
    [ "$(git -C "$dir" rev-parse HEAD^{tree})" = "$(git -C "$WORK/outside/web/git/acme/$2.git" rev-parse main^{tree})" ]
    [ "$(git -C "$dir" rev-list --count HEAD)" = "$(git -C "$WORK/outside/web/git/acme/$2.git" rev-list --count main)" ]
    rm -rf "$dir"
}
