//! How the registry stands: what it has of each artifact, which tags move. Questions only.

use std::collections::{BTreeMap, BTreeSet};

use crate::artifact::{Digest, Repository};
use crate::replay::Reach;
use crate::replay::error::ReplayError;
use crate::replay::plan::{ImagePlan, ManifestPlan, ManifestState};
use crate::replay::site::SparseIndex;

/// Asks the registry which OCI manifests and tags it has: one request for each.
///
/// A tag that already names the right OCI manifest answers for both, and so does a list of referrers.
pub(super) async fn ask(
    mut plan: ImagePlan,
    reach: &Reach,
    sparse: SparseIndex,
) -> Result<ImagePlan, ReplayError> {
    let mut there: BTreeSet<Digest> = BTreeSet::new();
    for tag in &mut plan.tags {
        if let Some(head) = reach.registries.head(&plan.inside, &tag.tag).await? {
            tag.now = Some(head.digest);
            there.insert(head.digest);
        }
    }
    for manifest in plan.manifests.iter_mut().filter(|m| m.subject.is_none()) {
        manifest.state = state(&plan.inside, manifest, reach, &there).await?;
    }
    // A repository in which nothing is there has no referrers either.
    let lists = if plan.manifests.iter().any(|m| m.state == ManifestState::There) {
        listed(&plan, reach, &mut there).await?
    } else {
        BTreeMap::new()
    };
    for manifest in plan.manifests.iter_mut().filter(|m| m.subject.is_some()) {
        manifest.state = state(&plan.inside, manifest, reach, &there).await?;
        let list = manifest.subject.and_then(|subject| lists.get(&subject));
        if manifest.state == ManifestState::There
            && list.is_some_and(|list| !list.contains(&manifest.descriptor.digest))
        {
            manifest.state = ManifestState::Unlisted;
        }
    }
    settle(&mut plan, sparse);
    Ok(plan)
}

async fn state(
    inside: &Repository,
    manifest: &ManifestPlan,
    reach: &Reach,
    there: &BTreeSet<Digest>,
) -> Result<ManifestState, ReplayError> {
    let digest = manifest.descriptor.digest;
    let found = there.contains(&digest)
        || reach.registries.head(inside, &digest.to_string()).await?.is_some();
    Ok(if found { ManifestState::There } else { ManifestState::Absent })
}

/// Asks for the lists of referrers: what the registry lists is there.
///
/// A registry that keeps no lists takes a referrer first and the list by tag second. A replay that was killed between
/// the two left a referrer that nobody finds; so here the lists by tag are given back, to be held against what is there.
async fn listed(
    plan: &ImagePlan,
    reach: &Reach,
    there: &mut BTreeSet<Digest>,
) -> Result<BTreeMap<Digest, BTreeSet<Digest>>, ReplayError> {
    let subjects: BTreeSet<Digest> = plan.manifests.iter().filter_map(|m| m.subject).collect();
    let mut by_tag = BTreeMap::new();
    let mut has_api = true;
    for subject in subjects {
        let listed = if has_api {
            reach.registries.referrers_by_api(&plan.inside, &subject).await?
        } else {
            None
        };
        if let Some(listed) = listed {
            there.extend(listed.into_iter().map(|referrer| referrer.descriptor.digest));
        } else {
            has_api = false;
            let listed = reach.registries.referrers_by_tag(&plan.inside, &subject).await?;
            by_tag.insert(subject, listed.into_iter().map(|r| r.descriptor.digest).collect());
        }
    }
    Ok(by_tag)
}

/// Finds what an earlier replay left out for a registry that takes no sparse indexes, and the tags that really move.
fn settle(plan: &mut ImagePlan, sparse: SparseIndex) {
    let allowed = sparse == SparseIndex::Platform;
    let given_up: Vec<(Digest, Digest)> = plan
        .manifests
        .iter()
        .filter(|_| allowed)
        .filter(|index| index.sparse && index.state == ManifestState::Absent)
        .filter_map(|index| Some((index.descriptor.digest, plan.single_child(index)?)))
        .filter(|(index, only)| {
            plan.tags.iter().any(|tag| tag.digest == *index && tag.now == Some(*only))
        })
        .collect();
    for manifest in &mut plan.manifests {
        if given_up.iter().any(|(index, _)| *index == manifest.descriptor.digest) {
            manifest.state = ManifestState::GivenUp;
        }
    }
    for tag in &mut plan.tags {
        let stands = |now| now == tag.digest || given_up.contains(&(tag.digest, now));
        tag.moves = tag.now.is_some_and(|now| !stands(now));
    }
}
