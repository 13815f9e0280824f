//! `kafedra doctor` against what is and what is not there: exit code and line for each.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::process::Command;

use crate::hub::TestHub;
use crate::presence::redis_server::RedisServer;

/// A port that is free for TCP and UDP.
fn free_port() -> u16 {
    loop {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = tcp.local_addr().unwrap().port();
        if UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

/// Runs it; exit code and report. Not on the runtime's threads: a hub in this process has to answer meanwhile.
async fn doctor(settings: &[(&str, &str)]) -> (i32, String) {
    let data = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_kafedra"));
    command.arg("doctor").arg("--data-dir").arg(data.path());
    command.env("KAFEDRA_MEDIA__WORKERS", "1").env("KAFEDRA_MEDIA__BIND", "127.0.0.1");
    command.env("KAFEDRA_MEDIA__ADVERTISE", "127.0.0.1");
    for (name, value) in settings {
        command.env(format!("KAFEDRA_{name}"), value);
    }
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    drop(data);
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap(), text)
}

fn says(report: &str, verdict: &str, what: &str, detail: &str) {
    let line = report.lines().find(|line| line.starts_with(verdict) && line.contains(what) && line.contains(detail));
    assert!(line.is_some(), "no line `{verdict} {what}: …{detail}…` in\n{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_hub_is_asked_over_its_public_address_and_by_datagrams() {
    let udp = free_port();
    let hub = TestHub::start_with(|config| config.media.udp_port = udp).await;
    let (listen, udp) = (hub.app().addr.to_string(), udp.to_string());
    let here = [("SERVER__LISTEN", listen.as_str()), ("MEDIA__UDP_PORT", &udp), ("SERVER__PUBLIC_URL", &hub.url)];
    let (code, report) = doctor(&here).await;
    assert_eq!(code, 0, "{report}");
    says(&report, "ok", "listen", "a hub runs there");
    says(&report, "ok", "public address", "answers");
    says(&report, "ok", "UDP over the media address", "datagrams arrive");

    // The name leads to this machine, and nothing is there.
    let nowhere = format!("http://127.0.0.1:{}", free_port());
    let (code, report) = doctor(&[here[0], here[1], ("SERVER__PUBLIC_URL", &nowhere)]).await;
    assert_eq!(code, 1, "{report}");
    says(&report, "FAIL", "public address", "is the proxy running?");
    let (code, report) = doctor(&[here[0], here[1], ("SERVER__PUBLIC_URL", "https://no-such-host.invalid")]).await;
    assert_eq!(code, 1, "{report}");
    says(&report, "FAIL", "public address", "no-such-host.invalid");
    // Datagrams go to an address of this machine on which the hub does not listen.
    let (code, report) = doctor(&[here[0], here[1], here[2], ("MEDIA__ADVERTISE", "127.0.0.9")]).await;
    assert_eq!(code, 1, "{report}");
    says(&report, "FAIL", "UDP over the media address", "nothing arrives");
    hub.stop().await;
}

#[tokio::test]
async fn without_a_hub_the_port_is_tried_and_a_stranger_on_it_is_named() {
    let udp = free_port().to_string();
    let (code, report) = doctor(&[("SERVER__LISTEN", "127.0.0.1:0"), ("MEDIA__UDP_PORT", &udp)]).await;
    assert_eq!(code, 0, "{report}");
    says(&report, "ok", "UDP over the media address", "datagrams arrive");
    says(&report, "ok", "public address", "the hub does not run");
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = taken.local_addr().unwrap();
    std::thread::spawn(move || {
        // Takes callers and says nothing of use.
        while let Ok((stream, _)) = taken.accept() {
            drop(stream);
        }
    });
    let (code, report) = doctor(&[("SERVER__LISTEN", &address.to_string()), ("MEDIA__UDP_PORT", &udp)]).await;
    assert_eq!(code, 1, "{report}");
    says(&report, "FAIL", "listen", "no hub");
}

#[tokio::test]
async fn redis_is_asked_for_its_version() {
    let redis = RedisServer::start().await;
    let url = redis.url();
    let with = |url: &str| {
        [
            ("SERVER__LISTEN", "127.0.0.1:0"),
            ("MEDIA__UDP_PORT", "0"),
            ("PRESENCE__BACKEND", "redis"),
            ("PRESENCE__URL", url),
        ]
        .map(|(name, value)| (name, value.to_owned()))
    };
    let ask = async |settings: [(&'static str, String); 4]| {
        let settings: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
        doctor(&settings).await
    };
    let (code, report) = ask(with(&url)).await;
    assert_eq!(code, 0, "{report}");
    says(&report, "ok", "Redis", "RESP3");
    drop(redis);
    let (code, report) = ask(with(&url)).await;
    assert_eq!(code, 1, "{report}");
    says(&report, "FAIL", "Redis", "");
}

/// A server that answers bindings, and allocations with this error code (0: not at all).
fn relay(code: u16) -> SocketAddr {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut request = [0; 1500];
        while let Ok((_, from)) = socket.recv_from(&mut request) {
            let (kind, attributes) = match (request[1], code) {
                (1, _) => (0x0101_u16, Vec::new()),
                (_, 0) => continue,
                _ => (0x0113, vec![0, 9, 0, 4, 0, 0, (code / 100) as u8, (code % 100) as u8]),
            };
            let head = [&kind.to_be_bytes()[..], &(attributes.len() as u16).to_be_bytes(), &request[4..20]].concat();
            socket.send_to(&[head, attributes].concat(), from).unwrap();
        }
    });
    address
}

#[tokio::test]
async fn a_relay_is_asked_for_a_binding_and_for_an_allocation() {
    let silent = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    for (server, code, verdict, detail) in [
        (relay(401), 1, "FAIL", "does not take the hub's credentials"),
        (relay(0), 1, "FAIL", "not as a relay"),
        (relay(437), 1, "FAIL", "437"),
        (silent.local_addr().unwrap(), 1, "FAIL", "no answer"),
    ] {
        let url = format!("turn:{server}?transport=udp");
        let (found, report) = doctor(&[
            ("SERVER__LISTEN", "127.0.0.1:0"),
            ("MEDIA__UDP_PORT", "0"),
            ("TURN__URLS", &url),
            ("TURN__SECRET", "x"),
        ])
        .await;
        says(&report, verdict, "relay", detail);
        assert_eq!(found, code, "{report}");
    }
}
