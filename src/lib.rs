//! Haversack carries a Kubernetes platform across an air gap.
//!
//! ```text
//!  connected host                      │ carried │                     isolated side
//!  Inventory ─lock→ Lock ─build→ Bundle │ by hand │ Bundle ─verify→ Verified ─plan→ Plan ─apply→ Receipt
//! ```
//!
//! The rooms, in reading order. A room imports only from rooms on a lower level; `tests/it/architecture.rs` checks it.
//!
//! | level | rooms |
//! | --- | --- |
//! | 6 | [`cli`]: parse, run, print. The only room that prints, prompts, exits or reads the environment |
//! | 5 | [`resolve`]: Inventory → Lock · [`build`]: Lock → Draft · [`replay`]: Verified → Plan → Receipt · [`serve`]: a registry and a git server |
//! | 4 | [`source`]: where a thing comes from · [`bundle`]: Draft → Sealed → Verified |
//! | 3 | [`oci`] [`git`] [`helm`] [`argo`] [`inventory`] [`lock`] [`trust`] |
//! | 2 | [`net`]: the only maker of sockets · [`report`]: events · [`sprig`]: the functions of Helm's templates |
//! | 1 | [`artifact`] [`limits`] [`secret`] [`yaml`] · [`template`]: Go's text/template |
//!
//! The air gap itself is a rule: `bundle`, `trust`, `replay` and `serve` never import `source` or `resolve`.
//!
//! Files read and written, and who owns each:
//!
//! | file | owner |
//! | --- | --- |
//! | `inventory.yaml` | [`inventory`] |
//! | `NAME.lock.json` | [`lock`] |
//! | `SHA256SUMS`, `bundle.json`, `pack-NNNN.tar.zst` | [`bundle`] |
//! | `SHA256SUMS.<key id>.p256`, `*.pem` | [`trust`] |
//! | `site.yaml`, `receipt.json` | [`replay`] |

#[cfg(not(all(unix, target_pointer_width = "64")))]
compile_error!("haversack is written for 64-bit Unix systems");

pub mod artifact;
pub mod limits;
pub mod secret;
pub mod template;
pub mod yaml;

pub mod net;
pub mod report;
pub mod sprig;

pub mod argo;
pub mod git;
pub mod helm;
pub mod inventory;
pub mod lock;
pub mod oci;
pub mod trust;

pub mod bundle;
pub mod source;

pub mod build;
pub mod replay;
pub mod resolve;
pub mod serve;

pub mod cli;
