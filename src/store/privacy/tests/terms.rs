//! Each term of DOMAIN 4.7 at its day: what stands before it, goes after it, and stays under a hold; with an act each time, and a
//! journal whose chain is whole to the end.

use sqlx::AssertSqlSafe;

use super::{NOW_MS, store};
use crate::domain::consent::{Act, Purpose, Signers, Standing, standing};
use crate::domain::consultation::Timing;
use crate::domain::ids::{ConsultationId, PersonId, SchoolId};
use crate::domain::role::Role;
use crate::store::media_quality::Minute;
use crate::store::transition::Actor;
use crate::store::{Store, StoreError, audit, demo, sql};

const DAY: i64 = 86_400_000;
const YEAR: i64 = 365 * DAY;

struct Kept {
    store: Store,
    school: SchoolId,
    /// Under a hold, and not.
    held: PersonId,
    other: PersonId,
    deputy: Actor,
    room: ConsultationId,
    _folder: tempfile::TempDir,
}

impl Kept {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder).await;
        let demo = demo::start(&store, Timing::default(), 30, NOW_MS).await.unwrap().unwrap();
        let school = demo.school.id;
        let person = async |code: &str| store.person_by_code(&school, code).await.unwrap().unwrap().id;
        let (held, other, deputy) = (person("S-5A-01").await, person("S-5A-02").await, person("D-001").await);
        let (room,): (String,) =
            sqlx::query_as("SELECT id FROM consultation WHERE state = 'held' ORDER BY start_at DESC LIMIT 1")
                .fetch_one(store.readers())
                .await
                .unwrap();
        let deputy = Actor { person: deputy, role: Some(Role::DeputyHead) };
        Self { school, held, other, deputy, room: ConsultationId::new(room), store, _folder: folder }
    }

    /// A row of each of the two in every table that has a term, as of now.
    async fn write(&self) {
        for person in [&self.held, &self.other] {
            let minute = Minute { minute: NOW_MS / 60_000, rtt_ms: 20, loss_permille: 60, jitter_ms: 1, freeze_ms: 0 };
            self.store.add_media_minute(self.room.clone(), person.clone(), minute).await.unwrap();
            self.store.add_media_join(self.room.clone(), person.clone(), NOW_MS, 800).await.unwrap();
            let (school, room, by) = (self.school.clone(), self.room.clone(), self.deputy.person.clone());
            self.store.remove_from_room(school, room, person.clone(), by, NOW_MS).await.unwrap();
        }
        let people = [self.held.clone(), self.other.clone()];
        let (room, by, school) = (self.room.clone(), self.deputy.clone(), self.school.clone());
        let written: Result<(), StoreError> = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    for person in people {
                        for statement in [
                            "INSERT INTO help_request (id, school_id, author_id, student_id, group_id, subject_id, text,
                             is_shared, state, first_response_due, help_due, reopened, created_at, updated_at)
                             SELECT 'old-' || $1, school_id, $1, $1, group_id, subject_id, 'x', 0, 'closed', 0, 0, 0, $2, $2
                             FROM help_request LIMIT 1",
                            "INSERT INTO request_event (request_id, n, at, to_state) SELECT 'old-' || $1, 1, $2, 'closed'",
                            "INSERT INTO request_vote (request_id, student_id, by_id, at)
                             SELECT 'old-' || $1, $1, $1, $2",
                            "INSERT INTO request_file (id, school_id, request_id, name, media_type, size_bytes, sha256, by_id, at)
                             SELECT 'file-' || $1, school_id, id, 'x', 'image/png', 1, 'x', $1, $2 FROM help_request
                             WHERE id = 'old-' || $1",
                            "INSERT INTO complaint (id, school_id, consultation_id, host_id, author_id, kind, text, state, created_at)
                             SELECT 'c-' || $1, school_id, id, host_id, $1, 'poor', 'x', 'closed', $2 FROM consultation
                             WHERE state = 'held' LIMIT 1",
                            "INSERT INTO complaint_answer (complaint_id, n, by_id, text, at)
                             SELECT 'c-' || $1, 1, $1, 'x', $2",
                            "INSERT INTO load_entry (id, school_id, host_id, consultation_id, date, kind, minutes,
                             academic_hours, planned, created_at) SELECT 'l-' || $1, school_id, $1, id, date, 'teaching', 45,
                             100, 1, $2 FROM consultation WHERE state = 'held' LIMIT 1",
                            "INSERT INTO device_check (person_id, school_id, at, camera)
                             SELECT $1, school_id, $2, 'works' FROM consultation LIMIT 1",
                            "INSERT INTO participation (id, school_id, room_id, person_id, role, joined_at, left_at, seen_at)
                             SELECT 'p-' || $1, school_id, id, $1, 'guardian', $2, $2, $2 FROM consultation
                             WHERE state = 'held' LIMIT 1",
                        ] {
                            sqlx::query(statement).bind(person.as_str()).bind(NOW_MS).execute(tx.connection()).await?;
                        }
                        tx.correct_load(&school, &format!("l-{person}"), 30, "x", &by, NOW_MS).await?;
                    }
                    Ok(())
                })
            })
            .await;
        written.unwrap();
        let correct = self.store.correct(
            room,
            crate::store::evidence::corrections::Field::HostDelay,
            "5".to_owned(),
            "x".to_owned(),
            self.deputy.clone(),
            NOW_MS,
        );
        correct.await.unwrap();
    }

    async fn count(&self, sql: &str, person: &PersonId) -> i64 {
        let row: (i64,) = sqlx::query_as(AssertSqlSafe(format!("SELECT COUNT(*) FROM {sql}")))
            .bind(person.as_str())
            .fetch_one(self.store.readers())
            .await
            .unwrap();
        row.0
    }

    /// Whether the rows of the one under a hold and of the other are there.
    async fn there(&self, sql: &str) -> (bool, bool) {
        (self.count(sql, &self.held).await > 0, self.count(sql, &self.other).await > 0)
    }
}

