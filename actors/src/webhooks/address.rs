//! Where webhooks may be sent to: checks URLs, and the addresses that their hosts have, without a look-up.
//!
//! A webhook makes the hub send requests into its own network. So an address that is not public is refused, unless the
//! operator allows it. That holds for the addresses of a name, too: the name is looked up for each connection, which then
//! goes to an address that was checked.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use url::{Host, Url};

use crate::http_url;

/// The longest URL.
const MAX_URL_BYTES: usize = 2_048;

/// A block of addresses: `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    address: IpAddr,
    bits: u32,
}

/// A text that is no block of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no block of addresses like 10.0.0.0/8 or fd00::/8")]
pub struct NoBlock(String);

impl FromStr for Block {
    type Err = NoBlock;

    fn from_str(text: &str) -> Result<Self, NoBlock> {
        let none = || NoBlock(text.to_owned());
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| none())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), str::parse).map_err(|_| none())?;
        if bits <= most { Ok(Self { address, bits }) } else { Err(none()) }
    }
}

impl Block {
    const fn v4(a: u8, b: u8, c: u8, bits: u32) -> Self {
        Self { address: IpAddr::V4(Ipv4Addr::new(a, b, c, 0)), bits }
    }

    const fn v6(first: u16, second: u16, bits: u32) -> Self {
        Self { address: IpAddr::V6(Ipv6Addr::new(first, second, 0, 0, 0, 0, 0, 0)), bits }
    }

    /// Tells whether an address is of the block.
    #[must_use]
    pub fn has(self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => same(own.to_bits().into(), other.to_bits().into(), 32 - self.bits),
            (IpAddr::V6(own), IpAddr::V6(other)) => same(own.to_bits(), other.to_bits(), 128 - self.bits),
            _ => false,
        }
    }
}

/// Tells whether two addresses are equal, apart from their last `last` bits.
fn same(one: u128, other: u128, last: u32) -> bool {
    one.checked_shr(last).unwrap_or_default() == other.checked_shr(last).unwrap_or_default()
}

/// Blocks of IPv4 that are not public (IANA's special-purpose registry), metadata services among them.
const NOT_PUBLIC: [Block; 15] = [
    Block::v4(0, 0, 0, 8),
    Block::v4(10, 0, 0, 8),
    Block::v4(100, 64, 0, 10),
    Block::v4(127, 0, 0, 8),
    Block::v4(169, 254, 0, 16),
    Block::v4(172, 16, 0, 12),
    Block::v4(192, 0, 0, 24),
    Block::v4(192, 0, 2, 24),
    Block::v4(192, 88, 99, 24),
    Block::v4(192, 168, 0, 16),
    Block::v4(198, 18, 0, 15),
    Block::v4(198, 51, 100, 24),
    Block::v4(203, 0, 113, 24),
    Block::v4(224, 0, 0, 4),
    Block::v4(240, 0, 0, 4),
];

/// The block of IPv6 with the public addresses, and the exceptions in it: protocol assignments, Teredo, documentation.
const PUBLIC_V6: Block = Block::v6(0x2000, 0, 3);
const NOT_PUBLIC_V6: [Block; 3] = [Block::v6(0x2001, 0, 23), Block::v6(0x2001, 0xdb8, 32), Block::v6(0x3fff, 0, 20)];

/// Tells whether an address is one of the public internet.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => !NOT_PUBLIC.iter().any(|block| block.has(address)),
        IpAddr::V6(v6) => match inner(v6) {
            Some(inner) => is_public(IpAddr::V4(inner)),
            None => PUBLIC_V6.has(address) && !NOT_PUBLIC_V6.iter().any(|block| block.has(address)),
        },
    }
}

/// Returns the address of IPv4 that an address of IPv6 leads to: mapped, through NAT64, or by 6to4.
fn inner(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [first, second, third, _, _, _, seventh, eighth] = address.segments();
    let last = || Ipv4Addr::from_bits(u32::from(seventh) << 16 | u32::from(eighth));
    match (first, second) {
        (0x64, 0xff9b) => Some(last()),
        (0x2002, _) => Some(Ipv4Addr::from_bits(u32::from(second) << 16 | u32::from(third))),
        _ => address.to_ipv4_mapped(),
    }
}

