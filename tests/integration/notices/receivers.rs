//! Receivers that are really there: an SMTP server over TCP, an HTTP server, a browser that can decrypt.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use ring::rand::SystemRandom;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::PATIENCE;

/// A letter as the server got it.
#[derive(Debug)]
pub struct Letter {
    pub to: String,
    pub data: String,
}

impl Letter {
    /// A header, unfolded and decoded.
    pub fn head(&self, name: &str) -> String {
        let head = self.data.split("\r\n\r\n").next().unwrap_or_default().replace("\r\n ", " ");
        let line = head.lines().find(|line| line.to_lowercase().starts_with(&format!("{}:", name.to_lowercase())));
        line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    }

    /// The subject, its encoded words decoded.
    pub fn subject(&self) -> String {
        let mut text = String::new();
        for word in self.head("Subject").split_whitespace() {
            let inner = word.strip_prefix("=?utf-8?b?").and_then(|word| word.strip_suffix("?="));
            match inner {
                Some(inner) => text.push_str(&String::from_utf8_lossy(&STANDARD.decode(inner).unwrap())),
                None => text.push_str(&format!("{word} ")),
            }
        }
        text
    }

    /// The body, base64 or quoted-printable decoded.
    pub fn text(&self) -> String {
        let body = self.data.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
        match self.head("Content-Transfer-Encoding").as_str() {
            "base64" => {
                let packed: String = body.split_whitespace().collect();
                String::from_utf8_lossy(&STANDARD.decode(packed).unwrap()).into_owned()
            }
            "quoted-printable" => {
                let bytes = body.replace("=\r\n", "").into_bytes();
                let (mut out, mut at) = (Vec::new(), 0);
                while at < bytes.len() {
                    if bytes[at] == b'=' {
                        let hex = std::str::from_utf8(&bytes[at + 1..at + 3]).unwrap();
                        out.push(u8::from_str_radix(hex, 16).unwrap());
                        at += 3;
                    } else {
                        out.push(bytes[at]);
                        at += 1;
                    }
                }
                String::from_utf8(out).unwrap()
            }
            _ => body.to_owned(),
        }
    }
}

/// An SMTP server that says 451 to the first so many letters.
pub struct SmtpServer {
    pub port: u16,
    letters: mpsc::UnboundedReceiver<Letter>,
}

impl SmtpServer {
    pub async fn start(refuse: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (told, letters) = mpsc::unbounded_channel();
        let left = Arc::new(Mutex::new(refuse));
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(serve(socket, told.clone(), left.clone()));
            }
        });
        Self { port, letters }
    }

    pub async fn next(&mut self) -> Letter {
        tokio::time::timeout(PATIENCE, self.letters.recv()).await.expect("a letter in time").unwrap()
    }
}

/// RFC 5321, as much of it as a sender needs.
async fn serve(socket: TcpStream, told: mpsc::UnboundedSender<Letter>, left: Arc<Mutex<usize>>) {
    let mut socket = BufReader::new(socket);
    let say = async |socket: &mut BufReader<TcpStream>, line: &str| {
        socket.write_all(format!("{line}\r\n").as_bytes()).await.is_ok()
    };
    say(&mut socket, "220 test").await;
    let (mut to, mut line) = (String::new(), String::new());
    loop {
        line.clear();
        if socket.read_line(&mut line).await.unwrap_or(0) == 0 {
            return;
        }
        let command = line.trim_end().to_owned();
        let upper = command.to_uppercase();
        if upper.starts_with("EHLO") {
            say(&mut socket, "250-test").await;
            say(&mut socket, "250 8BITMIME").await;
        } else if upper.starts_with("RCPT") {
            to = command;
            say(&mut socket, "250 ok").await;
        } else if upper == "DATA" {
            say(&mut socket, "354 go on").await;
            let mut data = String::new();
            loop {
                line.clear();
                if socket.read_line(&mut line).await.unwrap_or(0) == 0 {
                    return;
                }
                if line == ".\r\n" {
                    break;
                }
                data.push_str(line.strip_prefix('.').unwrap_or(&line));
            }
            let is_refused = {
                let mut left = left.lock().unwrap();
                let is_refused = *left > 0;
                *left = left.saturating_sub(1);
                is_refused
            };
            if is_refused {
                say(&mut socket, "451 later").await;
            } else {
                let _ = told.send(Letter { to: to.clone(), data });
                say(&mut socket, "250 taken").await;
            }
        } else if upper == "QUIT" {
            say(&mut socket, "221 bye").await;
            return;
        } else {
            say(&mut socket, "250 ok").await;
        }
    }
}

