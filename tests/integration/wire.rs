//! A wire between a client and the hub: UDP on the client's side, UDP or TCP (RFC 4571) on the hub's. It changes its
//! address as a NAT does, moves from UDP to TCP as a blocked client does, loses what is too long for a narrow path.

use std::net::SocketAddr;

use media::framing::{self, Deframer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::mpsc;

enum Change {
    To(Hub),
    Narrow(usize),
}

/// How the hub is reached.
#[derive(Clone, Copy)]
pub enum Hub {
    Udp(SocketAddr),
    Tcp(SocketAddr),
}

/// Ends when dropped.
pub struct Wire {
    address: SocketAddr,
    changes: mpsc::UnboundedSender<Change>,
}

impl Wire {
    pub async fn to(hub: Hub) -> Self {
        let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = client.local_addr().unwrap();
        let (changes, wanted) = mpsc::unbounded_channel();
        let far = Far::open(hub).await;
        tokio::spawn(carry(client, far, wanted));
        Self { address, changes }
    }

    /// The hub's answer with this wire as its only candidate.
    pub fn only_way(&self, answer: &str) -> String {
        let mut lines: Vec<String> =
            answer.lines().filter(|line| !line.starts_with("a=candidate:")).map(str::to_owned).collect();
        let at = lines.iter().position(|line| line == "a=end-of-candidates").unwrap();
        let candidate =
            format!("a=candidate:1 1 udp 2130706431 {} {} typ host", self.address.ip(), self.address.port());
        lines.insert(at, candidate);
        lines.join("\r\n") + "\r\n"
    }

    /// From now on by a new socket: another address of the client, as the hub sees it.
    pub fn moves(&self, hub: Hub) {
        self.changes.send(Change::To(hub)).unwrap();
    }

    /// From now on datagrams with more bytes at the IP level are lost, in both directions.
    pub fn narrows(&self, bytes: usize) {
        self.changes.send(Change::Narrow(bytes)).unwrap();
    }
}

/// The hub's side.
enum Far {
    Udp(UdpSocket),
    Tcp { stream: TcpStream, deframer: Deframer, buffer: Vec<u8> },
}

impl Far {
    async fn open(hub: Hub) -> Self {
        match hub {
            Hub::Udp(hub) => {
                let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
                socket.connect(hub).await.unwrap();
                Self::Udp(socket)
            }
            Hub::Tcp(hub) => {
                let stream = TcpStream::connect(hub).await.unwrap();
                stream.set_nodelay(true).unwrap();
                Self::Tcp { stream, deframer: Deframer::default(), buffer: vec![0; 65_536] }
            }
        }
    }

    async fn send(&mut self, datagram: &[u8]) {
        match self {
            // A refused datagram is lost, like any other.
            Self::Udp(socket) => _ = socket.send(datagram).await,
            Self::Tcp { stream, .. } => {
                let mut framed = Vec::new();
                framing::frame(&mut framed, datagram);
                _ = stream.write_all(&framed).await;
            }
        }
    }

    /// What has come; empty when there is no more to come.
    async fn receive(&mut self) -> Vec<Vec<u8>> {
        match self {
            Self::Udp(socket) => {
                let mut buffer = vec![0; 2048];
                match socket.recv(&mut buffer).await {
                    Ok(length) => vec![buffer[..length].to_vec()],
                    Err(_) => Vec::new(),
                }
            }
            Self::Tcp { stream, deframer, buffer } => {
                let length = stream.read(buffer).await.unwrap_or(0);
                let mut found = Vec::new();
                deframer.push(&mut buffer[..length], |datagram| found.push(datagram.to_vec())).unwrap();
                found
            }
        }
    }
}

async fn carry(client: UdpSocket, mut far: Far, mut wanted: mpsc::UnboundedReceiver<Change>) {
    /// IPv4 and UDP.
    const HEADERS: usize = 28;
    let mut near = None;
    let mut longest = usize::MAX;
    let mut buffer = vec![0; 2048];
    loop {
        tokio::select! {
            change = wanted.recv() => match change {
                Some(Change::To(hub)) => far = Far::open(hub).await,
                Some(Change::Narrow(bytes)) => longest = bytes,
                None => return,
            },
            Ok((length, from)) = client.recv_from(&mut buffer) => {
                near = Some(from);
                if length + HEADERS <= longest {
                    far.send(&buffer[..length]).await;
                }
            }
            datagrams = far.receive() => {
                for datagram in datagrams.iter().filter(|datagram| datagram.len() + HEADERS <= longest) {
                    if let Some(near) = near {
                        _ = client.send_to(datagram, near).await;
                    }
                }
            }
        }
    }
}
