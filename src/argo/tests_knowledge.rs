//! Each rule of the knowledge base, from documents to conclusions; and a proof that no rule has no test.

use std::collections::BTreeSet;

use crate::argo::{Conclusions, Fact, Knowledge, Rule, read, read_mapped};
use crate::yaml::Node;

/// What documents imply: `image (rule)`, and opaque entries.
fn conclude(documents: &str) -> (Vec<String>, Vec<String>) {
    shown(&Knowledge::builtin().conclude(&facts(documents)))
}

fn facts(documents: &str) -> Vec<(String, Fact)> {
    let found = read("k.yaml", documents);
    found.facts.into_iter().map(|fact| ("pin".to_owned(), fact)).collect()
}

fn shown(conclusions: &Conclusions) -> (Vec<String>, Vec<String>) {
    let images = conclusions.images.iter().map(|i| format!("{} ({})", i.image, i.rule)).collect();
    let opaque = conclusions.opaque.iter().map(|(_, o)| o.value.what.clone()).collect();
    (images, opaque)
}

fn pod(image: &str, rest: &str) -> String {
    format!("apiVersion: v1\nkind: Pod\nspec: {{containers: [{{image: '{image}'{rest}}}]}}\n---\n")
}

fn object(version: &str, kind: &str, spec: &str) -> String {
    format!("apiVersion: {version}\nkind: {kind}\nspec: {spec}\n---\n")
}

const CHOICES: &str = "apiVersion: v1
kind: ConfigMap
metadata: {name: argo-events-controller-config}
data:
  controller-config.yaml: |
    eventBus:
      nats:
        versions:
        - {version: 0.22.1, natsStreamingImage: 'nats-streaming:0.22.1', metricsExporterImage: 'natsio/prometheus-nats-exporter:0.8.0'}
      jetstream:
        versions:
        - {version: latest, natsImage: 'nats:2.10.10', metricsExporterImage: 'natsio/prometheus-nats-exporter:0.14.0', configReloaderImage: 'natsio/nats-server-config-reloader:0.14.0'}
        - {version: 2.9.1, natsImage: 'nats:2.9.1', metricsExporterImage: 'natsio/prometheus-nats-exporter:0.9.1', configReloaderImage: 'natsio/nats-server-config-reloader:0.7.0'}
---
";
const OPERATOR: &str = "quay.io/prometheus-operator/prometheus-operator:v0.93.0";
const RELOADER: &str = "quay.io/prometheus-operator/prometheus-config-reloader:v0.93.0 (prometheus-operator/config-reloader)";
const CNPG: &str = "ghcr.io/cloudnative-pg/cloudnative-pg:1.28.1";

/// Rule, documents, what they imply.
type Case = (&'static str, String, Vec<&'static str>);

fn cases() -> Vec<Case> {
    [argo_and_istio(), prometheus_operator(), cloudnative_pg()].concat()
}

fn argo_and_istio() -> Vec<Case> {
    let bus = |spec: &str| format!("{CHOICES}{}", object("argoproj.io/v1alpha1", "EventBus", spec));
    let controller = "quay.io/argoproj/workflow-controller:v4.0.6";
    vec![
        ("argo-workflows/argoexec", pod(controller, ""), vec!["quay.io/argoproj/argoexec:v4.0.6"]),
        (
            "argo-workflows/argoexec",
            pod(controller, ", args: [--configmap, x, --executor-image, 'a.io/e:1']"),
            vec![],
        ),
        (
            "argo-workflows/argoexec",
            pod(controller, "")
                + "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: workflow-controller-configmap}\ndata: {executor: 'image: a.io/e:1'}\n",
            vec![],
        ),
        (
            "argo-events/jetstream",
            bus("{jetstream: {version: latest}}"),
            vec![
                "docker.io/library/nats:2.10.10",
                "docker.io/natsio/prometheus-nats-exporter:0.14.0",
                "docker.io/natsio/nats-server-config-reloader:0.14.0",
            ],
        ),
        ("argo-events/jetstream", bus("{jetstream: {version: 9.9.9}}"), vec![]),
        ("argo-events/jetstream", bus("{kafka: {url: 'x:9092'}}"), vec![]),
        (
            "argo-events/nats-streaming",
            bus("{nats: {native: {replicas: 3}}}"),
            vec![
                "docker.io/library/nats-streaming:0.22.1",
                "docker.io/natsio/prometheus-nats-exporter:0.8.0",
            ],
        ),
        (
            "istio/proxyv2",
            pod("docker.io/istio/pilot:1.26.0-distroless", ""),
            vec!["docker.io/istio/proxyv2:1.26.0-distroless"],
        ),
    ]
}

