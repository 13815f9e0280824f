//! The ledger: one row for each host of what was held, and sums that survive whatever happens afterwards (P9).
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::super::{Store, demo};
use super::*;
use crate::domain::calendar::{Span, plus_days};
use crate::domain::consultation::{Event, IncidentKind, State, Timing, Timings};
use crate::domain::planning::load::Hundredths;
use crate::store::evidence::corrections::Field;
use crate::store::school::School;
use crate::store::transition::{Transition, TransitionError};

const MIN: i64 = 60_000;
const DAY: i64 = 24 * 60 * MIN;
/// Wednesday of the second quarter, noon in Moscow.
const NOW: &str = "2026-11-25T09:00:00Z";

/// What becomes of a consultation.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Held,
    /// The host was there so many minutes, alone.
    Alone(i64),
    NoHost,
    Fault,
    CancelledBefore,
    CancelledOpen,
    /// Nothing has happened to it yet.
    Ahead,
}

#[derive(Clone, Debug)]
struct Story {
    minutes: i64,
    fate: Fate,
    is_substituted: bool,
    /// What the school decides about waiting in vain before it begins, and after it is over.
    policies: [Option<NoAudience>; 2],
    /// Minutes that corrections name, one after the other.
    corrections: Vec<i64>,
    /// Outcomes that corrections name afterwards, one after the other.
    outcomes: Vec<&'static str>,
    /// What people try after it is over.
    afterwards: Vec<u8>,
}

fn story() -> impl Strategy<Value = Story> {
    let fate = prop_oneof![
        3 => Just(Fate::Held),
        2 => (0i64..50).prop_map(Fate::Alone),
        1 => Just(Fate::NoHost),
        1 => Just(Fate::Fault),
        1 => Just(Fate::CancelledBefore),
        1 => Just(Fate::CancelledOpen),
        1 => Just(Fate::Ahead),
    ];
    let corrections = proptest::collection::vec(0i64..90, 0..3);
    let afterwards = proptest::collection::vec(0u8..5, 0..4);
    let outcome = proptest::sample::select(vec!["held", "no_host", "no_audience", "technical"]);
    let outcomes = proptest::collection::vec(outcome, 0..4);
    let policy = || {
        prop_oneof![
            3 => Just(None),
            1 => Just(Some(NoAudience::Never {})),
            2 => (1..=NoAudience::MOST_MINUTES).prop_map(|minutes| Some(NoAudience::Waited { minutes })),
        ]
    };
    (20i64..60, fate, any::<bool>(), [policy(), policy()], corrections, outcomes, afterwards).prop_map(
        |(minutes, fate, is_substituted, policies, corrections, outcomes, afterwards)| Story {
            minutes,
            fate,
            is_substituted,
            policies,
            corrections,
            outcomes,
            afterwards,
        },
    )
}

struct Ledger {
    store: Store,
    school: School,
    template: ConsultationId,
    host: PersonId,
    substitute: PersonId,
    deputy: Actor,
    timings: Timings,
    /// What the school has decided last about waiting in vain.
    policy: NoAudience,
    /// Consultations made so far.
    made: i64,
    now_ms: i64,
    _folder: tempfile::TempDir,
}

fn fault() -> Event {
    Event::Fault { kind: IncidentKind::Declared, reason: "нет связи".to_owned() }
}

