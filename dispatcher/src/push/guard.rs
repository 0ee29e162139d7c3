//! The egress guard: which addresses a push may connect to. Pure; asked for every address a name resolves to, just
//! before connecting, and the connection then goes to the very address that was asked about.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// What may be connected to. The default allows every globally reachable address and nothing else.
#[derive(Debug, Clone, Default)]
pub struct Egress {
    /// Ranges that the operator allows although the deny list names them. IPv4 ranges are written as IPv4: an
    /// IPv4-mapped address is judged as the IPv4 address it stands for. An address that embeds an IPv4 address
    /// (NAT64, 6to4, Teredo) needs both itself and what it embeds to be allowed. Cloud metadata services are allowed
    /// only by their exact address, a /32 or /128.
    pub allow: Vec<IpNet>,
    /// Where this process itself listens, with real ports. Never connected to, whatever is allowed: an endpoint that
    /// points back here would feed tasks to itself. `0.0.0.0` and `[::]` stand for every address of this machine.
    pub own_listeners: Vec<SocketAddr>,
}

/// Why an address may not be connected to. Says nothing of the address itself, so that it can be shown to whoever
/// registered the endpoint without telling them what is inside the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A special range that is not allowed, or a metadata service that is not allowed by its exact address.
    #[error(
        "the address is in a range that egress does not allow; the operator can allow it with egress.allow"
    )]
    Range,
    /// One of this process's own listeners.
    #[error("the address is one that this server itself listens on; an endpoint cannot point back here")]
    OwnListener,
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(a: u16, b: u16, c: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), prefix)
}

/// IPv4 ranges that are not plain unicast internet, from IANA's IPv4 special-purpose address registry.
const DENIED_V4: [Ipv4Net; 15] = [
    v4(0, 0, 0, 0, 8),       // this network; 0.0.0.0 reaches loopback on Linux
    v4(10, 0, 0, 0, 8),      // private
    v4(100, 64, 0, 0, 10),   // shared address space (CGNAT)
    v4(127, 0, 0, 0, 8),     // loopback
    v4(169, 254, 0, 0, 16),  // link-local, where clouds put metadata
    v4(172, 16, 0, 0, 12),   // private
    v4(192, 0, 0, 0, 24),    // IETF protocol assignments
    v4(192, 0, 2, 0, 24),    // documentation
    v4(192, 88, 99, 0, 24),  // 6to4 relays, deprecated
    v4(192, 168, 0, 0, 16),  // private
    v4(198, 18, 0, 0, 15),   // benchmarking
    v4(198, 51, 100, 0, 24), // documentation
    v4(203, 0, 113, 0, 24),  // documentation
    v4(224, 0, 0, 0, 4),     // multicast
    v4(240, 0, 0, 0, 4),     // reserved, and broadcast
];

/// IPv6 ranges that are not plain unicast internet. IANA gives out global unicast from `2000::/3` alone, so all around
/// it is denied whole: one list that cannot miss a range that is invented later.
const DENIED_V6: [Ipv6Net; 7] = [
    v6(0, 0, 0, 3), // unspecified, loopback, IPv4-compatible and -translated, NAT64 (64:ff9b::/96, 64:ff9b:1::/48), discard
    v6(0x4000, 0, 0, 2), // unassigned, and SRv6 5f00::/16
    v6(0x8000, 0, 0, 1), // unassigned, unique local fc00::/7, link-local fe80::/10, site-local fec0::/10, multicast ff00::/8
    v6(0x2001, 0, 0, 23), // IETF protocol assignments: Teredo 2001::/32, benchmarking, ORCHID
    v6(0x2001, 0xdb8, 0, 32), // documentation
    v6(0x2002, 0, 0, 16), // 6to4
    v6(0x3fff, 0, 0, 20), // documentation
];

/// Metadata services of the large clouds, which hand credentials to whoever asks.
const METADATA: [IpAddr; 9] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)), // AWS, Azure, Google, Oracle, OpenStack and most others
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),   // AWS ECS
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),  // AWS EKS
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)), // Alibaba
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),     // Oracle, older
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),   // Azure's host agent, in public space
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)), // AWS
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)), // AWS EKS
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)), // Google
];

impl Egress {
    /// Whether `target` may be connected to.
    pub fn vet(&self, target: SocketAddr) -> Result<(), Refusal> {
        self.vet_ip(target.ip())?;
        let ip = target.ip().to_canonical();
        let own = self.own_listeners.iter().any(|listener| {
            let own_ip = listener.ip().to_canonical();
            listener.port() == target.port()
                && (own_ip == ip
                    || (own_ip.is_unspecified() && ip.is_loopback())
                    || (own_ip.is_loopback() && ip.is_unspecified())
                    || (own_ip.is_unspecified() && ip.is_unspecified()))
        });
        if own {
            return Err(Refusal::OwnListener);
        }
        Ok(())
    }

