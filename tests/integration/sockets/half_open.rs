//! WS-10: a line that is cut without a word (a phone out of range, a router without power). Nothing arrives any more and
//! nobody closes; the hub finds out by itself.

use std::time::{Duration, Instant};

use signaling::ids::PersonId;
use signaling::message::session::Form;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::TestRooms;

/// A line to the hub that goes silent when told: both ends stay open, and nothing passes.
async fn line(hub: std::net::SocketAddr) -> (TcpStream, oneshot::Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (cut, is_cut) = oneshot::channel();
    tokio::spawn(async move {
        let (mut near, _) = listener.accept().await.unwrap();
        let mut far = TcpStream::connect(hub).await.unwrap();
        tokio::select! {
            _ = copy_bidirectional(&mut near, &mut far) => return,
            _ = is_cut => {}
        }
        // Held, neither read nor closed, for as long as the test runs.
        std::future::pending::<()>().await;
        drop((near, far));
    });
    (TcpStream::connect(address).await.unwrap(), cut)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ws_10_a_silent_line_is_given_up_within_twenty_seconds() {
    let hub = TestRooms::start().await;
    hub.open("r", Form::Chat).await;
    let (mut host, _) = hub.join("host", "r").await;
    let (stream, cut) = line(hub.address).await;
    let (mut ann, joined) = hub.join_over(stream, "ann", "r").await;
    ann.chats("last").await;
    ann.hears("chat_ack").await;
    cut.send(()).unwrap();
    let start = Instant::now();
    let is_online = || hub.presence.online().iter().any(|person| person.person == PersonId::new("ann"));
    assert!(is_online());
    let gone = async {
        loop {
            let member = host.hears_within("member_changed", Duration::from_secs(25)).await["member"].clone();
            if member["peer"] == joined["peer"] && member["connected"] == false {
                return;
            }
        }
    };
    gone.await;
    let took = start.elapsed();
    // Not sooner either: a lift or a tunnel is no reason to lose a seat.
    assert!((Duration::from_secs(15)..=Duration::from_millis(20_500)).contains(&took), "given up after {took:?}");
    crate::client::until("presence forgets the line", || !is_online()).await;
    // The seat is there for another line.
    let mut again = hub.connect("ann").await;
    again.say(serde_json::json!({ "type": "resume", "room": "r", "token": joined["resume"], "chat_seq": 1 })).await;
    assert_eq!(again.hears("joined").await["resumed"], true);
}
