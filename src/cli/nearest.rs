//! Finds the setting that is meant by a name that is no setting's.

/// The similarity from which on a setting is suggested; 1 is equality.
const MIN_SIMILARITY: f64 = 0.75;

/// Returns the setting whose name is most similar to a text, if one is similar enough. `settings` are names, each with what is
/// returned for it.
pub(super) fn nearest<'a, T>(text: &str, settings: impl Iterator<Item = (&'a str, T)>) -> Option<T> {
    let similar = settings.map(|(name, setting)| (strsim::jaro_winkler(name, text), setting));
    let (similarity, setting) = similar.max_by(|(one, _), (other, _)| one.total_cmp(other))?;
    (similarity >= MIN_SIMILARITY).then_some(setting)
}
