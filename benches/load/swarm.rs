//! All clients, on one thread: it sends what is due and takes what has come. The scenarios talk to it over a channel.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use media::demux::Kind;

use crate::flow::Tally;
use crate::net::{Inbox, Poll, Port};
use crate::peer::Peer;
use crate::sdp::Remote;
use crate::storm::PACE;

/// Longest sleep.
const PATIENCE: Duration = Duration::from_millis(20);
/// Batches taken from one socket before the next has its turn.
const TURNS: usize = 4;
/// The socket that wakes the thread.
const WAKER: usize = usize::MAX;

enum Order {
    /// A client, and whom it talks to; `None`: it needs no handshake.
    Add(Box<Peer>, Option<Remote>),
    /// Begin to send, all publishers, evenly spread.
    Publish,
    Restart,
    /// Only this client storms.
    Storm(Option<usize>),
    Report(Sender<Report>),
}

/// How things are.
#[derive(Debug, Default)]
pub struct Report {
    pub tally: Tally,
    pub clients: usize,
    pub connected: usize,
    /// Streams that each receiver gets, the least of all.
    pub streams: usize,
    /// Of each watcher, in the order of coming: offer posted to first media packet, in nanoseconds.
    pub joins: Vec<u64>,
}

/// The thread's handle.
pub struct Swarm {
    orders: Sender<Order>,
    waker: std::net::UdpSocket,
    thread: Option<JoinHandle<()>>,
}

impl Swarm {
    pub fn start() -> Self {
        let (orders, inbox) = channel();
        let port = Port::bind(std::net::Ipv4Addr::LOCALHOST.into()).expect("a free port");
        let waker = std::net::UdpSocket::bind("127.0.0.1:0").expect("a free port");
        waker.connect(port.address()).expect("loopback");
        let thread = std::thread::spawn(move || Driver::new(inbox, port).run());
        Self { orders, waker, thread: Some(thread) }
    }

    fn order(&self, order: Order) {
        self.orders.send(order).expect("the thread lives as long as its handle");
        let _ = self.waker.send(&[1]);
    }

    pub fn add(&self, peer: Peer, remote: Option<Remote>) {
        self.order(Order::Add(Box::new(peer), remote));
    }

    pub fn publish(&self) {
        self.order(Order::Publish);
    }

    pub fn restart(&self) {
        self.order(Order::Restart);
    }

    /// Lets one client, by the order of coming, send RTCP without end; `None`: nobody.
    pub fn storm(&self, client: Option<usize>) {
        self.order(Order::Storm(client));
    }

    pub fn report(&self) -> Report {
        let (sender, answer) = channel();
        self.order(Order::Report(sender));
        answer.recv().expect("the thread answers")
    }

    /// Polls until a report fits. `false`: it never did.
    pub fn wait(&self, patience: Duration, fits: impl Fn(&Report) -> bool) -> bool {
        let end = Instant::now() + patience;
        while Instant::now() < end {
            if fits(&self.report()) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }
}

impl Drop for Swarm {
    fn drop(&mut self) {
        let (orders, _) = channel();
        self.orders = orders;
        let _ = self.waker.send(&[1]);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Frame(usize, usize),
    Timer(usize),
    Storm(usize),
}

struct Driver {
    orders: Receiver<Order>,
    waker: Port,
    peers: Vec<Peer>,
    poll: Poll,
    inbox: Inbox,
    due: BinaryHeap<Reverse<(Instant, Due)>>,
    datagrams: Vec<Vec<u8>>,
    publishes: bool,
}

impl Driver {
    fn new(orders: Receiver<Order>, waker: Port) -> Self {
        let poll = Poll::new();
        poll.add(&waker, WAKER);
        Self {
            orders,
            waker,
            peers: Vec::new(),
            poll,
            inbox: Inbox::new(),
            due: BinaryHeap::new(),
            datagrams: Vec::new(),
            publishes: false,
        }
    }

    fn run(mut self) {
        let mut ready = Vec::new();
        loop {
            let now = Instant::now();
            let next = self.due.peek().map_or(PATIENCE, |Reverse((at, _))| at.saturating_duration_since(now));
            ready.clear();
            ready.extend(self.poll.wait(next.min(PATIENCE)));
            for number in &ready {
                if *number == WAKER {
                    while self.inbox.receive(&self.waker) {}
                } else {
                    self.receive(*number);
                }
                self.send_due();
            }
            self.send_due();
            loop {
                match self.orders.try_recv() {
                    Ok(order) => self.obey(order),
                    Err(std::sync::mpsc::TryRecvError::Empty) => break,
                    Err(std::sync::mpsc::TryRecvError::Disconnected) => return,
                }
            }
        }
    }

