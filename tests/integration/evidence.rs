//! Reports, privacy and imports from outside: figures equal their rows, everybody sees their own part, and each refusal has
//! its code.

mod figures;

use std::io::Cursor;

use calamine::Reader as _;
use kafedra::domain::consultation::Event;
use kafedra::domain::ids::{ConsultationId, PersonId};
use kafedra::domain::role::Role;
use kafedra::store::StoreError;
use kafedra::store::people::NewPerson;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::hub::{ADMIN, Answer, Client, DEPUTY, GUARDIAN, OTHER_TEACHER, STUDENT, TEACHER, TestHub};

/// The data officer of the demo school.
const OFFICER: &str = "Z-001";
const HEAD: &str = "H-001";

async fn bytes(client: &Client, path: &str) -> (StatusCode, Vec<u8>) {
    let response = client.request(Method::GET, path).send().await.unwrap();
    (response.status(), response.bytes().await.unwrap().to_vec())
}

async fn upload(client: &Client, path: &str, kind: &str, body: impl Into<reqwest::Body>) -> Answer {
    client.send(client.request(Method::POST, path).header("content-type", kind).body(body)).await
}

/// The demo school has no head; one comes.
async fn hire_head(hub: &TestHub) {
    let store = &hub.app().state.store;
    let now_ms = hub.clock.now_ms();
    let school = store.schools().await.unwrap().remove(0).id;
    let hash = store.account_by_login(DEPUTY).await.unwrap().unwrap().password_hash;
    let hired: Result<(), StoreError> = store
        .write(move |tx| {
            Box::pin(async move {
                let person = NewPerson {
                    code: HEAD.to_owned(),
                    family_name: "Главная".to_owned(),
                    given_name: "Анна".to_owned(),
                    middle_name: None,
                    birth_date: None,
                };
                let id = tx.insert_person(&school, &person, now_ms).await?;
                tx.insert_account(&school, &id, HEAD, &hash, now_ms).await?;
                tx.insert_role(&school, &id, Role::Head, None, now_ms).await
            })
        })
        .await;
    hired.unwrap();
}

#[tokio::test]
async fn a_report_is_the_sum_of_its_rows_for_each_who_may_see_it() {
    let hub = TestHub::start().await;
    let deputy = hub.sign_in(DEPUTY).await;
    let report = deputy.get("/api/v1/reports/evidence").await;
    assert_eq!(report.status, StatusCode::OK, "{}", report.body);
    assert_eq!(report.body["range"], "school");
    assert!(!report.body["weeks"].as_array().unwrap().is_empty(), "the demo has a past");
    let mut with_rows = 0;
    for metric in report.body["metrics"].as_array().unwrap() {
        let code = metric["code"].as_str().unwrap();
        let rows = deputy.get(&format!("/api/v1/reports/evidence/rows?metric={code}")).await.body;
        let sum =
            |key: &str| rows["rows"].as_array().unwrap().iter().map(|row| row[key].as_f64().unwrap()).sum::<f64>();
        if metric["is_hidden"] == false && !matches!(code, "helpfulness" | "solved") {
            assert!((sum("above") - metric["above"].as_f64().unwrap()).abs() < 1e-6, "{code}");
            assert!((sum("below") - metric["below"].as_f64().unwrap()).abs() < 1e-6, "{code}");
            with_rows += usize::from(!rows["rows"].as_array().unwrap().is_empty());
        }
    }
    assert!(with_rows >= 6, "{with_rows} figures have rows");
    // A teacher sees what they held, and nothing of others.
    let teacher = hub.sign_in(TEACHER).await;
    let own = teacher.get("/api/v1/reports/evidence").await.body;
    let hosts = own["hosts"].as_array().unwrap();
    assert_eq!((own["range"].as_str(), hosts.len()), (Some("own"), 1), "{own}");
    assert_eq!(hosts[0]["id"], teacher.me["person"]["id"]);
    let student = hub.sign_in(STUDENT).await;
    assert_eq!(student.get("/api/v1/reports/evidence").await.code(), "role_not_permitted");
    assert_eq!(deputy.get("/api/v1/reports/evidence?from=2020-01-01&to=2026-01-01").await.code(), "bad_request");
    // On paper.
    let (status, book) = bytes(&deputy, "/api/v1/reports/evidence.xlsx").await;
    assert_eq!(status, StatusCode::OK);
    let mut book: calamine::Xlsx<_> = calamine::open_workbook_from_rs(Cursor::new(book)).unwrap();
    let sheets = [
        "Показатели",
        "Ведущие",
        "Консультации",
        "Технические сбои",
        "Без консультаций 4 недели",
        "Обращения",
        "Кто просил помощи",
        "Обучающиеся",
        "О документе",
    ];
    assert_eq!(book.sheet_names(), sheets);
    let figures = book.worksheet_range("Показатели").unwrap();
    assert_eq!(figures.height(), 1 + report.body["metrics"].as_array().unwrap().len());
    let (_, page) = bytes(&deputy, "/api/v1/reports/evidence.html").await;
    let page = String::from_utf8(page).unwrap();
    // The journal goes on between two requests: the seal is that of its own moment.
    let seal = page.split("SHA-256 ").nth(1).map(|rest| rest.chars().take(64).collect::<String>()).unwrap();
    assert!(
        seal.len() == 64 && seal.chars().all(|next| next.is_ascii_hexdigit()),
        "the seal of the journal's head: {seal}"
    );
    let coverage = deputy.get("/api/v1/reports/coverage").await.body;
    assert!(coverage["rows"].as_array().unwrap().iter().any(|row| !row["held"].as_array().unwrap().is_empty()));
    let students = deputy.get("/api/v1/reports/students").await.body;
    assert!(students["never_came"].as_u64().unwrap() > 0 && students["came"].as_u64().unwrap() > 0, "{students}");
    hub.stop().await;
}

