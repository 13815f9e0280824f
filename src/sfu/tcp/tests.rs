//! Connections under a told time: who is closed when, and what a reader that stopped costs.
#![allow(clippy::unwrap_used)]

use std::io::{Read as _, Write as _};

use media::framing;

use super::*;

/// A worker's TCP with a listener of its own.
fn worker() -> (Tcp, SocketAddr) {
    let listeners = listen(&[SocketAddr::from(([127, 0, 0, 1], 0))]).unwrap();
    let address = listeners[0].local_addr().unwrap();
    (Tcp::new(3, listeners).unwrap(), address)
}

fn start() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Datagrams, connections that closed, first frames of nobody known.
type Turn = (Vec<(Path, Vec<u8>)>, Vec<Path>, Vec<Stray>);

/// A turn of the worker that waits for something to come.
fn turn(tcp: &mut Tcp, now: Instant) -> Turn {
    super::super::socket::Poller::new([tcp.as_raw_fd()]).wait(Some(Duration::from_secs(5)));
    let (mut datagrams, mut closed, mut strays) = (Vec::new(), Vec::new(), Vec::new());
    let mut note = |arrival: Arrival<'_>| match arrival {
        Arrival::Datagram(path, datagram) => datagrams.push((path, datagram.to_vec())),
        Arrival::Closed(path) => closed.push(path),
        Arrival::Stray(stray) => strays.push(stray),
    };
    tcp.receive(now, true, |arrival| {
        note(arrival);
        false
    });
    (datagrams, closed, strays)
}

fn connect(tcp: &mut Tcp, address: SocketAddr, now: Instant) -> (TcpStream, Path) {
    let stream = TcpStream::connect(address).unwrap();
    while !tcp.by_path.contains_key(&Path::tcp(address, stream.local_addr().unwrap())) {
        turn(tcp, now);
    }
    let path = Path::tcp(address, stream.local_addr().unwrap());
    (stream, path)
}

fn is_closed(stream: &mut TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    matches!(stream.read(&mut [0; 16]), Ok(0))
}

/// A framed check that says for whom it is.
fn check(ufrag: &str) -> Vec<u8> {
    let name = format!("{ufrag}:them");
    let mut check = vec![0, 1, 0, (4 + name.len().next_multiple_of(4)) as u8, 0x21, 0x12, 0xa4, 0x42];
    check.extend_from_slice(&[9; 12]);
    check.extend_from_slice(&[0, 6, 0, name.len() as u8]);
    check.extend_from_slice(name.as_bytes());
    check.resize(check.len().next_multiple_of(4), 0);
    let mut framed = Vec::new();
    framing::frame(&mut framed, &check);
    framed
}

#[test]
fn a_connection_that_is_nobodys_is_closed_after_ten_seconds_and_one_that_is_somebodys_stays() {
    let (mut tcp, address) = worker();
    let now = start();
    let (mut silent, silent_path) = connect(&mut tcp, address, now);
    let (mut client, client_path) = connect(&mut tcp, address, now);
    assert!(tcp.poll_timeout().is_some());
    for second in 1..=30 {
        let now = now + Duration::from_secs(second);
        tcp.sweep(now, |path| *path == client_path && second < 20);
        assert_eq!(is_closed(&mut silent), second >= 10, "{second}");
        // Its transport has ended at 19 s.
        assert_eq!(is_closed(&mut client), second >= 29, "{second}");
    }
    tcp.receive(now, true, |arrival| match arrival {
        Arrival::Closed(path) => path != silent_path && path != client_path && panic!("{path:?}"),
        _ => panic!("nothing was sent"),
    });
    assert_eq!(tcp.poll_timeout(), None, "an empty worker sleeps");
}

#[test]
fn frames_become_datagrams_with_their_path_and_answers_are_framed() {
    let (mut tcp, address) = worker();
    let now = start();
    let (mut stream, path) = connect(&mut tcp, address, now);
    let mut sent = Vec::new();
    framing::frame(&mut sent, b"one");
    framing::frame(&mut sent, b"another");
    stream.write_all(&sent).unwrap();
    let mut came = Vec::new();
    while came.len() < 2 {
        came.extend(turn(&mut tcp, now).0);
    }
    assert_eq!(came, [(path, b"one".to_vec()), (path, b"another".to_vec())]);

    let mut batch = Batch::default();
    batch.push(path, b"answer");
    batch.push(Path::udp(address, path.remote), b"not by this way");
    assert_eq!(tcp.send(now, &batch), 0);
    let mut answer = [0; 8];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"\x00\x06answer");
    drop(stream);
    let (_, closed, _) = turn(&mut tcp, now);
    assert_eq!(closed, [path]);
}