    /// Whether a connection just made may be used. Only the kernel knows every address of this machine: when it gave
    /// the connection the same address at both ends, the target is this machine, and a listener on `0.0.0.0` or
    /// `[::]` at that port is ours.
    pub fn vet_connected(&self, local: SocketAddr, target: SocketAddr) -> Result<(), Refusal> {
        let at_home = local.ip().to_canonical() == target.ip().to_canonical();
        let ours = |listener: &SocketAddr| listener.ip().is_unspecified() && listener.port() == target.port();
        if at_home && self.own_listeners.iter().any(ours) {
            return Err(Refusal::OwnListener);
        }
        Ok(())
    }

    /// What can be told of a URL's host before its name is resolved, for an early answer at registration: an IP
    /// literal in any spelling a URL allows (`0x7f.1`, `2130706433`, `[::ffff:127.0.0.1]`), and `localhost`. Other
    /// names pass here and are judged by their addresses at every connect.
    pub fn vet_literal_host(&self, host: &str, port: u16) -> Result<(), Refusal> {
        let ip = match url::Host::parse(host) {
            Ok(url::Host::Ipv4(ip)) => IpAddr::V4(ip),
            Ok(url::Host::Ipv6(ip)) => IpAddr::V6(ip),
            Ok(url::Host::Domain(name)) => {
                let name = name.strip_suffix('.').unwrap_or(&name);
                // RFC 6761, section 6.3: localhost and everything under it is loopback.
                if name != "localhost" && !name.ends_with(".localhost") {
                    return Ok(());
                }
                IpAddr::V4(Ipv4Addr::LOCALHOST)
            }
            Err(_) => return Ok(()),
        };
        self.vet(SocketAddr::new(ip, port))
    }

    fn vet_ip(&self, ip: IpAddr) -> Result<(), Refusal> {
        let ip = ip.to_canonical();
        let embedded = match ip {
            IpAddr::V4(_) => [None, None],
            IpAddr::V6(ip) => embedded_v4(ip),
        };
        let all = std::iter::once(ip).chain(embedded.into_iter().flatten().map(IpAddr::V4));
        for ip in all {
            if !self.permits(ip) {
                return Err(Refusal::Range);
            }
        }
        Ok(())
    }

    fn permits(&self, ip: IpAddr) -> bool {
        if METADATA.contains(&ip) {
            let exactly = |net: &IpNet| net.addr() == ip && net.prefix_len() == net.max_prefix_len();
            return self.allow.iter().any(exactly);
        }
        let denied = match ip {
            IpAddr::V4(ip) => DENIED_V4.iter().any(|net| net.contains(&ip)),
            IpAddr::V6(ip) => DENIED_V6.iter().any(|net| net.contains(&ip)),
        };
        !denied || self.allow.iter().any(|net| net.contains(&ip))
    }
}

/// The IPv4 addresses that a transition address leads to: at most two.
fn embedded_v4(ip: Ipv6Addr) -> [Option<Ipv4Addr>; 2] {
    let o = ip.octets();
    let v4 = |a: u8, b: u8, c: u8, d: u8| Some(Ipv4Addr::new(a, b, c, d));
    let last = v4(o[12], o[13], o[14], o[15]);
    match ip.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => [None, None],
        // NAT64 within a network (RFC 8215), whose /48 form has the address around a zero octet and nothing after it.
        [0x64, 0xff9b, 1, ..] if o[11..] == [0; 5] => [v4(o[6], o[7], o[9], o[10]), None],
        // IPv4-compatible (RFC 4291) and -translated (RFC 7915), and the other forms of NAT64 (RFC 6052).
        [0, 0, 0, 0, 0 | 0xffff, 0, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] | [0x64, 0xff9b, 1, ..] => {
            [last, None]
        }
        // 6to4 (RFC 3056).
        [0x2002, ..] => [v4(o[2], o[3], o[4], o[5]), None],
        // Teredo (RFC 4380): its server, and the client's address with every bit turned over.
        [0x2001, 0, ..] => [v4(o[4], o[5], o[6], o[7]), v4(!o[12], !o[13], !o[14], !o[15])],
        _ => [None, None],
    }
}

#[cfg(test)]
mod tests;