#[tokio::test]
async fn subjects_without_a_consultation_for_weeks_are_listed_for_each_who_answers_for_them() {
    let hub = TestHub::start().await;
    let deputy = hub.sign_in(DEPUTY).await;
    let rows = |client: &Client, weeks: u8| {
        let client = client.clone();
        async move { client.get(&format!("/api/v1/reports/gaps?weeks={weeks}")).await.body }
    };
    let gaps = rows(&deputy, 4).await;
    let list = gaps["rows"].as_array().unwrap();
    assert!(!list.is_empty() && list.len() < gaps["places"].as_u64().unwrap() as usize, "{gaps}");
    // The demo's past is four weeks long: what was held in it is no gap, and with one week there are at least as many.
    let held = list.iter().filter(|row| row["last_held"].is_string()).count();
    assert_eq!(held, 0, "{gaps}");
    assert!(rows(&deputy, 1).await["rows"].as_array().unwrap().len() >= list.len());
    let teacher = hub.sign_in(TEACHER).await;
    let own = rows(&teacher, 4).await;
    assert!(own["places"].as_u64().unwrap() < gaps["places"].as_u64().unwrap(), "{own}");
    // Years on, the classes of this year are nobody's any more.
    hub.clock.advance_ms(3 * 366 * 86_400_000);
    let deputy = hub.sign_in(DEPUTY).await;
    let later = deputy.get("/api/v1/reports/gaps").await.body;
    assert_eq!(later["places"], 0, "{later}");
    assert_eq!(deputy.get("/api/v1/reports/gaps?weeks=0").await.code(), "bad_request");
    let student = hub.sign_in(STUDENT).await;
    assert_eq!(student.get("/api/v1/reports/gaps").await.code(), "role_not_permitted");
    hub.stop().await;
}

#[tokio::test]
async fn a_correction_stands_beside_the_original_and_is_nobodys_own() {
    let hub = TestHub::start().await;
    let deputy = hub.sign_in(DEPUTY).await;
    let rows = deputy.get("/api/v1/reports/evidence/rows?metric=punctuality").await.body;
    let late =
        rows["rows"].as_array().unwrap().iter().find(|row| row["above"] == 0.0 && row["state"] == "held").unwrap();
    let path = format!("/api/v1/consultations/{}/corrections", late["id"].as_str().unwrap());
    let form = |reason: &str| json!({ "field": "host_delay_s", "new": "60", "reason": reason });
    for teacher in [TEACHER, OTHER_TEACHER] {
        let teacher = hub.sign_in(teacher).await;
        assert_eq!(teacher.post(&path, &form("моё")).await.status, StatusCode::FORBIDDEN);
    }
    assert_eq!(deputy.post(&path, &form(" ")).await.code(), "reason_required");
    let nonsense = json!({ "field": "outcome", "new": "superb", "reason": "x" });
    assert_eq!(deputy.post(&path, &nonsense).await.code(), "illegal_transition");
    let own = deputy.me["person"]["id"].clone();
    let planned = deputy.find(|item| item["state"] == "planned" && item["host"]["id"] != own).await.unwrap();
    let early = deputy.post(&format!("/api/v1/consultations/{planned}/corrections"), &form("рано")).await;
    assert_eq!((early.status, early.code()), (StatusCode::CONFLICT, "illegal_transition"));
    assert_eq!(deputy.post(&path, &form("часы класса спешили")).await.status, StatusCode::CREATED);
    let listed = deputy.get(&path).await.body;
    assert_eq!(listed["items"][0]["old"], late["host_delay_s"].to_string());
    assert_eq!(listed["items"][0]["new"], "60");
    let rows = deputy.get("/api/v1/reports/evidence/rows?metric=punctuality").await.body;
    let row = rows["rows"].as_array().unwrap().iter().find(|row| row["id"] == late["id"]).unwrap().clone();
    assert_eq!((row["above"].as_f64(), row["is_corrected"].as_bool()), (Some(1.0), Some(true)));
    let verified = kafedra::store::audit::verify(&hub.app().state.store).await.unwrap();
    assert!(verified.is_intact());
    hub.stop().await;
}

