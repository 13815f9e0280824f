//! A password that somebody else chose is good for choosing another and for nothing else: every route says so, to every role.

use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, http::HeaderValue};

use super::planning::{self, Things};
use super::{Asks, ROUTES, people, request_of};
use crate::hub::{ADMIN, Answer, Client, DEPUTY, PASSWORD, STUDENT, TEACHER, TestHub};

const OWN: &str = "три белых коня";

/// What is open before: oneself, the new password, and the way out, which asks nothing at all.
const OPEN: [(&str, &str); 2] = [("get", "/api/v1/me"), ("post", "/api/v1/me/password")];

/// Gives somebody another password and signs them in by it. Answers the cookie as well, for what a client cannot send.
async fn reset(hub: &TestHub, by: &Client, code: &str) -> (Client, String, String) {
    let id = hub.sign_in(code).await.me["person"]["id"].as_str().unwrap().to_owned();
    let answer = by.post(&format!("/api/v1/people/{id}/password"), &json!({})).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let given = answer.body["password"].as_str().unwrap().to_owned();
    let client = hub.client();
    let signed = client.post("/api/v1/session", &json!({ "login": code, "password": given })).await;
    assert_eq!((signed.status, &signed.body["password_change_required"]), (StatusCode::OK, &json!(true)), "{code}");
    let cookie = signed.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    (client, given, cookie)
}

fn is_refused(answer: &Answer) -> bool {
    (answer.status, answer.code()) == (StatusCode::FORBIDDEN, "password_change_required")
}

#[tokio::test]
async fn before_a_password_of_ones_own_every_route_is_closed_to_every_role() {
    let hub = TestHub::start_with(|config| config.limits.logins_per_address = 1000).await;
    let (admin, deputy) = (hub.sign_in(ADMIN).await, hub.sign_in(DEPUTY).await);
    let things = Things::find(&hub, &deputy).await;
    let document = admin.get("/api/openapi.json").await.body;
    let mut closed = 0;
    for code in [STUDENT, "G-01", TEACHER, DEPUTY] {
        let (client, ..) = reset(&hub, &admin, code).await;
        let mut wrong = Vec::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for method in methods.as_object().unwrap().keys() {
                let route = ROUTES
                    .iter()
                    .chain(planning::ROUTES)
                    .chain(people::ROUTES)
                    .find(|route| (route.0, route.1) == (method.as_str(), path.as_str()));
                let asks = route.unwrap_or_else(|| panic!("{method} {path} is not in the matrix")).2;
                // The way out is tried last; sign-in is a new one.
                if matches!(asks, Asks::Nothing) {
                    continue;
                }
                let nowhere: Vec<&str> =
                    path.split('/').map(|step| if step.starts_with('{') { "x" } else { step }).collect();
                let answer = client.send(request_of(&things, &client, method, &nowhere.join("/"))).await;
                let expected = !OPEN.contains(&(method.as_str(), path.as_str()));
                closed += usize::from(expected);
                if is_refused(&answer) != expected {
                    wrong.push(format!("{code} {method} {path}: {} {}", answer.status, answer.body));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
    assert!(closed > 4 * 100, "only {closed} were asked");
    hub.stop().await;
}

#[tokio::test]
async fn a_first_password_opens_no_socket_and_one_of_ones_own_opens_everything() {
    let hub = TestHub::start().await;
    let admin = hub.sign_in(ADMIN).await;
    let (client, given, cookie) = reset(&hub, &admin, TEACHER).await;
    let ticket = client.post("/api/v1/session/ticket", &json!({})).await;
    assert!(is_refused(&ticket), "{}", ticket.body);
    let mut upgrade = hub.socket_url().into_client_request().unwrap();
    upgrade.headers_mut().insert("cookie", HeaderValue::from_str(&cookie).unwrap());
    upgrade.headers_mut().insert("origin", HeaderValue::from_str(&hub.url).unwrap());
    match tokio_tungstenite::connect_async(upgrade).await {
        Err(Error::Http(answer)) => {
            assert_eq!(answer.status(), 403);
            let body = String::from_utf8_lossy(answer.body().as_deref().unwrap_or_default()).into_owned();
            assert!(body.contains("password_change_required"), "{body}");
        }
        other => panic!("{other:?}"),
    }
    // It reads who it is, and the same again is no new password.
    assert_eq!(client.get("/api/v1/me").await.body["password_change_required"], true);
    let change = async |new: &str| {
        client.post("/api/v1/me/password", &json!({ "old_password": given, "new_password": new })).await
    };
    assert_eq!(change(&given).await.body["params"]["reason"], "same");
    assert!(is_refused(&client.get("/api/v1/timetable?from=2026-09-01&to=2026-09-02").await));
    assert_eq!(change(OWN).await.status, StatusCode::NO_CONTENT);
    assert_eq!(client.get("/api/v1/me").await.body["password_change_required"], false);
    assert!(!client.timetable().await.is_empty());
    crate::access::connect(&hub, &client).await;
    // The next sign-in is like any other.
    let again = hub.client().post("/api/v1/session", &json!({ "login": TEACHER, "password": OWN })).await;
    assert_eq!(again.body["password_change_required"], false);
    hub.stop().await;
}

#[tokio::test]
async fn whoever_must_choose_a_password_may_leave_and_the_demo_asks_nobody() {
    let hub = TestHub::start().await;
    let admin = hub.sign_in(ADMIN).await;
    assert_eq!(admin.me["password_change_required"], false, "the demo's accounts are as they are printed");
    let (client, given, _) = reset(&hub, &admin, STUDENT).await;
    let left = client.send(client.request(Method::DELETE, "/api/v1/session")).await;
    assert_eq!(left.status, StatusCode::NO_CONTENT);
    assert_eq!(client.get("/api/v1/me").await.status, StatusCode::UNAUTHORIZED);
    let old = hub.client().post("/api/v1/session", &json!({ "login": STUDENT, "password": PASSWORD })).await;
    assert_eq!(old.status, StatusCode::UNAUTHORIZED);
    // A restart forgets nothing of it.
    let hub = hub.restart().await;
    let client = hub.client();
    let signed = client.post("/api/v1/session", &json!({ "login": STUDENT, "password": given })).await;
    assert_eq!(signed.body["password_change_required"], true, "{}", signed.body);
    assert!(is_refused(&client.get("/api/v1/notices").await));
    hub.stop().await;
}