/// Days that rows are kept, and where they are.
const ROWS: &[(i64, &str)] = &[
    (30, "media_quality WHERE person_id = $1"),
    (30, "media_join WHERE person_id = $1"),
    (30, "device_check WHERE person_id = $1"),
    (3 * 365, "help_request WHERE student_id = $1"),
    (3 * 365, "request_event WHERE request_id = 'old-' || $1"),
    (3 * 365, "request_vote WHERE student_id = $1"),
    (3 * 365, "request_file WHERE by_id = $1"),
    (5 * 365, "participation WHERE id = 'p-' || $1"),
    (5 * 365, "room_removal WHERE person_id = $1"),
    (5 * 365, "load_entry WHERE host_id = $1"),
    (5 * 365, "load_correction WHERE entry_id = 'l-' || $1"),
    (5 * 365, "complaint WHERE author_id = $1"),
    (5 * 365, "complaint_answer WHERE by_id = $1"),
];

#[tokio::test]
async fn each_term_ends_its_rows_at_its_day_and_a_hold_keeps_its_own() {
    let kept = Kept::new().await;
    kept.write().await;
    let hold = kept
        .store
        .place_hold(kept.school.clone(), kept.held.clone(), "суд".to_owned(), kept.deputy.clone(), NOW_MS)
        .await
        .unwrap();
    let mut files = Vec::new();
    for days in [20, 40, 3 * 365 - 1, 3 * 365 + 1, 5 * 365 - 1, 5 * 365 + 40] {
        files.extend(kept.store.end_by_time(NOW_MS + days * DAY).await.unwrap().files);
        for (term, sql) in ROWS {
            assert_eq!(kept.there(sql).await, (true, days < *term), "after {days} days: {sql}");
        }
        let summed = kept.there("media_summary WHERE person_id = $1").await;
        if (40..5 * 365).contains(&days) {
            assert!(summed.1, "evidence keeps what it needs of the raw figures");
        }
        assert!(audit::verify(&kept.store).await.unwrap().is_intact(), "after {days} days");
    }
    assert_eq!(files, [format!("file-{}", kept.other)], "the file itself goes with its row, and no other");
    // Proof: an act for each round that ended something, numbered once.
    let acts = kept.store.destruction_acts(&kept.school).await.unwrap();
    let mut numbers: Vec<_> = acts.iter().map(|act| act.number.clone()).collect();
    numbers.sort();
    numbers.dedup();
    assert_eq!(numbers.len(), acts.len());
    for category in ["load_entry", "load_correction", "correction", "incident", "complaint", "participation"] {
        let named = acts.iter().any(|act| act.categories[category].as_u64().is_some() && act.kind == "retention");
        assert!(named, "{category}");
    }
    // The dispute is over.
    kept.store
        .lift_hold(kept.school.clone(), hold, "решение суда".to_owned(), kept.deputy.clone(), NOW_MS + 6 * YEAR)
        .await
        .unwrap();
    kept.store.end_by_time(NOW_MS + 6 * YEAR).await.unwrap();
    for (_, sql) in ROWS {
        assert_eq!(kept.there(sql).await, (false, false), "{sql}");
    }
    kept.store.close().await;
}