#[tokio::test]
async fn a_corrected_outcome_takes_its_hours_along_and_corrected_time_its_attendance() {
    let hub = TestHub::start().await;
    let deputy = hub.sign_in(DEPUTY).await;
    let row_of = |metric: &'static str, fits: fn(&Value) -> bool| {
        let deputy = deputy.clone();
        async move {
            let rows = deputy.get(&format!("/api/v1/reports/evidence/rows?metric={metric}")).await.body;
            rows["rows"].as_array().unwrap().iter().find(|row| fits(row)).unwrap().clone()
        }
    };
    let missed = row_of("no_show_rate", |row| row["state"] == "not_held: no_host").await;
    let hours = || async {
        let report = deputy.get("/api/v1/reports/evidence").await.body;
        let host =
            report["hosts"].as_array().unwrap().iter().find(|one| one["name"] == missed["host"]).unwrap().clone();
        let load = deputy.get("/api/v1/reports/evidence/rows?metric=plan_fulfilment").await.body;
        let row = load["rows"].as_array().unwrap().iter().find(|row| row["id"] == missed["id"]).unwrap().clone();
        (host["hours_held"].as_i64().unwrap(), row["above"].as_f64().unwrap(), row["below"].as_f64().unwrap())
    };
    let correct = |id: &Value, field: &str, new: &str| {
        let path = format!("/api/v1/consultations/{}/corrections", id.as_str().unwrap());
        let form = json!({ "field": field, "new": new, "reason": "по журналу класса" });
        let deputy = deputy.clone();
        async move { assert_eq!(deputy.post(&path, &form).await.status, StatusCode::CREATED) }
    };
    let (before, none, planned) = hours().await;
    assert_eq!(none, 0.0);
    for (outcome, gained) in
        [("held", planned), ("held", planned), ("no_host", 0.0), ("held", planned), ("technical", 0.0)]
    {
        correct(&missed["id"], "outcome", outcome).await;
        let (after, above, _) = hours().await;
        assert_eq!((above, after - before), (gained, (gained * 100.0).round() as i64), "{outcome}");
    }
    // A failure that is found later has its incident too.
    let report = deputy.get("/api/v1/reports/evidence").await.body;
    let incident = report["incidents"].as_array().unwrap().iter().find(|one| one["consultation"] == missed["id"]);
    assert_eq!(incident.unwrap()["kind"], "corrected");

    let attended = row_of("attendance", |row| row["above"].as_f64().unwrap() > 0.0).await;
    correct(&attended["id"], "shared_s", "0").await;
    let id = attended["id"].clone();
    let rows = deputy.get("/api/v1/reports/evidence/rows?metric=attendance").await.body;
    let row = rows["rows"].as_array().unwrap().iter().find(|row| row["id"] == id).unwrap();
    assert_eq!((row["above"].as_f64(), &row["below"]), (Some(0.0), &attended["below"]));
    assert!(row["behind"].as_array().unwrap().iter().all(|one| one["value"] == 0.0), "{row}");
    assert!(kafedra::store::audit::verify(&hub.app().state.store).await.unwrap().is_intact());
    hub.stop().await;
}

