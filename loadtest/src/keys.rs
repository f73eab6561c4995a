//! The idempotency keys (`temp_id`) of the messages that clients send.

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use uuid::{Builder, Uuid};

/// The form of the idempotency keys that clients make.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Keys {
    /// Time-ordered: the milliseconds since 1970, the run, the client and a number, as the hub's client library makes them
    #[default]
    Time,
    /// Random: UUIDs of version 4
    Uuid4,
}

/// The flag that chooses the form of the keys.
#[derive(Debug, Clone, Copy, Default, Args)]
#[command(next_help_heading = "Scenario")]
pub struct KeysArgs {
    /// Idempotency keys (temp_id) that the clients make
    #[arg(long, value_enum, default_value_t)]
    pub keys: Keys,
}

/// The keys of one client, one for each number from 0 on. A key tells its number.
#[derive(Debug, Clone)]
pub struct KeySeries {
    keys: Keys,
    client: String,
    /// The start of the random keys.
    secret: u64,
}

impl Keys {
    /// Names the form in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Time => "time-ordered",
            Self::Uuid4 => "random (UUID v4)",
        }
    }

    /// Makes one key. `label` differs from that of any other key.
    #[must_use]
    pub fn one(self, label: &str) -> String {
        match self {
            Self::Time => format!("{:x}.{label}", millis()),
            Self::Uuid4 => Uuid::new_v4().to_string(),
        }
    }

    /// Makes the keys of a client. `client` differs from that of any other client.
    #[must_use]
    pub fn series(self, client: String) -> KeySeries {
        KeySeries { keys: self, client, secret: fastrand::u64(..) }
    }
}

impl KeySeries {
    /// Writes the key of a number.
    pub fn write(&self, number: u64, into: &mut String) {
        // Writing to a String does not fail.
        let _ = match self.keys {
            Keys::Time => write!(into, "{:x}.{}{number}", millis(), self.client),
            Keys::Uuid4 => write!(into, "{}", self.uuid(number)),
        };
    }

    /// Returns the number of a key; `None` if the key is not of this series.
    #[must_use]
    pub fn number_of(&self, key: &str) -> Option<u64> {
        match self.keys {
            Keys::Time => key.split_once('.')?.1.strip_prefix(self.client.as_str())?.parse().ok(),
            Keys::Uuid4 => {
                let key = Uuid::try_parse(key).ok()?;
                let [a, b, c, d, e, f, .., g, h] = key.into_bytes();
                let number = unmix(u64::from_be_bytes([a, b, c, d, e, f, g, h])).wrapping_sub(self.secret);
                (self.uuid(number) == key).then_some(number)
            }
        }
    }

    /// Makes the UUID of a number: 64 bits are the encrypted number, 58 are a hash of it. To a server that does not know the
    /// secret both are random; the generator, which has millions of them, reads the number back without a table.
    fn uuid(&self, number: u64) -> Uuid {
        let encrypted = mix(number.wrapping_add(self.secret));
        let [a, b, c, d, e, f, g, h] = encrypted.to_be_bytes();
        let [i, j, k, l, m, n, o, p] = mix(encrypted ^ self.secret).to_be_bytes();
        // The builder sets the six bits of the version and the variant, which are all in the hash.
        Builder::from_random_bytes([a, b, c, d, e, f, i, j, k, l, m, n, o, p, g, h]).into_uuid()
    }
}

const MULTIPLIERS: [u64; 2] = [0xff51_afd7_ed55_8ccd, 0xc4ce_b9fe_1a85_ec53];

/// Mixes 64 bits so that each bit of the input changes about half of the output (MurmurHash3's finalizer). It is a bijection.
fn mix(mut bits: u64) -> u64 {
    for multiplier in MULTIPLIERS {
        bits = (bits ^ (bits >> 33)).wrapping_mul(multiplier);
    }
    bits ^ (bits >> 33)
}

/// Undoes [`mix`].
fn unmix(mut bits: u64) -> u64 {
    for multiplier in MULTIPLIERS.into_iter().rev() {
        bits = (bits ^ (bits >> 33)).wrapping_mul(inverse(multiplier));
    }
    bits ^ (bits >> 33)
}

/// Returns the inverse of an odd number modulo 2⁶⁴, by Newton's method: each step doubles the correct bits, from 3 on.
fn inverse(odd: u64) -> u64 {
    (0..5).fold(odd, |inverse, _| inverse.wrapping_mul(2_u64.wrapping_sub(odd.wrapping_mul(inverse))))
}

fn millis() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn key(series: &KeySeries, number: u64) -> String {
        let mut key = String::new();
        series.write(number, &mut key);
        key
    }

    #[test]
    fn a_key_tells_its_number_to_its_own_series_alone() {
        for keys in [Keys::Time, Keys::Uuid4] {
            let (series, other) = (keys.series("run-1-".to_owned()), keys.series("run-2-".to_owned()));
            for number in (0..2_000).chain([u64::from(u32::MAX), u64::MAX]) {
                let key = key(&series, number);
                assert_eq!(series.number_of(&key), Some(number), "{key}");
                assert_eq!(other.number_of(&key), None, "{key}");
            }
            for foreign in ["", ".", "x", "0.run-1-x", "3f2504e0-4f89-41d3-9a0c-0305e82c3301", &keys.one("run-1-7x")] {
                assert_eq!(series.number_of(foreign), None, "{foreign}");
            }
        }
    }

    #[test]
    fn uuid4_keys_are_random_uuids_of_version_4() {
        let series = Keys::Uuid4.series("run-1-".to_owned());
        let keys: BTreeSet<Uuid> =
            (0..4_096).map(|number| Uuid::try_parse(&key(&series, number)).expect("a UUID")).collect();
        assert_eq!(keys.len(), 4_096);
        assert!(keys.iter().all(|key| key.get_version_num() == 4 && key.get_variant() == uuid::Variant::RFC4122));
        // Each of the 122 free bits is set in about half of the keys: within eight standard deviations.
        for bit in 0..128 {
            let set = keys.iter().filter(|key| key.as_u128() >> bit & 1 == 1).count();
            let fixed = (76..80).contains(&bit) || (62..64).contains(&bit);
            assert!(fixed || (1_792..=2_304).contains(&set), "bit {bit} is set in {set} of 4,096 keys");
        }
        // Neighbours in time are not neighbours in an index: about half of them go down.
        let numbered: Vec<String> = (0..4_096).map(|number| key(&series, number)).collect();
        let down = numbered.windows(2).filter(|pair| pair[1] < pair[0]).count();
        assert!((1_792..=2_304).contains(&down), "{down} of 4,095 steps go down");
        let one = Uuid::try_parse(&Keys::Uuid4.one("hello")).expect("a UUID");
        assert_eq!(one.get_version_num(), 4);
    }

    #[test]
    fn time_ordered_keys_begin_with_the_time() {
        let series = Keys::Time.series("run-1-".to_owned());
        let before = millis();
        for key in [key(&series, 3), Keys::Time.one("run-1-3")] {
            let (time, rest) = key.split_once('.').expect("a time");
            let time = u128::from_str_radix(time, 16).expect("milliseconds");
            assert!((before..=millis()).contains(&time) && rest == "run-1-3", "{key}");
        }
    }
}