impl Ledger {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::fresh(folder.path()).await;
        let now_ms = NOW.parse::<jiff::Timestamp>().unwrap().as_millisecond();
        let school = demo::start(&store, Timing::default(), 30, now_ms).await.unwrap().unwrap().school;
        let person = async |code: &str| store.person_by_code(&school.id, code).await.unwrap().unwrap().id;
        let (host, substitute, deputy) = (person("T-014").await, person("T-007").await, person("D-001").await);
        let (template,): (String,) = sqlx::query_as("SELECT id FROM consultation WHERE form = 'webinar' LIMIT 1")
            .fetch_one(store.readers())
            .await
            .unwrap();
        Self {
            template: ConsultationId::new(template),
            deputy: Actor { person: deputy, role: Some(Role::DeputyHead) },
            timings: Timings::new(Timing::default()),
            policy: NoAudience::default(),
            // Behind everything that the demo has.
            made: 400,
            store,
            school,
            host,
            substitute,
            now_ms,
            _folder: folder,
        }
    }

    /// A planned consultation on a day of its own; gives its name and start.
    async fn plan(&mut self, story: &Story) -> (ConsultationId, i64) {
        self.made += 1;
        let id = ConsultationId::new(format!("made-{}", self.made));
        let start = self.now_ms - self.now_ms % DAY + self.made * DAY + 12 * 60 * MIN;
        let end = start + story.minutes * MIN;
        let day = self.school.zone().to_datetime(jiff::Timestamp::from_millisecond(start).unwrap()).date();
        let (name, from, host) = (id.clone(), self.template.clone(), self.host.clone());
        let substitute = story.is_substituted.then(|| self.substitute.clone());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    sqlx::query(
                        "INSERT INTO consultation (id, school_id, card_id, slot_id, slot_key, date, start_at, end_at, opens_at,
                         closes_at, form, group_id, host_id, substitute_host_id, state, sequence, due_at, updated_at)
                         SELECT $1, school_id, card_id, slot_id, slot_key, $2, $3, $4, $5, $6, form, group_id, $7, $8, 'planned', 0,
                         $9, 0 FROM consultation WHERE id = $10",
                    )
                    .bind(name.as_str())
                    .bind(day.to_string())
                    .bind(start)
                    .bind(end)
                    .bind(start - 10 * MIN)
                    .bind(end + 10 * MIN)
                    .bind(host.as_str())
                    .bind(substitute.as_ref().map(PersonId::as_str))
                    .bind(start - 10 * MIN)
                    .bind(from.as_str())
                    .execute(tx.connection())
                    .await?;
                    Ok::<_, StoreError>(())
                })
            })
            .await
            .unwrap();
        (id, start)
    }

    async fn step(&self, id: &ConsultationId, event: Event, at: i64) -> Result<Transition, TransitionError> {
        self.store.transition(id.clone(), event, Some(self.deputy.clone()), self.timings.clone(), at).await
    }

    /// The school decides anew about waiting in vain.
    async fn decide(&mut self, policy: Option<NoAudience>, at_ms: i64) {
        let Some(policy) = policy else { return };
        self.policy = policy;
        let (school, by) = (self.school.id.clone(), self.deputy.clone());
        self.store
            .write(move |tx| Box::pin(async move { tx.put_no_audience(&school, policy, &by, at_ms).await }))
            .await
            .unwrap();
    }

    /// Lets a story happen. Gives what held about waiting in vain when it ended, and how many states there were after the
    /// first.
    async fn tell(&mut self, story: &Story) -> (ConsultationId, NoAudience, usize) {
        let (id, start) = self.plan(story).await;
        let end = start + story.minutes * MIN;
        self.decide(story.policies[0], start - 60 * MIN).await;
        let held = self.policy;
        let clock = |shared: i64| Event::Clock { shared_ms: shared * MIN, down: None };
        let cancel = || Event::Cancel { reason: "болезнь".into() };
        let mut events = Vec::new();
        if !matches!(story.fate, Fate::Ahead | Fate::CancelledBefore) {
            events.push((clock(0), start - 10 * MIN));
        }
        match story.fate {
            Fate::Ahead => {}
            Fate::CancelledBefore => events.push((cancel(), start - 30 * MIN)),
            Fate::CancelledOpen => events.push((cancel(), start - MIN)),
            Fate::NoHost => events.push((clock(0), start + 15 * MIN)),
            Fate::Held => events.extend([(Event::HostJoined, start), (Event::EndedByHost { shared_ms: 5 * MIN }, end)]),
            Fate::Alone(waited) => {
                events
                    .extend([(Event::HostJoined, start), (Event::EndedByHost { shared_ms: 0 }, start + waited * MIN)]);
            }
            Fate::Fault => events.extend([(Event::HostJoined, start), (fault(), start + MIN)]),
        }
        let steps = events.len();
        for (event, at) in events {
            self.step(&id, event, at).await.unwrap();
        }
        self.decide(story.policies[1], end + 60 * MIN).await;
        if story.fate != Fate::Ahead {
            for what in &story.afterwards {
                let event = match what {
                    0 => clock(30),
                    1 => cancel(),
                    2 => Event::EndedByHost { shared_ms: 30 * MIN },
                    3 => Event::HostJoined,
                    _ => fault(),
                };
                let after = self.step(&id, event, end + DAY).await;
                assert!(after.is_err() || after.unwrap().step.is_none(), "what is over stays as it is");
            }
        }
        (id, held, steps)
    }

    async fn entry_of(&self, id: &ConsultationId) -> Option<String> {
        let rows: Vec<(String,)> = sqlx::query_as("SELECT id FROM load_entry WHERE consultation_id = $1")
            .bind(id.as_str())
            .fetch_all(self.store.readers())
            .await
            .unwrap();
        assert!(rows.len() <= 1, "INV-32: {rows:?}");
        rows.into_iter().next().map(|(id,)| id)
    }

    /// Corrects what became of it; whether that could be.
    async fn correct_outcome(&self, id: &ConsultationId, outcome: &str) -> bool {
        let (by, reason) = (self.deputy.clone(), "по записи в журнале".to_owned());
        self.store.correct(id.clone(), Field::Outcome, outcome.to_owned(), reason, by, 1).await.is_ok()
    }

    async fn correct(&self, entry: &str, minutes: i64) {
        let (school, entry, by) = (self.school.id.clone(), entry.to_owned(), self.deputy.clone());
        self.store
            .write(move |tx| {
                Box::pin(async move { tx.correct_load(&school, &entry, minutes, "по журналу", &by, 1).await })
            })
            .await
            .unwrap();
    }
}

