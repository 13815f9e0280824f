//! The real program as a child of its own, for what a hub inside the test cannot show: being killed, and its log.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use crate::hub::Client;

/// The program; killed when dropped.
pub struct Program {
    child: Child,
    url: String,
}

impl Program {
    /// Starts on the demo school and waits until it is ready.
    pub async fn start(data: &Path, port: u16) -> Self {
        Self::start_logging(data, port, "warn", Stdio::null()).await
    }

    /// The same with a log of this level.
    pub async fn start_logging(data: &Path, port: u16, level: &str, log: Stdio) -> Self {
        let started = Instant::now();
        let child = Command::new(env!("CARGO_BIN_EXE_kafedra"))
            .args(["serve", "--demo", "--log", level, "--listen", &format!("127.0.0.1:{port}")])
            .arg("--data-dir")
            .arg(data)
            .env("KAFEDRA_MEDIA__UDP_PORT", "0")
            .env("KAFEDRA_MEDIA__WORKERS", "1")
            .env("KAFEDRA_LIMITS__API_BURST", "100000")
            .env("KAFEDRA_LIMITS__JOINS_BURST", "10000")
            .stdout(Stdio::null())
            .stderr(log)
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

    pub fn client(&self, token: Option<String>) -> Client {
        let http = reqwest::Client::builder().cookie_store(true).no_proxy().build().unwrap();
        Client { http, url: self.url.clone(), token, me: serde_json::Value::Null }
    }

    /// Memory that the program holds now, KiB.
    pub fn rss_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Host and port.
    pub fn address(&self) -> std::net::SocketAddr {
        self.url.trim_start_matches("http://").parse().unwrap()
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.stop();
    }

    /// The same, where another one is going to take its place.
    pub fn stop(&mut self) {
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

/// Not one of those that the system hands out: somebody's outgoing connection may hold its number by the time it is used.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = std::process::id() as u16;
    let ports = (0..1_000).map(|_| 20_000 + first.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000);
    let is_free = |port: &u16| std::net::TcpListener::bind(("0.0.0.0", *port)).is_ok();
    ports.into_iter().find(is_free).expect("one of a thousand ports is free")
}