#[tokio::test]
async fn a_consent_takes_the_signatures_of_its_age_and_ends_with_one() {
    let hub = TestHub::start().await;
    // Twelve years old: the guardian signs.
    let child = hub.sign_in(STUDENT).await;
    let guardian = hub.sign_in(GUARDIAN).await;
    let list = guardian.get("/api/v1/consents").await.body;
    let of = |list: &Value, person: &Value| -> Value {
        let people = list["people"].as_array().unwrap();
        let one = people.iter().find(|one| one["person"] == *person).unwrap();
        one["items"].as_array().unwrap().iter().find(|item| item["purpose"] == "recording").unwrap().clone()
    };
    let child_id = child.me["person"]["id"].clone();
    let item = of(&list, &child_id);
    assert_eq!((item["standing"].as_str(), item["needs_guardian"].as_bool()), (Some("none"), Some(true)));
    let form = json!({ "person": child_id, "purpose": "recording", "text": item["text"]["id"] });
    let own = json!({ "purpose": "recording", "text": item["text"]["id"] });
    assert_eq!(child.post("/api/v1/consents", &own).await.code(), "role_not_permitted", "under 14");
    let stale = json!({ "person": child_id, "purpose": "recording", "text": "old" });
    assert_eq!(guardian.post("/api/v1/consents", &stale).await.code(), "version_conflict");
    let stranger = hub.sign_in("G-04").await;
    assert_eq!(stranger.post("/api/v1/consents", &form).await.code(), "guardian_link_missing");
    assert_eq!(guardian.post("/api/v1/consents", &form).await.status, StatusCode::NO_CONTENT);
    let list = guardian.get("/api/v1/consents").await.body;
    assert_eq!(of(&list, &child_id)["standing"], "given");
    assert_eq!(guardian.post("/api/v1/consents/withdraw", &form).await.status, StatusCode::NO_CONTENT);
    let list = guardian.get("/api/v1/consents").await.body;
    assert_eq!(of(&list, &child_id)["standing"], "withdrawn");
    // Fifteen: both.
    let teenager = hub.sign_in("S-9B-01").await;
    let own_id = teenager.me["person"]["id"].clone();
    assert_eq!(teenager.post("/api/v1/consents", &own).await.status, StatusCode::NO_CONTENT);
    assert_eq!(of(&teenager.get("/api/v1/consents").await.body, &own_id)["standing"], "partly");
    let both = json!({ "person": own_id, "purpose": "recording", "text": item["text"]["id"] });
    assert_eq!(guardian.post("/api/v1/consents", &both).await.status, StatusCode::NO_CONTENT);
    assert_eq!(of(&teenager.get("/api/v1/consents").await.body, &own_id)["standing"], "given");
    // A new text outdates it.
    let deputy = hub.sign_in(DEPUTY).await;
    let text = json!({ "purpose": "recording", "title": "Запись", "body": "Новый текст" });
    // An administrator's is a proposal (`planning::proposals`).
    let proposed = hub.sign_in(ADMIN).await.post("/api/v1/consent-texts", &text).await;
    assert_eq!(proposed.status, StatusCode::ACCEPTED);
    assert_eq!(of(&teenager.get("/api/v1/consents").await.body, &own_id)["standing"], "given");
    assert_eq!(deputy.post("/api/v1/consent-texts", &text).await.status, StatusCode::CREATED);
    assert_eq!(of(&teenager.get("/api/v1/consents").await.body, &own_id)["standing"], "outdated");
    hub.stop().await;
}

