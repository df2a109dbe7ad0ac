//! The two files that make a folder of blobs an OCI image layout (image-spec, image-layout.md).

use serde::Serialize;

use crate::lock::Descriptor;
use crate::oci::manifest::{self, media_type};

/// Name of the marker file.
pub const OCI_LAYOUT_NAME: &str = "oci-layout";
/// Bytes of the marker file.
pub const OCI_LAYOUT: &[u8] = b"{\"imageLayoutVersion\":\"1.0.0\"}\n";
/// Name of the file that lists the entry points.
pub const INDEX_NAME: &str = "index.json";
/// Annotation under which a layout keeps the name of an entry.
const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// The bytes of `index.json`: each entry with its reference name, in the order given.
pub fn index_json(entries: &[(Descriptor, Option<String>)]) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Index<'a> {
        schema_version: u8,
        media_type: &'a str,
        manifests: Vec<manifest::Entry<'a>>,
    }
    let names: Vec<manifest::Annotations> = entries
        .iter()
        .map(|(_, name)| name.iter().map(|name| (REF_NAME.to_owned(), name.clone())).collect())
        .collect();
    let manifests = entries
        .iter()
        .zip(&names)
        .map(|((descriptor, _), annotations)| manifest::Entry::new(descriptor, None, annotations))
        .collect();
    let mut bytes = manifest::to_json(&Index {
        schema_version: 2,
        media_type: media_type::OCI_INDEX,
        manifests,
    });
    bytes.push(b'\n');
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::Digest;

    #[test]
    fn the_index_names_its_entries() {
        let descriptor = Descriptor {
            media_type: media_type::OCI_MANIFEST.to_owned(),
            digest: Digest::of(b"x"),
            size: 1,
        };
        let entries =
            [(descriptor.clone(), Some("docker.io/a/b:1".to_owned())), (descriptor, None)];
        let bytes = index_json(&entries);
        let value: serde_json::Value = serde_json::from_slice(&bytes).expect("JSON");
        assert_eq!(value["schemaVersion"], 2);
        assert_eq!(value["manifests"][0]["annotations"][REF_NAME], "docker.io/a/b:1");
        assert!(value["manifests"][1].get("annotations").is_none());
        assert_eq!(bytes, index_json(&entries));
    }
}
