//! Individual help from outside: requests, appointments, guardians, feedback. What each refuses, and to whom.

mod booking;
mod guardians;
mod helped;
mod matrix;
mod opinions;
mod requests;
mod topics;

use kafedra::clock::WallClock;
use reqwest::Method;
use serde_json::{Value, json};

use crate::hub::{Answer, Client, TestHub};

/// A hub whose school is in its second quarter, a Saturday morning: office hours lie ahead, whatever the day of the test.
async fn hub() -> TestHub {
    let at: jiff::Timestamp = "2026-11-28T09:00:00Z".parse().unwrap();
    let real = WallClock::system(0).now_ms();
    TestHub::start_at(WallClock::system(at.as_millisecond() - real)).await
}

impl Client {
    async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::PUT, path).json(body)).await
    }

    async fn drop_with(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::DELETE, path).json(body)).await
    }

    fn id(&self) -> String {
        self.me["person"]["id"].as_str().unwrap().to_owned()
    }

    /// The id of a child of this guardian, by class.
    pub fn child(&self, class: &str) -> String {
        let wards = self.me["wards"].as_array().unwrap();
        wards.iter().find(|ward| ward["class"] == class).unwrap()["id"].as_str().unwrap().to_owned()
    }
}

/// Status and code of a refusal.
#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status.as_u16(), answer.code()), (status, code), "{}", answer.body);
}

#[track_caller]
fn accepted(answer: Answer) -> Value {
    assert!(answer.status.is_success(), "{} {}", answer.status, answer.body);
    answer.body
}

/// The subject of that name in the choices of a student or guardian.
async fn subject(client: &Client, name: &str) -> Value {
    let choices = accepted(client.get("/api/v1/requests/choices").await);
    let students = choices["students"].as_array().unwrap().clone();
    let mut all = students.iter().flat_map(|student| student["subjects"].as_array().unwrap());
    all.find(|subject| subject["name"] == name).unwrap_or_else(|| panic!("no {name} in {choices}")).clone()
}

/// Asks about a subject of the class; gives the request.
async fn ask(client: &Client, name: &str, text: &str) -> Value {
    let subject = subject(client, name).await;
    let body =
        json!({ "subject": subject["id"], "topic": subject["topics"][0]["id"], "text": text, "is_shared": true });
    accepted(client.post("/api/v1/requests", &body).await)
}
