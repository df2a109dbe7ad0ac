# The connected side of `make e2e`: a registry, a chart repository and a git server. Sourced.

IMAGES=(base web cache static signed)
COMMITS=${HAVERSACK_E2E_COMMITS:-4000}

outside_up() {
    say "Outside: docker-registry, and lighttpd with git http-backend"
    OUT_PORT=$(free_port)
    start_distribution outside-registry "$OUT_PORT" "$WORK/outside/registry"
    WEB_PORT=$(free_port)
    start_web outside-web "$WEB_PORT" "$WORK/outside/web"
    OUT=127.0.0.1:$OUT_PORT
    WEB=127.0.0.1:$WEB_PORT
    note "registry $OUT, web $WEB"
}

outside_down() {
    end outside-registry
    end outside-web
}

fill_images() {
    local name
    say "Outside: images"
    "$HERE/images.sh" "$CACHE/images"
    for name in "${IMAGES[@]}"; do
        skopeo copy --quiet --all --dest-tls-verify=false \
            "oci:$CACHE/images/layout:$name" "docker://$OUT/library/$name:1.0"
        note "$OUT/library/$name:1.0"
    done
    sign_images
    attach_sbom
}

# Signs `signed` both ways: at the .sig tag, and as a referrer. Without cosign the tag is made by hand.
sign_images() {
    local digest
    digest=$(manifest_digest "$OUT" library/signed 1.0)
    if have cosign; then
        (cd "$WORK" && COSIGN_PASSWORD='' cosign generate-key-pair >/dev/null 2>&1)
        for bundle in false true; do
            COSIGN_PASSWORD='' cosign sign --key "$WORK/cosign.key" --yes --tlog-upload=false \
                --use-signing-config=false --new-bundle-format=$bundle --allow-http-registry \
                "$OUT/library/signed@$digest" >"$WORK/log/cosign-sign-$bundle.log" 2>&1 ||
                { tail -n 5 "$WORK/log/cosign-sign-$bundle.log" >&2; die "cosign sign failed"; }
        done
        note "signed by cosign: .sig tag and referrer"
    else
        sign_by_hand "$digest"
        result 'image signed by cosign' 'not run' "$(why_not cosign); signed by openssl instead"
    fi
}

# The .sig tag as cosign's SIGNATURE_SPEC.md describes it, made with openssl and curl.
sign_by_hand() { # DIGEST
    local digest=$1 dir=$WORK/sign
    mkdir -p "$dir"
    openssl ecparam -name prime256v1 -genkey -noout -out "$WORK/sign.key" 2>/dev/null
    openssl ec -in "$WORK/sign.key" -pubout -out "$WORK/sign.pub" 2>/dev/null
    jq -cjn --arg d "$digest" --arg r "$OUT/library/signed" '{critical: {identity:
        {"docker-reference": $r}, image: {"docker-manifest-digest": $d},
        type: "cosign container image signature"}, optional: null}' >"$dir/payload"
    jq -cjn --arg d "sha256:$(sha256sum <"$dir/payload" | cut -d ' ' -f 1)" '{architecture: "", os: "",
        config: {}, rootfs: {type: "layers", diff_ids: [$d]}}' >"$dir/config"
    jq -cjn --argjson c "$(descriptor "$dir/config" application/vnd.oci.image.config.v1+json)" \
        --argjson l "$(descriptor "$dir/payload" application/vnd.dev.cosign.simplesigning.v1+json)" \
        --arg s "$(openssl dgst -sha256 -sign "$WORK/sign.key" "$dir/payload" | base64 -w 0)" \
        '{schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json", config: $c,
          layers: [$l + {annotations: {"dev.cosignproject.cosign/signature": $s}}]}' >"$dir/manifest"
    push_artifact library/signed "$dir/manifest" "${digest/:/-}.sig" "$dir/config" "$dir/payload"
}

# An SBOM that refers to the index `static`: by oras, else by hand with the fallback tag.
attach_sbom() {
    local digest dir=$WORK/sbom
    mkdir -p "$dir"
    printf '{"spdxVersion":"SPDX-2.3","name":"static"}\n' >"$dir/sbom.json"
    if have oras; then
        (cd "$dir" && oras attach --plain-http --artifact-type application/spdx+json \
            "$OUT/library/static:1.0" sbom.json:application/spdx+json >"$WORK/log/oras-attach.log" 2>&1)
        note "SBOM attached by oras"
        return
    fi
    digest=$(manifest_digest "$OUT" library/static 1.0)
    printf '{}' >"$dir/config"
    jq -cjn --argjson s "$(curl -sfI -H "Accept: $ACCEPT" "http://$OUT/v2/library/static/manifests/1.0" |
        awk -v d="$digest" 'tolower($1) == "content-length:" {printf "{\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"digest\":\"%s\",\"size\":%d}", d, $2}')" \
        --argjson c "$(descriptor "$dir/config" application/vnd.oci.empty.v1+json)" \
        --argjson l "$(descriptor "$dir/sbom.json" application/spdx+json)" \
        '{schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json",
          artifactType: "application/spdx+json", config: $c, layers: [$l], subject: $s}' >"$dir/manifest"
    push_artifact library/static "$dir/manifest" "sha256:$(sha256sum <"$dir/manifest" | cut -d ' ' -f 1)" \
        "$dir/config" "$dir/sbom.json"
    jq -cjn --argjson m "$(descriptor "$dir/manifest" application/vnd.oci.image.manifest.v1+json)" \
        '{schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json",
          manifests: [$m + {artifactType: "application/spdx+json"}]}' >"$dir/fallback"
    put_manifest library/static "${digest/:/-}" "$dir/fallback"
    note "SBOM attached by hand, under the fallback tag"
}