    fn receive(&mut self, number: usize) {
        let Some(peer) = self.peers.get_mut(number) else { return };
        for _ in 0..TURNS {
            let more = self.inbox.receive(&peer.port);
            for (arrival, datagram) in self.inbox.datagrams() {
                match media::demux::classify(datagram) {
                    Kind::Rtp => {
                        if let Some((inbound, _)) = &mut peer.srtp {
                            peer.flow.receive(arrival, datagram, inbound);
                        }
                    }
                    Kind::Rtcp if peer.flow.tracks.is_empty() => {}
                    Kind::Rtcp => {
                        if peer.asks_for_key_frame(datagram) {
                            peer.flow.tracks.iter_mut().for_each(crate::flow::Track::want_key_frame);
                        }
                    }
                    _ => {
                        if peer.handle_control(Instant::now(), datagram) && self.publishes {
                            Self::schedule(&mut self.due, number, peer);
                        }
                    }
                }
            }
            if !more {
                break;
            }
        }
        peer.give_feedback(Instant::now());
    }

    fn schedule(due: &mut BinaryHeap<Reverse<(Instant, Due)>>, number: usize, peer: &Peer) {
        let now = Instant::now();
        for (place, track) in peer.flow.tracks.iter().enumerate() {
            // The golden ratio spreads any number of publishers evenly over a frame's time.
            let phase = (f64::from(peer.flow.publisher) * 0.618_033_988 + 0.3 * place as f64).fract();
            due.push(Reverse((now + track.interval().mul_f64(phase), Due::Frame(number, place))));
        }
    }

    fn send_due(&mut self) {
        let now = Instant::now();
        while let Some(Reverse((at, due))) = self.due.peek().copied()
            && at <= now
        {
            self.due.pop();
            match due {
                Due::Frame(number, place) => {
                    let Some(peer) = self.peers.get_mut(number) else { continue };
                    let (Some(track), Some((_, outbound))) = (peer.flow.tracks.get_mut(place), &mut peer.srtp) else {
                        continue;
                    };
                    track.next_frame(peer.flow.publisher, outbound, &mut self.datagrams);
                    peer.port.send_all(&self.datagrams);
                    peer.flow.tally.sent += self.datagrams.len() as u64;
                    self.due.push(Reverse((at + track.interval(), due)));
                }
                Due::Timer(number) => {
                    let next = self.peers.get_mut(number).and_then(|peer| peer.handle_timeout(now));
                    if let Some(next) = next {
                        self.due.push(Reverse((next, due)));
                    }
                }
                Due::Storm(number) => {
                    if self.peers.get_mut(number).is_some_and(Peer::storm) {
                        self.due.push(Reverse((at + PACE, due)));
                    }
                }
            }
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Add(mut peer, remote) => {
                let number = self.peers.len();
                self.poll.add(&peer.port, number);
                if let Some(remote) = remote {
                    if let Err(error) = peer.begin(Instant::now(), remote) {
                        eprintln!("a client cannot begin: {error}");
                    }
                    self.due.push(Reverse((Instant::now(), Due::Timer(number))));
                } else if self.publishes {
                    Self::schedule(&mut self.due, number, &peer);
                }
                self.peers.push(*peer);
            }
            Order::Publish => {
                self.publishes = true;
                for (number, peer) in self.peers.iter().enumerate().filter(|(_, peer)| peer.is_connected()) {
                    Self::schedule(&mut self.due, number, peer);
                }
            }
            Order::Storm(client) => {
                for (number, peer) in self.peers.iter_mut().enumerate() {
                    peer.set_storm(client == Some(number));
                }
                self.due.retain(|Reverse((_, due))| !matches!(due, Due::Storm(_)));
                self.due.extend(client.map(|number| Reverse((Instant::now(), Due::Storm(number)))));
            }
            Order::Restart => self.peers.iter_mut().for_each(|peer| peer.flow.restart()),
            Order::Report(answer) => {
                let _ = answer.send(self.report());
            }
        }
    }

    fn report(&self) -> Report {
        let mut report = Report { clients: self.peers.len(), streams: usize::MAX, ..Report::default() };
        for peer in &self.peers {
            report.tally.add(&peer.flow.report());
            report.connected += usize::from(peer.is_connected());
            if peer.flow.tracks.is_empty() {
                report.streams = report.streams.min(peer.flow.streams());
            }
            if peer.posted_ns != 0 && peer.flow.tracks.is_empty() && peer.flow.first_ns != 0 {
                report.joins.push(peer.flow.first_ns.saturating_sub(peer.posted_ns));
            }
        }
        report
    }
}
