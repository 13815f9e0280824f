//! What the network answers: the public address, UDP, Redis, relays.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs as _};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::{Report, Verdict};
use crate::config::Config;
use crate::config::presence::Backend;
use crate::presence::redis::probe as probe_redis;
use crate::rooms::relays::Relays;
use crate::sfu::probe::{self, Answer};

const WAIT: Duration = Duration::from_secs(3);

/// An address as people type it.
struct Url<'u> {
    is_https: bool,
    host: &'u str,
    port: u16,
}

impl<'u> Url<'u> {
    /// `None`: neither `http://` nor `https://`, or the port is no number.
    fn parse(url: &'u str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let is_https = match scheme {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        let authority = rest.split(['/', '?', '#']).next()?;
        let usual = if is_https { 443 } else { 80 };
        let (host, port) = match authority.rsplit_once(':') {
            // The colons of an IPv6 address stand in brackets.
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
            _ => (authority, usual),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        (!host.is_empty()).then_some(Self { is_https, host, port })
    }
}

/// The public address: that it has an address, and with a running hub that the hub answers there.
pub(super) fn public_address(report: &mut Report, config: &Config, is_running: bool) {
    let text = config.public_url();
    let Some(url) = Url::parse(&text) else {
        report.line(Verdict::Fail, "public address", format!("{text}: https://HOST or http://HOST:PORT is wanted"));
        return;
    };
    let addresses: Vec<SocketAddr> = match (url.host, url.port).to_socket_addrs() {
        Ok(found) => found.collect(),
        Err(error) => {
            report.line(Verdict::Fail, "public address", format!("{text}: {error}"));
            return;
        }
    };
    let Some(first) = addresses.first().copied() else {
        report.line(Verdict::Fail, "public address", format!("{text}: the name has no address"));
        return;
    };
    let is_local = addresses.iter().all(|address| address.ip().is_loopback());
    if !url.is_https && !is_local {
        let why = "browsers give camera and microphone to https and localhost only";
        report.line(Verdict::Warn, "public address", format!("{text}: {why}"));
    }
    if !is_running {
        report.line(
            Verdict::Ok,
            "public address",
            format!("{text} is {}; the hub does not run, so nothing answers", first.ip()),
        );
        return;
    }
    let answer = if url.is_https { over_tls(&text) } else { over_http(&addresses, &url) };
    match answer {
        Ok(Some(200)) => report.line(Verdict::Ok, "public address", format!("{text} answers")),
        Ok(Some(status)) => {
            let hint = "another server answers there, or the proxy does not pass it on to this hub";
            report.line(Verdict::Fail, "public address", format!("{text}/healthz answers {status}: {hint}"));
        }
        Ok(None) => {
            let hint = "the port is open; whether TLS is right was not tried, because curl is not there";
            report.line(Verdict::Warn, "public address", format!("{text}: {hint}"));
        }
        Err(error) if addresses.iter().any(|address| probe::is_ours(address.ip())) => {
            let hint = "this machine has that address, and nothing answers on it: is the proxy running?";
            report.line(Verdict::Fail, "public address", format!("{text}: {error}; {hint}"));
        }
        Err(error) => {
            let hint = "from this machine. If it works from outside, the router does not lead back in (no NAT hairpin): \
                        people inside the school then need a name server that answers with the inner address";
            report.line(Verdict::Warn, "public address", format!("{text}: {error}, {hint}"));
        }
    }
}

/// The status of `/healthz`.
fn over_http(addresses: &[SocketAddr], url: &Url<'_>) -> Result<Option<u16>, String> {
    let mut why = String::new();
    for address in addresses {
        match get(*address, url.host, "/healthz") {
            Ok((status, body)) if status == 200 && !body.contains("\"version\"") => {
                return Err("something else than a hub answers".into());
            }
            Ok((status, _)) => return Ok(Some(status)),
            Err(error) => why = error.to_string(),
        }
    }
    Err(why)
}

/// TLS is not spoken by this binary (a proxy does it), so curl is asked. `None`: it is not there, but the port is open.
fn over_tls(url: &str) -> Result<Option<u16>, String> {
    let target = format!("{}/healthz", url.trim_end_matches('/'));
    let wait = WAIT.as_secs().to_string();
    let asked = Command::new("curl")
        .args(["--silent", "--show-error", "--noproxy", "*", "--max-time", &wait, "--output", "/dev/null"])
        .args(["--write-out", "%{http_code}", &target])
        .stdin(Stdio::null())
        .output();
    match asked {
        Ok(output) if output.status.success() => {
            let status = String::from_utf8_lossy(&output.stdout).trim().parse();
            status.map(Some).map_err(|_| "no HTTP answer".to_owned())
        }
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let url = Url::parse(url).ok_or("no address")?;
            let mut found = (url.host, url.port).to_socket_addrs().map_err(|error| error.to_string())?;
            let address = found.next().ok_or("the name has no address")?;
            TcpStream::connect_timeout(&address, WAIT).map(|_| None).map_err(|error| error.to_string())
        }
        Err(error) => Err(error.to_string()),
    }
}

