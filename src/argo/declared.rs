//! The images that a chart says of itself that it deploys.

use std::collections::BTreeMap;

use crate::yaml::{Node, Value};

/// Annotations of `Chart.yaml` that list images: Artifact Hub's, Bitnami's and the one of Helm's documentation.
const KEYS: [&str; 3] = ["artifacthub.io/images", "images", "helm.sh/images"];

/// Reads the images that the annotations of a chart declare: a YAML list of `{name, image}`, as written. The list is a cross-check,
/// never a source: charts forget images and list some that they do not deploy.
pub fn declared_images(annotations: &BTreeMap<String, String>) -> Vec<(Option<String>, String)> {
    let mut declared = Vec::new();
    for key in KEYS {
        let Some(text) = annotations.get(key) else { continue };
        for node in Node::parse_lenient(text).iter().flatten() {
            for item in node.items() {
                let (name, image) = match &item.value {
                    Value::Text(image) => (None, Some(image.clone())),
                    _ => (
                        item.text_at(&["name"]).map(str::to_owned),
                        item.text_at(&["image"]).map(str::to_owned),
                    ),
                };
                if let Some(image) = image.filter(|image| !image.is_empty()) {
                    declared.push((name, image));
                }
            }
        }
    }
    declared
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_annotation_is_a_list_in_a_text() {
        let one = |key: &str, text: &str| {
            declared_images(&BTreeMap::from([(key.to_owned(), text.to_owned())]))
        };
        let web = (Some("web".to_owned()), "a.io/web:1".to_owned());
        assert_eq!(
            one("artifacthub.io/images", "- name: web\n  image: a.io/web:1\n"),
            std::slice::from_ref(&web)
        );
        assert_eq!(one("images", "- {name: web, image: \"a.io/web:1\", x: y}\n"), [web]);
        assert_eq!(one("helm.sh/images", "- a.io/web:1\n"), [(None, "a.io/web:1".to_owned())]);
        assert!(one("helm.sh/images", "{{").is_empty());
        assert!(one("other", "- a.io/web:1\n").is_empty());
    }
}
