//! PR-03 and WS-06: whatever the level, the log holds no name, login, password, token, ticket, SDP or text of people.

use std::process::{Command, Stdio};

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::hub::{Client, PASSWORD};
use crate::lessons;
use crate::program::{Program, free_port};
use crate::sockets::Wire;

const LOGIN: &str = "ZQ-77310";
const FAMILY_NAME: &str = "Меткафамилия";
const GIVEN_NAME: &str = "Меткаимя";
const OWN_PASSWORD: &str = "marker-password-4410";
const WRONG_PASSWORD: &str = "marker-guess-5521";
const NO_LOGIN: &str = "marker-nobody-6632";
const CHAT_TEXT: &str = "marker-chat-9902";
const SDP_MARK: &str = "marker-sdp-1123";
const BAD_TICKET: &str = "marker-ticket-2234";

async fn hello(client: &Client, ticket: &str) -> Wire {
    let url = format!("{}/ws", client.url.replacen("http", "ws", 1));
    let (socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    let mut wire = Wire { socket };
    wire.say(json!({ "type": "hello", "version": 1, "ticket": ticket })).await;
    wire
}

async fn signs_in(client: &Client, login: &str, password: &str) -> StatusCode {
    client.post("/api/v1/session", &json!({ "login": login, "password": password })).await.status
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pr_03_the_log_holds_nothing_of_people_and_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    Program::start(folder.path(), port).await.kill();
    let added = Command::new(env!("CARGO_BIN_EXE_kafedra"))
        .args(["user", "add", "--login", LOGIN, "--family-name", FAMILY_NAME, "--given-name", GIVEN_NAME])
        .args(["--role", "teacher", "--own", "--data-dir"])
        .arg(folder.path())
        .env("KAFEDRA_PASSWORD", OWN_PASSWORD)
        .output()
        .unwrap();
    assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    let path = folder.path().join("captured.log");
    let log = Stdio::from(std::fs::File::create(&path).unwrap());
    let program = Program::start_logging(folder.path(), port, "debug,kafedra=trace", log).await;

    let person = program.client(None);
    assert_eq!(signs_in(&person, NO_LOGIN, WRONG_PASSWORD).await, StatusCode::UNAUTHORIZED);
    assert_eq!(signs_in(&person, LOGIN, WRONG_PASSWORD).await, StatusCode::UNAUTHORIZED);
    assert_eq!(signs_in(&person, LOGIN, OWN_PASSWORD).await, StatusCode::OK);
    let ticket = person.post("/api/v1/session/ticket", &json!({})).await.body["ticket"].as_str().unwrap().to_owned();
    hello(&person, &ticket).await.hears("welcome").await;
    // Used a second time, and made up.
    hello(&person, &ticket).await.hears("error").await;
    hello(&person, BAD_TICKET).await.hears("error").await;

    let host = program.client(None);
    assert_eq!(signs_in(&host, "T-007", PASSWORD).await, StatusCode::OK);
    let room = lessons::open(&host, "chat").await["id"].as_str().unwrap().to_owned();
    let mut wire = lessons::connect(&host).await;
    assert_eq!(lessons::join(&mut wire, &room).await["type"], "joined");
    wire.chats(CHAT_TEXT).await;
    wire.hears("chat_ack").await;
    wire.say(json!({ "type": "chat_send", "client_msg_id": CHAT_TEXT, "body": CHAT_TEXT, "more": CHAT_TEXT })).await;
    wire.say(json!({ "type": CHAT_TEXT })).await;
    wire.hears("error").await;

    let asked = json!({ "scopes": ["room.publish"], "expires_in_s": 60 });
    let token = person.post("/api/v1/tokens", &asked).await.body["token"].as_str().unwrap().to_owned();
    let sender = program.client(Some(token.clone()));
    let offer = format!("{}a={SDP_MARK}\r\n", crate::client::Client::publisher().await.offer().await);
    for body in [offer, SDP_MARK.to_owned()] {
        let request = sender.request(Method::POST, &format!("/api/v1/rooms/{room}/whip"));
        let answer = sender.send(request.header("content-type", "application/sdp").body(body)).await;
        assert!(answer.status.is_client_error(), "{}", answer.body);
    }
    let forged = program.client(Some(format!("{token}x")));
    assert_eq!(forged.get("/api/v1/me").await.status, StatusCode::UNAUTHORIZED);
    program.kill();

    let log = std::fs::read_to_string(&path).unwrap();
    assert!(log.contains("serving") && log.contains("/api/v1/session"), "the log was captured: {log}");
    let secrets = [
        LOGIN,
        FAMILY_NAME,
        GIVEN_NAME,
        OWN_PASSWORD,
        WRONG_PASSWORD,
        NO_LOGIN,
        PASSWORD,
        CHAT_TEXT,
        SDP_MARK,
        BAD_TICKET,
        &ticket,
        &token,
    ];
    for secret in secrets {
        let line = log.lines().find(|line| line.contains(secret));
        assert!(line.is_none(), "`{secret}` is in the log: {}", line.unwrap_or_default());
    }
}
