//! Where the server listens, and how one reaches what listens there.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};

use anyhow::{Context, Result, bail};

/// `127.0.0.1:3000`, `[::1]:3000`, `localhost:3000` or, for every address of the machine, `:3000`.
pub fn parse(text: &str) -> Result<SocketAddr, String> {
    let whole = if text.starts_with(':') { format!("0.0.0.0{text}") } else { text.to_owned() };
    let found = whole.to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
    found.ok_or_else(|| "write an address and a port, for example 127.0.0.1:3000".to_owned())
}

/// The address with its port decided, and known to be free.
///
/// The port is let go again for the host to take; should another program take it in between, the host says so.
///
/// # Errors
/// Where the address can't be listened on.
pub fn reserve(listen: SocketAddr) -> Result<SocketAddr> {
    match TcpListener::bind(listen) {
        Ok(listener) => listener.local_addr().context("the system does not say which port it gave"),
        Err(error) if error.kind() == ErrorKind::AddrInUse => bail!(
            "{listen} is in use by another program; stop that one, or choose another address by --listen (port 0 \
             takes a free one)"
        ),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            bail!("this user may not listen on {listen}; choose a port from 1024 on by --listen")
        }
        Err(error) => Err(error).with_context(|| {
            format!("can't listen on {listen}; choose an address of this machine by --listen")
        }),
    }
}

/// The URL for a client on this machine.
pub fn reachable(listen: SocketAddr) -> String {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, listen.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_be_written_short() {
        assert_eq!(parse("127.0.0.1:0").unwrap().to_string(), "127.0.0.1:0");
        assert_eq!(parse(":80").unwrap().to_string(), "0.0.0.0:80");
        for bad in ["", "3000", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_address_of_the_machine_is_reached_at_loopback() {
        let reached = |text: &str| reachable(text.parse().unwrap());
        assert_eq!(reached("0.0.0.0:3000"), "http://127.0.0.1:3000");
        assert_eq!(reached("[::]:3000"), "http://[::1]:3000");
        assert_eq!(reached("192.0.2.1:80"), "http://192.0.2.1:80");
    }

    #[test]
    fn a_port_in_use_is_told_before_anything_starts() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let error = reserve(taken.local_addr().unwrap()).unwrap_err().to_string();
        assert!(error.contains("is in use by another program"), "{error}");
        assert_ne!(reserve("127.0.0.1:0".parse().unwrap()).unwrap().port(), 0);
    }
}