#[tokio::test]
async fn a_file_that_no_act_took_goes_and_one_that_waits_with_a_proposal_stays() {
    let kept = Kept::new().await;
    let (school, by) = (kept.school.clone(), kept.deputy.person.clone());
    let written: Result<(), StoreError> = kept
        .store
        .write(move |tx| {
            Box::pin(async move {
                for (id, act) in [
                    ("loose", "NULL"),
                    ("waiting", "NULL"),
                    ("taken", "(SELECT id FROM local_act WHERE school_id = $1 LIMIT 1)"),
                ] {
                    let statement = format!(
                        "INSERT INTO act_file (school_id, by_id, at, act_id, id, name, media_type, size_bytes, sha256)
                         SELECT $1, $2, $3, {act}, '{id}', 'x.pdf', 'application/pdf', 1, 'x'"
                    );
                    let query = sqlx::query(AssertSqlSafe(statement));
                    query.bind(school.as_str()).bind(by.as_str()).bind(NOW_MS).execute(tx.connection()).await?;
                }
                sqlx::query(
                    "INSERT INTO rule_proposal (school_id, proposed_by, created_at, id, kind, body, state)
                     SELECT $1, $2, $3, 'p', 'act', '{\"file\":{\"id\":\"waiting\"}}', 'proposed'",
                )
                .bind(school.as_str())
                .bind(by.as_str())
                .bind(NOW_MS)
                .execute(tx.connection())
                .await?;
                Ok(())
            })
        })
        .await;
    written.unwrap();
    assert_eq!(kept.store.end_by_time(NOW_MS + 29 * DAY).await.unwrap().files, [""; 0]);
    assert_eq!(kept.store.end_by_time(NOW_MS + 31 * DAY).await.unwrap().files, ["loose"]);
    assert_eq!(kept.store.end_by_time(NOW_MS + 365 * DAY).await.unwrap().files, [""; 0]);
    kept.store.close().await;
}

