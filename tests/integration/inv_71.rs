//! INV-71 over random sequences of real operations: every change of state of a request, consent, role, norm, rule, proposal and
//! card has exactly one row in the journal, by whoever asked, in a role they hold, from where they were, with the reason where
//! there must be one; and no row stands there without a change.

use std::collections::{BTreeMap, BTreeSet};

use kafedra::clock::WallClock;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Connection as _, Row as _};

use crate::hub::{ADMIN, Answer, Client, DEPUTY, GUARDIAN, STUDENT, TEACHER, TestHub};

/// Monday, 23 November 2026, 10:00 in Moscow.
const NOW: &str = "2026-11-23T07:00:00Z";

/// What is watched: kind of the object in the journal, and a query of object and state; what has the same object is one change.
const WATCHED: &[(&str, &str)] = &[
    ("help_request", "SELECT id, state || ':' || COALESCE(assigned_to, '') FROM help_request"),
    ("consent", "SELECT id, act FROM consent"),
    (
        "person",
        "SELECT person_id, GROUP_CONCAT(id || role || COALESCE(unit_id, '') || COALESCE(valid_to, ''))
         FROM (SELECT * FROM role_assignment ORDER BY id) GROUP BY person_id",
    ),
    (
        "norm",
        "SELECT id, grade_from || ':' || grade_to || ':' || per_lesson || ':' || COALESCE(per_day_home, '') || ':' || mode
         FROM norm",
    ),
    ("hours_norm", "SELECT id, earliest || latest || mode FROM hours_norm"),
    ("school", "SELECT id, policy FROM school"),
    ("rule_proposal", "SELECT id, state FROM rule_proposal"),
    ("consent_text", "SELECT id, CAST(version AS TEXT) FROM consent_text"),
    (
        "lesson_card",
        "SELECT k.id, k.status || k.version || ':' || COALESCE(d.revision, '') || ':' || COALESCE(d.agreed_revision, '')
         FROM lesson_card k LEFT JOIN card_draft d ON d.card_id = k.id",
    ),
];

/// Rows of the journal that say that one of those has changed.
const ACTIONS: &[&str] = &[
    "request.move",
    "request.assign",
    "consent.",
    "consent_text.",
    "role.",
    "norm.",
    "hours_norm.",
    "policy.",
    "rule.",
    "card.",
];

type States = BTreeMap<(String, String), String>;

#[derive(Debug)]
struct Row {
    action: String,
    object: (String, String),
    actor: Option<String>,
    role: Option<String>,
    ip_class: Option<String>,
    reason: Option<String>,
    detail: String,
}

struct Watch {
    connection: AnyConnection,
    states: States,
    seq: i64,
}

impl Watch {
    async fn new(hub: &TestHub) -> Self {
        sqlx::any::install_default_drivers();
        let url = format!("sqlite://{}?mode=ro", hub.data().join("kafedra.db").display());
        let connection = AnyConnection::connect(&url).await.unwrap();
        let mut watch = Self { connection, states: States::new(), seq: 0 };
        watch.look().await;
        watch
    }

    /// What has changed since the last look, and what the journal says about it.
    async fn look(&mut self) -> (BTreeSet<(String, String)>, Vec<Row>) {
        let mut states = States::new();
        for (kind, sql) in WATCHED {
            let rows: Vec<(String, String)> = sqlx::query_as(*sql).fetch_all(&mut self.connection).await.unwrap();
            states.extend(rows.into_iter().map(|(id, state)| (((*kind).to_owned(), id), state)));
        }
        let changed = states
            .iter()
            .filter(|(object, state)| self.states.get(*object) != Some(*state))
            .map(|(object, _)| object.clone())
            .chain(self.states.keys().filter(|object| !states.contains_key(*object)).cloned())
            .collect();
        let rows = sqlx::query(
            "SELECT seq, action, object_kind, object_id, actor_id, acting_role, ip_class, reason, detail FROM audit_event
             WHERE seq > $1 ORDER BY seq",
        )
        .bind(self.seq)
        .fetch_all(&mut self.connection)
        .await
        .unwrap();
        self.seq = rows.last().map_or(self.seq, |row| row.get(0));
        self.states = states;
        let is_watched = |row: &Row| {
            ACTIONS.iter().any(|action| row.action.starts_with(action)) && row.action != "card.dates_refused"
        };
        let row = |row: &AnyRow| Row {
            action: row.get(1),
            object: (row.get(2), row.get(3)),
            actor: row.get(4),
            role: row.get(5),
            ip_class: row.get(6),
            reason: row.get(7),
            detail: row.get::<Option<String>, _>(8).unwrap_or_default(),
        };
        let said = rows.iter().map(row).filter(is_watched).collect();
        (changed, said)
    }
}

