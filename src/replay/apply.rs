//! Plan → Receipt: the one order in which things are sent.

use futures_util::{StreamExt, TryStreamExt, stream};

use crate::bundle::Verified;
use crate::limits;
use crate::replay::error::ReplayError;
use crate::replay::plan::{ImagePlan, Plan, TagPlan};
use crate::replay::receipt::{Done, Receipt};
use crate::replay::registry::Sender;
use crate::replay::site::{Site, SparseIndex};
use crate::replay::{GitLogin, Reach, git};

impl Plan {
    /// Sends what is absent, sets refs and tags, reads everything back and says what was done.
    pub async fn apply(
        self,
        verified: &Verified,
        site: &Site,
        reach: &Reach,
        login: &GitLogin,
    ) -> Result<Receipt, ReplayError> {
        self.permitted(site)?;
        let mut receipt = Receipt::new(verified, site);
        let sparse =
            site.registry.as_ref().map_or(SparseIndex::Platform, |registry| registry.sparse_index);
        let sender = Sender { verified, reach, sparse };
        // 1. Blobs and configs.
        sender.blobs(&self.images, &mut receipt).await?;
        // 2. OCI manifests, indexes, referrers.
        if self.images.iter().any(ImagePlan::has_unsettled) {
            reach.report.phase("sending OCI manifests");
        }
        let done = self.manifests(&sender).await?;
        // 3. Git objects and refs.
        for repo in &self.repos {
            let pushed = git::push(verified, site, repo, reach, login).await?;
            receipt.note_repo(repo, pushed);
        }
        // 4. Tags last: what a user can see is complete.
        let stands = |tag: &TagPlan| tag.now.is_some() && !tag.moves;
        if !self.images.iter().all(|image| image.tags.iter().all(stands)) {
            reach.report.phase("setting tags");
        }
        let done = self.tags(&sender, done).await?;
        for (plan, done) in self.images.iter().zip(done) {
            receipt.note_image(plan, done);
        }
        Ok(receipt.close())
    }

    /// Refuses what the site file does not allow, before anything is sent.
    fn permitted(&self, site: &Site) -> Result<(), ReplayError> {
        let diverged = self.diverged();
        if !diverged.is_empty() && !site.git.as_ref().is_some_and(|git| git.allow_diverged) {
            return Err(ReplayError::Diverged(diverged));
        }
        let moving = self.moving();
        if !moving.is_empty()
            && !site.registry.as_ref().is_some_and(|registry| registry.allow_tag_moves)
        {
            return Err(ReplayError::TagsMove(moving));
        }
        Ok(())
    }

    /// Artifacts side by side; within one, its OCI manifests in order.
    async fn manifests(&self, sender: &Sender<'_>) -> Result<Vec<Done>, ReplayError> {
        stream::iter(&self.images)
            .map(|plan: &ImagePlan| async move {
                let mut done = Done::default();
                sender.manifests(plan, &mut done).await?;
                Ok(done)
            })
            .buffered(limits::REQUESTS_PER_HOST)
            .try_collect()
            .await
    }

    async fn tags(&self, sender: &Sender<'_>, done: Vec<Done>) -> Result<Vec<Done>, ReplayError> {
        stream::iter(self.images.iter().zip(done))
            .map(|(plan, mut done)| async move {
                sender.tags(plan, &mut done).await?;
                Ok(done)
            })
            .buffered(limits::REQUESTS_PER_HOST)
            .try_collect()
            .await
    }
}
