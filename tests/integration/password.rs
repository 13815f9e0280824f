//! A new password: who may, what is taken, and that everything signed in by the old one is over (SAFETY HT-04).

use reqwest::StatusCode;
use serde_json::json;

use crate::access::connect;
use crate::hub::{Answer, Client, PASSWORD, STUDENT, TEACHER, TestHub};

const NEW: &str = "три белых коня";

async fn change(client: &Client, old: &str, new: &str) -> Answer {
    client.post("/api/v1/me/password", &json!({ "old_password": old, "new_password": new })).await
}

async fn signs_in(hub: &TestHub, login: &str, password: &str) -> StatusCode {
    hub.client().post("/api/v1/session", &json!({ "login": login, "password": password })).await.status
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ht_04_a_new_password_ends_every_other_sign_in_and_gives_this_one_a_new_id() {
    let hub = TestHub::start().await;
    let (here, phone) = (hub.sign_in(TEACHER).await, hub.sign_in(TEACHER).await);
    let program = hub.token(TEACHER, &["timetable.read"]).await;
    let stranger = hub.sign_in(STUDENT).await;
    let mut socket = connect(&hub, &phone).await;
    let session =
        |answer: &Answer| answer.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let planted = hub.client();
    let login = planted.post("/api/v1/session", &json!({ "login": TEACHER, "password": PASSWORD })).await;
    let before = session(&login);

    let changed = change(&here, PASSWORD, NEW).await;
    assert_eq!(changed.status, StatusCode::NO_CONTENT, "{}", changed.body);
    assert_ne!(session(&changed), before);
    assert!(changed.headers["set-cookie"].to_str().unwrap().contains("HttpOnly"));
    assert_eq!(here.get("/api/v1/me").await.status, StatusCode::OK, "this browser goes on");
    for (who, other) in [("phone", &phone), ("program", &program), ("third", &planted)] {
        let answer = other.get("/api/v1/me").await;
        assert_eq!((answer.status, answer.code()), (StatusCode::UNAUTHORIZED, "session_expired"), "{who}");
    }
    let replayed = hub.client();
    let request = replayed.request(reqwest::Method::GET, "/api/v1/me").header("cookie", before);
    assert_eq!(replayed.send(request).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(socket.closed().await, Some(4001));
    assert_eq!(stranger.get("/api/v1/me").await.status, StatusCode::OK, "nobody else's business");
    assert_eq!(signs_in(&hub, TEACHER, PASSWORD).await, StatusCode::UNAUTHORIZED);
    assert_eq!(signs_in(&hub, TEACHER, NEW).await, StatusCode::OK);
    let hub = hub.restart().await;
    assert_eq!(signs_in(&hub, TEACHER, NEW).await, StatusCode::OK, "it is on disk");
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_weak_password_is_refused_with_its_reason_and_nothing_changes() {
    let hub = TestHub::start().await;
    let student = hub.sign_in(STUDENT).await;
    for (new, reason) in [
        ("1234567", "too_short"),
        ("12345678", "too_common"),
        ("s-5a-01!", "like_login"),
        (PASSWORD, "same"),
        (&"ы".repeat(600), "too_long"),
    ] {
        let answer = change(&student, PASSWORD, new).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::UNPROCESSABLE_ENTITY, "password_weak"), "{new}");
        assert_eq!(answer.body["params"]["reason"], reason, "{new}");
    }
    assert_eq!(student.get("/api/v1/me").await.status, StatusCode::OK);
    assert_eq!(signs_in(&hub, STUDENT, PASSWORD).await, StatusCode::OK);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_old_password_is_guessed_no_faster_than_at_the_door_and_a_token_changes_none() {
    let hub = TestHub::start().await;
    let program = hub.token(STUDENT, &["room.join", "timetable.read"]).await;
    let answer = change(&program, PASSWORD, NEW).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::FORBIDDEN, "role_not_permitted"));
    let student = hub.sign_in(STUDENT).await;
    for _ in 0..5 {
        let answer = change(&student, "not the password", NEW).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::FORBIDDEN, "wrong_password"));
    }
    let answer = change(&student, PASSWORD, NEW).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::TOO_MANY_REQUESTS, "rate_limited"));
    let wait_s: i64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
    hub.clock.advance_ms(wait_s * 1000);
    assert_eq!(change(&student, PASSWORD, NEW).await.status, StatusCode::NO_CONTENT);
    hub.stop().await;
}

/// Strings of older parameters are made anew when the password is at hand.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signing_in_renews_a_string_of_old_parameters() {
    use argon2::password_hash::PasswordHasher as _;
    use argon2::{Algorithm, Argon2, Params, Version};

    let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(4_096, 1, 1, None).unwrap());
    let old = weak.hash_password(PASSWORD.as_bytes()).unwrap().to_string();
    let hub = TestHub::start().await;
    let store = hub.app().state.store.clone();
    let person = store.account_by_login(TEACHER).await.unwrap().unwrap().person.id;
    let (written, put_hash) = (person, old.clone());
    let put: Result<(), kafedra::store::StoreError> =
        store.write(move |tx| Box::pin(async move { tx.update_password(&written, &put_hash, None).await })).await;
    put.unwrap();
    assert_eq!(signs_in(&hub, TEACHER, "wrong password").await, StatusCode::UNAUTHORIZED);
    let kept = || async { store.account_by_login(TEACHER).await.unwrap().unwrap().password_hash };
    assert_eq!(kept().await, old, "a wrong password renews nothing");
    assert_eq!(signs_in(&hub, TEACHER, PASSWORD).await, StatusCode::OK);
    let renewed = kept().await;
    assert!(!kafedra::domain::password::is_outdated(&renewed), "{renewed}");
    assert_eq!(signs_in(&hub, TEACHER, PASSWORD).await, StatusCode::OK);
    assert_eq!(kept().await, renewed, "once is enough");
    hub.stop().await;
}
