//! A hub in this process with the demo school, on free ports, in a folder of its own.

use kafedra::app::{App, RunningApp};
use kafedra::clock::WallClock;
use kafedra::config::Config;
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::Value;

pub mod postgres;

/// Password of everybody in the demo school.
pub const PASSWORD: &str = "kafedra-demo";

pub const TEACHER: &str = "T-014";
pub const OTHER_TEACHER: &str = "T-021";
pub const STUDENT: &str = "S-5A-01";
pub const OTHER_STUDENT: &str = "S-9B-01";
pub const GUARDIAN: &str = "G-01";
pub const DEPUTY: &str = "D-001";
pub const ADMIN: &str = "A-001";

/// When the tests take place, whatever the day they are run on: a Tuesday in term, eleven o'clock in the demo school.
const SCHOOL_DAY: &str = "2026-12-01T08:00:00Z";

/// What the hubs of this process add to the machine's clock, seconds; programs beside them take it as
/// `KAFEDRA_CLOCK_OFFSET_SECONDS`.
pub fn clock_offset_s() -> i64 {
    static OFFSET: std::sync::OnceLock<i64> = std::sync::OnceLock::new();
    *OFFSET.get_or_init(|| {
        let day = SCHOOL_DAY.parse::<jiff::Timestamp>().unwrap();
        (day.as_millisecond() - WallClock::system(0).now_ms()) / 1_000
    })
}

/// The clock of a school day.
fn school_clock() -> WallClock {
    WallClock::system(clock_offset_s() * 1_000)
}

/// A running hub. Dropping it cuts it off; [`TestHub::stop`] takes it down in order.
pub struct TestHub {
    app: RunningApp,
    config: Config,
    /// Without a slash at the end.
    pub url: String,
    /// Move it to let the hub's time pass.
    pub clock: WallClock,
    folder: tempfile::TempDir,
}

impl TestHub {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// `change` sets what the test needs otherwise.
    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = config(folder.path());
        change(&mut config);
        Self::launch(config, school_clock(), folder).await
    }

    /// With a clock of one's own.
    pub async fn start_at(clock: WallClock) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::launch(config(folder.path()), clock, folder).await
    }

    async fn launch(config: Config, clock: WallClock, folder: tempfile::TempDir) -> Self {
        let app = App::start(config.clone(), clock.clone()).await.unwrap();
        let url = format!("http://{}", app.addr);
        Self { app, config, url, clock, folder }
    }

    /// Stops in order and starts again on the same data, on another port.
    pub async fn restart(self) -> Self {
        let Self { app, config, clock, folder, .. } = self;
        app.stop().await;
        Self::launch(config, clock, folder).await
    }

    pub async fn stop(self) {
        self.app.stop().await;
    }

    /// Stops in order; the data stays as long as the folder is held.
    pub async fn stop_and_keep(self) -> tempfile::TempDir {
        self.app.stop().await;
        self.folder
    }

    /// Starts on a folder with data, without the demo school.
    pub async fn start_on(folder: tempfile::TempDir) -> Self {
        let mut config = config(folder.path());
        config.school.demo = false;
        Self::launch(config, school_clock(), folder).await
    }

    /// What its store is opened by.
    pub fn database(&self) -> String {
        self.config.database_url()
    }

    /// The data folder.
    pub fn data(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub fn app(&self) -> &RunningApp {
        &self.app
    }

    /// `ws://…/ws`.
    pub fn socket_url(&self) -> String {
        format!("{}/ws", self.url.replacen("http", "ws", 1))
    }

    /// A client without a sign-in.
    pub fn client(&self) -> Client {
        let http = reqwest::Client::builder().cookie_store(true).no_proxy().build().unwrap();
        Client { http, url: self.url.clone(), token: None, me: Value::Null }
    }

    /// A browser in which this person has signed in.
    pub async fn sign_in(&self, code: &str) -> Client {
        let mut client = self.client();
        let answer = client.post("/api/v1/session", &serde_json::json!({ "login": code, "password": PASSWORD })).await;
        assert_eq!(answer.status, StatusCode::OK, "sign-in of {code}: {}", answer.body);
        client.me = answer.body;
        client
    }

    /// A program with a token of this person.
    pub async fn token(&self, code: &str, scopes: &[&str]) -> Client {
        let owner = self.sign_in(code).await;
        let asked = serde_json::json!({ "scopes": scopes, "expires_in_s": 3600 });
        let answer = owner.post("/api/v1/tokens", &asked).await;
        assert_eq!(answer.status, StatusCode::CREATED, "token of {code}: {}", answer.body);
        let token = answer.body["token"].as_str().unwrap().to_owned();
        Client { token: Some(token), me: owner.me.clone(), ..self.client() }
    }
}

fn config(folder: &std::path::Path) -> Config {
    let mut config = Config::default();
    config.server.listen = "127.0.0.1:0".parse().unwrap();
    config.data.dir = folder.to_owned();
    config.data.database = postgres::database(folder);
    config.school.demo = true;
    config.media.udp_port = 0;
    config.media.workers = 1;
    config.media.bind = vec!["127.0.0.1".parse().unwrap()];
    config.media.advertise = vec!["127.0.0.1".parse().unwrap()];
    // Tests ask as fast as they can; those of the limits set their own.
    config.limits.api_burst = 100_000;
    config.limits.joins_burst = 10_000;
    config
}

/// One browser or program.
#[derive(Clone)]
pub struct Client {
    pub http: reqwest::Client,
    pub url: String,
    /// Sent as a bearer token when there is one.
    pub token: Option<String>,
    /// The answer to the sign-in.
    pub me: Value,
}

/// What came back. The body is `Null` when there was none, a string when it was not JSON.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    /// The problem's code; empty when it was none.
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }
}

impl Client {
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let status = response.status();
        let headers = response.headers().clone();
        let text = response.text().await.unwrap();
        let body =
            if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap_or(Value::String(text)) };
        Answer { status, headers, body }
    }

    /// Status and headers alone; the body is not waited for.
    pub async fn head_of(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        Answer { status: response.status(), headers: response.headers().clone(), body: Value::Null }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// Whether the timetable is shown at all.
    pub async fn timetable_status(&self) -> StatusCode {
        self.get("/api/v1/timetable").await.status
    }

    /// The consultations of today and the next days.
    pub async fn timetable(&self) -> Vec<Value> {
        let answer = self.get("/api/v1/timetable").await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        answer.body["items"].as_array().unwrap().clone()
    }

    /// The id of the first consultation in this person's timetable that fits.
    pub async fn find(&self, fits: impl Fn(&Value) -> bool) -> Option<String> {
        self.timetable().await.iter().find(|item| fits(item)).map(|item| item["id"].as_str().unwrap().to_owned())
    }
}