/// A generator that a failure's seed brings back.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }

    fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.roll(all.len())]
    }
}

fn id(client: &Client) -> String {
    client.me["person"]["id"].as_str().unwrap().to_owned()
}

/// Must a row of this kind give a reason?
fn needs_reason(row: &Row) -> bool {
    let detail: Value = serde_json::from_str(&row.detail).unwrap_or_default();
    match row.action.as_str() {
        "card.withdraw" => true,
        "request.move" => detail["to"] == "declined" || detail["to"] == "reopened",
        "rule.decide" => detail["decision"] == "decline",
        _ => false,
    }
}

struct World {
    student: Client,
    peer: Client,
    guardian: Client,
    teacher: Client,
    deputy: Client,
    admin: Client,
    /// A child of the guardian.
    child: String,
    /// Teachers but the one who acts, whose role must stay.
    others: Vec<String>,
    subject: String,
    group: String,
    /// Consultations of the class that are still to come.
    planned: Vec<String>,
    requests: Vec<String>,
    cards: Vec<String>,
    proposals: Vec<String>,
    n: usize,
}

impl World {
    async fn of(hub: &TestHub) -> Self {
        let teacher = hub.sign_in(TEACHER).await;
        let (student, guardian) = (hub.sign_in(STUDENT).await, hub.sign_in(GUARDIAN).await);
        let options = teacher.get("/api/v1/card-options").await.body;
        let find = |list: &str, fits: &dyn Fn(&Value) -> bool| {
            let found = options[list].as_array().unwrap().iter().find(|one| fits(one)).unwrap();
            found["id"].as_str().unwrap().to_owned()
        };
        let items = teacher.get("/api/v1/timetable?from=2026-11-24&to=2026-12-20").await.body["items"].clone();
        let is_fit = |item: &&Value| {
            item["class"] == "5А"
                && item["subject"] == "Математика"
                && item["state"] == "planned"
                && item["form"] != "individual"
        };
        let planned = items.as_array().unwrap().iter().filter(is_fit);
        let admin = hub.sign_in(ADMIN).await;
        let staff = admin.get("/api/v1/people?role=teacher").await.body["items"].as_array().unwrap().clone();
        let others = staff.iter().map(|one| one["id"].as_str().unwrap().to_owned());
        let wards = guardian.me["wards"].as_array().unwrap();
        let child = wards.iter().find(|ward| ward["class"] == "5А").unwrap()["id"].as_str().unwrap().to_owned();
        Self {
            subject: find("subjects", &|one| one["name"] == "Математика"),
            group: find("groups", &|one| one["class"] == "5А" && one["name"] == ""),
            planned: planned.map(|item| item["id"].as_str().unwrap().to_owned()).collect(),
            peer: hub.sign_in("S-5A-04").await,
            deputy: hub.sign_in(DEPUTY).await,
            others: others.filter(|other| *other != id(&teacher)).collect(),
            admin,
            student,
            guardian,
            teacher,
            child,
            requests: Vec::new(),
            cards: Vec::new(),
            proposals: Vec::new(),
            n: 0,
        }
    }