/// Why a webhook may not be sent to a URL. The message says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is no URL, or its text names no host.
    #[error("url is no URL that names its host; write https://host/path")]
    NoUrl,
    /// It is too long.
    #[error("url has more than {MAX_URL_BYTES} bytes")]
    TooLong,
    /// It holds a login, which would end up in logs.
    #[error("url must not hold a user or a password; the signature tells the receiver who sends")]
    Login,
    /// It is neither https nor of this machine.
    #[error("url must be https; http is for loopback addresses alone")]
    NotHttps,
    /// The address is not public.
    #[error("{0} is not an address of the public internet; the operator may allow it by CHAT_WEBHOOK_ALLOW")]
    NotPublic(IpAddr),
}

/// Where webhooks may be sent to.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    allowed: Vec<Block>,
}

/// The host of a URL that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// An address, which is allowed.
    Address,
    /// A name, whose addresses are to be checked when they are known.
    Name(String),
}

impl Policy {
    /// Allows blocks of addresses besides public ones.
    #[must_use]
    pub fn new(allowed: Vec<Block>) -> Self {
        Self { allowed }
    }

    /// Checks a URL.
    pub(super) fn judge(&self, text: &str) -> Result<(Url, Target), Error> {
        if text.len() > MAX_URL_BYTES {
            return Err(Error::TooLong);
        }
        let url = http_url::parse(text).ok_or(Error::NoUrl)?;
        let host = url.host().ok_or(Error::NoUrl)?.to_owned();
        let is_loopback = match &host {
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
            Host::Domain(name) => is_this_machine(name),
        };
        match url.scheme() {
            "https" => {}
            "http" if is_loopback => {}
            "http" => return Err(Error::NotHttps),
            _ => return Err(Error::NoUrl),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Error::Login);
        }
        let address = match host {
            Host::Domain(name) => return Ok((url, Target::Name(name))),
            Host::Ipv4(address) => IpAddr::V4(address),
            Host::Ipv6(address) => IpAddr::V6(address),
        };
        if !is_loopback {
            self.judge_address(address)?;
        }
        Ok((url, Target::Address))
    }

    /// Checks the addresses of a name: one that is refused is enough, for the name may be meant to lead there.
    pub(super) fn judge_name(&self, name: &str, addresses: &[IpAddr]) -> Result<(), Error> {
        let may_be_loopback = is_this_machine(name);
        let others = addresses.iter().filter(|address| !(may_be_loopback && address.is_loopback()));
        others.copied().try_for_each(|address| self.judge_address(address))
    }

    fn judge_address(&self, address: IpAddr) -> Result<(), Error> {
        let allowed = is_public(address) || self.allowed.iter().any(|block| block.has(address));
        if allowed { Ok(()) } else { Err(Error::NotPublic(address)) }
    }
}

/// Tells whether a name means this machine, wherever it is looked up (RFC 6761, 6.3).
fn is_this_machine(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name == "localhost" || name.ends_with(".localhost")
}

impl fmt::Display for Block {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.address, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn what_is_not_public_is_refused() {
        for text in [
            "0.0.0.0",
            "10.1.2.3",
            "100.100.100.200",
            "127.0.0.1",
            "169.254.169.254",
            "172.31.255.255",
            "192.0.0.192",
            "192.168.1.1",
            "198.19.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:169.254.169.254",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::1",
            "2001::1",
            "2001:db8::1",
            "fd00:ec2::254",
            "fe80::1",
            "ff02::1",
        ] {
            assert_eq!(
                Policy::default().judge_name("a.example", &[address(text)]),
                Err(Error::NotPublic(address(text)))
            );
        }
        for text in ["93.184.216.34", "172.32.0.1", "100.128.0.1", "2606:2800:220:1::1", "::ffff:93.184.216.34"] {
            assert_eq!(Policy::default().judge_name("a.example", &[address(text)]), Ok(()), "{text}");
        }
    }