fn prometheus_operator() -> Vec<Case> {
    let monitoring = |kind: &str, spec: &str| object("monitoring.coreos.com/v1", kind, spec);
    let silent = pod(OPERATOR, ", args: [--prometheus-config-reloader=a.io/r:1]");
    vec![
        (
            "prometheus-operator/config-reloader",
            pod(OPERATOR, ""),
            vec!["quay.io/prometheus-operator/prometheus-config-reloader:v0.93.0"],
        ),
        ("prometheus-operator/config-reloader", silent.clone(), vec![]),
        (
            "prometheus-operator/prometheus",
            silent.clone() + &monitoring("Prometheus", "{replicas: 2}"),
            vec!["quay.io/prometheus/prometheus:v3.13.1"],
        ),
        (
            "prometheus-operator/prometheus",
            monitoring("Prometheus", "{version: v2.55.0}"),
            vec!["quay.io/prometheus/prometheus:v2.55.0"],
        ),
        ("prometheus-operator/prometheus", monitoring("Prometheus", "{image: 'a.io/p:1'}"), vec![]),
        (
            "prometheus-operator/agent",
            silent.clone() + &monitoring("PrometheusAgent", "{}"),
            vec!["quay.io/prometheus/prometheus:v3.13.1"],
        ),
        (
            "prometheus-operator/thanos-sidecar",
            silent.clone() + &monitoring("Prometheus", "{image: 'a.io/p:1', thanos: {}}"),
            vec!["quay.io/thanos/thanos:v0.42.2"],
        ),
        (
            "prometheus-operator/alertmanager",
            pod(
                "quay.io/prometheus-operator/prometheus-operator:v0.60.0",
                ", args: [--prometheus-config-reloader=a.io/r:1, --alertmanager-default-base-image=a.io/am]",
            ) + &monitoring("Alertmanager", "{}"),
            vec!["a.io/am:v0.24.0"],
        ),
        (
            "prometheus-operator/thanos-ruler",
            pod(
                OPERATOR,
                ", args: [--prometheus-config-reloader=a.io/r:1, '--thanos-default-base-image=a.io/t:v9']",
            ) + &monitoring("ThanosRuler", "{}"),
            vec!["a.io/t:v9"],
        ),
    ]
}

fn cloudnative_pg() -> Vec<Case> {
    let postgres = |kind: &str, spec: &str| object("postgresql.cnpg.io/v1", kind, spec);
    vec![
        (
            "cloudnative-pg/postgres",
            pod(CNPG, "") + &postgres("Cluster", "{instances: 3}"),
            vec!["ghcr.io/cloudnative-pg/postgresql:18.1-system-trixie"],
        ),
        (
            "cloudnative-pg/postgres",
            pod(CNPG, "") + &postgres("Cluster", "{imageName: 'a.io/pg:17'}"),
            vec![],
        ),
        (
            "cloudnative-pg/default-postgres",
            pod(CNPG, ", env: [{name: POSTGRES_IMAGE_NAME, value: 'a.io/pg:16'}]"),
            vec!["a.io/pg:16"],
        ),
        (
            "cloudnative-pg/default-postgres",
            pod("ghcr.io/cloudnative-pg/cloudnative-pg:1.28.1-ubi9", ""),
            vec!["ghcr.io/cloudnative-pg/postgresql:18.1-system-trixie"],
        ),
        (
            "cloudnative-pg/pgbouncer",
            pod(CNPG, "")
                + &postgres("Cluster", "{imageName: 'a.io/pg:17'}")
                + &postgres("Pooler", "{cluster: {name: x}}"),
            vec!["ghcr.io/cloudnative-pg/pgbouncer:1.25.1"],
        ),
    ]
}

