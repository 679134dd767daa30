//! `allowed_outbound_hosts`: where a component may send requests to, by Spin's grammar.
//!
//! `scheme://host[:port]`, with `*` for each, `*.suffix` for the host, a network in CIDR form, and `from..to`
//! for the port (`to` excluded). Nothing is looked up here: names are compared as names.

use std::net::IpAddr;

use url::Host;

const CHAINING_SUFFIX: &str = ".spin.internal";

/// One entry of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedHost {
    /// None for any.
    scheme: Option<String>,
    host: HostRule,
    port: PortRule,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum HostRule {
    Any,
    /// With its leading dot.
    Suffix(String),
    Exactly(Host),
    Network(IpAddr, u8),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum PortRule {
    Any,
    One(u16),
    Range(u16, u16),
}

impl AllowedHost {
    pub fn parse(entry: &str) -> Result<Self, String> {
        let (scheme, rest) = entry
            .trim()
            .split_once("://")
            .ok_or("there is no scheme; write it as scheme://host[:port], `*` for any of the three")?;
        let (host, port) = split_port(rest)?;
        Ok(Self {
            scheme: parse_scheme(scheme)?,
            host: HostRule::parse(host)?,
            port: PortRule::parse(port, scheme)?,
        })
    }

    /// Like `parse`, for what a template gave: None where an empty variable left nothing to allow.
    pub fn parse_filled(entry: &str) -> Result<Option<Self>, String> {
        match entry {
            "" | "http://" | "https://" => Ok(None),
            other => Self::parse(other).map(Some),
        }
    }

    /// Whether a request may go there. `host` is as it stands in a URL, an IPv6 address in brackets.
    pub fn allows(&self, scheme: &str, host: &Host, port: u16) -> bool {
        self.scheme.as_deref().is_none_or(|s| s == scheme) && self.host.allows(host) && self.port.allows(port)
    }
}

/// The component that a host name of the form `<id>.spin.internal` means.
pub fn chained_component(host: &str) -> Option<&str> {
    host.strip_suffix(CHAINING_SUFFIX).filter(|id| !id.is_empty() && !id.contains('.'))
}

pub fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        "postgres" => Some(5432),
        "mysql" => Some(3306),
        "redis" => Some(6379),
        "mqtt" => Some(1883),
        _ => None,
    }
}

fn parse_scheme(scheme: &str) -> Result<Option<String>, String> {
    match scheme {
        "*" => Ok(None),
        s if !s.is_empty() && s.chars().all(char::is_alphabetic) => Ok(Some(s.to_owned())),
        s => Err(format!("{s:?} is not a scheme; it is `*` or letters only")),
    }
}

/// Parts `host[:port][/]`, where the host may be an IPv6 network with colons of its own.
fn split_port(rest: &str) -> Result<(&str, &str), String> {
    match rest.rsplit_once(':') {
        None => Ok((rest, "")),
        Some((host, "")) => Ok((host, "")),
        Some(_) if HostRule::parse(rest).is_ok() => Ok((rest, "")),
        Some((host, tail)) => match tail.split_once('/') {
            None | Some((_, "")) => Ok((host, tail.trim_end_matches('/'))),
            Some(_) => Err("a path is not possible here; only scheme, host and port are compared".to_owned()),
        },
    }
}

impl HostRule {
    fn parse(host: &str) -> Result<Self, String> {
        let host = host.trim();
        match host {
            "*" => return Ok(Self::Any),
            "self" | "self.alt" => {
                return Err(
                    "this host sends no requests to itself through the network; name the component: \
                            http://<component>.spin.internal"
                        .to_owned(),
                );
            }
            _ => {}
        }
        if let Some(network) = parse_network(host) {
            return Ok(network);
        }
        let host = host.strip_suffix('/').unwrap_or(host);
        if host.contains('/') {
            return Err("a path is not possible here; only scheme, host and port are compared".to_owned());
        }
        if let Some(suffix) = host.strip_prefix("*.") {
            return match Host::parse(suffix) {
                Ok(Host::Domain(domain)) if !domain.contains('*') => Ok(Self::Suffix(format!(".{domain}"))),
                _ => Err(format!("{suffix:?} is not a domain; after `*.` comes a domain")),
            };
        }
        if host.contains('*') {
            return Err(format!(
                "{host:?} is not a host; `*` is the whole of it, or stands before its first dot"
            ));
        }
        Host::parse(host).map(Self::Exactly).map_err(|e| format!("{host:?} is not a host: {e}"))
    }

    fn allows(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Any, _) => true,
            (Self::Suffix(suffix), Host::Domain(domain)) => domain.ends_with(suffix),
            (Self::Exactly(this), host) => this == host,
            (Self::Network(net, bits), Host::Ipv4(ip)) => in_network(*net, *bits, IpAddr::V4(*ip)),
            (Self::Network(net, bits), Host::Ipv6(ip)) => in_network(*net, *bits, IpAddr::V6(*ip)),
            (Self::Suffix(_) | Self::Network(..), _) => false,
        }
    }
}