descriptor() { # FILE MEDIA_TYPE
    jq -cn --arg t "$2" --arg d "sha256:$(sha256sum <"$1" | cut -d ' ' -f 1)" \
        --argjson s "$(stat -c %s "$1")" '{mediaType: $t, digest: $d, size: $s}'
}

push_artifact() { # REPO MANIFEST REFERENCE BLOB...
    local repo=$1 manifest=$2 reference=$3 blob place
    shift 3
    for blob in "$@"; do
        place=$(curl -sf -X POST -D - -o /dev/null "http://$OUT/v2/$repo/blobs/uploads/" |
            tr -d '\r' | awk 'tolower($1) == "location:" {print $2}')
        curl -sf -o /dev/null -T "$blob" \
            "$place&digest=sha256:$(sha256sum <"$blob" | cut -d ' ' -f 1)"
    done
    put_manifest "$repo" "$reference" "$manifest"
}

put_manifest() { # REPO REFERENCE FILE
    curl -sf -o /dev/null -X PUT -H "Content-Type: $(jq -r .mediaType "$3")" --data-binary "@$3" \
        "http://$OUT/v2/$1/manifests/$2"
}

# Charts as their projects publish them where the corpus is at hand, else one that helm makes up.
fill_charts() {
    local charts=$WORK/outside/web/charts name
    say "Outside: chart repository"
    mkdir -p "$charts" "$WORK/charts"
    if ! have helm; then
        result 'charts packed by helm' 'not run' "$(why_not helm); packed by tar instead"
        chart_by_hand "$charts"
        CHARTS=(plain)
        return
    fi
    if [ -d "$CORPUS/charts" ]; then
        for name in redis-ha podinfo argo-rollouts ingress-nginx alertmanager kube-state-metrics \
            prometheus-node-exporter prometheus-pushgateway; do
            pack_chart "$name" "$charts"
        done
        helm repo index "$charts"
        # These two have dependencies, which helm now takes from our own repository.
        for name in argo-cd prometheus; do
            pack_chart "$name" "$charts"
        done
        CHARTS=(podinfo ingress-nginx argo-cd prometheus)
    else
        result 'charts from the corpus' 'not run' 'no ../shared/corpus/charts; made by helm create instead'
        (cd "$WORK/charts" && helm create plain >/dev/null)
        helm package "$WORK/charts/plain" -d "$charts" >/dev/null
        CHARTS=(plain)
    fi
    helm repo index "$charts"
    note "$(find "$charts" -name '*.tgz' | wc -l) charts at http://$WEB/charts"
    helm push --plain-http "$(find "$charts" -name "${CHARTS[0]}-*.tgz")" "oci://$OUT/charts" \
        >"$WORK/log/helm-push.log" 2>&1
    note "${CHARTS[0]} at oci://$OUT/charts"
}

pack_chart() { # NAME CHARTS: with dependencies taken from our repository, whichever version is there
    local name=$1 copy=$WORK/charts/$1 dependency version
    cp -r "$(dirname "$(find "$CORPUS/charts" -path "*/charts/$name/Chart.yaml" | head -n 1)")" "$copy"
    rm -f "$copy/Chart.lock"
    sed -i -E "s|^( +repository: )https?://.*|\1http://$WEB/charts|" "$copy/Chart.yaml"
    for dependency in $(sed -n -E "s/^  - name: ([a-z0-9-]+)$/\1/p" "$copy/Chart.yaml"); do
        version=$(find "$2" -name "$dependency-[0-9]*.tgz" -printf '%f\n' | sed "s/^$dependency-//; s/\.tgz$//")
        [ -z "$version" ] || sed -i -E "/name: $dependency$/,/version:/ s|version: .*|version: \"$version\"|" \
            "$copy/Chart.yaml"
    done
    if grep -q '^dependencies:' "$copy/Chart.yaml"; then
        helm dependency update "$copy" >"$WORK/log/helm-$name.log" 2>&1
    fi
    helm package "$copy" -d "$2" >>"$WORK/log/helm-$name.log" 2>&1
}

