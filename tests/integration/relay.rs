//! MD-19: coturn with the configuration that ships relays to the hub and to nothing else, and only for whom the hub has
//! signed. The credentials are those that clients get; the client is made by hand, so that it can ask for anything.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use kafedra::config::secret::Secret;
use kafedra::config::turn::Turn;
use kafedra::rooms::relays::Relays;
use rtc::stun::attributes::{
    ATTR_ERROR_CODE, ATTR_NONCE, ATTR_REALM, ATTR_REQUESTED_ADDRESS_FAMILY, ATTR_REQUESTED_TRANSPORT, ATTR_USERNAME,
    ATTR_XOR_PEER_ADDRESS, AttrType,
};
use rtc::stun::integrity::MessageIntegrity;
use rtc::stun::message::{
    CLASS_INDICATION, CLASS_REQUEST, CLASS_SUCCESS_RESPONSE, METHOD_ALLOCATE, METHOD_CREATE_PERMISSION, METHOD_SEND,
    Message, MessageType, Method, Setter as _,
};
use rtc::stun::xoraddr::XorMappedAddress;
use signaling::ids::PersonId;

use crate::netns::Netns;

const SECRET: &str = "a secret between the hub and its relay";
const RELAY: &str = "10.77.0.3";
const RELAY_6: &str = "fd77::3";
const HUB: &str = "10.77.0.4";
const HUB_6: &str = "fd77::4";
const UDP: u8 = 17;
const TCP: u8 = 6;

/// coturn inside a host that also has the client's and the hub's addresses.
struct Relay {
    child: Child,
    host: Netns,
}

