//! What was acknowledged survives `kill -9` (SAFETY ST-01): the real program, killed again and again under load. Tokens are
//! written over HTTP, chat over sockets.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use futures_util::SinkExt as _;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;

use crate::hub::{Client, PASSWORD, TEACHER};
use crate::lessons;
use crate::program::{Program, free_port};
use crate::sockets::Wire;

/// Kills in an ordinary run, and in the long one that `KAFEDRA_LONG_TESTS` asks for.
const ROUNDS: u32 = 4;
const LONG_ROUNDS: u32 = 30;

const WRITERS: usize = 8;

/// Host and students of the demo's chat.
const CHATTING: [&str; 5] = ["T-007", "S-5A-01", "S-5A-02", "S-5A-03", "S-5A-04"];

/// From the start of the process to the first ready answer.
const LONGEST_START: Duration = Duration::from_secs(3);

fn rounds() -> u32 {
    if std::env::var_os("KAFEDRA_LONG_TESTS").is_some() { LONG_ROUNDS } else { ROUNDS }
}

/// A different instant in each round, so that kills land before, in and after commits.
async fn some_time(round: u32) {
    tokio::time::sleep(Duration::from_millis(150 + u64::from(round * 67 % 250))).await;
}

async fn start_again(folder: &Path, port: u16) -> Program {
    let started = Instant::now();
    let program = Program::start(folder, port).await;
    assert!(started.elapsed() <= LONGEST_START, "it took {:?} to start again", started.elapsed());
    program
}

fn journal_is_intact(folder: &Path) {
    let verify = Command::new(env!("CARGO_BIN_EXE_kafedra"))
        .args(["audit", "verify", "--data-dir"])
        .arg(folder)
        .output()
        .unwrap();
    assert!(verify.status.success(), "{}", String::from_utf8_lossy(&verify.stderr));
}

async fn sign_in(program: &Program, login: &str) -> Client {
    let client = program.client(None);
    let answer = client.post("/api/v1/session", &json!({ "login": login, "password": PASSWORD })).await;
    assert_eq!(answer.status, reqwest::StatusCode::OK, "{}", answer.body);
    client
}

/// Writes as fast as it is answered, until the program is gone; gives back what was acknowledged.
async fn write_until_gone(owner: Client) -> Vec<String> {
    let mut acknowledged = Vec::new();
    let asked = json!({ "scopes": ["timetable.read"], "expires_in_s": 3600 });
    loop {
        let request = owner.request(reqwest::Method::POST, "/api/v1/tokens").json(&asked);
        let Ok(answer) = request.send().await else { return acknowledged };
        let Ok(body) = answer.json::<Value>().await else { return acknowledged };
        acknowledged.push(body["token"].as_str().unwrap_or_else(|| panic!("{body}")).to_owned());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_kill_nine() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let mut program = Program::start(folder.path(), port).await;
    let mut total = 0;
    for round in 0..rounds() {
        let owner = sign_in(&program, TEACHER).await;
        let mut writers = JoinSet::new();
        for _ in 0..WRITERS {
            writers.spawn(write_until_gone(owner.clone()));
        }
        some_time(round).await;
        program.kill();
        let acknowledged: Vec<String> = writers.join_all().await.into_iter().flatten().collect();
        program = start_again(folder.path(), port).await;
        for token in &acknowledged {
            let answer = program.client(Some(token.clone())).get("/api/v1/me").await;
            assert_eq!(answer.status, reqwest::StatusCode::OK, "an acknowledged write was lost in round {round}");
        }
        total += acknowledged.len();
    }
    assert!(total > 10 * rounds() as usize, "only {total} writes were under way");
    program.kill();
    journal_is_intact(folder.path());
}

/// Writes into the chat, each message after the acknowledgement of the last, until the program is gone; gives back what
/// was acknowledged.
async fn chat_until_gone(mut wire: Wire, name: String) -> Vec<(u64, String)> {
    let mut acknowledged = Vec::new();
    for n in 0.. {
        let id = format!("{name}-{n}");
        let text = format!("text of {id}");
        let message = json!({ "type": "chat_send", "client_msg_id": id, "body": text });
        if wire.socket.send(Message::text(message.to_string())).await.is_err() {
            break;
        }
        let answer = loop {
            match wire.next().await {
                Ok(answer) if answer["client_msg_id"] == id && answer["type"] != "chat_message" => break answer,
                Ok(_) => {}
                Err(_) => return acknowledged,
            }
        };
        if answer["type"] == "chat_ack" {
            acknowledged.push((answer["seq"].as_u64().unwrap(), text));
        } else {
            // The burst is used up; from here on only a few messages a second are taken.
            assert_eq!(answer["code"], "rate_limited", "{answer}");
            tokio::time::sleep(Duration::from_millis(answer["retry_after_ms"].as_u64().unwrap())).await;
        }
    }
    acknowledged
}

/// The whole chat of a room, in order.
async fn history(reader: &Client, room: &str) -> Vec<(u64, String)> {
    let mut pages = Vec::new();
    let mut query = String::new();
    loop {
        let answer = reader.get(&format!("/api/v1/consultations/{room}/messages{query}")).await;
        let messages = answer.body["messages"].as_array().unwrap_or_else(|| panic!("{}", answer.body)).clone();
        let first = messages.first().map(|message| message["seq"].clone());
        pages.insert(0, messages);
        match first.filter(|_| answer.body["more"] == true) {
            Some(seq) => query = format!("?before_seq={seq}"),
            None => break,
        }
    }
    let line = |message: Value| (message["seq"].as_u64().unwrap(), message["body"].as_str().unwrap().to_owned());
    pages.into_iter().flatten().map(line).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_chat_survives_kill_nine() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let mut program = Program::start(folder.path(), port).await;
    let mut people = Vec::new();
    for login in CHATTING {
        // Sign-ins are kept in the store: these hold through every kill.
        people.push(sign_in(&program, login).await);
    }
    let room = lessons::open(&people[0], "chat").await["id"].as_str().unwrap().to_owned();
    let mut acknowledged = Vec::new();
    for round in 0..rounds() {
        lessons::open(&people[0], "chat").await;
        let mut wires = Vec::new();
        for client in &people {
            let mut wire = lessons::connect(client).await;
            let seat = lessons::join(&mut wire, &room).await;
            assert_eq!(seat["type"], "joined", "{seat}");
            wires.push(wire);
        }
        let mut writers = JoinSet::new();
        for (wire, login) in wires.into_iter().zip(CHATTING) {
            writers.spawn(chat_until_gone(wire, format!("{login}-{round}")));
        }
        some_time(round).await;
        program.kill();
        acknowledged.extend(writers.join_all().await.into_iter().flatten());
        program = start_again(folder.path(), port).await;
        let kept = history(&people[0], &room).await;
        assert!(kept.iter().map(|(seq, _)| *seq).eq(1..=kept.len() as u64), "a gap or a number twice: {kept:?}");
        for message in &acknowledged {
            assert!(kept.contains(message), "{message:?} was acknowledged and is lost in round {round}");
        }
    }
    assert!(acknowledged.len() > 10 * rounds() as usize, "only {} messages were under way", acknowledged.len());
    program.kill();
    journal_is_intact(folder.path());
}