#[test]
fn a_reader_that_stopped_loses_datagrams_then_its_connection_and_holds_a_bounded_buffer() {
    let (mut tcp, address) = worker();
    let now = start();
    let (stalled, path) = connect(&mut tcp, address, now);
    let (mut reader, other) = connect(&mut tcp, address, now);
    let mut batch = Batch::default();
    for _ in 0..50 {
        batch.push(path, &[7; 1200]);
    }
    let mut lost = 0;
    // The kernel takes a few megabytes before it says no.
    for _ in 0..2000 {
        lost += tcp.send(now, &batch);
        if lost > 0 {
            break;
        }
    }
    assert!(lost > 0);
    let connection = &tcp.connections[&tcp.by_path[&path]];
    assert!(connection.waiting_bytes() <= 256 << 10, "{}", connection.waiting_bytes());

    let mut answer = Batch::default();
    answer.push(other, b"still served");
    assert_eq!(tcp.send(now, &answer), 0);
    reader.read_exact(&mut [0; 14]).unwrap();

    for (second, is_open) in [(9, true), (10, false)] {
        tcp.sweep(now + Duration::from_secs(second), |_| true);
        assert_eq!(tcp.by_path.contains_key(&path), is_open, "{second}");
    }
    assert!(tcp.by_path.contains_key(&other));
    drop(stalled);
}

#[test]
fn a_first_check_for_another_worker_takes_its_connection_along() {
    let (mut first, address) = worker();
    let (mut other, _) = worker();
    other.worker = 4;
    let now = start();
    let (mut stays, _) = connect(&mut first, address, now);
    stays.write_all(&check("03abcdefgh")).unwrap();
    assert_eq!(turn(&mut first, now).0.len(), 1, "it is this worker's");

    let (mut goes, path) = connect(&mut first, address, now);
    goes.write_all(&check("04abcdefgh")).unwrap();
    let (datagrams, closed, mut strays) = turn(&mut first, now);
    assert!(datagrams.is_empty() && closed.is_empty());
    let stray = strays.pop().unwrap();
    assert_eq!(stray.worker, 4);
    let mut came = Vec::new();
    other.adopt(now, stray, |arrival| {
        if let Arrival::Datagram(path, datagram) = arrival {
            came.push((path, datagram.len()));
        }
        false
    });
    assert_eq!(came, [(path, check("04abcdefgh").len() - 2)]);
    // Later checks, whatever they say, stay where the connection is.
    goes.write_all(&check("03abcdefgh")).unwrap();
    assert_eq!(turn(&mut other, now).0.len(), 1);
}

#[test]
fn strangers_make_room_for_each_other_and_for_nobody_known() {
    let (mut tcp, address) = worker();
    let now = start();
    let (_known, known_path) = connect(&mut tcp, address, now);
    tcp.sweep(now + SWEEP, |_| true);
    let from = |host: u8| {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 1, host], 0)).into()).unwrap();
        socket.connect(&address.into()).unwrap();
        TcpStream::from(socket)
    };
    // Five addresses with as many as each may have.
    let mut strangers: Vec<TcpStream> = Vec::new();
    for host in 1..=5 {
        for _ in 0..STRANGERS_OF_ONE {
            strangers.push(from(host));
            let mine = Path::tcp(address, strangers.last().unwrap().local_addr().unwrap());
            while !tcp.by_path.contains_key(&mine) {
                turn(&mut tcp, now);
            }
        }
    }
    assert_eq!(tcp.connections.len(), 1 + STRANGERS);
    assert!(tcp.by_path.contains_key(&known_path));
    assert!(is_closed(&mut strangers[0]), "the oldest went");
    assert!(!is_closed(strangers.last_mut().unwrap()));
}

#[test]
fn whoever_has_passed_a_check_counts_as_a_stranger_no_longer() {
    let (mut tcp, address) = worker();
    let now = start();
    let mut streams = Vec::new();
    // A school behind one address comes back within a second: more than its share of strangers.
    for _ in 0..STRANGERS_OF_ONE + 20 {
        let (mut stream, path) = connect(&mut tcp, address, now);
        stream.write_all(&check("03abcdefgh")).unwrap();
        let mut came = false;
        while !came {
            super::super::socket::Poller::new([tcp.as_raw_fd()]).wait(Some(Duration::from_secs(5)));
            tcp.receive(now, true, |arrival| {
                let is_this = matches!(arrival, Arrival::Datagram(from, _) if from == path);
                came |= is_this;
                is_this
            });
        }
        streams.push(stream);
    }
    assert_eq!(tcp.connections.len(), STRANGERS_OF_ONE + 20);
}
