//! Profiles: one replaces the one before, and one that says the same is not written.

use std::collections::BTreeSet;

use crate::change::{Outcome, ProfilesPut};
use crate::commit::apply::Applier;
use crate::commit::read_set::ReadSet;
use crate::commit::write_set::ProfileRow;
use crate::ids::UserId;
use crate::objects::Profile;
use crate::profile_rows::channels;

impl ReadSet<'_> {
    pub(super) fn put_profiles(&mut self, profiles: &[Profile]) {
        self.profiles.extend(profiles.iter().map(|profile| profile.user_id.column()));
    }
}

impl<'a> Applier<'a> {
    pub(super) fn put_profiles(&mut self, profiles: &'a [Profile]) -> Outcome {
        let (mut changed, mut seen): (BTreeSet<UserId>, BTreeSet<UserId>) = Default::default();
        for profile in profiles {
            let (user, id) = (profile.user_id, profile.user_id.column());
            let before = self.preloaded.profiles.get(&id);
            if before == Some(profile) {
                continue;
            }
            if before.is_none_or(|before| before.public != profile.public) {
                seen.insert(user);
            }
            changed.insert(user);
            self.preloaded.profiles.insert(id, profile.clone());
            self.write_set.profiles.insert(id, row(profile));
        }
        let (changed, seen) = (changed.into_iter().collect(), seen.into_iter().collect());
        Outcome::ProfilesPut(ProfilesPut { changed, seen })
    }
}

fn row(profile: &Profile) -> ProfileRow<'_> {
    ProfileRow {
        user_id: profile.user_id.column(),
        name: &profile.public.name,
        avatar_url: profile.public.avatar_url.as_deref(),
        locale: profile.locale.as_deref(),
        timezone: profile.timezone.as_deref(),
        verified: i64::from(profile.public.verified),
        role: profile.public.role.map(|role| role.as_str()),
        email: profile.email.as_deref(),
        contactable: channels(&profile.contactable),
    }
}
