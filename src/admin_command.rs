//! `softadastra-chat users`, `threads` and `audit`: what an operator does at the machine, on the hub's database.

use anyhow::Context as _;
use chat_actors::admin::{Admin, By};
use chat_database::Database;
use chat_database::audit::{Act, NewEntry};
use chat_database::commit::Writer;
use chat_database::connect::{self, Location};
use chat_database::nodes::NodeId;
use chat_database::queries::messages::Page;
use chat_database::restrictions::Restriction;
use serde_json::json;

use crate::app;
use crate::cli::admin::{AuditAction, ThreadsAction, UsersAction};
use crate::cli::secret::Secret;
use crate::http::admin::objects::{RestrictionObject, UserObject};

/// Runs `users …`; returns the text to print.
///
/// # Errors
/// What went wrong, and what to do.
pub async fn users(action: UsersAction) -> anyhow::Result<Vec<String>> {
    let by = operator();
    let restricted = match action {
        UsersAction::Show { id, at } => {
            let record = open(&at.database_url).await?.user(&by, id).await?;
            return Ok(vec![line(&UserObject::new(record, None))?]);
        }
        UsersAction::Suspend { id, until, reason, at } => {
            open(&at.database_url).await?.suspend(&by, id, until, &reason).await?
        }
        UsersAction::Restore { id, reason, at } => open(&at.database_url).await?.restore(&by, id, &reason).await?,
        UsersAction::EndSessions { id, reason, at } => {
            open(&at.database_url).await?.end_sessions(&by, id, &reason).await?
        }
    };
    Ok(vec![shown(restricted)?])
}

/// Runs `threads …`; returns the text to print.
///
/// # Errors
/// What went wrong, and what to do.
pub async fn threads(action: ThreadsAction) -> anyhow::Result<Vec<String>> {
    let ThreadsAction::Show { id, reason, limit, at } = action;
    let (_, history) = open(&at.database_url).await?.thread(&operator(), id, &reason, Page::Newest, limit).await?;
    history.messages.iter().map(line).collect()
}

/// Runs `audit …`; returns the text to print.
///
/// # Errors
/// What went wrong, and what to do; also each fault in the chain of the audit log.
pub async fn audit(action: AuditAction) -> anyhow::Result<Vec<String>> {
    let AuditAction::Verify { at } = action;
    let verdict = open(&at.database_url).await?.verify().await?;
    if verdict.faults.is_empty() {
        let rows = json!({"first": verdict.removed + 1, "last": verdict.last, "hash": verdict.last_hash});
        return Ok(vec![rows.to_string()]);
    }
    let faults: Vec<String> = verdict.faults.iter().map(ToString::to_string).collect();
    anyhow::bail!("the audit log is not as it was written:\n  {}", faults.join("\n  "))
}

/// Returns the operator who acts: by the machine's user name, also if that user has become root by `sudo`.
fn operator() -> By {
    let names = ["SUDO_USER", "USER", "LOGNAME"].into_iter().filter_map(|variable| std::env::var(variable).ok());
    By { who: named(names, rustix::process::getuid().as_raw()), from: None }
}

/// Names an operator; by number where no variable has a name, as in a container.
fn named(mut names: impl Iterator<Item = String>, uid: u32) -> String {
    let name = names.find(|name| !name.is_empty()).unwrap_or_else(|| format!("uid-{uid}"));
    format!("operator:{name}")
}

/// Writes into the audit log what the operator is about to do.
///
/// # Errors
/// That it could not be written.
pub(crate) async fn note(
    database_url: &Secret,
    what: Act,
    whom: Option<String>,
    detail: Option<String>,
) -> anyhow::Result<()> {
    let admin = open(database_url).await?;
    Ok(admin.note(NewEntry { detail, ..operator().entry(what, whom, None) }).await?)
}

/// Opens the hub's database. It must be there: a new one would look like a hub that has no users.
///
/// # Errors
/// That it is not there, or cannot be opened.
pub(crate) async fn hubs_database(url: &Secret) -> anyhow::Result<Database> {
    let location: Location = url.expose().parse().map_err(|why| anyhow::anyhow!("DATABASE_URL: {why}"))?;
    let is_there = location.sqlite().is_none_or(|file| file.path.exists());
    anyhow::ensure!(
        is_there,
        "there is no {location}: name the hub's database (DATABASE_URL), or its settings (CHAT_CONFIG)"
    );
    let options = connect::Options { url: url.expose().to_owned(), readers: 1 };
    let database = Database::connect(&options).await?;
    app::migrate(&database).await?;
    Ok(database)
}

async fn open(database_url: &Secret) -> anyhow::Result<Admin> {
    let database = hubs_database(database_url).await?;
    let node = NodeId::draw("admin-command").context("the name of a node")?;
    let writer = Writer::new(database.clone(), node);
    Ok(Admin::beside_hub(database, writer))
}

fn shown(restriction: Restriction) -> anyhow::Result<String> {
    line(&RestrictionObject::from(restriction))
}

fn line(object: &impl serde::Serialize) -> anyhow::Result<String> {
    serde_json::to_string(object).context("the answer cannot be written")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_without_a_name_has_a_number() {
        let named = |names: &[&str]| named(names.iter().map(|name| (*name).to_owned()), 1_000);
        assert_eq!(named(&["", "alice", "root"]), "operator:alice");
        assert_eq!(named(&[""]), "operator:uid-1000");
    }
}
