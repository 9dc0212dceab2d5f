//! Deleting the pictures of somebody who was erased.

use collector_core::context::Context;
use collector_core::domain::Domain;
use collector_core::error::Result;
use collector_core::sink::Facts;
use collector_core::store::Store;
use object_store::ObjectStoreExt as _;
use object_store::path::Path;

use super::ImagesSink;
use super::fact::PictureFact;
use super::shelf::failed;
use super::used::Used;

impl ImagesSink {
    /// Deletes the pictures that these facts name and no record refers to; gives how many.
    ///
    /// # Errors
    /// What the place or the store says.
    pub async fn forget<D: Domain>(
        &self,
        cx: &Context,
        facts: &[Facts],
        store: &dyn Store<D>,
    ) -> Result<u64> {
        let kept = facts.iter().filter_map(PictureFact::of);
        let mut keys: Vec<String> = kept.filter_map(|fact| Some(fact.kept()?.key.clone())).collect();
        keys.sort_unstable();
        keys.dedup();
        if keys.is_empty() {
            return Ok(0);
        }
        let used = Used::by(cx, store).await?;
        let place = self.shelf().open().await?;
        let mut deleted = 0;
        for key in keys.iter().filter(|key| !used.has(key)) {
            match place.delete(&Path::from(key.as_str())).await {
                Ok(()) => deleted += 1,
                Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(failed(key, error)),
            }
        }
        Ok(deleted)
    }
}
