//! Who may send: `--allow ADDRESS[/BITS]`.

use std::net::IpAddr;
use std::str::FromStr;

/// A network: an address and how many of its leading bits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u32,
}

/// Why a text is no [`Network`].
const EXPECTED: &str =
    "expected ADDRESS or ADDRESS/BITS, as in 192.168.1.20, 192.168.1.0/24 or fd00::/8";

impl FromStr for Network {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (address, bits) = text
            .split_once('/')
            .map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| EXPECTED)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => most,
            Some(bits) => bits
                .parse()
                .ok()
                .filter(|bits| *bits <= most)
                .ok_or(EXPECTED)?,
        };
        Ok(Network { address, bits })
    }
}

impl Network {
    fn includes(&self, ip: IpAddr) -> bool {
        let differs = match (self.address, ip) {
            (IpAddr::V4(a), IpAddr::V4(b)) => u128::from(a.to_bits() ^ b.to_bits()) << 96,
            (IpAddr::V6(a), IpAddr::V6(b)) => a.to_bits() ^ b.to_bits(),
            _ => return false,
        };
        differs.leading_zeros() >= self.bits
    }
}

/// Everybody, or those of some networks.
#[derive(Debug, Clone, Default)]
pub struct Allowed(pub Vec<Network>);

impl Allowed {
    /// Whether this address may send; with no network given, any may.
    pub fn includes(&self, ip: IpAddr) -> bool {
        self.0.is_empty() || self.0.iter().any(|network| network.includes(ip))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_include_their_addresses_and_no_others() {
        let allowed = |networks: &[&str], ip: &str| {
            let networks = networks.iter().map(|text| text.parse().unwrap()).collect();
            Allowed(networks).includes(ip.parse().unwrap())
        };
        assert!(allowed(&[], "1.2.3.4"));
        assert!(allowed(&["192.168.1.0/24"], "192.168.1.77"));
        assert!(!allowed(&["192.168.1.0/24"], "192.168.2.77"));
        assert!(allowed(&["10.0.0.1", "fd00::/8"], "fd12::1"));
        assert!(!allowed(&["10.0.0.1"], "10.0.0.2"));
        assert!(allowed(&["0.0.0.0/0"], "9.9.9.9"));
        assert!(!allowed(&["0.0.0.0/0"], "::1"));
        for bad in ["", "10.0.0", "10.0.0.1/33", "::/129", "10.0.0.1/", "host"] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }
}
