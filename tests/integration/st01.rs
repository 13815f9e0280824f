//! What was acknowledged survives `kill -9` (SAFETY ST-01): the real program, killed again and again under load.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::hub::{Client, PASSWORD, TEACHER};

/// Kills in an ordinary run, and in the long one that `KAFEDRA_LONG_TESTS` asks for.
const ROUNDS: u32 = 4;
const LONG_ROUNDS: u32 = 30;

const WRITERS: usize = 8;

/// From the start of the process to the first ready answer.
const LONGEST_START: Duration = Duration::from_secs(3);

/// The program as a child of its own; killed when dropped.
struct Program {
    child: Child,
    url: String,
}

impl Program {
    async fn start(data: &Path, port: u16) -> Self {
        let started = Instant::now();
        let child = Command::new(env!("CARGO_BIN_EXE_kafedra"))
            .args(["serve", "--demo", "--log", "warn", "--listen", &format!("127.0.0.1:{port}")])
            .arg("--data-dir")
            .arg(data)
            .env("KAFEDRA_MEDIA__UDP_PORT", "0")
            .env("KAFEDRA_MEDIA__WORKERS", "1")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut program = Self { child, url: format!("http://127.0.0.1:{port}") };
        let probe = reqwest::Client::builder().no_proxy().build().unwrap();
        loop {
            if let Ok(answer) = probe.get(format!("{}/readyz", program.url)).send().await
                && answer.status().is_success()
            {
                break;
            }
            assert!(program.child.try_wait().unwrap().is_none(), "the program ended by itself");
            assert!(started.elapsed() < Duration::from_secs(20), "the program did not become ready");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        program
    }

    fn client(&self, token: Option<String>) -> Client {
        let http = reqwest::Client::builder().cookie_store(true).no_proxy().build().unwrap();
        Client { http, url: self.url.clone(), token, me: serde_json::Value::Null }
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Writes as fast as it is answered, until the program is gone; gives back what was acknowledged.
async fn write_until_gone(owner: Client) -> Vec<String> {
    let mut acknowledged = Vec::new();
    let asked = json!({ "scopes": ["timetable.read"], "expires_in_s": 3600 });
    loop {
        let request = owner.request(reqwest::Method::POST, "/api/v1/tokens").json(&asked);
        let Ok(answer) = request.send().await else { return acknowledged };
        let Ok(body) = answer.json::<serde_json::Value>().await else { return acknowledged };
        acknowledged.push(body["token"].as_str().unwrap_or_else(|| panic!("{body}")).to_owned());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_kill_nine() {
    let rounds = if std::env::var_os("KAFEDRA_LONG_TESTS").is_some() { LONG_ROUNDS } else { ROUNDS };
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let mut program = Program::start(folder.path(), port).await;
    let mut total = 0;
    for round in 0..rounds {
        let owner = program.client(None);
        let login = json!({ "login": TEACHER, "password": PASSWORD });
        assert_eq!(owner.post("/api/v1/session", &login).await.status, reqwest::StatusCode::OK);
        let mut writers = tokio::task::JoinSet::new();
        for _ in 0..WRITERS {
            writers.spawn(write_until_gone(owner.clone()));
        }
        // A different instant in each round, so that kills land before, in and after commits.
        tokio::time::sleep(Duration::from_millis(150 + u64::from(round * 67 % 250))).await;
        program.kill();
        let acknowledged: Vec<String> = writers.join_all().await.into_iter().flatten().collect();
        let started = Instant::now();
        program = Program::start(folder.path(), port).await;
        assert!(started.elapsed() <= LONGEST_START, "it took {:?} to start again", started.elapsed());
        for token in &acknowledged {
            let answer = program.client(Some(token.clone())).get("/api/v1/me").await;
            assert_eq!(answer.status, reqwest::StatusCode::OK, "an acknowledged write was lost in round {round}");
        }
        total += acknowledged.len();
    }
    assert!(total > 10 * rounds as usize, "only {total} writes were under way");
    program.kill();
    let verify = Command::new(env!("CARGO_BIN_EXE_kafedra"))
        .args(["audit", "verify", "--data-dir"])
        .arg(folder.path())
        .output()
        .unwrap();
    assert!(verify.status.success(), "{}", String::from_utf8_lossy(&verify.stderr));
}
