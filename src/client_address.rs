//! The client address of a request: the peer address of its connection, or what trusted proxies report.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use chat_actors::webhooks::address::Block;
use hyper::HeaderMap;
use hyper::header::HeaderName;

use crate::headers::listed;

/// The header to which each proxy appends the address that the request came from.
const FORWARDED: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The peer address of a connection, as a request extension: the proxy's address, if there is a proxy.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// The proxies whose `X-Forwarded-For` counts. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(Arc<[Block]>);

impl TrustedProxies {
    /// Trusts the headers of requests from these blocks of addresses.
    #[must_use]
    pub fn new(blocks: Vec<Block>) -> Self {
        Self(blocks.into())
    }

    /// Returns the address of the client: the last address that is no trusted proxy's. Proxies append to the header, so a
    /// client cannot choose its address.
    #[must_use]
    pub fn client(&self, peer: Option<SocketAddr>, headers: &HeaderMap) -> Option<IpAddr> {
        let mut client = peer?.ip().to_canonical();
        let hops: Vec<&str> = listed(headers, &FORWARDED).collect();
        for hop in hops.into_iter().rev() {
            if !self.trusts(client) {
                break;
            }
            let Some(before) = address(hop) else { break };
            client = before;
        }
        Some(client)
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|block| block.has(address))
    }
}

/// Reads `192.0.2.7`, `192.0.2.7:4711`, `2001:db8::7` or `[2001:db8::7]:4711`.
fn address(hop: &str) -> Option<IpAddr> {
    let address = hop.parse::<IpAddr>().ok().or_else(|| hop.parse::<SocketAddr>().ok().map(|address| address.ip()));
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn client(trusted: &[&str], peer: &str, forwarded: &[&str]) -> String {
        let blocks = trusted.iter().map(|block| block.parse().expect("a block")).collect();
        let headers = forwarded.iter().map(|line| (FORWARDED, HeaderValue::from_str(line).expect("a value"))).collect();
        let peer: IpAddr = peer.parse().expect("an address");
        let client = TrustedProxies::new(blocks).client(Some(SocketAddr::new(peer, 4711)), &headers);
        client.expect("there is a peer").to_string()
    }

    #[test]
    fn only_a_trusted_proxy_says_who_is_behind_it() {
        let local = ["127.0.0.0/8", "::1"];
        assert_eq!(client(&local, "127.0.0.1", &["192.0.2.7"]), "192.0.2.7");
        assert_eq!(client(&local, "::1", &["192.0.2.7:4711"]), "192.0.2.7");
        assert_eq!(client(&local, "::ffff:127.0.0.1", &["[2001:db8::7]:1"]), "2001:db8::7");
        assert_eq!(client(&local, "198.51.100.1", &["192.0.2.7"]), "198.51.100.1", "not trusted");
        assert_eq!(client(&[], "127.0.0.1", &["192.0.2.7"]), "127.0.0.1", "no proxy is trusted");
        assert_eq!(client(&local, "127.0.0.1", &[]), "127.0.0.1");
        assert_eq!(client(&local, "127.0.0.1", &["unknown"]), "127.0.0.1");
    }

    #[test]
    fn a_client_cannot_choose_its_address() {
        let trusted = ["127.0.0.0/8", "10.0.0.0/8"];
        assert_eq!(client(&trusted, "127.0.0.1", &["6.6.6.6, 192.0.2.7"]), "192.0.2.7");
        assert_eq!(client(&trusted, "127.0.0.1", &["6.6.6.6", "192.0.2.7, 10.0.0.3"]), "192.0.2.7");
        assert_eq!(client(&trusted, "127.0.0.1", &["10.0.0.9, 10.0.0.3"]), "10.0.0.9", "all of them are trusted");
    }
}
