//! The inventories in `inventory/`, and the schema beside them.

use std::fs;
use std::path::{Path, PathBuf};

use haversack::inventory::{Inventory, InventoryFile, schema};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("inventory")
}

#[test]
fn every_inventory_is_sound() {
    let mut count = 0;
    for entry in fs::read_dir(folder()).expect("inventory/") {
        let path = entry.expect("entry").path();
        if path.extension().is_none_or(|ext| ext != "yaml") {
            continue;
        }
        let bytes = fs::read(&path).expect("readable");
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let inventory = Inventory::parse(&name, &bytes).unwrap_or_else(|found| panic!("{found}"));
        assert_eq!(inventory.file, name);
        serde_saphyr::from_slice::<InventoryFile>(&bytes).expect("fits the schema's types");
        count += 1;
    }
    assert!(count >= 2, "only {count} inventories");
}

/// After a change of the types, write the schema anew with
/// `HAVERSACK_WRITE_SCHEMA=1 cargo test --test it inventories`.
#[test]
fn the_schema_file_is_up_to_date() {
    let path = folder().join("inventory.schema.json");
    let want = serde_json::to_string_pretty(&schema()).expect("JSON") + "\n";
    if std::env::var_os("HAVERSACK_WRITE_SCHEMA").is_some() {
        fs::write(&path, &want).expect("writable");
    }
    let have = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        have == want,
        "inventory/inventory.schema.json is out of date; write it anew with\n    \
         HAVERSACK_WRITE_SCHEMA=1 cargo test --test it inventories"
    );
}
