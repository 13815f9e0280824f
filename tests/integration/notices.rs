//! Notices on their way out, against receivers that are really there: an SMTP server, a push service that decrypts, a
//! webhook. And in the app: list, stream, feed.

mod receivers;

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::hub::{Client, DEPUTY, STUDENT, TEACHER, TestHub};
use receivers::{Browser, HttpReceiver, SmtpServer};

/// What must come, comes within this; a slow machine is no failure.
const PATIENCE: Duration = Duration::from_secs(60);

async fn put(client: &Client, path: &str, body: &Value) -> crate::hub::Answer {
    client.send(client.request(reqwest::Method::PUT, path).json(body)).await
}

/// Cancels a lesson of 5А that is still to come, so that its people are told.
async fn cancel_one(hub: &TestHub, reason: &str) -> Value {
    let deputy = hub.sign_in(DEPUTY).await;
    let lessons = deputy.timetable().await;
    let fits = |item: &&Value| {
        let is_group = item["form"] != "individual" && item["audience"]["students"] == true;
        item["state"] == "planned" && item["class"] == "5А" && is_group
    };
    let lesson = lessons.iter().find(fits);
    let lesson = lesson.expect("the demo plans lessons of 5А").clone();
    let path = format!("/api/v1/consultations/{}/cancel", lesson["id"].as_str().unwrap());
    let answer = deputy.post(&path, &json!({ "reason": reason })).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    lesson
}

