use std::net::{IpAddr, SocketAddr};

use proptest::prelude::*;

use super::*;

fn ip(written: &str) -> IpAddr {
    written
        .parse()
        .unwrap_or_else(|_| panic!("{written} is an address"))
}

fn allowing(ranges: &[&str]) -> Egress {
    Egress {
        allow: ranges
            .iter()
            .map(|range| range.parse().expect("a range"))
            .collect(),
        own_listeners: Vec::new(),
    }
}

fn vet(egress: &Egress, written: &str) -> Result<(), Refusal> {
    egress.vet(SocketAddr::new(ip(written), 443))
}

#[test]
fn every_special_range_is_refused_from_end_to_end() {
    let ranges = [
        // IPv4
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "255.255.255.255/32",
        // IPv6
        "::/128",
        "::1/128",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/32",
        "2001:2::/48",
        "2001:10::/28",
        "2001:20::/28",
        "2001:db8::/32",
        "2002::/16",
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
        // IPv4 written as IPv6
        "::ffff:10.0.0.0/104",
        "::ffff:127.0.0.0/104",
        "::ffff:169.254.0.0/112",
        "::10.0.0.0/104",
        "::ffff:0:192.168.0.0/112",
    ];
    let egress = Egress::default();
    for range in ranges {
        let range: IpNet = range.parse().expect("a range");
        for end in [range.network(), range.broadcast()] {
            let target = SocketAddr::new(end, 443);
            assert_eq!(egress.vet(target), Err(Refusal::Range), "{end} of {range}");
        }
    }
}

#[test]
fn the_addresses_around_them_are_not() {
    let allowed = [
        "1.1.1.1",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "192.0.3.0",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "203.0.114.0",
        "223.255.255.255",
        "2001:200::1",
        "2001:4860:4860::8888",
        "2003::1",
        "2606:4700:4700::1111",
        "::ffff:8.8.8.8",
    ];
    for address in allowed {
        assert_eq!(vet(&Egress::default(), address), Ok(()), "{address}");
    }
}

#[test]
fn an_allowed_range_opens_itself_and_nothing_else() {
    let egress = allowing(&["10.0.0.0/8", "fd00:1::/32", "127.0.0.1/32"]);
    for address in [
        "10.0.0.1",
        "10.255.255.255",
        "::ffff:10.1.2.3",
        "fd00:1::7",
        "127.0.0.1",
    ] {
        assert_eq!(vet(&egress, address), Ok(()), "{address}");
    }
    for address in [
        "127.0.0.2",
        "::1",
        "192.168.0.1",
        "fd00:2::1",
        "::ffff:127.0.0.2",
        "::10.0.0.1",
    ] {
        assert_eq!(vet(&egress, address), Err(Refusal::Range), "{address}");
    }
}

#[test]
fn an_embedded_address_must_be_allowed_too() {
    let all_forms = allowing(&[
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "2002::/16",
        "2001::/32",
        "::/96",
    ]);
    let public = [
        "64:ff9b::8.8.8.8",
        "64:ff9b:1:808:8:800::",   // RFC 6052 with a /48: 8.8.8.8 around the u octet
        "64:ff9b:1:abcd::8.8.8.8", // a /96 within it
        "2002:808:808::1",
        "2001:0:808:808:0:0:f7f7:f7f7", // server 8.8.8.8, client 8.8.8.8
        "::8.8.8.8",
    ];
    for address in public {
        assert_eq!(vet(&all_forms, address), Ok(()), "{address}");
        assert_eq!(vet(&Egress::default(), address), Err(Refusal::Range), "{address}");
    }
    let inside = [
        "64:ff9b::10.0.0.1",
        "64:ff9b::169.254.169.254",
        "64:ff9b:1:a00:0:100::",
        "64:ff9b:1:abcd::10.0.0.1",
        "2002:a00:1::1",
        "2002:7f00:1::1",
        "2001:0:808:808:0:0:f5ff:fffe", // client 10.0.0.1
        "2001:0:a00:1:0:0:f7f7:f7f7",   // server 10.0.0.1
        "::10.0.0.1",
    ];
    for address in inside {
        assert_eq!(vet(&all_forms, address), Err(Refusal::Range), "{address}");
    }
}

#[test]
fn metadata_services_are_opened_by_their_exact_address_only() {
    for metadata in METADATA {
        let target = SocketAddr::new(metadata, 80);
        let length = if metadata.is_ipv4() { 32 } else { 128 };
        for shorter in [0, 8, length - 1] {
            let around = IpNet::new(metadata, shorter).expect("a prefix");
            let egress = Egress {
                allow: vec![around],
                own_listeners: Vec::new(),
            };
            assert_eq!(egress.vet(target), Err(Refusal::Range), "{metadata} by {around}");
        }
        let exact = Egress {
            allow: vec![IpNet::new(metadata, length).expect("a prefix")],
            own_listeners: Vec::new(),
        };
        assert_eq!(exact.vet(target), Ok(()), "{metadata}");
        assert_eq!(Egress::default().vet(target), Err(Refusal::Range), "{metadata}");
    }
    assert_eq!(
        vet(&allowing(&["169.254.169.254/32"]), "::ffff:169.254.169.254"),
        Ok(())
    );
    assert_eq!(
        vet(&allowing(&["0.0.0.0/0", "::/0"]), "64:ff9b::169.254.169.254"),
        Err(Refusal::Range)
    );
}