#[tokio::test]
async fn the_journal_loses_its_oldest_rows_and_stays_whole() {
    let kept = Kept::new().await;
    let rows = kept.count("audit_event WHERE school_id = $1", &PersonId::new(kept.school.as_str())).await;
    assert!(rows > 1);
    let early = kept.store.end_by_time(NOW_MS + 5 * YEAR - DAY).await.unwrap();
    let late = kept.store.end_by_time(NOW_MS + 5 * YEAR + 40 * DAY).await.unwrap();
    assert!(late.rows >= u64::try_from(rows).unwrap(), "{early:?} {late:?}");
    let report = audit::verify(&kept.store).await.unwrap();
    assert!(report.is_intact() && report.heads[0].1 > rows, "the numbers go on: {report:?}");
    let acts = kept.store.destruction_acts(&kept.school).await.unwrap();
    assert!(acts.iter().any(|act| act.categories["audit_event"].as_u64() == Some(u64::try_from(rows).unwrap())));
    // Whoever cuts the journal off by hand is found, wherever they put its beginning.
    for statement in [
        "DELETE FROM audit_event WHERE seq = (SELECT MIN(seq) FROM audit_event)",
        "UPDATE audit_anchor SET seq = seq + 1, hash = (SELECT hash FROM audit_event ORDER BY seq LIMIT 1)",
    ] {
        let done: Result<(), StoreError> = kept
            .store
            .write(move |tx| {
                Box::pin(async move {
                    sqlx::query(statement).execute(tx.connection()).await?;
                    Ok(())
                })
            })
            .await;
        done.unwrap();
        assert!(!audit::verify(&kept.store).await.unwrap().is_intact(), "{statement}");
    }
    kept.store.close().await;
}

#[tokio::test]
async fn a_withdrawn_consent_does_not_come_back_when_its_rows_run_out() {
    let kept = Kept::new().await;
    let texts = kept.store.consent_texts(&kept.school).await.unwrap();
    let text = texts.iter().find(|text| text.purpose == Purpose::Messages).unwrap().id.clone();
    let by = Actor { person: kept.deputy.person.clone(), role: Some(Role::DeputyHead) };
    for (act, at_ms) in [(Act::Given, NOW_MS), (Act::Withdrawn, NOW_MS + 60 * DAY)] {
        let (school, person) = (kept.school.clone(), by.person.clone());
        kept.store.sign_consent(school, person, by.clone(), Purpose::Messages, text.clone(), act, at_ms).await.unwrap();
    }
    let alone = Signers { own: true, guardian: false };
    for (days, expected) in
        [(5 * 365 + 30, Standing::Withdrawn), (5 * 365 + 61, Standing::Withdrawn), (9 * 365, Standing::Withdrawn)]
    {
        let at_ms = NOW_MS + days * DAY;
        kept.store.end_by_time(at_ms).await.unwrap();
        let name = by.person.as_str().to_owned();
        assert!(kept.store.silenced(std::slice::from_ref(&name), at_ms).await.unwrap().contains(&name), "{days} days");
        let entries = kept.store.consent_entries(&by.person, Purpose::Messages).await.unwrap();
        assert_eq!(standing(&entries, &by.person, &[], alone, 1), expected, "after {days} days");
    }
    kept.store.close().await;
}

#[tokio::test]
async fn the_clock_notes_signatures_of_those_who_may_not_sign_any_more() {
    let kept = Kept::new().await;
    let guardian = kept.store.confirmed_guardians(&kept.held).await.unwrap().remove(0);
    let texts = kept.store.consent_texts(&kept.school).await.unwrap();
    let text = texts.iter().find(|text| text.purpose == Purpose::Messages).unwrap().id.clone();
    let by = Actor { person: guardian, role: Some(Role::Guardian) };
    let signed = kept.store.sign_consent(
        kept.school.clone(),
        kept.held.clone(),
        by,
        Purpose::Messages,
        text,
        Act::Given,
        NOW_MS,
    );
    signed.await.unwrap();
    let name = kept.held.as_str().to_owned();
    assert_eq!(kept.store.expire_consents(NOW_MS + DAY).await.unwrap(), 0);
    assert!(kept.store.silenced(std::slice::from_ref(&name), NOW_MS + DAY).await.unwrap().is_empty());
    // Ten years on the child is of age: the guardian's signature has ended, and says so once.
    let later_ms = NOW_MS + 10 * YEAR;
    assert!(kept.store.silenced(std::slice::from_ref(&name), later_ms).await.unwrap().contains(&name));
    assert_eq!(kept.store.expire_consents(later_ms).await.unwrap(), 1);
    assert_eq!(kept.store.expire_consents(later_ms + DAY).await.unwrap(), 0);
    assert!(kept.store.silenced(std::slice::from_ref(&name), later_ms).await.unwrap().contains(&name));
    assert!(audit::verify(&kept.store).await.unwrap().is_intact());
    kept.store.close().await;
}