#[tokio::test]
async fn data_goes_out_to_its_owner_alone_and_is_erased_by_two() {
    let hub = TestHub::start().await;
    hire_head(&hub).await;
    let student = hub.sign_in(STUDENT).await;
    let id = student.me["person"]["id"].as_str().unwrap().to_owned();
    let (status, archive) = bytes(&student, "/api/v1/privacy/export").await;
    assert_eq!(status, StatusCode::OK);
    let files = kafedra::domain::archive::unpack(&archive).unwrap();
    let data: Value = serde_json::from_slice(&files["data.json"]).unwrap();
    assert_eq!(data["person"][0]["code"], STUDENT);
    assert!(
        data["participation"].as_array().is_some_and(|rows| !rows.is_empty())
            && files.contains_key("tables/person.csv")
    );
    assert!(!String::from_utf8_lossy(&files["data.json"]).contains("password"));
    let other = hub.sign_in("S-5A-02").await;
    assert_eq!(other.get(&format!("/api/v1/privacy/export?person={id}")).await.code(), "guardian_link_missing");

    let asked = student.post("/api/v1/privacy/erasures", &json!({ "reason": "ухожу" })).await;
    assert_eq!(asked.status, StatusCode::CREATED, "{}", asked.body);
    let again = student.post("/api/v1/privacy/erasures", &json!({ "reason": "ухожу" })).await;
    assert_eq!((again.status, again.code()), (StatusCode::CONFLICT, "erasure_pending"));
    let path = |step: &str| format!("/api/v1/privacy/erasures/{}/{step}", asked.body["id"].as_str().unwrap());
    let none = json!({});
    let (head, officer, admin) = (hub.sign_in(HEAD).await, hub.sign_in(OFFICER).await, hub.sign_in(ADMIN).await);
    assert_eq!(admin.post(&path("approve"), &none).await.code(), "role_not_permitted");
    assert_eq!(admin.post(&path("execute"), &none).await.code(), "illegal_transition");
    assert_eq!(head.post(&path("approve"), &none).await.status, StatusCode::NO_CONTENT);
    assert_eq!(head.post(&path("confirm"), &none).await.code(), "role_not_permitted");
    assert_eq!(admin.post(&path("execute"), &none).await.code(), "illegal_transition", "the officer is missing");
    assert_eq!(officer.post(&path("confirm"), &none).await.status, StatusCode::NO_CONTENT);
    assert_eq!(officer.post(&path("execute"), &none).await.code(), "role_not_permitted");
    let done = admin.post(&path("execute"), &none).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.body);
    let acts = head.get("/api/v1/privacy/acts").await.body;
    assert_eq!(acts["items"][0]["number"], done.body["act_number"]);
    let gone = student.get("/api/v1/me").await;
    assert_eq!(gone.status, StatusCode::UNAUTHORIZED, "sign-ins went with it");
    let named = head.get("/api/v1/privacy/erasures").await.body;
    assert!(named["items"][0]["person_name"].as_str().unwrap().starts_with("Удалено"), "{named}");
    hub.stop().await;
}