#[test]
fn own_listeners_are_refused_whatever_is_allowed() {
    let everything = ["0.0.0.0/0", "::/0"];
    let cases = [
        ("127.0.0.1:8080", "127.0.0.1:8080", false),
        ("127.0.0.1:8080", "[::ffff:127.0.0.1]:8080", false),
        ("127.0.0.1:8080", "0.0.0.0:8080", false),
        ("127.0.0.1:8080", "127.0.0.1:8081", true),
        ("127.0.0.1:8080", "127.0.0.2:8080", true),
        ("0.0.0.0:8080", "127.0.0.1:8080", false),
        ("0.0.0.0:8080", "127.9.9.9:8080", false),
        ("0.0.0.0:8080", "[::1]:8080", false),
        ("0.0.0.0:8080", "0.0.0.0:8080", false),
        ("[::]:8080", "[::1]:8080", false),
        ("[::]:8080", "127.0.0.1:8080", false),
        ("[::]:8080", "[::]:8080", false),
        ("[::]:8080", "10.0.0.1:8080", true), // another machine, for all that is known before connecting
        ("10.0.0.5:8080", "10.0.0.5:8080", false),
        ("10.0.0.5:8080", "10.0.0.6:8080", true),
    ];
    for (listener, target, allowed) in cases {
        let mut egress = allowing(&everything);
        egress.own_listeners = vec![listener.parse().expect("an address")];
        let expected = if allowed {
            Ok(())
        } else {
            Err(Refusal::OwnListener)
        };
        assert_eq!(
            egress.vet(target.parse().expect("an address")),
            expected,
            "{target} on {listener}"
        );
    }
    // Outside the allowed ranges nobody learns what is listening where.
    let egress = Egress {
        own_listeners: vec!["127.0.0.1:8080".parse().expect("an address")],
        ..Egress::default()
    };
    assert_eq!(
        egress.vet("127.0.0.1:8080".parse().expect("an address")),
        Err(Refusal::Range)
    );
}

#[test]
fn a_connection_to_this_machine_shows_by_its_two_ends() {
    let cases = [
        ("0.0.0.0:8080", "10.0.0.5:50000", "10.0.0.5:8080", false),
        ("[::]:8080", "10.0.0.5:50000", "10.0.0.5:8080", false),
        ("[::]:8080", "[::ffff:10.0.0.5]:50000", "10.0.0.5:8080", false),
        ("[::]:8080", "10.0.0.5:50000", "10.0.0.5:8081", true),
        ("[::]:8080", "10.0.0.5:50000", "10.0.0.6:8080", true),
        ("10.0.0.7:8080", "10.0.0.5:50000", "10.0.0.5:8080", true),
    ];
    for (listener, local, target, allowed) in cases {
        let egress = Egress {
            allow: Vec::new(),
            own_listeners: vec![listener.parse().expect("an address")],
        };
        let ends = (
            local.parse().expect("an address"),
            target.parse().expect("an address"),
        );
        assert_eq!(
            egress.vet_connected(ends.0, ends.1).is_ok(),
            allowed,
            "{local} to {target}"
        );
    }
}

#[test]
fn a_literal_host_is_judged_in_any_spelling() {
    let refused = [
        "127.0.0.1",
        "127.1",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "2130706433",
        "0x7f000001",
        "0",
        "０１７７.0.0.1", // fullwidth digits
        "127。0。0。1",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:7f00:1]",
        "[::ffff:127.0.0.1]",
        "localhost",
        "LocalHost",
        "localhost.",
        "api.localhost",
        "169.254.169.254",
        "2852039166",
        "[64:ff9b::a9fe:a9fe]",
    ];
    let egress = Egress::default();
    for host in refused {
        assert_eq!(egress.vet_literal_host(host, 80), Err(Refusal::Range), "{host}");
    }
    for host in [
        "example.com",
        "8.8.8.8",
        "134744072",
        "[2606:4700::1]",
        "localhost.example.com",
        "notlocalhost",
    ] {
        assert_eq!(egress.vet_literal_host(host, 80), Ok(()), "{host}");
    }
    let open = allowing(&["127.0.0.0/8"]);
    assert_eq!(open.vet_literal_host("localhost", 80), Ok(()));
    assert_eq!(open.vet_literal_host("127.1", 80), Ok(()));
}

#[test]
fn a_refusal_tells_nothing_of_the_address() {
    for refusal in [Refusal::Range, Refusal::OwnListener] {
        assert!(
            !refusal.to_string().contains(|c: char| c.is_ascii_digit()),
            "{refusal}"
        );
    }
}

proptest! {
    /// However an IPv4 address is wrapped, it is never easier to reach than bare.
    #[test]
    fn wrapping_opens_nothing(bits: u32, suffix: u64) {
        let bare = Ipv4Addr::from(bits);
        let high = u128::from(bits);
        let forms = [
            high,                                                    // compatible
            (0xffff << 32) | high,                                   // mapped
            (0xffff << 48) | high,                                   // translated
            (0x64_ff9b_u128 << 96) | high,                           // NAT64
            (0x2002_u128 << 112) | (high << 80) | u128::from(suffix), // 6to4
            (0x2001_u128 << 112) | (0x0808_0808_u128 << 64) | u128::from(!bits), // Teredo
        ];
        let everything_v6 = allowing(&["::/0"]);
        for form in forms {
            let wrapped = SocketAddr::new(Ipv6Addr::from(form).into(), 443);
            let verdict = everything_v6.vet(wrapped);
            if everything_v6.vet(SocketAddr::new(bare.into(), 443)).is_err() && form > 1 {
                prop_assert!(verdict.is_err(), "{}", wrapped);
            }
        }
    }
}