#[test]
fn every_rule_concludes_what_its_source_says() {
    for (rule, documents, want) in cases() {
        let want: Vec<String> = want.iter().map(|image| format!("{image} ({rule})")).collect();
        assert_eq!(conclude(&documents).0, want, "{documents}");
    }
}

#[test]
fn every_rule_has_a_test_and_a_source() {
    let written = Node::parse(include_str!("knowledge.yaml")).expect("sound YAML");
    let written = written.get("rules").map(Node::items).unwrap_or_default();
    let knowledge = Knowledge::builtin();
    assert_eq!(knowledge.rules().len(), written.len(), "all rules are understood");
    let tested: BTreeSet<&str> =
        cases().iter().filter(|case| !case.2.is_empty()).map(|case| case.0).collect();
    for rule in knowledge.rules() {
        assert!(tested.contains(rule.id.as_str()), "{} has no test", rule.id);
        assert!(rule.source.starts_with("https://") && !rule.what.is_empty(), "{}", rule.id);
    }
}

#[test]
fn what_decides_but_is_not_found_is_opaque() {
    let prometheus = object("monitoring.coreos.com/v1", "Prometheus", "{}");
    assert_eq!(
        conclude(&prometheus).1,
        [
            "image decided by */prometheus-operator/prometheus-operator, which is not found (prometheus-operator/prometheus)"
        ]
    );
    let unknown = pod("ghcr.io/cloudnative-pg/cloudnative-pg:9.9.9", "");
    assert_eq!(
        conclude(&unknown).1,
        ["implied image whose version is not known (cloudnative-pg/default-postgres)"]
    );
    assert_eq!(conclude(&pod(OPERATOR, "")), (vec![RELOADER.to_owned()], vec![]));
}

#[test]
fn a_list_that_nothing_chooses_from_is_one_opaque_entry() {
    assert_eq!(conclude(CHOICES).1, ["8 images to choose from, and no EventBus"]);
    let bus = |spec: &str| object("argoproj.io/v1alpha1", "EventBus", spec);
    assert_eq!(
        conclude(&(CHOICES.to_owned() + &bus("{jetstream: {version: 9.9.9}}"))).1,
        ["version 9.9.9 is not listed in argo-events.jetstream"]
    );
    assert_eq!(
        conclude(&bus("{jetstream: {version: latest}}")).1,
        ["version latest of a list that is not found (argo-events.jetstream)"]
    );
    let kafka = CHOICES.to_owned() + &bus("{kafka: {url: x}}");
    assert!(conclude(&kafka).1.is_empty());
}

#[test]
fn a_word_that_an_injector_replaces_needs_the_injector() {
    let rendered = read_mapped("g.yaml", &pod("auto", ""), &|line| line);
    let mut facts: Vec<_> = rendered.facts.into_iter().map(|f| ("gateway".to_owned(), f)).collect();
    let alone = Knowledge::builtin().conclude(&facts);
    assert_eq!(shown(&alone).1, ["image \"auto\" is put in by an injector that is not found"]);
    facts.extend(self::facts(&pod("docker.io/istio/pilot:1.26.0", "")));
    let both = Knowledge::builtin().conclude(&facts);
    assert!(both.opaque.is_empty(), "{both:?}");
}

#[test]
fn users_add_and_replace_rules() {
    let rule = |text: &str| Rule::parse(&Node::parse(text).expect("YAML")).expect("rule");
    let mine = rule("{id: acme, when: {image: 'a.io/*'}, implies: 'a.io/worker:{tag}'}");
    let other =
        rule("{id: istio/proxyv2, when: {image: '*/pilot'}, implies: '{host}/own/proxyv2:{tag}'}");
    let knowledge = Knowledge::with(vec![mine, other]);
    let facts = facts(&(pod("a.io/op:1", "") + &pod("b.io/istio/pilot:2", "")));
    assert_eq!(
        shown(&knowledge.conclude(&facts)).0,
        ["a.io/worker:1 (acme)", "b.io/own/proxyv2:2 (istio/proxyv2)"]
    );
}
