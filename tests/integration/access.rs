//! WS-07 for what is changed outside HTTP: only the store is written to, by the command line as a process of its own or
//! through a store handle of its own as another hub would, and seated people feel it within a second.

use std::time::{Duration, Instant};

use jiff::civil::Date;
use kafedra::api::people::today;
use kafedra::clock::WallClock;
use kafedra::domain::ids::{ConsultationId, PersonId};
use kafedra::domain::role::Role;
use kafedra::store::{Store, StoreError, Tx};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::client::until_async;
use crate::hub::{Client, GUARDIAN, OTHER_STUDENT, OTHER_TEACHER, STUDENT, TEACHER, TestHub};
use crate::sockets::Wire;

/// A socket of this person, after `hello`.
pub async fn connect(hub: &TestHub, person: &Client) -> Wire {
    let ticket = person.post("/api/v1/session/ticket", &json!({})).await.body["ticket"].clone();
    let (socket, _) = tokio_tungstenite::connect_async(hub.socket_url()).await.unwrap();
    let mut wire = Wire { socket };
    wire.say(json!({ "type": "hello", "version": 1, "ticket": ticket })).await;
    wire.hears("welcome").await;
    wire
}

/// A seat in a room of the demo: its socket. The room of an open consultation opens within a moment.
pub async fn sit(hub: &TestHub, person: &Client, room: &str) -> Wire {
    let mut wire = connect(hub, person).await;
    until_async("the room is open", async || {
        wire.say(json!({ "type": "join", "room": room })).await;
        loop {
            let message = wire.next().await.unwrap();
            match message["type"].as_str().unwrap() {
                "joined" => return true,
                "error" if message["code"] == "unavailable" || message["code"] == "too_early" => return false,
                "error" => panic!("{message}"),
                _ => {}
            }
        }
    })
    .await;
    wire
}

/// Room of the video conference that is open, with its host and one of its students seated.
async fn seated(hub: &TestHub) -> (Wire, Wire, Client, String) {
    let is_open =
        |item: &Value| item["form"] == "video_conference" && (item["state"] == "open" || item["state"] == "live");
    let host = hub.sign_in(OTHER_TEACHER).await;
    let mut room = None;
    until_async("the video conference is open", async || {
        room = host.find(|item| is_open(item) && item["role"] == "host").await;
        room.is_some()
    })
    .await;
    let room = room.unwrap();
    let teacher = sit(hub, &host, &room).await;
    for code in [STUDENT, OTHER_STUDENT] {
        let student = hub.sign_in(code).await;
        if student.find(|item| item["id"] == room.as_str() && item["role"] == "recipient").await.is_some() {
            return (teacher, sit(hub, &student, &room).await, student, room);
        }
    }
    panic!("no student of {room}")
}

/// Another student of the room.
async fn classmate(hub: &TestHub, room: &str) -> Client {
    for code in ["S-5A-02", "S-9B-02"] {
        let student = hub.sign_in(code).await;
        if student.find(|item| item["id"] == room && item["role"] == "recipient").await.is_some() {
            return student;
        }
    }
    panic!("no other student of {room}")
}

/// A store handle of its own on the hub's data: what another hub is.
async fn elsewhere(hub: &TestHub) -> Store {
    Store::open(&hub.database()).await.unwrap()
}

fn id(person: &Client) -> PersonId {
    PersonId::new(person.me["person"]["id"].as_str().unwrap())
}

async fn school_date(hub: &TestHub, store: &Store) -> Date {
    today(&store.schools().await.unwrap()[0], hub.clock.now_ms())
}

async fn write<F>(store: &Store, job: F)
where
    F: for<'t> FnOnce(&'t mut Tx) -> futures_util::future::BoxFuture<'t, Result<(), StoreError>> + Send + 'static,
{
    store.write(job).await.unwrap();
}