    #[test]
    fn one_refused_address_of_a_name_is_enough() {
        let both = [address("93.184.216.34"), address("10.0.0.1")];
        assert_eq!(Policy::default().judge_name("a.example", &both), Err(Error::NotPublic(address("10.0.0.1"))));
        assert_eq!(Policy::default().judge_name("localhost", &[address("127.0.0.1"), address("::1")]), Ok(()));
        assert!(Policy::default().judge_name("localhost", &[address("10.0.0.1")]).is_err());
        assert!(Policy::default().judge_name("localhost.example", &[address("127.0.0.1")]).is_err());
    }

    #[test]
    fn the_operator_may_allow_a_block() {
        let policy = Policy::new(vec!["10.1.0.0/16".parse().expect("a block"), "fd00::/8".parse().expect("a block")]);
        assert_eq!(policy.judge_name("a.example", &[address("10.1.2.3"), address("fd00::1")]), Ok(()));
        assert!(policy.judge_name("a.example", &[address("10.2.2.3")]).is_err());
        assert!(policy.judge("https://10.1.2.3/hook").is_ok());
        for text in ["", "10.0.0.0/33", "10.0.0/8", "a/8", "fd00::/129", "10.0.0.0/-1"] {
            assert_eq!(text.parse::<Block>(), Err(NoBlock(text.to_owned())));
        }
        assert_eq!("10.0.0.1".parse::<Block>().map(|block| block.to_string()), Ok("10.0.0.1/32".to_owned()));
        assert!("0.0.0.0/0".parse::<Block>().expect("a block").has(address("8.8.8.8")));
    }

    #[test]
    fn a_url_is_https_unless_it_is_of_this_machine() {
        let judge = |text| Policy::default().judge(text).map(|(_, target)| target);
        assert_eq!(judge("https://shop.example/hook?x=1"), Ok(Target::Name("shop.example".to_owned())));
        assert_eq!(judge("http://127.0.0.1:9000/hook"), Ok(Target::Address));
        assert_eq!(judge("http://[::1]:9000/hook"), Ok(Target::Address));
        assert_eq!(judge("http://localhost:9000"), Ok(Target::Name("localhost".to_owned())));
        assert_eq!(judge("http://shop.example/hook"), Err(Error::NotHttps));
        assert_eq!(judge("http://10.0.0.1/"), Err(Error::NotHttps));
        assert_eq!(judge("https://user:secret@shop.example/"), Err(Error::Login));
        for text in ["", "shop.example", "ftp://shop.example", "file:///etc/passwd", "https://", "javascript:1"] {
            assert_eq!(judge(text), Err(Error::NoUrl), "{text}");
        }
        for text in
            ["https:///hunter2", "https:hunter2", "https:/hunter2", "https:\\\\hunter2", "http:///127.0.0.1/hook"]
        {
            assert_eq!(judge(text), Err(Error::NoUrl), "a host that the text does not name: {text}");
        }
        assert_eq!(judge(&format!("https://shop.example/{}", "x".repeat(2_048))), Err(Error::TooLong));
    }

    /// `url` reads addresses as browsers do: in octal, in hexadecimal, as one number.
    #[test]
    fn an_address_in_disguise_is_refused() {
        for text in [
            "https://169.254.169.254/latest/meta-data",
            "https://0x7f.1/",
            "https://2852039166/",
            "https://0251.0376.0251.0376/",
            "https://[::ffff:a9fe:a9fe]/",
            "https://127.0.0.1.:443/../",
            "https://１０.0.0.1/",
        ] {
            let judged = Policy::default().judge(text);
            let loopback = matches!(&judged, Ok((_, Target::Address))) && text.contains("7f") || text.contains("127.");
            assert!(loopback || matches!(judged, Err(Error::NotPublic(_))), "{text}: {judged:?}");
        }
    }
}
