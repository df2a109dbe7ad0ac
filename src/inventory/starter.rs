//! The first inventory of a new user.

/// A commented inventory that works as it stands; `name` becomes the bundle's name, made to fit where it does not.
pub fn starter(name: &str) -> String {
    let fit: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' })
        .skip_while(|c| !c.is_ascii_alphanumeric())
        .take(64)
        .collect();
    let name = if fit.is_empty() { "platform" } else { &fit };
    // Quoted, because a name of digits alone would be a number.
    TEXT.replace("NAME", &format!("\"{name}\""))
}

const TEXT: &str = r#"# What shall cross the air gap. Write down the minimum; `haversack lock` works out what it leads to.
# Every key is explained by inventory.schema.json, which editors understand.
haversack: 1

# The bundle is written to bundles/<name>-<version>/. Without a version, the start of the lock's digest is used.
name: NAME
version: "1.0.0"

# Images are carried for these platforms only. Leave it out to carry all of them.
platforms: [linux/amd64]

# Helm charts, from a chart repository (https://…) or a registry (oci://…). What they deploy comes along.
# The version is exact (6.9.2) or a range (^6.9, ~6.9.1, 6.x, ">=6 <7", "*"); the lock pins what it means today.
charts:
  - chart: podinfo
    repo: oci://ghcr.io/stefanprodan/charts
    version: ^6.9
    # values: [values/podinfo.yaml]      # relative to this file

# Images by tag or digest that nothing else leads to. Signatures, attestations and SBOMs come along by themselves.
images:
  - docker.io/library/busybox:1.37.0

# Git repositories: branches, tags and commits by name, or by pattern with "*".
# repos:
#   - url: https://git.example.com/acme/platform.git
#     refs: [main, "v1.*"]

# Argo CD roots: a folder of Applications. Every source, chart and image they name comes along.
# apps:
#   - repo: https://git.example.com/acme/platform.git
#     revision: main                     # branch, tag or commit; HEAD if left out
#     path: argocd/root

# Plain files, each with its SHA-256 as `sha256sum` prints it.
# files:
#   - url: https://example.com/crds.yaml
#     sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855

# The clusters inside: charts choose images by Kubernetes version, and switch parts on by API versions.
clusters:
  - name: in-cluster
    server: https://kubernetes.default.svc
    labels: { env: prod }
    kubeVersion: "1.34"                  # in quotes: 1.30 would be the number 1.3
    apiVersions: [monitoring.coreos.com/v1]
"#;