#[tokio::test]
async fn a_cancelled_lesson_is_told_in_the_app_by_letter_push_and_webhook() {
    let mut smtp = SmtpServer::start(1).await;
    let mut http = HttpReceiver::start().await;
    let (smtp_port, http_host) = (smtp.port, http.address.ip().to_string());
    let hub = TestHub::start_with(|config| {
        config.notify.smtp_host = "127.0.0.1".to_owned();
        config.notify.smtp_port = smtp_port;
        config.notify.smtp_tls = kafedra::config::notify::SmtpTls::None;
        config.notify.mail_from = "kafedra@school.example".to_owned();
        config.notify.push_hosts = vec![http_host.clone()];
        config.notify.webhook_hosts = vec![http_host];
        config.notify.private_addresses = true;
    })
    .await;
    // The student proves an address: the first letter is refused for now by the server, and sent again by the person.
    let student = hub.sign_in(STUDENT).await;
    let wrong = put(&student, "/api/v1/notices/email", &json!({ "email": "a@b" })).await;
    assert_eq!(wrong.code(), "bad_request");
    let first = put(&student, "/api/v1/notices/email", &json!({ "email": "s@mail.example" })).await;
    assert_eq!(first.code(), "unavailable", "the server said 451: {}", first.body);
    let second = put(&student, "/api/v1/notices/email", &json!({ "email": "s@mail.example" })).await;
    assert_eq!(second.status, StatusCode::NO_CONTENT, "{}", second.body);
    let letter = smtp.next().await;
    let code: String = letter.text().chars().filter(char::is_ascii_digit).take(6).collect();
    let refused = student.post("/api/v1/notices/email/confirm", &json!({ "code": "x" })).await;
    assert_eq!(refused.code(), "bad_request");
    let confirmed = student.post("/api/v1/notices/email/confirm", &json!({ "code": code })).await;
    assert_eq!(confirmed.body["is_email_confirmed"], true, "{}", confirmed.body);
    // A browser and a webhook.
    let browser = Browser::new();
    let elsewhere = json!({ "endpoint": "https://push.evil.example/x", "keys": browser.keys() });
    assert_eq!(student.post("/api/v1/notices/push", &elsewhere).await.code(), "bad_request");
    let endpoint = format!("http://{}/push", http.address);
    let subscription = json!({ "endpoint": endpoint, "keys": browser.keys() });
    assert_eq!(student.post("/api/v1/notices/push", &subscription).await.status, StatusCode::NO_CONTENT);
    let admin = hub.sign_in(crate::hub::ADMIN).await;
    let hook = json!({ "url": format!("http://{}/hook", http.address), "kinds": ["consultation_cancelled"] });
    let made = admin.post("/api/v1/webhooks", &hook).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    let secret = made.body["secret"].as_str().unwrap().to_owned();
    let inside = json!({ "url": "http://metadata.internal/hook" });
    assert_eq!(admin.post("/api/v1/webhooks", &inside).await.code(), "bad_request");

    let before = student.get("/api/v1/notices").await.body["unread"].as_i64().unwrap();
    let lesson = cancel_one(&hub, "болезнь Петрова").await;

    let listed = student.get("/api/v1/notices").await.body;
    assert_eq!(listed["unread"].as_i64().unwrap(), before + 1, "with the commit: {listed}");
    assert_eq!(listed["items"][0]["notice"]["kind"], "consultation_cancelled");
    assert_eq!(listed["items"][0]["notice"]["lesson"]["id"], lesson["id"]);

    let letter = loop {
        let letter = smtp.next().await;
        if letter.subject().contains("отменена") {
            break letter;
        }
    };
    assert!(
        letter.to.contains("s@mail.example") && letter.head("Message-ID").contains("@school.example"),
        "{letter:?}"
    );
    assert_eq!(letter.head("Auto-Submitted"), "auto-generated");
    assert!(!letter.data.contains("Петров") && !letter.text().contains("Петров"), "what somebody wrote stays inside");

    let (mut pushed, mut called) = (None, None);
    while pushed.is_none() || called.is_none() {
        let request = http.next().await;
        match request.path.as_str() {
            // Lessons of the demo open and are told of, too.
            "/push" if request.head("topic") == "consultation_cancelled" => pushed = Some(request),
            "/hook" => called = Some(request),
            // The next try is half a minute off: the hub's clock goes there.
            "/hook failed" => hub.clock.advance_ms(31_000),
            _ => {}
        }
    }
    let pushed = pushed.unwrap();
    assert_eq!(pushed.head("content-encoding"), "aes128gcm");
    assert!(pushed.head("authorization").starts_with("vapid t=ey") && pushed.head("ttl").parse::<u32>().is_ok());
    vapid_is_right(&pushed.head("authorization"), &format!("http://{}", http.address), hub.clock.now_ms());
    let said: Value = serde_json::from_slice(&browser.decrypt(&pushed.body)).unwrap();
    assert_eq!(said["title"], "Консультация отменена", "{said}");
    assert!(!said.to_string().contains("Петров"));
    let called = called.unwrap();
    let body = String::from_utf8(called.body.clone()).unwrap();
    let at: i64 = called.head("kafedra-timestamp").parse().unwrap();
    assert_eq!(called.head("kafedra-signature"), kafedra::notify::webhook::signature(&secret, at, &body));
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["kind"], "consultation_cancelled");
    // The receiver was out of order for the first call and saw the same delivery again.
    assert_eq!(http.failed_first(), Some(called.head("kafedra-delivery")));

    let until = listed["items"][0]["at_ms"].clone();
    assert_eq!(
        student.post("/api/v1/notices/read", &json!({ "until_ms": until })).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(student.get("/api/v1/notices").await.body["unread"], 0);
    hub.stop().await;
}