#[tokio::test]
async fn what_is_exported_is_imported_without_a_change_and_mistakes_have_their_place() {
    let hub = TestHub::start().await;
    let deputy = hub.sign_in(DEPUTY).await;
    // People.
    let (_, roster) = bytes(&deputy, "/api/v1/roster/export").await;
    let zip = "application/zip";
    let first = upload(&deputy, "/api/v1/roster/import", zip, roster.clone()).await;
    assert_eq!(first.status, StatusCode::OK, "{}", first.body);
    for key in ["people_created", "people_updated", "people_left", "enrollments_made", "roles_given", "links_proposed"]
    {
        assert_eq!(first.body[key], 0, "{key}: {}", first.body);
    }
    let broken = upload(&deputy, "/api/v1/roster/import", zip, "not a zip").await;
    assert_eq!((broken.status, broken.code()), (StatusCode::UNPROCESSABLE_ENTITY, "import_rejected"));
    assert_eq!(broken.body["errors"][0]["code"], "unreadable");
    let teacher = hub.sign_in(TEACHER).await;
    assert_eq!(upload(&teacher, "/api/v1/roster/import", zip, roster).await.code(), "role_not_permitted");
    // Lesson cards, both ways.
    for (format, kind) in
        [("csv", "text/csv"), ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")]
    {
        let (status, cards) = bytes(&deputy, &format!("/api/v1/lesson-cards/export?format={format}")).await;
        assert_eq!(status, StatusCode::OK);
        let back = upload(&deputy, "/api/v1/lesson-cards/import?dry_run=true", kind, cards).await;
        assert_eq!(back.status, StatusCode::OK, "{format}: {}", back.body);
        assert_eq!(
            (back.body["created"].as_u64(), back.body["updated"].as_u64()),
            (Some(0), Some(0)),
            "{format}: {}",
            back.body
        );
        assert!(back.body["unchanged"].as_u64().unwrap() > 5);
    }
    // The timetable of regular lessons, brought in and taken out again.
    let file = r#"<?xml version="1.0" encoding="UTF-8"?><timetable>
        <teachers><teacher id="t" name="Соколова Мария Игоревна"/></teachers><classes><class id="c" name="5А"/></classes>
        <subjects><subject id="s" name="Математика"/></subjects>
        <lessons><lesson id="l" subjectid="s" classids="c" teacherids="t"/></lessons>
        <cards><card lessonid="l" period="2" days="01000" weeks="10"/><card lessonid="l" period="3" days="00101" weeks="1"/></cards>
        </timetable>"#;
    let asc = upload(&deputy, "/api/v1/timetable/import", "text/xml", file).await;
    assert_eq!((asc.status, &asc.body["lessons"]), (StatusCode::OK, &json!(3)), "{}", asc.body);
    let (status, exported) = bytes(&deputy, "/api/v1/timetable/export").await;
    assert_eq!(status, StatusCode::OK);
    let again = upload(&deputy, "/api/v1/timetable/import", "text/xml", exported.clone()).await;
    assert_eq!((&again.body["lessons"], &again.body["lessons_before"]), (&json!(3), &json!(3)), "{}", again.body);
    assert_eq!(again.body["bells_changed"], false, "{}", again.body);
    for unknown in ["unknown_teachers", "unknown_classes", "unknown_subjects"] {
        assert_eq!(again.body[unknown], json!([]), "{}", again.body);
    }
    assert_eq!(bytes(&deputy, "/api/v1/timetable/export").await.1, exported, "the same lessons");
    assert_eq!(bytes(&teacher, "/api/v1/timetable/export").await.0, StatusCode::FORBIDDEN);
    // Marks: all of them for the deputy head, a teacher's own for the teacher.
    let (_, marks) = bytes(&deputy, "/api/v1/marks/export").await;
    let back = upload(&deputy, "/api/v1/marks/import?dry_run=true", "text/csv", marks.clone()).await;
    assert_eq!((&back.body["created"], &back.body["updated"]), (&json!(0), &json!(0)), "{}", back.body);
    assert!(back.body["unchanged"].as_u64().unwrap() > 10 && back.body["warnings"] == json!([]), "{}", back.body);
    let (_, own) = bytes(&teacher, "/api/v1/marks/export").await;
    assert!(!own.is_empty() && own.len() <= marks.len());
    let back = upload(&teacher, "/api/v1/marks/import?dry_run=true", "text/csv", own).await;
    assert_eq!((back.status, &back.body["updated"]), (StatusCode::OK, &json!(0)), "{}", back.body);
    // A mistake is told of by the line of the sheet; a change by its cells.
    let head = "Код;Дата;Начало;Минут;Класс;Предмет;Часть;Учитель;Вид;Форма";
    let sheet = |row: &str| kafedra::domain::sheet::write(&format!("{head}\n{row}\n")).unwrap();
    let xlsx = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    let wrong = sheet("Э-1;22.12.2026;15:10;30;5Я;Математика;2 четверть;Т-014;текущая;вебинар");
    let refused = upload(&deputy, "/api/v1/lesson-cards/import", xlsx, wrong).await;
    assert_eq!(refused.code(), "import_rejected");
    assert_eq!(
        (refused.body["errors"][0]["line"].as_u64(), refused.body["errors"][0]["column"].as_str()),
        (Some(2), Some("Класс"))
    );
    let right = sheet("Э-1;22.12.2026;15:10;30;5А;Математика;2 четверть;Т-014;текущая;вебинар");
    assert_eq!(upload(&deputy, "/api/v1/lesson-cards/import", xlsx, right).await.body["created"], 1);
    let moved = sheet("Э-1;22.12.2026;15:40;30;5А;Математика;2 четверть;Т-014;текущая;вебинар");
    let changes = upload(&deputy, "/api/v1/lesson-cards/import?dry_run=true", xlsx, moved).await.body;
    let cell = &changes["changes"][0]["cells"][0];
    assert_eq!(
        (cell["column"].as_str(), cell["before"].as_str(), cell["after"].as_str()),
        (Some("Начало"), Some("15:10"), Some("15:40"))
    );
    hub.stop().await;
}

/// Stands in every text that the erased person writes below.
const MARKER: &str = "МАРКЕР-9c41";

/// All files below a folder that hold the marker, as text or packed into UTF-8 JSON escapes.
fn hold_the_marker(folder: &std::path::Path) -> Vec<String> {
    let escaped = serde_json::to_string(MARKER).unwrap();
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(hold_the_marker(&path));
            continue;
        }
        let bytes = std::fs::read(&path).unwrap_or_default();
        let holds = |word: &[u8]| bytes.windows(word.len()).any(|window| window == word);
        if holds(MARKER.as_bytes()) || holds(escaped.trim_matches('"').as_bytes()) {
            found.push(path.display().to_string());
        }
    }
    found
}