/// Runs the program beside the hub, which has to work on meanwhile: it may hold the database as the program starts.
async fn kafedra(hub: &TestHub, arguments: &[&str]) {
    let done = Command::new(env!("CARGO_BIN_EXE_kafedra"))
        .args(arguments)
        .arg("--data-dir")
        .arg(hub.data())
        .env("KAFEDRA_DATA__DATABASE", hub.database())
        .env("KAFEDRA_CLOCK_OFFSET_SECONDS", crate::hub::clock_offset_s().to_string())
        .env("KAFEDRA_PASSWORD", "три белых коня")
        .output()
        .await
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

fn in_time(start: Instant, what: &str) {
    assert!(start.elapsed() < Duration::from_secs(1), "{what}: after {:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ws_07_the_command_line_takes_a_role_and_the_seat_goes() {
    let hub = TestHub::start().await;
    let (_teacher, mut wire, student, _) = seated(&hub).await;
    let code = student.me["person"]["code"].as_str().unwrap();
    kafedra(&hub, &["user", "roles", "--login", code, "--remove", "student"]).await;
    let start = Instant::now();
    assert_eq!(wire.hears("closed").await["reason"], "access_ended");
    in_time(start, "a role taken");
    assert!(student.timetable_status().await.is_client_error());
    kafedra(&hub, &["user", "roles", "--login", code, "--add", "student"]).await;
    assert!(student.timetable_status().await.is_success(), "and given back");
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ws_07_an_administrator_takes_a_role_or_closes_an_account_and_the_seat_goes() {
    let hub = TestHub::start().await;
    let (_teacher, mut wire, student, room) = seated(&hub).await;
    let admin = hub.sign_in(crate::hub::ADMIN).await;
    let person = format!("/api/v1/people/{}", id(&student).as_str());
    let start = Instant::now();
    let taken = admin.delete(&format!("{person}/roles?role=student")).await;
    assert!(taken.status.is_success(), "{}", taken.body);
    assert_eq!(wire.hears("closed").await["reason"], "access_ended");
    in_time(start, "a role taken");
    let given = admin.post(&format!("{person}/roles"), &json!({ "role": "student" })).await;
    assert!(given.status.is_success(), "{}", given.body);
    let mut wire = sit(&hub, &student, &room).await;
    let start = Instant::now();
    let closed = admin.send(admin.request(reqwest::Method::PUT, &format!("{person}/block")).json(&json!({}))).await;
    assert!(closed.status.is_success(), "{}", closed.body);
    assert_eq!(wire.closed().await, Some(4001));
    in_time(start, "an account closed");
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ws_07_the_command_line_signs_a_person_out_and_changes_their_password() {
    let hub = TestHub::start().await;
    let (mut teacher, mut wire, student, _) = seated(&hub).await;
    let code = student.me["person"]["code"].as_str().unwrap().to_owned();
    kafedra(&hub, &["user", "sign-out", "--login", &code]).await;
    let start = Instant::now();
    assert_eq!(wire.closed().await, Some(4001));
    in_time(start, "signed out");
    let again = hub.sign_in(&code).await;
    let mut wire = connect(&hub, &again).await;
    kafedra(&hub, &["user", "password", "--login", &code]).await;
    let start = Instant::now();
    assert_eq!(wire.closed().await, Some(4001));
    in_time(start, "another password");
    let login = json!({ "login": code, "password": "три белых коня" });
    assert!(hub.client().post("/api/v1/session", &login).await.status.is_success());
    // Everybody else's sign-in was looked at, and holds.
    teacher.chats("still_here").await;
    teacher.hears("chat_ack").await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ws_07_another_hub_ends_an_enrolment_and_the_seat_goes() {
    let hub = TestHub::start().await;
    let (_teacher, mut wire, student, room) = seated(&hub).await;
    let store = elsewhere(&hub).await;
    let group = store.consultation(&ConsultationId::new(room)).await.unwrap().room_facts().group;
    let (who, yesterday) = (id(&student), school_date(&hub, &store).await.yesterday().unwrap());
    let start = Instant::now();
    write(&store, move |tx| Box::pin(async move { tx.end_enrollment(&group, &who, yesterday).await })).await;
    assert_eq!(wire.hears("closed").await["reason"], "access_ended");
    in_time(start, "an enrolment ended");
    store.close().await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ws_07_another_hub_ends_a_guardians_link_and_the_seat_goes() {
    let hub = TestHub::start().await;
    let guardian = hub.sign_in(GUARDIAN).await;
    let mut item = None;
    until_async("something for the guardian is open", async || {
        let items = guardian.timetable().await;
        item = items
            .into_iter()
            .find(|item| item["role"] == "guardian" && (item["state"] == "open" || item["state"] == "live"));
        item.is_some()
    })
    .await;
    let item = item.unwrap();
    let mut teacher = None;
    for code in ["T-014", "T-021", "T-007"] {
        let person = hub.sign_in(code).await;
        if id(&person).as_str() == item["host"]["id"].as_str().unwrap() {
            teacher = Some(sit(&hub, &person, item["id"].as_str().unwrap()).await);
        }
    }
    assert!(teacher.is_some(), "the host is a teacher of the demo");
    let mut wire = sit(&hub, &guardian, item["id"].as_str().unwrap()).await;
    let store = elsewhere(&hub).await;
    let (who, now_ms) = (id(&guardian), hub.clock.now_ms());
    let wards: Vec<PersonId> =
        item["wards"].as_array().unwrap().iter().map(|ward| PersonId::new(ward.as_str().unwrap())).collect();
    let start = Instant::now();
    write(&store, move |tx| {
        Box::pin(async move {
            for ward in wards {
                tx.end_guardian_link((&who, &ward), "parental rights ended", now_ms).await?;
            }
            Ok(())
        })
    })
    .await;
    assert_eq!(wire.hears("closed").await["reason"], "access_ended");
    in_time(start, "a link ended");
    store.close().await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ws_07_a_sign_in_whose_time_runs_out_ends_its_socket() {
    let hub = TestHub::start().await;
    let staff = hub.sign_in(OTHER_TEACHER).await;
    let student = hub.sign_in(STUDENT).await;
    let (mut idle, mut other) = (connect(&hub, &staff).await, connect(&hub, &student).await);
    hub.clock.advance_ms(30 * 60_000 + 1_000);
    let start = Instant::now();
    assert_eq!(idle.closed().await, Some(4001));
    in_time(start, "staff idle");
    // Students idle longer.
    other.say(json!({ "type": "hand", "raised": true })).await;
    assert_eq!(other.hears("error").await["code"], "out_of_order");
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ws_07_a_role_that_ends_with_the_day_takes_the_seat_at_midnight() {
    // Ten minutes to midnight where the demo school is: a lesson that is open now goes on over it.
    let system = WallClock::system(0).now_ms();
    let zone = jiff::tz::TimeZone::get("Europe/Moscow").unwrap();
    let now = jiff::Timestamp::from_millisecond(system).unwrap().to_zoned(zone);
    let midnight = now.tomorrow().unwrap().start_of_day().unwrap().timestamp().as_millisecond();
    let hub = TestHub::start_at(WallClock::system(midnight - 600_000 - system)).await;
    let (_teacher, mut wire, student, room) = seated(&hub).await;
    let classmate = classmate(&hub, &room).await;
    let mut witness = sit(&hub, &classmate, &room).await;
    let store = elsewhere(&hub).await;
    let (who, last_day) = (id(&student), school_date(&hub, &store).await);
    write(&store, move |tx| Box::pin(async move { tx.end_role(&who, Role::Student, last_day).await })).await;
    // Whoever loses the role for today goes at once: by then the change before has been looked at too, and takes nothing yet.
    let (who, yesterday) = (id(&classmate), last_day.yesterday().unwrap());
    write(&store, move |tx| Box::pin(async move { tx.end_role(&who, Role::Student, yesterday).await })).await;
    assert_eq!(witness.hears("closed").await["reason"], "access_ended");
    wire.chats("today").await;
    wire.hears("chat_ack").await;
    hub.clock.advance_ms(midnight - hub.clock.now_ms());
    let start = Instant::now();
    assert_eq!(wire.hears("closed").await["reason"], "access_ended");
    in_time(start, "midnight");
    assert!(hub.app().state.rooms.is_open(&signaling::ids::RoomId::new(room)), "the lesson itself goes on");
    store.close().await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ws_07_a_turn_in_office_hours_that_is_over_takes_the_seat() {
    // The Sunday before: by the time of Monday's office hours the demo's lessons of now are long over.
    let start = "2026-11-22T09:00:00Z".parse::<jiff::Timestamp>().unwrap().as_millisecond();
    let system = WallClock::system(0).now_ms();
    let hub = TestHub::start_at(WallClock::system(start - system)).await;
    let student = hub.sign_in("S-5A-06").await;
    let hours = student.get("/api/v1/office-hours").await.body;
    // The first of them that has a free time.
    let (monday, time) = hours["items"]
        .as_array()
        .unwrap()
        .iter()
        .find_map(|one| {
            let time = one["times"].as_array()?.iter().find(|time| time["can_book"] == true)?;
            (one["class"] == "5А").then(|| (one.clone(), time.clone()))
        })
        .unwrap();
    let booked = student.post(&format!("/api/v1/appointments/{}/book", time["id"].as_str().unwrap()), &json!({})).await;
    assert!(booked.status.is_success(), "{}", booked.body);
    let room = monday["id"].as_str().unwrap().to_owned();
    let begins = time["starts"].as_str().unwrap_or_else(|| panic!("{time}")).parse::<jiff::Timestamp>().unwrap();
    hub.clock.advance_ms(begins.as_millisecond() - hub.clock.now_ms() + 1_000);
    let (host, student) = (hub.sign_in(TEACHER).await, hub.sign_in("S-5A-06").await);
    let mut teacher = sit(&hub, &host, &room).await;
    let mut wire = connect(&hub, &student).await;
    wire.say(json!({ "type": "join", "room": room })).await;
    wire.hears("waiting").await;
    teacher.say(json!({ "type": "admit" })).await;
    wire.hears("joined").await;
    // A quarter of an hour, and two minutes to say good-bye.
    hub.clock.advance_ms(15 * 60_000 + 2 * 60_000);
    let start = Instant::now();
    assert_eq!(wire.hears("closed").await["reason"], "access_ended");
    in_time(start, "the turn");
    teacher.chats("next").await;
    teacher.hears("chat_ack").await;
    hub.stop().await;
}

#[tokio::test]
async fn without_a_role_in_force_there_is_nothing_but_no_role() {
    let hub = TestHub::start().await;
    let student = hub.sign_in(STUDENT).await;
    let code = student.me["person"]["code"].as_str().unwrap();
    kafedra(&hub, &["user", "roles", "--login", code, "--remove", "student"]).await;
    for path in ["/api/v1/timetable", "/api/v1/office-hours", "/api/v1/requests"] {
        let answer = student.get(path).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (403, "no_role"), "{path}: {}", answer.body);
    }
    hub.stop().await;
}