/// Minutes that the host was there, as far as the clock knows.
fn waited(story: &Story) -> i64 {
    match story.fate {
        Fate::Held => story.minutes,
        Fate::Alone(waited) => waited.min(story.minutes),
        Fate::Fault => 1,
        _ => 0,
    }
}

/// Whether waiting in vain counted by what held when it was over: a host who was there for so long, or to the end of something
/// shorter, has worked.
fn counts_alone(story: &Story, policy: NoAudience) -> bool {
    match policy {
        NoAudience::Never {} => false,
        NoAudience::Waited { minutes } => waited(story) >= i64::from(minutes).min(story.minutes),
    }
}

/// Whether it counted when it was over.
fn counted(story: &Story, policy: NoAudience) -> bool {
    match story.fate {
        Fate::Held => true,
        Fate::Alone(_) => counts_alone(story, policy),
        _ => false,
    }
}

/// What the ledger should hold for a story: the regulation read anew, by minutes; `policy`: what held when it ended, whatever
/// was decided since. `None`: it has no row.
fn expected(story: &Story, policy: NoAudience) -> Option<Hundredths> {
    let mut minutes = counted(story, policy).then(|| story.corrections.last().copied().unwrap_or(story.minutes));
    let is_over = matches!(story.fate, Fate::Held | Fate::Alone(_) | Fate::NoHost | Fate::Fault);
    for outcome in story.outcomes.iter().filter(|_| is_over) {
        let counts = match *outcome {
            "held" => true,
            "no_audience" => counts_alone(story, policy),
            _ => false,
        };
        minutes = match (minutes, counts) {
            (None | Some(0), true) => Some(story.minutes),
            (Some(now), true) => Some(now),
            (Some(_), false) => Some(0),
            (None, false) => None,
        };
    }
    // 45 minutes an hour, half a hundredth up.
    minutes.map(|minutes| (minutes * 200 + 45) / 90)
}

/// Days after which a ledger makes way for a new one, so that the long profile does not read ever longer ones.
const MOST_MADE: i64 = 1_000;