    fn body(&self, dice: &mut Dice) -> Value {
        let host = id(&self.teacher);
        let minute = dice.roll(6) * 5;
        json!({
            "subject": self.subject,
            "content": {
                "title": format!("Случай {}", self.n), "programme": null, "group": self.group, "teacher": host,
                "materials": [], "homework": null, "note": null, "allow_in_break": false,
                "slots": [{
                    "key": "", "recurrence": { "type": "once", "date": format!("2026-12-{:02}", 1 + dice.roll(18)) },
                    "at": { "type": "start", "value": format!("15:{minute:02}:00") }, "minutes": 20, "form": "webinar",
                    "medium": null, "kind": "current", "coverage": "topics", "parts": ["2 четверть"],
                    "topics": ["Сложение и вычитание дробей"], "audience": { "students": true, "guardians": false },
                    "host": host, "student": null, "sources": [{ "kind": "note", "text": "Ошибки" }],
                }],
            },
        })
    }

    /// Something that somebody does: who, and what the hub answers.
    async fn act(&mut self, dice: &mut Dice) -> (String, Answer) {
        self.n += 1;
        match dice.roll(6) {
            0 | 1 => self.act_on_requests(dice).await,
            2 => self.act_on_consents(dice).await,
            3 => self.act_on_roles(dice).await,
            4 => self.act_on_rules(dice).await,
            _ => self.act_on_cards(dice).await,
        }
    }

    async fn act_on_requests(&mut self, dice: &mut Dice) -> (String, Answer) {
        if self.requests.is_empty() || dice.roll(4) == 0 {
            let by_guardian = dice.roll(3) == 0;
            let mut body = json!({ "subject": self.subject, "text": format!("Вопрос {}", self.n), "is_shared": true });
            if by_guardian {
                body["student"] = self.child.clone().into();
            }
            let who = if by_guardian { &self.guardian } else { &self.student };
            let answer = who.post("/api/v1/requests", &body).await;
            self.requests.extend(answer.body["id"].as_str().map(str::to_owned));
            return (id(who), answer);
        }
        let path = format!("/api/v1/requests/{}", dice.pick(&self.requests));
        let consultation = dice.pick(&self.planned).clone();
        let (who, to, body) = match dice.roll(12) {
            0 | 1 => (&self.teacher, "triage", json!({ "act": "accept" })),
            2 => (&self.teacher, "triage", json!({ "act": "decline", "reason": "other", "text": "Не по программе" })),
            3 => (&self.deputy, "triage", json!({ "act": "decline", "reason": "duplicate" })),
            4 => (&self.deputy, "triage", json!({ "act": "assign", "to": id(&self.teacher) })),
            5 | 6 => (&self.teacher, "triage", json!({ "act": "schedule", "consultation": consultation })),
            7 => (&self.teacher, "answer", json!({ "text": "См. § 15" })),
            8 => (&self.student, "withdraw", json!({})),
            9 => (&self.student, "reopen", json!({ "reason": "Не понял" })),
            10 => (&self.student, "close", json!({})),
            _ => (&self.peer, "vote", json!({})),
        };
        // Calling off what a request was put into makes the request owed again, by the same person.
        if to == "triage" && body["act"] == "schedule" && dice.roll(3) == 0 && self.planned.len() > 2 {
            let called_off = format!("/api/v1/consultations/{consultation}/cancel");
            self.planned.retain(|one| *one != consultation);
            return (id(&self.deputy), self.deputy.post(&called_off, &json!({ "reason": "Учитель заболел" })).await);
        }
        (id(who), who.post(&format!("{path}/{to}"), &body).await)
    }

    async fn act_on_consents(&self, dice: &mut Dice) -> (String, Answer) {
        let (who, person) = match dice.roll(3) {
            0 => (&self.guardian, Some(self.child.clone())),
            1 => (&self.teacher, None),
            _ => (&self.student, None),
        };
        let of = person.clone().unwrap_or_else(|| id(who));
        let list = who.get("/api/v1/consents").await.body;
        let people = list["people"].as_array().unwrap();
        let items = people.iter().find(|one| one["person"] == of.as_str()).unwrap()["items"].as_array().unwrap();
        let item = dice.pick(items);
        let form = json!({ "person": person, "purpose": item["purpose"], "text": item["text"]["id"] });
        let path = if dice.roll(2) == 0 { "/api/v1/consents" } else { "/api/v1/consents/withdraw" };
        (id(who), who.post(path, &form).await)
    }