/// A request as it came.
#[derive(Debug)]
pub struct Received {
    pub path: String,
    heads: HashMap<String, String>,
    pub body: Vec<u8>,
}

impl Received {
    pub fn head(&self, name: &str) -> String {
        self.heads.get(name).cloned().unwrap_or_default()
    }
}

/// An HTTP server that says 503 to the first call of `/hook`.
pub struct HttpReceiver {
    pub address: SocketAddr,
    requests: mpsc::UnboundedReceiver<Received>,
    failed: Arc<Mutex<Option<String>>>,
}

impl HttpReceiver {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (told, requests) = mpsc::unbounded_channel();
        let failed = Arc::new(Mutex::new(None));
        let noted = failed.clone();
        let answer = move |request: axum::extract::Request| {
            let (told, failed) = (told.clone(), failed.clone());
            async move {
                let path = request.uri().path().to_owned();
                let heads: HashMap<String, String> = request
                    .headers()
                    .iter()
                    .map(|(name, value)| (name.as_str().to_owned(), value.to_str().unwrap_or_default().to_owned()))
                    .collect();
                let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap().to_vec();
                if path == "/hook" {
                    let mut failed = failed.lock().unwrap();
                    if failed.is_none() {
                        *failed = heads.get("kafedra-delivery").cloned();
                        let _ = told.send(Received { path: "/hook failed".to_owned(), heads, body });
                        return axum::http::StatusCode::SERVICE_UNAVAILABLE;
                    }
                }
                let _ = told.send(Received { path, heads, body });
                axum::http::StatusCode::CREATED
            }
        };
        let router = axum::Router::new().fallback(answer);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, requests, failed: noted }
    }

    pub async fn next(&mut self) -> Received {
        tokio::time::timeout(PATIENCE, self.requests.recv()).await.expect("a call in time").unwrap()
    }

    /// The delivery of the call that was answered with 503.
    pub fn failed_first(&self) -> Option<String> {
        self.failed.lock().unwrap().clone()
    }
}

/// A browser's keys; it can read one push.
pub struct Browser {
    private: Mutex<Option<EphemeralPrivateKey>>,
    public: Vec<u8>,
    auth: [u8; 16],
}

impl Browser {
    pub fn new() -> Self {
        let private = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new()).unwrap();
        let public = private.compute_public_key().unwrap().as_ref().to_vec();
        Self { private: Mutex::new(Some(private)), public, auth: [7; 16] }
    }

    pub fn keys(&self) -> Value {
        json!({ "p256dh": URL_SAFE_NO_PAD.encode(&self.public), "auth": URL_SAFE_NO_PAD.encode(self.auth) })
    }

    /// RFC 8291 from the receiver's side.
    pub fn decrypt(&self, body: &[u8]) -> Vec<u8> {
        let (salt, rest) = body.split_at(16);
        let length = usize::from(rest[4]);
        let (theirs, sealed) = rest[5..].split_at(length);
        let private = self.private.lock().unwrap().take().expect("one push");
        let (key, nonce) = agree_ephemeral(private, &UnparsedPublicKey::new(&ECDH_P256, theirs), |secret| {
            kafedra::notify::push::content_key(secret, theirs, &self.public, &self.auth, salt)
        })
        .unwrap();
        let key = ring::aead::LessSafeKey::new(ring::aead::UnboundKey::new(&ring::aead::AES_128_GCM, &key).unwrap());
        let mut opened = sealed.to_vec();
        let text = key
            .open_in_place(ring::aead::Nonce::assume_unique_for_key(nonce), ring::aead::Aad::empty(), &mut opened)
            .unwrap();
        assert_eq!(text.last(), Some(&2), "the delimiter of the last record");
        text[..text.len() - 1].to_vec()
    }
}