fn parse_network(host: &str) -> Option<HostRule> {
    let (ip, bits) = host.split_once('/')?;
    let ip: IpAddr = ip.parse().ok()?;
    let bits: u8 = bits.parse().ok()?;
    let most = if ip.is_ipv4() { 32 } else { 128 };
    (bits <= most).then_some(HostRule::Network(ip, bits))
}

fn in_network(network: IpAddr, bits: u8, ip: IpAddr) -> bool {
    match (network, ip) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            (u32::from(a) ^ u32::from(b)).checked_shr(32 - u32::from(bits)).unwrap_or(0) == 0
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => {
            (u128::from(a) ^ u128::from(b)).checked_shr(128 - u32::from(bits)).unwrap_or(0) == 0
        }
        _ => false,
    }
}

impl PortRule {
    fn parse(port: &str, scheme: &str) -> Result<Self, String> {
        let number = |text: &str| {
            text.parse::<u16>()
                .map_err(|_| format!("{text:?} is not a port; it is `*`, a number, or `from..to`"))
        };
        match (port, port.split_once("..")) {
            ("", _) => default_port(scheme).map(Self::One).ok_or_else(|| {
                format!("the scheme `{scheme}` has no port of its own; add `:<port>` or `:*`")
            }),
            ("*", _) => Ok(Self::Any),
            (_, Some((from, to))) => Ok(Self::Range(number(from)?, number(to)?)),
            (one, None) => number(one).map(Self::One),
        }
    }

    fn allows(&self, port: u16) -> bool {
        match self {
            Self::Any => true,
            Self::One(one) => *one == port,
            Self::Range(from, to) => (*from..*to).contains(&port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(entry: &str, scheme: &str, host: &str, port: u16) -> bool {
        AllowedHost::parse(entry).unwrap().allows(scheme, &Host::parse(host).unwrap(), port)
    }

    #[test]
    fn an_entry_allows_what_it_names_and_nothing_else() {
        for (entry, scheme, host, port, want) in [
            ("http://a.com", "http", "a.com", 80, true),
            ("http://a.com/", "http", "a.com", 80, true),
            ("http://a.com", "http", "a.com", 81, false),
            ("http://a.com", "https", "a.com", 80, false),
            ("http://a.com", "http", "b.a.com", 80, false),
            ("http://A.com", "http", "a.com", 80, true),
            ("https://a.com:8443", "https", "a.com", 8443, true),
            ("*://a.com:*", "https", "a.com", 1, true),
            ("http://*", "http", "anything", 80, true),
            ("http://*", "http", "anything", 8080, false),
            ("*://*:*", "redis", "x", 9, true),
            ("https://*.a.com", "https", "b.a.com", 443, true),
            ("https://*.a.com", "https", "c.b.a.com", 443, true),
            ("https://*.a.com", "https", "a.com", 443, false),
            ("https://*.a.com", "https", "ba.com", 443, false),
            ("http://127.0.0.1:3000..3002", "http", "127.0.0.1", 3001, true),
            ("http://127.0.0.1:3000..3002", "http", "127.0.0.1", 3002, false),
            ("http://127.0.0.1:*", "http", "0x7f.1", 5, true),
            ("http://10.0.0.0/8:*", "http", "10.9.8.7", 80, true),
            ("http://10.0.0.0/8", "http", "11.0.0.1", 80, false),
            ("http://0.0.0.0/0", "http", "9.9.9.9", 80, true),
            ("http://[::1]:*", "http", "[::1]", 80, true),
            ("http://[::1]", "http", "[::2]", 80, false),
            ("http://fc00::/7", "http", "[fd00::1]", 80, true),
            ("http://fc00::/7", "http", "[fe80::1]", 80, false),
        ] {
            assert_eq!(allows(entry, scheme, host, port), want, "{entry} for {scheme}://{host}:{port}");
        }
    }

    #[test]
    fn what_is_no_entry_says_why() {
        for (entry, want) in [
            ("*", "there is no scheme"),
            ("a.com", "there is no scheme"),
            ("http://a.com/path", "a path is not possible"),
            ("http://a.com:80/path", "a path is not possible"),
            ("http://a.*.com", "is not a host"),
            ("http://*.*.com", "is not a domain"),
            ("ftp://a.com", "has no port of its own"),
            ("*://a.com", "has no port of its own"),
            ("http://a.com:x", "is not a port"),
            ("http://a.com:70000", "is not a port"),
            ("http://self", "name the component"),
            ("h1://a.com:1", "is not a scheme"),
        ] {
            let error = AllowedHost::parse(entry).unwrap_err();
            assert!(error.contains(want), "{entry}: {error}");
        }
    }

    #[test]
    fn an_empty_variable_allows_nothing_and_is_no_error() {
        for empty in ["", "http://", "https://"] {
            assert_eq!(AllowedHost::parse_filled(empty), Ok(None));
        }
    }

    #[test]
    fn a_chained_component_is_one_label_before_the_suffix() {
        assert_eq!(chained_component("api.spin.internal"), Some("api"));
        for other in ["spin.internal", ".spin.internal", "a.b.spin.internal", "api.spin.internal.com", "api"]
        {
            assert_eq!(chained_component(other), None, "{other}");
        }
    }
}
