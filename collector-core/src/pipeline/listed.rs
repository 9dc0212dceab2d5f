//! What a job and its query begin with, the list of the store that it names included.

use super::keeping::drop_outdated;
use super::{Engine, Job};
use crate::domain::Domain;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{Ids, Name};
use crate::store::{ListMember, WorkerId};
use crate::task::{Query, Task};

/// What a query begins with.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Roots {
    /// The tasks.
    pub tasks: Vec<Task>,
    /// Members of the query's list that no source can be asked about: all that is known of them is an identity by
    /// which nobody here finds people.
    pub unreachable: Vec<Ids>,
}

impl<D: Domain> Engine<D> {
    /// The tasks a query begins with, those for the members of its list included. Asks nobody and writes nothing;
    /// reads the list, and for members that cannot be asked for as they stand what the store knows of them.
    ///
    /// # Errors
    /// As for [`plan`](Self::plan); `ConfigInvalid` when there is no such list, or nobody on it can be asked for;
    /// `Storage`.
    pub async fn roots(&self, query: &Query) -> Result<Roots> {
        self.roots_with(query, None).await
    }

    /// The same, asking these sources only.
    pub(super) async fn roots_with(&self, query: &Query, sources: Option<&[Name]>) -> Result<Roots> {
        let mut roots = Roots { tasks: self.plan_with(query, sources)?, unreachable: Vec::new() };
        let Some(name) = &query.list else { return Ok(roots) };
        for member in self.members(name).await? {
            let mut asked = self.ask(&member.ids, sources);
            if asked.is_empty() {
                asked = self.ask(&self.all_ids(&member.ids).await?, sources);
            }
            if asked.is_empty() {
                roots.unreachable.push(member.ids);
            }
            roots.tasks.append(&mut asked);
        }
        if roots.tasks.is_empty() {
            let message = "no source can be asked about anybody on the list: give handles or links";
            return Err(Error::new(ErrorKind::ConfigInvalid, message).with("list", name));
        }
        Ok(roots)
    }

    /// The tasks that a run of a job begins with; none for one that asks again, which finds out later whom to ask. Before
    /// that, what may not be kept any longer is [dropped](drop_outdated); tells whether something was.
    ///
    /// # Errors
    /// As for [`roots`](Self::roots).
    pub(super) async fn roots_of(&self, job: &Job, worker: Option<&WorkerId>) -> Result<(Vec<Task>, bool)> {
        let refreshes = job.refreshes()?;
        let dropped = drop_outdated(&self.parts, worker).await?;
        let roots = match refreshes {
            true => Vec::new(),
            false => self.roots_with(&job.query, job.sources.as_deref()).await?.tasks,
        };
        Ok((roots, dropped))
    }

    async fn members(&self, name: &str) -> Result<Vec<ListMember>> {
        if let Some(members) = self.parts.store.list(name).await? {
            return Ok(members);
        }
        let known: Vec<String> = self.parts.store.lists().await?.into_iter().map(|list| list.name).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        let message = format!("there is no list {name:?} in the store; there are: {known}");
        Err(Error::new(ErrorKind::ConfigInvalid, message))
    }

    fn ask(&self, ids: &Ids, sources: Option<&[Name]>) -> Vec<Task> {
        self.parts.asked(sources).filter_map(|slot| self.parts.lookup(slot, ids)).collect()
    }

    /// Every identity of whoever these belong to; themselves when that is nobody yet.
    async fn all_ids(&self, ids: &Ids) -> Result<Ids> {
        let asked: Vec<_> = ids.iter().cloned().collect();
        let owner = self.parts.store.owners(&asked).await?.into_iter().flatten().next();
        let Some(owner) = owner else { return Ok(ids.clone()) };
        Ok(self.parts.store.ids(owner).await?.unwrap_or_else(|| ids.clone()))
    }
}