chart_by_hand() { # CHARTS
    local dir=$WORK/charts/plain
    mkdir -p "$dir/templates"
    printf 'apiVersion: v2\nname: plain\nversion: 1.0.0\n' >"$dir/Chart.yaml"
    printf 'name: plain\n' >"$dir/values.yaml"
    printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: plain}\n' >"$dir/templates/c.yaml"
    tar -C "$WORK/charts" -czf "$1/plain-1.0.0.tgz" plain
    printf 'apiVersion: v1\nentries:\n  plain:\n    - {apiVersion: v2, name: plain, version: 1.0.0, digest: %s, urls: [plain-1.0.0.tgz]}\n' \
        "$(sha256sum <"$1/plain-1.0.0.tgz" | cut -d ' ' -f 1)" >"$1/index.yaml"
}

# Two repositories with a long history, with branches and tags; one holds the Argo CD applications.
fill_git() {
    local web=$WORK/outside/web repo
    say "Outside: git, $COMMITS commits in the larger repository"
    for repo in platform tools; do
        mkdir -p "$web/git/acme"
        bare_repo "$web/git/acme/$repo.git"
    done
    "$HERE/history.sh" "$COMMITS" | git -C "$web/git/acme/platform.git" fast-import --quiet --done
    "$HERE/history.sh" 300 | git -C "$web/git/acme/tools.git" fast-import --quiet --done
    git clone --quiet "http://$WEB/git/acme/platform.git" "$WORK/platform"
    (
        cd "$WORK/platform"
        [ ! -d "$CORPUS/gitops/cnoe-stacks" ] || cp -r "$CORPUS/gitops/cnoe-stacks" stacks
        argo_tree
        git add -A
        git -c user.name=e2e -c user.email=e2e@example.com commit --quiet -m 'Add the platform'
        git -c user.name=e2e -c user.email=e2e@example.com tag -a v2.0.0 -m v2.0.0
        git push --quiet origin HEAD:main v2.0.0
    )
    printf 'apiVersion: v1\nkind: Namespace\nmetadata: {name: e2e}\n' >"$web/namespace.yaml"
    note "$(git -C "$web/git/acme/platform.git" rev-list --count --all) commits, $(git -C \
        "$web/git/acme/platform.git" for-each-ref | wc -l) refs at http://$WEB/git/acme/platform.git"
}

# An app-of-apps with a circle: root → web → root, and a chart. Written into the current folder.
argo_tree() {
    local head='apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: %s, namespace: argocd}\nspec:\n  project: default\n  destination: {name: in-cluster, namespace: default}\n'
    mkdir -p argocd/root apps/web
    # shellcheck disable=SC2059
    {
        printf "$head" web
        printf '  source: {repoURL: "http://%s/git/acme/platform.git", targetRevision: main, path: apps/web}\n' "$WEB"
    } >argocd/root/web.yaml
    # shellcheck disable=SC2059
    {
        printf "$head" chart
        printf '  source: {repoURL: "http://%s/charts", chart: %s, targetRevision: "*"}\n' "$WEB" "${CHARTS[0]}"
    } >argocd/root/chart.yaml
    # shellcheck disable=SC2059
    {
        printf "$head" root
        printf '  source: {repoURL: "http://%s/git/acme/platform.git", targetRevision: main, path: argocd/root}\n' "$WEB"
    } >apps/web/root.yaml
    cat >apps/web/deployment.yaml <<YAML
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      initContainers: [{name: wait, image: "$OUT/library/cache:1.0"}]
      containers: [{name: web, image: "$OUT/library/web:1.0"}]
YAML
}

# What a person would write. `web` and `cache` are not in it: the applications lead to them.
write_inventory() {
    local chart
    {
        printf 'haversack: 1\nname: e2e\nplatforms: [linux/amd64, linux/arm64]\ncharts:\n'
        for chart in "${CHARTS[@]}"; do
            printf '  - {chart: %s, repo: "http://%s/charts", version: "%s"}\n' "$chart" "$WEB" \
                "$(chart_version "$chart")"
        done
        if have helm; then
            printf '  - {chart: %s, repo: "oci://%s/charts", version: "%s"}\n' "${CHARTS[0]}" "$OUT" \
                "$(chart_version "${CHARTS[0]}")"
        fi
        printf 'images:\n'
        printf '  - %s/library/%s:1.0\n' "$OUT" base "$OUT" static "$OUT" signed
        printf 'repos:\n  - {url: "http://%s/git/acme/tools.git", refs: [main, "v*"]}\n' "$WEB"
        printf '  - {url: "http://%s/git/acme/platform.git", refs: [main, "release-*", "v*"]}\n' "$WEB"
        printf 'apps:\n  - {repo: "http://%s/git/acme/platform.git", revision: main, path: argocd/root}\n' "$WEB"
        printf 'files:\n  - {url: "http://%s/namespace.yaml", sha256: %s}\n' "$WEB" \
            "$(sha256sum <"$WORK/outside/web/namespace.yaml" | cut -d ' ' -f 1)"
    } >"$WORK/inventory.yaml"
    sed 's/^/   | /' "$WORK/inventory.yaml"
}

chart_version() { # CHART
    find "$WORK/outside/web/charts" -name "$1-[0-9]*.tgz" -printf '%f\n' | sed "s/^$1-//; s/\.tgz$//"
}