/// P9, INV-32, INV-33, INV-70, INV-71, over one school whose ledger grows from case to case.
#[test]
fn p9_inv_32_inv_33_the_ledger_is_the_sum_of_what_was_held() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ledger = tokio::sync::Mutex::new(runtime.block_on(Ledger::new()));
    let mut runner = TestRunner::new(crate::domain::cases::cases(16));
    runner
        .run(&proptest::collection::vec(story(), 1..6), |stories| {
            runtime.block_on(async {
                let mut ledger = ledger.lock().await;
                if ledger.made > MOST_MADE {
                    let full = std::mem::replace(&mut *ledger, Ledger::new().await);
                    prop_assert!(super::super::audit::verify(&full.store).await.unwrap().is_intact());
                    full.store.close().await;
                }
                let before = ledger.store.load_sum(&ledger.school).await.unwrap();
                let first = ledger.made + 1;
                let mut told = HashMap::new();
                let mut wanted: Vec<Hundredths> = Vec::new();
                for story in &stories {
                    let (id, policy, steps) = ledger.tell(story).await;
                    wanted.extend(expected(story, policy));
                    let entry = ledger.entry_of(&id).await;
                    prop_assert_eq!(entry.is_some(), counted(story, policy), "INV-32: {:?} {:?}", story, policy);
                    for minutes in entry.iter().flat_map(|_| &story.corrections) {
                        ledger.correct(entry.as_deref().unwrap(), *minutes).await;
                    }
                    // The ledger follows each corrected outcome in the same transaction.
                    let mut corrected = 0;
                    for outcome in &story.outcomes {
                        corrected += usize::from(ledger.correct_outcome(&id, outcome).await);
                    }
                    let entry = ledger.entry_of(&id).await;
                    prop_assert_eq!(entry.is_some(), expected(story, policy).is_some(), "INV-32: {:?}", story);
                    if let Some(entry) = &entry {
                        prop_assert_eq!(ledger.store.was_planned(entry).await.unwrap(), !story.is_substituted);
                        let host = ledger.store.load_entry_host(&ledger.school, entry).await.unwrap();
                        prop_assert_eq!(&host, if story.is_substituted { &ledger.substitute } else { &ledger.host });
                    }
                    // INV-71: a row of the journal for each state, and for nothing else.
                    let (rows,): (i64,) = sqlx::query_as("SELECT COUNT(*) FROM audit_event WHERE object_id = $1")
                        .bind(id.as_str())
                        .fetch_one(ledger.store.readers())
                        .await
                        .unwrap();
                    prop_assert_eq!(usize::try_from(rows).unwrap(), steps + corrected, "INV-71: {:?}", story);
                    told.insert(id, story.clone());
                }
                let after = ledger.store.load_sum(&ledger.school).await.unwrap();
                prop_assert_eq!(after.0 - before.0, i64::try_from(wanted.len()).unwrap());
                prop_assert_eq!(after.1 - before.1, wanted.iter().sum::<i64>(), "P9: {:?}", stories);
                plan_and_fact(&ledger, first, &told).await
            })
        })
        .unwrap();
    let ledger = ledger.into_inner();
    assert!(runtime.block_on(super::super::audit::verify(&ledger.store)).unwrap().is_intact());
}

/// INV-33: between what was planned and what was counted stands a state, a substitution or a correction, and the sums add up.
async fn plan_and_fact(
    ledger: &Ledger,
    first: i64,
    told: &HashMap<ConsultationId, Story>,
) -> Result<(), TestCaseError> {
    let today = ledger.school.zone().to_datetime(jiff::Timestamp::from_millisecond(ledger.now_ms).unwrap()).date();
    let day = |n: i64| plus_days(today, i32::try_from(n).unwrap());
    let dates = Span { from: day(first), to: day(ledger.made) };
    let rows = ledger.store.load_rows(&ledger.school, dates, None).await.unwrap();
    prop_assert_eq!(rows.len(), told.len());
    for row in &rows {
        let story = &told[&row.consultation];
        match &row.entry {
            // Hours stand beside what counts, corrected or not, and beside nothing else.
            Some(entry) if entry.hours > 0 => {
                prop_assert!(
                    matches!(row.state, State::Held) || row.detail.as_deref() == Some("no_audience"),
                    "INV-32: {:?}",
                    row
                );
            }
            None => prop_assert!(
                !matches!(row.state, State::Held) && (row.state == State::Planned || row.detail.is_some()),
                "INV-33: {:?}",
                row
            ),
            Some(entry) if entry.hours != row.planned => prop_assert!(entry.was_corrected, "INV-33: {:?}", row),
            Some(entry) if story.outcomes.is_empty() => {
                prop_assert_eq!(entry.was_corrected, !story.corrections.is_empty());
            }
            // Corrected back and forth: the sum says it.
            Some(_) => {}
        }
    }
    let sums = ledger.store.load_summary(&ledger.school, dates, None, None).await.unwrap();
    let of = |host: &PersonId| sums.iter().find(|one| one.host == *host).unwrap();
    let (host, other) = (of(&ledger.host), of(&ledger.substitute));
    let planned: Hundredths = rows.iter().map(|row| row.planned).sum();
    prop_assert_eq!(host.planned, planned);
    prop_assert_eq!(host.given_away, other.taken_over);
    let corrected: Hundredths =
        rows.iter().filter_map(|row| row.entry.as_ref().map(|entry| entry.hours - row.planned)).sum();
    let explained = |one: &super::summary::HostLoad| one.held + one.not_held + one.ahead;
    prop_assert_eq!(
        explained(host) + host.cancelled + explained(other) - corrected,
        planned,
        "INV-33: {:?} {:?}",
        host,
        other
    );
    Ok(())
}