/// PR-02: whatever somebody has written anywhere over HTTP, after an erasure it is in no page of the database and in no file,
/// and the proof stays.
#[tokio::test]
async fn pr_02_after_an_erasure_nothing_written_is_left_anywhere() {
    let at = "2026-11-28T09:00:00Z".parse::<jiff::Timestamp>().unwrap().as_millisecond();
    let system = kafedra::clock::WallClock::system(0).now_ms();
    let hub = TestHub::start_at(kafedra::clock::WallClock::system(at - system)).await;
    hire_head(&hub).await;
    let student = hub.sign_in(STUDENT).await;
    let ok = |answer: Answer| {
        assert!(answer.status.is_success(), "{} {}", answer.status, answer.body);
        answer.body
    };
    // A question with a file.
    let choices = ok(student.get("/api/v1/requests/choices").await);
    let subject = choices["students"][0]["subjects"][0].clone();
    let text = format!("{MARKER}: не понимаю дроби");
    let ask = json!({ "subject": subject["id"], "topic": subject["topics"][0]["id"], "text": text, "is_shared": true });
    let asked = ok(student.post("/api/v1/requests", &ask).await);
    let request = format!("/api/v1/requests/{}", asked["id"].as_str().unwrap());
    let picture = [b"\x89PNG\r\n\x1a\n".as_slice(), MARKER.as_bytes()].concat();
    ok(upload(&student, &format!("{request}/files?name={MARKER}.png"), "application/octet-stream", picture).await);
    // A booking with a message.
    let hours = ok(student.get("/api/v1/office-hours").await);
    let times = hours["items"].as_array().unwrap().iter().flat_map(|one| one["times"].as_array().unwrap());
    let time = times.clone().find(|time| time["can_book"] == true).unwrap()["id"].as_str().unwrap().to_owned();
    ok(student.post(&format!("/api/v1/appointments/{time}/book"), &json!({ "message": text })).await);
    // An opinion and a complaint about a lesson that the student was in.
    let (room, now_ms) = (student.find(|item| item["form"] == "webinar").await.unwrap(), hub.clock.now_ms());
    let lesson = format!("/api/v1/consultations/{room}");
    let school = hub.app().state.store.schools().await.unwrap().remove(0).id;
    let who = PersonId::new(student.me["person"]["id"].as_str().unwrap());
    let sat = hub.app().state.store.begin_attendance(school, ConsultationId::new(room), who, "recipient", now_ms).await;
    sat.unwrap();
    let timings = hub.app().state.store.timings(hub.app().state.timing).await.unwrap();
    let room = ConsultationId::new(lesson.rsplit('/').next().unwrap());
    hub.app().state.store.transition(room, Event::HostJoined, None, timings, now_ms).await.unwrap();
    let said = json!({ "score": 2, "helped": false, "text": text });
    ok(student.send(student.request(Method::PUT, &format!("{lesson}/feedback")).json(&said)).await);
    let complaint = json!({ "kind": "poor", "text": text });
    ok(student.post(&format!("{lesson}/complaints"), &complaint).await);
    assert!(!hold_the_marker(hub.data()).is_empty(), "the marker is found while it is there");

    // A complaint that is not decided holds the erasure back.
    let wish = ok(student.post("/api/v1/privacy/erasures", &json!({ "reason": format!("{MARKER}: ухожу") })).await);
    let path = |step: &str| format!("/api/v1/privacy/erasures/{}/{step}", wish["id"].as_str().unwrap());
    let (head, officer, admin) = (hub.sign_in(HEAD).await, hub.sign_in(OFFICER).await, hub.sign_in(ADMIN).await);
    let held = head.post(&path("approve"), &json!({})).await;
    assert_eq!((held.status, held.code()), (StatusCode::CONFLICT, "retention_hold"), "{}", held.body);
    let deputy = hub.sign_in(DEPUTY).await;
    let open = ok(deputy.get("/api/v1/complaints").await);
    for one in open["items"].as_array().unwrap().iter().filter(|one| one["state"] != "closed") {
        let close = format!("/api/v1/complaints/{}/close", one["id"].as_str().unwrap());
        ok(deputy.post(&close, &json!({ "text": "Решено" })).await);
    }
    ok(student.post(&format!("{request}/withdraw"), &json!({})).await);
    for (who, step) in [(&head, "approve"), (&officer, "confirm"), (&admin, "execute")] {
        ok(who.post(&path(step), &json!({})).await);
    }
    let acts = ok(head.get("/api/v1/privacy/acts").await);
    assert!(acts["items"][0]["log_export"].as_str().unwrap().contains("erasure.execute"), "the proof stays");
    let folder = hub.stop_and_keep().await;
    assert_eq!(hold_the_marker(folder.path()), Vec::<String>::new());
}