    async fn act_on_roles(&self, dice: &mut Dice) -> (String, Answer) {
        let who = if dice.roll(3) == 0 { &self.deputy } else { &self.admin };
        let person = format!("/api/v1/people/{}", dice.pick(&self.others));
        let role = *dice.pick(&["staff", "deputy_head", "guardian", "teacher"]);
        let answer = match dice.roll(2) {
            0 => who.post(&format!("{person}/roles"), &json!({ "role": role })).await,
            _ => who.delete(&format!("{person}/roles?role={role}")).await,
        };
        (id(who), answer)
    }

    async fn act_on_rules(&mut self, dice: &mut Dice) -> (String, Answer) {
        let put = async |client: &Client, path: &str, body: &Value| {
            client.send(client.request(Method::PUT, path).json(body)).await
        };
        if !self.proposals.is_empty() && dice.roll(3) == 0 {
            let path = format!("/api/v1/rule-proposals/{}/decide", dice.pick(&self.proposals));
            let (who, decision, reason) = match dice.roll(4) {
                0 => (&self.deputy, "decline", "Не сейчас"),
                1 => (&self.admin, "withdraw", ""),
                _ => (&self.deputy, "confirm", ""),
            };
            return (id(who), who.post(&path, &json!({ "decision": decision, "reason": reason })).await);
        }
        let who = if dice.roll(2) == 0 { &self.admin } else { &self.deputy };
        let answer = match dice.roll(6) {
            0 => {
                let items = self.deputy.get("/api/v1/norms").await.body["items"].as_array().unwrap().clone();
                let mut norm = dice.pick(&items).clone();
                norm["per_lesson"] = (21 + self.n % 20).into();
                put(who, "/api/v1/norms", &norm).await
            }
            1 => {
                let row = json!({ "code": format!("n{}", self.n), "grade_from": 1, "grade_to": 4, "earliest": "08:00",
                    "latest": format!("17:{:02}", dice.roll(60)), "source": "СП 2.4.3648-20", "mode": "warn" });
                put(who, "/api/v1/hours-norms", &row).await
            }
            2 | 3 => {
                let rules = self.deputy.get("/api/v1/planning-rules").await.body["items"].as_array().unwrap().clone();
                let mode = *dice.pick(&["warn", "off", "enforce"]);
                put(who, "/api/v1/planning-rules", &json!({ "rule": dice.pick(&rules)["rule"], "mode": mode })).await
            }
            _ => {
                let text = json!({ "purpose": "messages", "title": "Согласие", "body": format!("Текст {}", self.n) });
                who.post("/api/v1/consent-texts", &text).await
            }
        };
        if answer.status == reqwest::StatusCode::ACCEPTED {
            self.proposals.extend(answer.body["id"].as_str().map(str::to_owned));
        }
        (id(who), answer)
    }