/// Status and body of a GET over plain HTTP.
fn get(address: SocketAddr, host: &str, path: &str) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect_timeout(&address, WAIT)?;
    stream.set_read_timeout(Some(WAIT))?;
    stream.set_write_timeout(Some(WAIT))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}:{}\r\nConnection: close\r\n\r\n", address.port())?;
    let mut answer = Vec::new();
    // A hub's figures are some 20 KB; a stranger may send without end.
    stream.take(1 << 20).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").ok_or(ErrorKind::InvalidData)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or(ErrorKind::InvalidData)?;
    Ok((status, body.to_owned()))
}

/// Whether a hub answers where this one would listen.
pub(super) fn is_hub(listen: SocketAddr) -> bool {
    get(reachable(listen), "localhost", "/healthz")
        .is_ok_and(|(status, body)| status == 200 && body.contains("\"version\""))
}

/// An address to connect to for one that is listened on.
fn reachable(listen: SocketAddr) -> SocketAddr {
    match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => SocketAddr::from(([127, 0, 0, 1], listen.port())),
        IpAddr::V6(ip) if ip.is_unspecified() => SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], listen.port())),
        _ => listen,
    }
}

/// Whether datagrams come back in over the addresses that clients are told.
pub(super) async fn udp(report: &mut Report, config: &Config, is_running: bool) {
    let media = &config.media;
    for address in &media.advertise {
        let what = "UDP over the media address";
        let arrived = if is_running && media.udp_port != 0 {
            heard_by_hub(config, SocketAddr::new(*address, media.udp_port)).await
        } else if is_running {
            report.line(Verdict::Ok, what, "not tried: the running hub has any free port (media.udp_port = 0)");
            continue;
        } else {
            let bound = media.bind.iter().find(|bound| bound.is_ipv4() == address.is_ipv4());
            bound.and_then(|bound| probe::echo(SocketAddr::new(*bound, media.udp_port), *address).ok())
        };
        match arrived {
            Some(true) => report.line(Verdict::Ok, what, format!("{address}: datagrams arrive")),
            Some(false) if probe::is_ours(*address) => {
                report.line(Verdict::Fail, what, format!("{address}: nothing arrives; a firewall of this machine?"));
            }
            Some(false) => {
                let hint = "nothing arrives from this machine. Either UDP is not passed on to it, or the router does not lead \
                            back in (no NAT hairpin); try from outside";
                report.line(Verdict::Warn, what, format!("{address}: {hint}"));
            }
            None => report.line(
                Verdict::Warn,
                what,
                format!("{address}: could not be tried; the port is taken or the hub is silent"),
            ),
        }
    }
}

/// Knocks at the running hub's port and looks whether it counted that.
async fn heard_by_hub(config: &Config, to: SocketAddr) -> Option<bool> {
    let listen = reachable(config.server.listen);
    let before = strangers(listen)?;
    probe::knock(to).ok()?;
    // The hub's figures are asked of its workers, behind what has arrived; loopback and a router take well under a second.
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        if strangers(listen)? > before {
            return Some(true);
        }
    }
    Some(false)
}

fn strangers(listen: SocketAddr) -> Option<u64> {
    let (_, figures) = get(listen, "localhost", "/metrics").ok()?;
    let line =
        figures.lines().find(|line| line.starts_with("kafedra_media_packets_dropped_total{reason=\"stranger\"}"))?;
    line.rsplit(' ').next()?.parse().ok()
}

