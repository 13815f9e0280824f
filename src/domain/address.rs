//! Which addresses are somewhere outside: a webhook or a push must not become a way into the school's own network (SSRF).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether an address is one of the public internet. Addresses that carry another one inside (mapped, NAT64, 6to4, Teredo)
/// are never public: the inner one is where they lead.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_documentation()
        || address.is_multicast()
        || a == 0
        // RFC 6598 shared space, RFC 2544 benchmarks, RFC 6890 protocol assignments, 6to4 relays, RFC 1112 reserved.
        || (a == 100 && (64..128).contains(&b))
        || (a == 198 && (b == 18 || b == 19))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || a >= 240;
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    // Global unicast is 2000::/3 and nothing else; inside it 6to4, Teredo and the rest of 2001::/23, documentation.
    let is_global = first & 0xe000 == 0x2000;
    let is_special = first == 0x2002
        || (first == 0x2001 && second < 0x0200)
        || (first == 0x2001 && second == 0x0db8)
        || (first == 0x3fff && second < 0x1000);
    is_global && !is_special
}

/// Whether a host is named by a list: whole names, or `*.domain` for whatever stands below it.
pub fn is_listed(host: &str, list: &[String]) -> bool {
    list.iter().any(|entry| match entry.strip_prefix("*.") {
        Some(domain) => {
            host.len() > domain.len() + 1
                && host.to_ascii_lowercase().ends_with(&domain.to_ascii_lowercase())
                && host.as_bytes()[host.len() - domain.len() - 1] == b'.'
        }
        None => entry.eq_ignore_ascii_case(host),
    })
}

/// Whether text looks like one e-mail address; the code that is sent there proves it.
pub fn is_mail_address(text: &str) -> bool {
    let Some((name, domain)) = text.split_once('@') else { return false };
    let is_plain =
        |part: &str| !part.is_empty() && part.chars().all(|next| next.is_alphanumeric() || ".-_+".contains(next));
    text.len() <= 254 && is_plain(name) && is_plain(domain) && domain.contains('.') && !domain.contains("..")
}

/// Whether a browser's keys of Web Push have the sizes of RFC 8291: a point of P-256 and 16 bytes.
pub fn are_push_keys(p256dh: &str, auth: &str) -> bool {
    use base64::Engine as _;
    let size = |text: &str| {
        let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text.trim_end_matches('='));
        bytes.map_or(0, |bytes| bytes.len())
    };
    size(p256dh) == 65 && size(auth) == 16
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn nothing_of_the_inside_is_public() {
        for inside in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "192.0.0.8",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "240.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "::1",
            "::",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:0:1::",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "2001:db8::1",
            "100::1",
            "fec0::1",
        ] {
            assert!(!is_public(inside.parse().unwrap()), "{inside}");
        }
        for outside in ["8.8.8.8", "93.184.216.34", "2a02:6b8::1", "2001:4860:4860::8888"] {
            assert!(is_public(outside.parse().unwrap()), "{outside}");
        }
    }

    #[test]
    fn an_address_of_letters_is_one_name_at_one_domain() {
        let check = |text, expected| assert_eq!(is_mail_address(text), expected, "{text}");
        check("mother@mail.example", true);
        check("мама@почта.рф", true);
        check("a@b", false);
        check("a b@c.example", false);
        check("a@c.example, b@c.example", false);
        check("a@c.example\r\nBcc: b@c.example", false);
        check("a@@c.example", false);
    }

    #[test]
    fn a_list_names_hosts_whole_or_by_what_is_below() {
        let list = ["hooks.school.example".to_owned(), "*.push.example".to_owned()];
        let check = |host, expected| assert_eq!(is_listed(host, &list), expected, "{host}");
        check("hooks.school.example", true);
        check("HOOKS.school.example", true);
        check("evil-hooks.school.example", false);
        check("a.push.example", true);
        check("push.example", false);
        check("evilpush.example", false);
        check("a.push.example.evil", false);
    }
}