    async fn act_on_cards(&mut self, dice: &mut Dice) -> (String, Answer) {
        let teacher = &self.teacher;
        if self.cards.is_empty() || dice.roll(4) == 0 {
            let answer = teacher.post("/api/v1/cards", &json!({ "body": self.body(dice) })).await;
            self.cards.extend(answer.body["card"]["id"].as_str().map(str::to_owned));
            return (id(teacher), answer);
        }
        let path = format!("/api/v1/cards/{}", dice.pick(&self.cards));
        let page = teacher.get(&path).await.body;
        let revision = page["draft"]["revision"].as_i64().unwrap_or(0);
        let send = async |who: &Client, method: Method, path: String, body: Value| {
            let request = who.request(method, &path).header("if-match", format!("\"{revision}\""));
            (id(who), who.send(request.json(&body)).await)
        };
        match dice.roll(6) {
            0 | 1 => send(teacher, Method::POST, format!("{path}/publish"), json!({})).await,
            2 => {
                let body = json!({ "body": self.body(dice) });
                send(teacher, Method::PUT, format!("{path}/draft"), body).await
            }
            3 => send(teacher, Method::DELETE, format!("{path}/draft"), json!({})).await,
            4 => send(&self.deputy, Method::POST, format!("{path}/agree"), json!({})).await,
            _ => send(teacher, Method::POST, format!("{path}/withdraw"), json!({ "reason": "Тема пройдена" })).await,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inv_71_every_change_of_state_has_exactly_one_row_by_whoever_made_it() {
    let is_long = std::env::var_os("KAFEDRA_LONG_TESTS").is_some();
    let (seeds, steps) = if is_long { (1..=20_u64, 500) } else { (1..=1_u64, 320) };
    let mut seen = BTreeMap::<String, usize>::new();
    for seed in seeds {
        let at = NOW.parse::<jiff::Timestamp>().unwrap().as_millisecond();
        let hub = TestHub::start_at(WallClock::tokio(at)).await;
        let mut world = World::of(&hub).await;
        let mut watch = Watch::new(&hub).await;
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15 ^ seed);
        let mut refused = 0;
        for step in 0..steps {
            let (who, answer) = world.act(&mut dice).await;
            let (changed, rows) = watch.look().await;
            let what = format!(
                "seed {seed}, step {step}: {} {}\nchanged {changed:?}\nrows {rows:#?}",
                answer.status, answer.body
            );
            assert!(!answer.status.is_server_error(), "{what}");
            if !answer.status.is_success() {
                refused += 1;
                assert!(changed.is_empty() && rows.is_empty(), "a refusal changes nothing, {what}");
                continue;
            }
            let said: Vec<&(String, String)> = rows.iter().map(|row| &row.object).collect();
            let once: BTreeSet<(String, String)> = said.iter().map(|object| (*object).clone()).collect();
            assert_eq!(once.len(), said.len(), "two rows about one change, {what}");
            assert_eq!(once, changed, "a row for each change and a change for each row, {what}");
            for row in rows {
                assert_eq!(row.actor.as_deref(), Some(who.as_str()), "{row:?}, {what}");
                assert_eq!(row.ip_class.as_deref(), Some("hub"), "{row:?}, {what}");
                let role = row.role.clone().unwrap_or_else(|| panic!("no role, {row:?}, {what}"));
                assert!(
                    holds(&mut watch.connection, &who, &role).await,
                    "{row:?} is by a role that nobody gave, {what}"
                );
                if needs_reason(&row) {
                    assert!(row.reason.as_deref().is_some_and(|reason| !reason.trim().is_empty()), "{row:?}, {what}");
                }
                *seen.entry(row.action).or_default() += 1;
            }
        }
        assert!(refused > 0 && refused < steps * 2 / 3, "{refused} of {steps} were refused: {seen:?}");
        assert!(kafedra::store::audit::verify(&hub.app().state.store).await.unwrap().is_intact());
        hub.stop().await;
    }
    for action in [
        "request.move",
        "request.assign",
        "consent.give",
        "consent.withdraw",
        "role.assign",
        "role.end",
        "norm.put",
        "hours_norm.put",
        "policy.rule",
        "rule.propose",
        "rule.decide",
        "consent_text.add",
        "card.publish",
        "card.withdraw",
    ] {
        assert!(seen.contains_key(action), "{action} never happened: {seen:?}");
    }
}

async fn holds(connection: &mut AnyConnection, person: &str, role: &str) -> bool {
    let (count,): (i64,) = sqlx::query_as("SELECT COUNT(*) FROM role_assignment WHERE person_id = $1 AND role = $2")
        .bind(person)
        .bind(role)
        .fetch_one(connection)
        .await
        .unwrap();
    count > 0
}