#[tokio::test]
async fn a_withdrawn_consent_stops_letters_and_what_waits_while_the_app_goes_on() {
    let mut smtp = SmtpServer::start(0).await;
    let mut http = HttpReceiver::start().await;
    let (smtp_port, http_host) = (smtp.port, http.address.ip().to_string());
    let hub = TestHub::start_with(|config| {
        config.notify.smtp_host = "127.0.0.1".to_owned();
        config.notify.smtp_port = smtp_port;
        config.notify.smtp_tls = kafedra::config::notify::SmtpTls::None;
        config.notify.mail_from = "kafedra@school.example".to_owned();
        config.notify.webhook_hosts = vec![http_host];
        config.notify.private_addresses = true;
    })
    .await;
    let student = hub.sign_in(STUDENT).await;
    let asked = put(&student, "/api/v1/notices/email", &json!({ "email": "s@mail.example" })).await;
    assert_eq!(asked.status, StatusCode::NO_CONTENT, "{}", asked.body);
    let code: String = smtp.next().await.text().chars().filter(char::is_ascii_digit).take(6).collect();
    let confirmed = student.post("/api/v1/notices/email/confirm", &json!({ "code": code })).await;
    assert_eq!(confirmed.body["is_email_confirmed"], true, "{}", confirmed.body);

    // A child of twelve: the guardian signs, and takes it back.
    let guardian = hub.sign_in(crate::hub::GUARDIAN).await;
    let list = guardian.get("/api/v1/consents").await.body;
    let people = list["people"].as_array().unwrap();
    let child = people.iter().find(|one| one["person"] == student.me["person"]["id"]).unwrap();
    let item = child["items"].as_array().unwrap().iter().find(|item| item["purpose"] == "messages").unwrap();
    let form = json!({ "person": child["person"], "purpose": "messages", "text": item["text"]["id"] });
    assert_eq!(guardian.post("/api/v1/consents", &form).await.status, StatusCode::NO_CONTENT);
    assert_eq!(guardian.post("/api/v1/consents/withdraw", &form).await.status, StatusCode::NO_CONTENT);
    assert_eq!(student.get("/api/v1/notices/settings").await.body["is_silenced"], true);
    // The webhook hears of it when letters and pushes are made, or not: then this one is decided.
    let admin = hub.sign_in(crate::hub::ADMIN).await;
    let hook = json!({ "url": format!("http://{}/hook", http.address), "kinds": ["consultation_cancelled"] });
    assert_eq!(admin.post("/api/v1/webhooks", &hook).await.status, StatusCode::CREATED);
    let silent = cancel_one(&hub, "первая").await;
    assert!(http.next().await.path.starts_with("/hook"));
    let listed = student.get("/api/v1/notices").await.body;
    assert!(listed.to_string().contains(silent["id"].as_str().unwrap()), "in the app it is told: {listed}");

    // Given again, letters go out again; the first that speaks of a cancelling is about the second lesson.
    assert_eq!(guardian.post("/api/v1/consents", &form).await.status, StatusCode::NO_CONTENT);
    assert_eq!(student.get("/api/v1/notices/settings").await.body["is_silenced"], false);
    let told = cancel_one(&hub, "вторая").await;
    let letter = loop {
        let letter = smtp.next().await;
        if letter.subject().contains("отменена") {
            break letter;
        }
    };
    let when = |lesson: &Value| {
        let at: jiff::Timestamp = lesson["start"].as_str().unwrap().parse().unwrap();
        let zone = jiff::tz::TimeZone::get("Europe/Moscow").unwrap();
        at.to_zoned(zone).strftime("%d.%m.%Y в %H:%M").to_string()
    };
    assert_ne!(when(&silent), when(&told));
    assert!(letter.text().contains(&when(&told)), "{} is not of {}", letter.text(), when(&told));
    hub.stop().await;
}

/// RFC 8292: who pushes, to whom and until when, signed by the key that is named beside it.
fn vapid_is_right(authorization: &str, origin: &str, now_ms: i64) {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let (token, key) = authorization.strip_prefix("vapid t=").unwrap().split_once(", k=").unwrap();
    let key = URL_SAFE_NO_PAD.decode(key).unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let verified = ring::signature::UnparsedPublicKey::new(&ring::signature::ECDSA_P256_SHA256_FIXED, key);
    verified.verify(signed.as_bytes(), &signature).expect("signed by the key that is named");
    let part = |text: &str| -> Value { serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap() };
    let (head, claims) = signed.split_once('.').unwrap();
    let (head, claims) = (part(head), part(claims));
    assert_eq!(head["alg"], "ES256");
    assert_eq!(claims["aud"], origin, "{claims}");
    let left_s = claims["exp"].as_i64().unwrap() - now_ms / 1_000;
    assert!((1..=24 * 3_600).contains(&left_s), "a day at most: {claims}");
}

