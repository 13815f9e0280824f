//! People, roles and units over HTTP, in the demo school: who may change whom, what a unit's head sees of it, and that nobody
//! raises themselves.

use kafedra::domain::ids::PersonId;
use kafedra::domain::role::Role;
use kafedra::store::StoreError;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::hub::{ADMIN, Answer, Client, DEPUTY, PASSWORD, TEACHER, TestHub};

async fn put(client: &Client, path: &str, body: &Value) -> Answer {
    client.send(client.request(Method::PUT, path).json(body)).await
}

fn person(code: &str, role: &str, unit: Option<&str>) -> Value {
    json!({
        "code": code, "family_name": "Новикова", "given_name": "Анна", "middle_name": "Игоревна", "role": role, "unit": unit,
        "account": true,
    })
}

/// Makes somebody with an account, signs them in by the password that is shown once, and chooses another, as must be.
async fn made(hub: &TestHub, by: &Client, body: &Value) -> (String, Client) {
    let answer = by.post("/api/v1/people", body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    let id = answer.body["person"]["person"]["id"].as_str().unwrap().to_owned();
    let mut client = hub.client();
    let login = json!({ "login": body["code"], "password": answer.body["password"] });
    let signed = client.post("/api/v1/session", &login).await;
    assert_eq!(signed.status, StatusCode::OK, "{}", signed.body);
    assert_eq!(signed.body["password_change_required"], true);
    let own = json!({ "old_password": answer.body["password"], "new_password": "три белых коня" });
    assert_eq!(client.post("/api/v1/me/password", &own).await.status, StatusCode::NO_CONTENT);
    client.me = signed.body;
    (id, client)
}

fn id(client: &Client) -> String {
    client.me["person"]["id"].as_str().unwrap().to_owned()
}

fn refused(answer: &Answer, what: &str) {
    assert_eq!((answer.status, answer.code()), (StatusCode::FORBIDDEN, "role_not_permitted"), "{what}");
}

#[tokio::test]
async fn a_unit_made_in_the_app_shows_its_head_the_classes_and_people_in_it() {
    let hub = TestHub::start().await;
    let admin = hub.sign_in(ADMIN).await;
    let units = admin.post("/api/v1/units", &json!({ "name": "Кафедра языков" })).await;
    assert_eq!(units.status, StatusCode::OK, "{}", units.body);
    let of_name = |units: &Value, name: &str| {
        units["items"].as_array().unwrap().iter().find(|unit| unit["name"] == name).unwrap().clone()
    };
    let unit = of_name(&units.body, "Кафедра языков")["id"].as_str().unwrap().to_owned();
    let twice = admin.post("/api/v1/units", &json!({ "name": "кафедра  Языков" })).await;
    assert_eq!((twice.status, twice.code()), (StatusCode::CONFLICT, "conflict"));
    let renamed = put(&admin, &format!("/api/v1/units/{unit}"), &json!({ "name": "Кафедра словесности" })).await;
    assert_eq!(renamed.status, StatusCode::OK, "{}", renamed.body);

    // A head leads a unit or is none.
    assert_eq!(admin.post("/api/v1/people", &person("U-100", "unit_head", None)).await.code(), "bad_request");
    let (head_id, head) = made(&hub, &admin, &person("U-100", "unit_head", Some(&unit))).await;
    assert!(head.timetable().await.is_empty(), "nothing is in the unit yet");
    let class = renamed.body["classes"].as_array().unwrap().iter().find(|class| class["name"] == "9Б").unwrap();
    let class = format!("/api/v1/classes/{}/unit", class["id"].as_str().unwrap());
    let filled = put(&admin, &class, &json!({ "unit": unit })).await;
    assert_eq!(of_name(&filled.body, "Кафедра словесности")["classes"], json!(["9Б"]), "{}", filled.body);
    let seen = head.timetable().await;
    assert!(!seen.is_empty() && seen.iter().all(|item| item["class"] == "9Б"), "{seen:?}");

    // A teacher's load is seen by the head of the unit that they are put into.
    let teacher = id(&hub.sign_in(TEACHER).await);
    let contracts =
        async |client: &Client| client.get("/api/v1/contracts").await.body["items"].as_array().unwrap().len();
    assert_eq!(contracts(&head).await, 0);
    let path = format!("/api/v1/people/{teacher}/unit");
    let moved = put(&admin, &path, &json!({ "unit": unit })).await;
    assert_eq!(moved.body["person"]["roles"][0]["unit_name"], "Кафедра словесности", "{}", moved.body);
    assert_eq!(contracts(&head).await, 1);
    let in_unit = admin.get(&format!("/api/v1/people?unit={unit}")).await.body;
    assert_eq!(in_unit["total"], 2, "{in_unit}");
    let student = admin.get("/api/v1/people?search=S-5A-01").await.body["items"][0]["id"].clone();
    let student = format!("/api/v1/people/{}/unit", student.as_str().unwrap());
    assert_eq!(put(&admin, &student, &json!({ "unit": unit })).await.status, StatusCode::NOT_FOUND, "works nowhere");

    // It goes when it is empty.
    let unit_path = format!("/api/v1/units/{unit}");
    let full = admin.delete(&unit_path).await;
    assert_eq!((full.code(), &full.body["params"]["used"]), ("conflict", &json!({ "roles": 2, "classes": 1 })));
    put(&admin, &class, &json!({ "unit": null })).await;
    put(&admin, &path, &json!({ "unit": null })).await;
    let taken = admin.delete(&format!("/api/v1/people/{head_id}/roles?role=unit_head&unit={unit}")).await;
    assert_eq!((taken.status, &taken.body["person"]["roles"]), (StatusCode::OK, &json!([])), "{}", taken.body);
    assert_eq!(admin.delete(&unit_path).await.status, StatusCode::OK);
    assert_eq!(head.timetable_status().await, StatusCode::FORBIDDEN, "no role any more");
    hub.stop().await;
}

#[tokio::test]
async fn nobody_raises_themselves_and_a_deputy_makes_teachers_only() {
    let hub = TestHub::start().await;
    let (admin, deputy) = (hub.sign_in(ADMIN).await, hub.sign_in(DEPUTY).await);
    for (client, role) in [(&admin, "deputy_head"), (&admin, "head"), (&deputy, "head"), (&deputy, "teacher")] {
        let own = client.post(&format!("/api/v1/people/{}/roles", id(client)), &json!({ "role": role })).await;
        refused(&own, role);
    }
    refused(&admin.post(&format!("/api/v1/people/{}/password", id(&admin)), &json!({})).await, "one's own password");
    refused(&put(&admin, &format!("/api/v1/people/{}/block", id(&admin)), &json!({})).await, "oneself blocked");
    // A deputy: teachers, and whoever has no role; no student, no administrator, no other deputy.
    refused(&deputy.post("/api/v1/people", &person("D-200", "deputy_head", None)).await, "another deputy");
    refused(&deputy.post(&format!("/api/v1/people/{}/password", id(&admin)), &json!({})).await, "an administrator");
    refused(&deputy.get(&format!("/api/v1/people/{}", id(&admin))).await, "an administrator's page");
    let (teacher, _) = made(&hub, &deputy, &person("T-200", "teacher", None)).await;
    refused(&deputy.post(&format!("/api/v1/people/{teacher}/roles"), &json!({ "role": "admin" })).await, "a way round");
    let listed = deputy.get("/api/v1/people").await.body;
    let only_teachers = |item: &Value| item["roles"].as_array().unwrap().iter().all(|held| held["role"] == "teacher");
    assert!(listed["items"].as_array().unwrap().iter().all(only_teachers), "{listed}");
    assert_eq!(listed["roles"], json!(["teacher", "unit_head"]));
    let taken = deputy.delete(&format!("/api/v1/people/{teacher}/roles?role=teacher")).await;
    assert_eq!(taken.status, StatusCode::OK, "{}", taken.body);
    let again = deputy.delete(&format!("/api/v1/people/{teacher}/roles?role=teacher")).await;
    assert_eq!(again.status, StatusCode::NOT_FOUND, "it is not held any more");
    hub.stop().await;
}

#[tokio::test]
async fn the_last_administrator_stays_and_another_may_go() {
    let hub = TestHub::start().await;
    let admin = hub.sign_in(ADMIN).await;
    let (_, head) = made(&hub, &admin, &person("H-100", "head", None)).await;
    let (role, block) =
        (format!("/api/v1/people/{}/roles?role=admin", id(&admin)), format!("/api/v1/people/{}/block", id(&admin)));
    for answer in [head.delete(&role).await, put(&head, &block, &json!({})).await] {
        assert_eq!((answer.status, answer.code()), (StatusCode::CONFLICT, "conflict"));
        assert_eq!(answer.body["params"]["last_admin"], true);
    }
    // One who cannot sign in is none to rely on.
    let mut idle = person("A-101", "admin", None);
    idle["account"] = false.into();
    assert_eq!(head.post("/api/v1/people", &idle).await.status, StatusCode::CREATED);
    assert_eq!(head.delete(&role).await.status, StatusCode::CONFLICT);
    let (_, second) = made(&hub, &head, &person("A-102", "admin", None)).await;
    assert_eq!(second.delete(&role).await.status, StatusCode::OK);
    assert_eq!(admin.get("/api/v1/people").await.status, StatusCode::FORBIDDEN);
    hub.stop().await;
}

#[tokio::test]
async fn a_closed_account_signs_nobody_in_until_it_is_opened() {
    let hub = TestHub::start().await;
    let (admin, teacher) = (hub.sign_in(ADMIN).await, hub.sign_in(TEACHER).await);
    let path = format!("/api/v1/people/{}/block", id(&teacher));
    let login = json!({ "login": TEACHER, "password": PASSWORD });
    let feed = teacher.post("/api/v1/me/calendar", &json!({})).await.body["url"].as_str().unwrap().to_owned();
    let feed = feed[feed.find("/api/").unwrap()..].to_owned();
    assert_eq!(hub.client().get(&feed).await.status, StatusCode::OK);
    let closed = put(&admin, &path, &json!({})).await;
    assert_eq!((closed.status, &closed.body["person"]["account"]), (StatusCode::OK, &json!("blocked")));
    assert_eq!(teacher.get("/api/v1/me").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(hub.client().post("/api/v1/session", &login).await.code(), "wrong_credentials");
    assert_eq!(hub.client().get(&feed).await.status, StatusCode::NOT_FOUND, "the calendar's secret address too");
    assert_eq!(admin.get("/api/v1/people?blocked=true").await.body["total"], 1);
    assert_eq!(admin.delete(&path).await.body["person"]["account"], "active");
    assert_eq!(hub.client().post("/api/v1/session", &login).await.status, StatusCode::OK);

    // Another password ends what was, and is the only one that fits.
    let teacher = hub.sign_in(TEACHER).await;
    let fresh = admin.post(&format!("/api/v1/people/{}/password", id(&teacher)), &json!({})).await;
    assert_eq!(fresh.status, StatusCode::OK, "{}", fresh.body);
    assert_eq!(teacher.get("/api/v1/me").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(hub.client().post("/api/v1/session", &login).await.code(), "wrong_credentials");
    let login = json!({ "login": TEACHER, "password": fresh.body["password"] });
    assert_eq!(hub.client().post("/api/v1/session", &login).await.status, StatusCode::OK);
    hub.stop().await;
}

#[tokio::test]
async fn people_are_found_by_name_and_code_fifty_at_a_time() {
    let hub = TestHub::start().await;
    let admin = hub.sign_in(ADMIN).await;
    for n in 0..45 {
        let mut body = person(&format!("N-{n:03}"), "student", None);
        body["account"] = false.into();
        body["family_name"] = "Ёлкина".into();
        assert_eq!(admin.post("/api/v1/people", &body).await.status, StatusCode::CREATED, "{n}");
    }
    let first = admin.get("/api/v1/people").await.body;
    assert_eq!(first["items"].as_array().unwrap().len(), 50, "{}", first["total"]);
    let second = admin.get(&format!("/api/v1/people?after={}", first["after"].as_str().unwrap())).await.body;
    assert_eq!(first["total"].as_u64().unwrap(), 50 + second["items"].as_array().unwrap().len() as u64);
    assert_eq!((&second["total"], &second["after"]), (&first["total"], &Value::Null), "the last");
    let names: Vec<String> = [&first, &second]
        .iter()
        .flat_map(|page| page["items"].as_array().unwrap())
        .map(|one| kafedra::domain::fold::fold(one["display_name"].as_str().unwrap()))
        .collect();
    assert!(names.is_sorted(), "by the alphabet, ё beside е: {names:?}");
    // A page goes on after its last person, whatever has come in between and whatever has become of them.
    let mut early = person("N-999", "student", None);
    (early["account"], early["family_name"]) = (false.into(), "Аарон".into());
    assert_eq!(admin.post("/api/v1/people", &early).await.status, StatusCode::CREATED);
    let again = admin.get(&format!("/api/v1/people?after={}", first["after"].as_str().unwrap())).await.body;
    assert_eq!(again["items"], second["items"], "nobody twice and nobody left out");
    // What people type is text: no pattern of theirs matches everybody.
    for (search, found) in [("%25", 0), ("_", 0), ("%5C", 0), ("анна%20ёлкина", 45), ("елк%20игор", 45), ("n-00", 10)]
    {
        let answer = admin.get(&format!("/api/v1/people?search={search}")).await.body;
        assert_eq!(answer["total"], found, "{search}");
    }
    let both = admin.get("/api/v1/people?search=елкина&role=teacher").await.body;
    assert_eq!((&both["total"], both["items"].as_array().unwrap().len()), (&json!(0), 0), "filters add up");
    let lost = admin.get("/api/v1/people?after=nobody").await;
    assert_eq!((lost.status, lost.code()), (StatusCode::BAD_REQUEST, "bad_request"), "{}", lost.body);
    assert_eq!(admin.get("/api/v1/people?search=елкина%20анна").await.body["total"], 45, "ё and е, whatever the case");
    assert_eq!(admin.get("/api/v1/people?search=т-014").await.body["items"][0]["code"], TEACHER, "either alphabet");
    assert_eq!(admin.get("/api/v1/people?role=admin").await.body["total"], 1);
    assert_eq!(admin.get("/api/v1/people?role=none").await.body["total"], 0);
    assert_eq!(admin.get("/api/v1/people?role=king").await.code(), "bad_request");
    let taken = admin.post("/api/v1/people", &person("Т-014", "teacher", None)).await;
    assert_eq!((taken.status, taken.code()), (StatusCode::CONFLICT, "conflict"), "the same code in another alphabet");
    let student = admin.get("/api/v1/people?search=S-5A-01").await.body["items"][0]["id"].clone();
    let page = admin.get(&format!("/api/v1/people/{}", student.as_str().unwrap())).await.body;
    assert_eq!(page["groups"][0], json!({ "class": "5А", "group": "", "role": "student" }), "{page}");
    hub.stop().await;
}

#[tokio::test]
async fn what_was_judged_by_roles_that_are_held_no_more_is_not_written() {
    let hub = TestHub::start().await;
    let (admin, teacher) = (hub.sign_in(ADMIN).await, hub.sign_in(TEACHER).await);
    let person = PersonId::new(id(&teacher));
    let store = hub.app().state.store.clone();
    let zone = jiff::tz::TimeZone::get("Europe/Moscow").unwrap();
    let today = kafedra::domain::calendar::date_in(&zone, hub.clock.now_ms());
    let still = async |judged: Vec<Role>| {
        let (store, person) = (store.clone(), person.clone());
        let done: Result<(), StoreError> =
            store.write(move |tx| Box::pin(async move { tx.roles_are_still(&person, &judged, today).await })).await;
        done
    };
    still(vec![Role::Teacher]).await.unwrap();
    // Between the look and the write the teacher becomes a deputy.
    let made = admin.post(&format!("/api/v1/people/{}/roles", id(&teacher)), &json!({ "role": "deputy_head" })).await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.body);
    assert!(matches!(still(vec![Role::Teacher]).await, Err(StoreError::Conflict)));
    still(vec![Role::DeputyHead, Role::Teacher]).await.unwrap();
    hub.stop().await;
}