/// More pupils than one batch, each judged by their own guardian: withdrawn, given, and given by one whose link has ended.
#[tokio::test]
async fn a_whole_school_is_asked_at_once_and_each_by_their_own_guardian() {
    const PUPILS: usize = 900;
    let kept = Kept::new().await;
    let texts = kept.store.consent_texts(&kept.school).await.unwrap();
    let text = texts.iter().find(|text| text.purpose == Purpose::Messages).unwrap().id.clone();
    let school = kept.school.clone();
    let written: Result<(), StoreError> = kept
        .store
        .write(move |tx| {
            Box::pin(async move {
                let (mut people, mut links, mut consents) = (Vec::new(), Vec::new(), Vec::new());
                for n in 0..PUPILS {
                    for kind in ["pupil", "guardian"] {
                        let id = format!("{kind}-{n}");
                        people.push(vec![
                            id.as_str().into(),
                            school.as_str().into(),
                            id.as_str().into(),
                            id.as_str().into(),
                            "Ф".into(),
                            "И".into(),
                            (kind == "pupil").then(|| "2015-03-01".to_owned()).into(),
                            "Ф И".into(),
                            "active".into(),
                            NOW_MS.into(),
                        ]);
                    }
                    let (pupil, guardian) = (format!("pupil-{n}"), format!("guardian-{n}"));
                    links.push(vec![
                        format!("link-{n}").into(),
                        school.as_str().into(),
                        guardian.as_str().into(),
                        pupil.as_str().into(),
                        "guardian".into(),
                        if n % 3 == 2 { "ended" } else { "confirmed" }.into(),
                        "roster".into(),
                        NOW_MS.into(),
                    ]);
                    let acts: &[&str] = if n % 3 == 0 { &["given", "withdrawn"] } else { &["given"] };
                    for (at, act) in (NOW_MS..).zip(acts) {
                        consents.push(vec![
                            format!("consent-{n}-{act}").into(),
                            school.as_str().into(),
                            pupil.as_str().into(),
                            guardian.as_str().into(),
                            "messages".into(),
                            text.as_str().into(),
                            (*act).into(),
                            "web".into(),
                            at.into(),
                        ]);
                    }
                }
                let into = "person (id, school_id, code, code_fold, family_name, given_name, birth_date, display_name, status, created_at)";
                sql::insert_many(tx.connection(), into, 10, people).await?;
                let into = "guardian_link (id, school_id, guardian_id, student_id, relation, state, source, created_at)";
                sql::insert_many(tx.connection(), into, 8, links).await?;
                let into = "consent (id, school_id, person_id, by_id, purpose, text_id, act, method, at)";
                sql::insert_many(tx.connection(), into, 9, consents).await
            })
        })
        .await;
    written.unwrap();
    let all: Vec<String> = (0..PUPILS).map(|n| format!("pupil-{n}")).collect();
    let silenced = kept.store.silenced(&all, NOW_MS + DAY).await.unwrap();
    let expected: std::collections::BTreeSet<String> =
        (0..PUPILS).filter(|n| n % 3 != 1).map(|n| format!("pupil-{n}")).collect();
    assert_eq!(silenced, expected);
    assert_eq!(kept.store.expire_consents(NOW_MS + DAY).await.unwrap(), PUPILS / 3, "whose guardian's link has ended");
    assert_eq!(kept.store.expire_consents(NOW_MS + 2 * DAY).await.unwrap(), 0);
    kept.store.close().await;
}