#[tokio::test]
async fn an_open_page_hears_of_a_notice_at_once() {
    let hub = TestHub::start().await;
    let student = hub.sign_in(STUDENT).await;
    let mut stream = student.request(reqwest::Method::GET, "/api/v1/notices/live").send().await.unwrap();
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let mut events = String::new();
    let mut hear = async |events: &mut String| {
        let chunk = tokio::time::timeout(PATIENCE, stream.chunk()).await.expect("in time").unwrap().unwrap();
        events.push_str(&String::from_utf8_lossy(&chunk));
    };
    while !events.contains("event: unread") {
        hear(&mut events).await;
    }
    let unread = student.get("/api/v1/notices").await.body["unread"].as_i64().unwrap();
    cancel_one(&hub, "причина").await;
    // The lesson of the demonstration that begins in two minutes may be told of in the same moment.
    let more = |events: &str| {
        let counts = events.split("\"unread\":").skip(1).filter_map(|rest| rest.split('}').next()?.parse::<i64>().ok());
        counts.max().is_some_and(|count| count > unread)
    };
    while !more(&events) {
        hear(&mut events).await;
    }
    let list = student.get("/api/v1/notices").await.body;
    assert!(list["items"].as_array().unwrap().iter().any(|item| item["notice"]["reason"] == "причина"), "{list}");
    hub.stop().await;
}

#[tokio::test]
async fn a_reminder_comes_once_also_over_a_restart() {
    let hub = TestHub::start().await;
    let teacher = hub.sign_in(TEACHER).await;
    let store = &hub.app().state.store;
    // Everything of the next day, for those who chose a day.
    let settings = json!({ "topics": [], "reminder_minutes": 1440 });
    assert_eq!(put(&teacher, "/api/v1/notices/settings", &settings).await.status, StatusCode::OK);
    let reminded = |body: &Value| {
        let items = body["items"].as_array().unwrap();
        items.iter().filter(|item| item["notice"]["kind"] == "consultation_soon").count()
    };
    hub.clock.advance_ms(1);
    let now_ms = hub.clock.now_ms();
    store.remind(1440, now_ms).await.unwrap();
    let first = reminded(&teacher.get("/api/v1/notices").await.body);
    store.remind(1440, now_ms + 60_000).await.unwrap();
    assert_eq!(reminded(&teacher.get("/api/v1/notices").await.body), first, "not twice");
    let hub = hub.restart().await;
    let teacher = hub.sign_in(TEACHER).await;
    hub.app().state.store.remind(1440, now_ms).await.unwrap();
    let after = reminded(&teacher.get("/api/v1/notices").await.body);
    assert!(after <= first + 1, "the restart made a demo lesson at most: {first} and {after}");
    let wrong = json!({ "topics": [], "reminder_minutes": 7 });
    assert_eq!(put(&teacher, "/api/v1/notices/settings", &wrong).await.code(), "bad_request");
    hub.stop().await;
}

#[tokio::test]
async fn a_feed_opens_by_its_secret_tells_of_cancelling_and_ends_when_revoked() {
    let hub = TestHub::start().await;
    let guardian = hub.sign_in(crate::hub::GUARDIAN).await;
    assert_eq!(guardian.get("/api/v1/me/calendar").await.body["exists"], false);
    let made = guardian.post("/api/v1/me/calendar", &json!({})).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    let url = made.body["url"].as_str().unwrap().to_owned();
    let path = &url[url.find("/api/").unwrap()..];
    let program = hub.client();
    let feed = program.get(path).await;
    let text = feed.body.as_str().unwrap();
    assert_eq!(feed.headers["content-type"], "text/calendar; charset=utf-8");
    assert!(text.starts_with("BEGIN:VCALENDAR\r\n") && text.contains("BEGIN:VEVENT"), "{text}");
    for ward in guardian.me["wards"].as_array().unwrap() {
        let family_name = ward["display_name"].as_str().unwrap().split(' ').next().unwrap().to_owned();
        assert!(!text.contains(&family_name), "no names of children");
    }
    let lesson = cancel_one(&hub, "причина").await;
    let text = program.get(path).await.body.as_str().unwrap().to_owned();
    let unfolded = text.replace("\r\n ", "");
    let event =
        unfolded.split("BEGIN:VEVENT").find(|event| event.contains(lesson["id"].as_str().unwrap())).unwrap().to_owned();
    assert!(event.contains("STATUS:CANCELLED") && event.contains("SEQUENCE:1"), "{event}");
    assert_eq!(guardian.delete("/api/v1/me/calendar").await.status, StatusCode::NO_CONTENT);
    assert_eq!(program.get(path).await.status, StatusCode::NOT_FOUND);
    hub.stop().await;
}
