//! Profiles: what the marketplace's core says of users, and who may read it.

use chat_database::change::{Change, Outcome};
use chat_database::ids::UserId;
use chat_database::objects::Profile;
use chat_database::queries::{people, profiles};

use super::Hub;
use crate::error::Error;
use crate::updates::Updated;

impl Hub {
    /// Stores profiles, each in the place of the former one, and tells connected users of visible changes. Returns how many
    /// profiles changed; if none does, nothing is written.
    ///
    /// # Errors
    /// Temporary ones alone: the edge has checked the profiles.
    pub async fn put_profiles(&self, mut put: Vec<Profile>) -> Result<usize, Error> {
        let users: Vec<UserId> = put.iter().map(|profile| profile.user_id).collect();
        let present = profiles::of(&self.0.database, &users).await?;
        put.retain(|profile| !present.contains(profile));
        if put.is_empty() {
            return Ok(0);
        }
        match self.0.storage.call(Change::PutProfiles(put)).await? {
            Outcome::ProfilesPut(put) => {
                let seen = put.seen.iter().map(|user| user.get()).collect();
                self.0.updates.announce(&self.0.relay, Updated::Profiles(seen));
                Ok(put.changed.len())
            }
            _ => Err(Error::internal()),
        }
    }

    /// Returns the profiles of those of the users `asked` who are the asker or share a thread with the asker, by user, as
    /// many as a page has room for, and whether there are more.
    ///
    /// # Errors
    /// `unavailable` with the database down.
    pub async fn profiles(&self, asker: UserId, asked: &[UserId]) -> Result<(Vec<Profile>, bool), Error> {
        let mut known = people::acquainted(&self.0.database, asker, asked).await?;
        known.extend(asked.contains(&asker).then_some(asker));
        Ok(profiles::page(&self.0.database, &known).await?)
    }
}