/// A hold is set and lifted with a reason by those who answer for data; while it stands, no erasure goes on.
#[tokio::test]
async fn a_hold_keeps_a_persons_data_until_somebody_lifts_it() {
    let hub = TestHub::start().await;
    hire_head(&hub).await;
    let (student, head, officer) = (hub.sign_in(STUDENT).await, hub.sign_in(HEAD).await, hub.sign_in(OFFICER).await);
    let path = "/api/v1/privacy/holds";
    let about = |code: &str, reason: &str| json!({ "code": code, "reason": reason });
    for code in [STUDENT, TEACHER, DEPUTY] {
        let one = hub.sign_in(code).await;
        assert_eq!(one.post(path, &about(STUDENT, "суд")).await.status, StatusCode::FORBIDDEN, "{code}");
        assert_eq!(one.get(path).await.status, StatusCode::FORBIDDEN, "{code}");
    }
    assert_eq!(officer.post(path, &about("нет такого", "суд")).await.status, StatusCode::BAD_REQUEST);
    let unsaid = officer.post(path, &about(STUDENT, " ")).await;
    assert_eq!((unsaid.status, unsaid.code()), (StatusCode::UNPROCESSABLE_ENTITY, "reason_required"));
    let placed = officer.post(path, &about(STUDENT, "запрос суда № 7")).await;
    assert_eq!(placed.status, StatusCode::CREATED, "{}", placed.body);
    let shown = head.get(path).await.body["items"][0].clone();
    assert_eq!((&shown["reason"], &shown["person"]), (&json!("запрос суда № 7"), &student.me["person"]["id"]));
    assert_eq!(head.get("/api/v1/privacy/erasures").await.body["may_hold"], true);
    assert_eq!(student.get("/api/v1/privacy/erasures").await.body["may_hold"], false);

    let wish = student.post("/api/v1/privacy/erasures", &json!({ "reason": "ухожу" })).await.body;
    let approve = format!("/api/v1/privacy/erasures/{}/approve", wish["id"].as_str().unwrap());
    let held = head.post(&approve, &json!({})).await;
    assert_eq!((held.status, held.code()), (StatusCode::CONFLICT, "retention_hold"), "{}", held.body);
    let lift = format!("{path}/{}/lift", placed.body["id"].as_str().unwrap());
    assert_eq!(head.post(&lift, &json!({ "reason": "" })).await.code(), "reason_required");
    let lifted = head.post(&lift, &json!({ "reason": "дело закрыто" })).await;
    assert_eq!(lifted.status, StatusCode::NO_CONTENT, "{}", lifted.body);
    assert_eq!(head.post(&lift, &json!({ "reason": "ещё раз" })).await.code(), "illegal_transition");
    assert_eq!(head.post(&approve, &json!({})).await.status, StatusCode::NO_CONTENT);
    // Nobody ends a hold about themselves.
    let own = head.post(path, &about(OFFICER, "служебная проверка")).await;
    let lift = format!("{path}/{}/lift", own.body["id"].as_str().unwrap());
    let refused = officer.post(&lift, &json!({ "reason": "не надо" })).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::FORBIDDEN, "role_not_permitted"));
    hub.stop().await;
}

/// Retention (DOMAIN 4.7): chat that is older than a year is gone after a start, and the act with its proof is read over HTTP.
#[tokio::test]
async fn what_is_past_its_term_goes_with_an_act() {
    let hub = TestHub::start().await;
    hire_head(&hub).await;
    let (store, now_ms) = (&hub.app().state.store, hub.clock.now_ms());
    let school = store.schools().await.unwrap().remove(0).id;
    let author = store.person_by_code(&school, STUDENT).await.unwrap().unwrap();
    let room = ConsultationId::new("long ago");
    let message = kafedra::store::chat::NewMessage {
        school,
        room: room.clone(),
        author: author.id,
        author_name: author.display_name,
        peer: signaling::ids::PeerId::new("p"),
        client_msg_id: signaling::ids::ClientMessageId::new("1"),
        body: "старое".into(),
        reply_to: None,
        sent_ms: now_ms - 366 * 86_400_000,
    };
    store.append_message(message).await.unwrap();
    assert_eq!(store.message_page(&room, None, 10).await.unwrap().0.len(), 1);
    let hub = hub.restart().await;
    let head = hub.sign_in(HEAD).await;
    crate::client::until_async("the term has ended it", async || {
        hub.app().state.store.message_page(&room, None, 10).await.unwrap().0.is_empty()
    })
    .await;
    let acts = head.get("/api/v1/privacy/acts").await.body;
    let act = &acts["items"][0];
    assert_eq!((act["kind"].as_str(), act["categories"]["message"].as_u64()), (Some("retention"), Some(1)), "{acts}");
    assert!(act["log_export"].as_str().unwrap().contains("retention.end"), "{act}");
    assert_eq!(act["log_sha256"].as_str().map(str::len), Some(64), "{act}");
    hub.stop().await;
}