impl Relay {
    fn start(label: &str) -> Option<Self> {
        let addresses =
            ["10.77.0.2/24", "10.77.0.3/24", "10.77.0.4/24", "10.77.0.5/24", "fd77::2/64", "fd77::3/64", "fd77::4/64"];
        let host = Netns::new(label, &addresses)?;
        let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/config/coturn/turnserver.conf");
        // What its comments tell to fill in, and nothing else.
        let mut child = host
            .command("turnserver")
            .args(["-c", shipped, "--static-auth-secret", SECRET])
            .args(["--allowed-peer-ip", HUB, "--allowed-peer-ip", HUB_6])
            .args(["--listening-ip", RELAY, "--listening-ip", RELAY_6, "--relay-ip", RELAY, "--relay-ip", RELAY_6])
            .args(["--no-tls", "--pidfile", "/dev/null"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let log = child.stdout.take().unwrap();
        // Its pipe must not fill up.
        std::thread::spawn(move || for _line in BufReader::new(log).lines() {});
        let relay = Self { child, host };
        relay.host.inside(|| {
            let ready = (0..100).any(|_| {
                std::thread::sleep(Duration::from_millis(50));
                TcpStream::connect((RELAY, 3478)).is_ok()
            });
            assert!(ready, "coturn listens");
        });
        Some(relay)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn credential(person: &str, now_ms: i64) -> (String, String) {
    let urls = vec![format!("turn:{RELAY}")];
    let relays = Relays::new(&Turn { urls, secret: Secret::new(SECRET), ..Turn::default() });
    let server = relays.servers(&PersonId::new(person), now_ms).remove(0);
    (server.username.unwrap(), server.credential.unwrap())
}

fn now_ms() -> i64 {
    kafedra::clock::WallClock::system(0).now_ms()
}

/// A client of the relay: one 5-tuple, so one allocation.
struct Client {
    way: Way,
    username: String,
    password: String,
    realm: String,
    nonce: Vec<u8>,
}

enum Way {
    Udp(UdpSocket),
    Tcp(TcpStream),
}

impl Client {
    fn new(credential: (String, String)) -> Self {
        Self::from("10.77.0.2:0", RELAY.parse().unwrap(), credential)
    }

    fn from(local: &str, relay: IpAddr, credential: (String, String)) -> Self {
        let socket = UdpSocket::bind(local).unwrap();
        socket.connect((relay, 3478)).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        Self::over(Way::Udp(socket), credential)
    }

    fn over_tcp(credential: (String, String)) -> Self {
        let stream = TcpStream::connect((RELAY, 3478)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        Self::over(Way::Tcp(stream), credential)
    }

    /// Asks without a credential first: the refusal brings realm and nonce.
    fn over(way: Way, (username, password): (String, String)) -> Self {
        let mut client = Self { way, username, password, realm: String::new(), nonce: Vec::new() };
        let refusal = client.exchange(METHOD_ALLOCATE, &[transport(UDP)]);
        assert_eq!(code(&refusal), 401);
        client.realm = String::from_utf8(refusal.get(ATTR_REALM).unwrap()).unwrap();
        client.nonce = refusal.get(ATTR_NONCE).unwrap();
        client
    }

    /// Gives 0 for success, else the error's code.
    fn ask(&mut self, method: Method, attributes: &[Attribute]) -> u16 {
        code(&self.exchange(method, attributes))
    }

    fn allocate(&mut self) -> u16 {
        self.ask(METHOD_ALLOCATE, &[transport(UDP)])
    }

    fn may_reach(&mut self, peer: IpAddr) -> u16 {
        self.ask(METHOD_CREATE_PERMISSION, &[peer_address(SocketAddr::new(peer, 8090))])
    }

    fn exchange(&mut self, method: Method, attributes: &[Attribute]) -> Message {
        let request = self.message(method, CLASS_REQUEST, attributes);
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(15) {
            self.send(&request.raw);
            while let Some(bytes) = self.receive() {
                let mut answer = Message::new();
                if answer.unmarshal_binary(&bytes).is_ok() && answer.transaction_id == request.transaction_id {
                    return answer;
                }
            }
            // Refused: it listens over TCP a moment before it does over UDP.
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("the relay does not answer");
    }

    fn message(&self, method: Method, class: rtc::stun::message::MessageClass, attributes: &[Attribute]) -> Message {
        let mut message = Message::new();
        message.new_transaction_id().unwrap();
        message.set_type(MessageType { method, class });
        message.write_header();
        for Attribute(kind, address, value) in attributes {
            match address {
                Some(address) => {
                    XorMappedAddress { ip: address.ip(), port: address.port() }.add_to_as(&mut message, *kind).unwrap();
                }
                None => message.add(*kind, value),
            }
        }
        if !self.realm.is_empty() && class == CLASS_REQUEST {
            message.add(ATTR_USERNAME, self.username.as_bytes());
            message.add(ATTR_REALM, self.realm.as_bytes());
            message.add(ATTR_NONCE, &self.nonce);
            let crypto = rtc::crypto::default_provider().unwrap();
            let (username, realm, password) = (self.username.clone(), self.realm.clone(), self.password.clone());
            MessageIntegrity::new_long_term_integrity_with_provider(username, realm, password, crypto.crypto())
                .unwrap()
                .add_to(&mut message)
                .unwrap();
        }
        message
    }

    fn send(&mut self, bytes: &[u8]) {
        match &mut self.way {
            // An error is the refusal of what was sent before.
            Way::Udp(socket) => drop(socket.send(bytes)),
            Way::Tcp(stream) => stream.write_all(bytes).unwrap(),
        }
    }

    fn receive(&mut self) -> Option<Vec<u8>> {
        let mut buffer = vec![0; 2048];
        let length = match &mut self.way {
            Way::Udp(socket) => socket.recv(&mut buffer).ok()?,
            Way::Tcp(stream) => {
                stream.read_exact(&mut buffer[..20]).ok()?;
                let length = 20 + usize::from(u16::from_be_bytes([buffer[2], buffer[3]]));
                stream.read_exact(&mut buffer[20..length]).ok()?;
                length
            }
        };
        buffer.truncate(length);
        Some(buffer)
    }
}

/// An attribute: an address (XORed as its kind demands), or bytes.
struct Attribute(AttrType, Option<SocketAddr>, Vec<u8>);

fn transport(protocol: u8) -> Attribute {
    Attribute(ATTR_REQUESTED_TRANSPORT, None, vec![protocol, 0, 0, 0])
}

fn peer_address(address: SocketAddr) -> Attribute {
    Attribute(ATTR_XOR_PEER_ADDRESS, Some(address), Vec::new())
}

fn code(answer: &Message) -> u16 {
    if answer.typ.class == CLASS_SUCCESS_RESPONSE {
        return 0;
    }
    let value = answer.get(ATTR_ERROR_CODE).unwrap();
    u16::from(value[2]) * 100 + u16::from(value[3])
}

/// Nobody's but the hub's: loopback, private, link-local, metadata, carrier, documentation, public, multicast, the relay
/// itself, and the forms in which IPv6 writes IPv4.
const FORBIDDEN: [&str; 12] = [
    "127.0.0.1",
    "0.0.0.0",
    "10.0.0.5",
    "10.77.0.2",
    "10.77.0.3",
    "10.77.0.5",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "8.8.8.8",
    "224.0.0.1",
];
const FORBIDDEN_6: [&str; 12] = [
    "::1",
    "::",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.5",
    "::ffff:169.254.169.254",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::1",
    "fe80::1",
    "fd00::1",
    "fd77::3",
    "2001:4860:4860::8888",
];

#[test]
fn a_relay_reaches_the_hub_and_nothing_else() {
    let Some(relay) = Relay::start("reach") else { return };
    relay.host.inside(|| {
        let mut client = Client::new(credential("p-1", now_ms()));
        assert_eq!(client.allocate(), 0, "what the hub signs is good");
        for peer in FORBIDDEN {
            assert_eq!(client.may_reach(peer.parse().unwrap()), 403, "{peer}");
        }
        for peer in FORBIDDEN_6 {
            assert_ne!(client.may_reach(peer.parse().unwrap()), 0, "{peer} over IPv4");
        }
        let family_6 = Attribute(ATTR_REQUESTED_ADDRESS_FAMILY, None, vec![2, 0, 0, 0]);
        let mut client_6 = Client::from("[fd77::2]:0", RELAY_6.parse().unwrap(), credential("p-1", now_ms()));
        assert_eq!(client_6.ask(METHOD_ALLOCATE, &[transport(UDP), family_6]), 0);
        for peer in FORBIDDEN_6 {
            assert_eq!(client_6.may_reach(peer.parse().unwrap()), 403, "{peer}");
        }
        assert_eq!(client_6.may_reach(HUB_6.parse().unwrap()), 0);

        // The hub itself: data arrives there, and nowhere else even if it is sent without a permission.
        let hub = UdpSocket::bind((HUB, 8090)).unwrap();
        hub.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let other = UdpSocket::bind(("10.77.0.5", 8090)).unwrap();
        other.set_nonblocking(true).unwrap();
        assert_eq!(client.may_reach(HUB.parse().unwrap()), 0);
        for to in ["10.77.0.5", HUB] {
            let to = SocketAddr::new(to.parse().unwrap(), 8090);
            let data = Attribute(rtc::stun::attributes::ATTR_DATA, None, b"to the hub".to_vec());
            let indication = client.message(METHOD_SEND, CLASS_INDICATION, &[peer_address(to), data]);
            client.send(&indication.raw);
        }
        let mut buffer = [0; 64];
        let (length, from) = hub.recv_from(&mut buffer).unwrap();
        assert_eq!((&buffer[..length], from.ip()), (&b"to the hub"[..], RELAY.parse::<IpAddr>().unwrap()));
        assert!(other.recv(&mut buffer).is_err(), "sent before, and would be here by now");
    });
}

#[test]
fn doctor_knows_whether_the_relay_takes_what_the_hub_signs() {
    let Some(relay) = Relay::start("doctor") else { return };
    for (secret, verdict, detail) in
        [(SECRET, "ok", "takes the hub's"), ("another", "FAIL", "another turn.secret there")]
    {
        let data = tempfile::tempdir().unwrap();
        let output = relay
            .host
            .command(env!("CARGO_BIN_EXE_kafedra"))
            .args(["doctor", "--data-dir"])
            .arg(data.path())
            .env("KAFEDRA_TURN__URLS", format!("turn:{RELAY}?transport=udp"))
            .env("KAFEDRA_TURN__SECRET", secret)
            .output()
            .unwrap();
        let report = String::from_utf8_lossy(&output.stdout);
        let line = report.lines().find(|line| line.contains("relay: ")).unwrap_or_default();
        assert!(line.starts_with(verdict) && line.contains(detail), "{report}");
    }
}

#[test]
fn who_the_hub_did_not_sign_now_gets_no_relay_and_who_it_did_gets_twelve() {
    let Some(relay) = Relay::start("who") else { return };
    relay.host.inside(|| {
        let hour_ago = now_ms() - 3_600_000;
        let (username, _) = credential("p-1", now_ms());
        let (_, of_other) = credential("p-2", now_ms());
        for (what, bad) in [
            ("expired", credential("p-1", hour_ago)),
            ("of another person", (username.clone(), of_other)),
            ("made up", (username, "bm90IHRoZSBrZXk=".to_owned())),
            ("without a time", ("p-1".to_owned(), "x".to_owned())),
        ] {
            assert_eq!(Client::new(bad).allocate(), 401, "{what}");
        }
        // RFC 6062: connections out of the relay.
        let mut tcp = Client::over_tcp(credential("p-3", now_ms()));
        assert_ne!(tcp.ask(METHOD_ALLOCATE, &[transport(TCP)]), 0, "no TCP out of the relay");
        assert_eq!(tcp.allocate(), 0, "but into it");

        let mut open = Vec::new();
        for number in 1..=12 {
            // As of several sign-ins: what counts is the person.
            let mut client = Client::new(credential("p-4", now_ms() + number * 1000));
            assert_eq!(client.allocate(), 0, "{number}");
            open.push(client);
        }
        assert_eq!(Client::new(credential("p-4", now_ms())).allocate(), 486, "one too many");
        assert_eq!(Client::new(credential("p-5", now_ms())).allocate(), 0, "another person");
    });
}