/// Redis, when presence goes over it.
pub(super) async fn redis(report: &mut Report, config: &Config) {
    if config.presence.backend != Backend::Redis {
        return;
    }
    let password = Some(config.presence.password.expose()).filter(|password| !password.is_empty());
    match probe_redis(&config.presence.url, password).await {
        Ok(version) => report.line(Verdict::Ok, "Redis", format!("version {version}, RESP3, answers")),
        Err(error) => report.line(Verdict::Fail, "Redis", crate::api::problem::chain(&error)),
    }
}

/// Relays, when there are some.
pub(super) fn turn(report: &mut Report, config: &Config, now_ms: i64) {
    let relays = Relays::new(&config.turn);
    let servers = relays.servers(&signaling::ids::PersonId::new("doctor"), now_ms);
    let credential = servers.into_iter().find_map(|server| server.username.zip(server.credential));
    for url in &config.turn.urls {
        let (verdict, detail) = relay(url, credential.as_ref());
        report.line(verdict, "relay", format!("{url}: {detail}"));
    }
}

fn relay(url: &str, credential: Option<&(String, String)>) -> (Verdict, String) {
    let Some((scheme, rest)) = url.split_once(':') else { return (Verdict::Fail, "turn:HOST:3478 is wanted".into()) };
    let (target, query) = rest.split_once('?').unwrap_or((rest, ""));
    let usual = if scheme.ends_with('s') { 5349 } else { 3478 };
    let target = if target.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()) {
        target.to_owned()
    } else {
        format!("{target}:{usual}")
    };
    let server = match target.to_socket_addrs().map(|mut found| found.next()) {
        Ok(Some(server)) => server,
        Ok(None) => return (Verdict::Fail, "the name has no address".into()),
        Err(error) => return (Verdict::Fail, error.to_string()),
    };
    if scheme.ends_with('s') || query == "transport=tcp" {
        return match TcpStream::connect_timeout(&server, WAIT) {
            Ok(_) => (Verdict::Ok, "the port is open".into()),
            Err(error) => (Verdict::Fail, error.to_string()),
        };
    }
    if probe::binding(server).is_none() {
        return (Verdict::Fail, "no answer to a STUN binding request".into());
    }
    match (scheme, probe::allocation(server)) {
        ("stun", _) => (Verdict::Ok, "answers".into()),
        (_, Some(Answer::Error(401))) => match credential {
            Some((username, password)) => signed(server, username, password),
            None => (Verdict::Ok, "answers and asks for credentials".into()),
        },
        (_, Some(Answer::Success)) => (Verdict::Warn, "relays for anybody, without credentials".into()),
        (_, Some(Answer::Error(code))) => (Verdict::Fail, format!("answers STUN, and refuses to relay with {code}")),
        (_, None) => (Verdict::Fail, "answers STUN, and not as a relay".into()),
    }
}

/// Whether the relay takes what this hub signs.
fn signed(server: SocketAddr, username: &str, password: &str) -> (Verdict, String) {
    match probe::allocation_with(server, username, password) {
        Some(Answer::Success) => (Verdict::Ok, "asks for credentials and takes the hub's".into()),
        Some(Answer::Error(401)) => {
            let hint = "does not take the hub's credentials: another turn.secret there, or clocks that differ";
            (Verdict::Fail, hint.into())
        }
        Some(Answer::Error(code)) => {
            (Verdict::Fail, format!("takes the hub's credentials, and refuses to relay with {code}"))
        }
        None => (Verdict::Fail, "asks for credentials and does not answer when they come".into()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_address_is_taken_apart() {
        let check = |text, expected| {
            let url = Url::parse(text).map(|url| (url.is_https, url.host, url.port));
            assert_eq!(url, expected, "{text}");
        };
        check("https://hub.school.example", Some((true, "hub.school.example", 443)));
        check("http://127.0.0.1:8080/x", Some((false, "127.0.0.1", 8080)));
        check("https://[2001:db8::1]:8443", Some((true, "2001:db8::1", 8443)));
        check("https://[2001:db8::1]", Some((true, "2001:db8::1", 443)));
        check("ftp://hub", None);
        check("hub.school.example", None);
        check("https://hub:port", None);
    }
}
