//! The view of the school that a planning check asks, read by whoever checks: the writer before it plans, a reader for a
//! preview.

use std::collections::{BTreeSet, HashMap};

use jiff::civil::{Date, Weekday};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::super::chosen::{Of, chosen};
use super::super::lessons::lessons;
use super::super::school::School;
use super::super::sql::{self, date, flag, int, json, optional_date, optional_int, optional_text, text, time, word};
use super::super::{Store, StoreError};
use crate::domain::calendar::{Calendar, Span, monday_of, plus_days};
use crate::domain::ids::{CardId, ConsultationId, GroupId, PersonId, ProgrammeId};
use crate::domain::lesson_card::CardSlot;
use crate::domain::norm::{HoursNorm, Norm, NormMode};
use crate::domain::planning::finding::Rules;
use crate::domain::planning::load::{academic_hours, is_whole_period};
use crate::domain::planning::view::{
    Employment, Entry, GroupFacts, HostFacts, Order, PartFacts, PlanView, ProgrammeFacts, Window,
};
use crate::domain::refusal::RefusalCode;
use crate::domain::role::Role;

impl Store {
    /// The plan of a school around some dates, for looking only.
    pub async fn plan_view(&self, school: &School, within: Span) -> Result<PlanView, StoreError> {
        let calendar = self.calendar(school).await?;
        let mut connection = self.readers().acquire().await?;
        load(&mut connection, school, calendar, within).await
    }
}

/// Reads the view. `calendar`: the school's, not a class's. `within`: the dates that will be asked about; the weeks, and where contracts count by them the months or the
/// year, around them are read as well.
pub(in crate::store) async fn load(
    connection: &mut AnyConnection,
    school: &School,
    calendar: Calendar,
    within: Span,
) -> Result<PlanView, StoreError> {
    let mut view = PlanView::new(calendar);
    view.academic_hour_minutes = word(u16::try_from(school.academic_hour_minutes).ok(), "academic hour")?;
    let id = school.id.as_str();
    let (policy,): (String,) =
        sqlx::query_as("SELECT policy FROM school WHERE id = $1").bind(id).fetch_one(&mut *connection).await?;
    view.rules = rules(&policy)?;
    view.acts = acts(connection, id).await?;
    view.norms = norms(connection, id).await?;
    view.hours = hours_norms(connection, id).await?;
    view.groups = groups(connection, id, within).await?;
    let lessons = lessons(connection, &school.id, &view.calendar).await?;
    view.set_lessons(lessons);
    view.programmes = programmes(connection, id).await?;
    view.hosts = hosts(connection, id).await?;
    view.overrides = overrides(connection, id).await?;
    view.chosen = chosen(connection, Of::Dates(&school.id, within.from, within.to)).await?;
    let around = widened(&view, within);
    planned(connection, id, &mut view, around).await?;
    held(connection, id, &mut view, around).await?;
    Ok(view)
}

/// The rules about parts and topics alone, without what is planned: for [`crate::domain::planning::check_about`].
pub(in crate::store) async fn about(
    connection: &mut AnyConnection,
    school: &School,
    calendar: Calendar,
) -> Result<PlanView, StoreError> {
    let mut view = PlanView::new(calendar);
    let id = school.id.as_str();
    let (policy,): (String,) =
        sqlx::query_as("SELECT policy FROM school WHERE id = $1").bind(id).fetch_one(&mut *connection).await?;
    view.rules = rules(&policy)?;
    view.programmes = programmes(connection, id).await?;
    view.overrides = overrides(connection, id).await?;
    Ok(view)
}

/// Weeks always; months and years only where a contract names a share of them: a year has ten thousand consultations.
fn widened(view: &PlanView, within: Span) -> Span {
    let mut span = Span { from: monday_of(within.from), to: plus_days(monday_of(within.to), 6) };
    let contracts = || view.hosts.values().flat_map(|host| &host.employments);
    if contracts().any(|one| one.month.is_some()) {
        span.from = span.from.min(within.from.first_of_month());
        span.to = span.to.max(within.to.last_of_month());
    }
    if contracts().any(|one| one.year.is_some()) {
        for year in view.calendar.years.iter().filter(|year| year.from <= within.to && within.from <= year.to) {
            span.from = span.from.min(year.from);
            span.to = span.to.max(year.to);
        }
    }
    span
}

/// `{"rules": {"load_exceeded": "warn"}}` in the school's policy.
pub(super) fn rules(policy: &str) -> Result<Rules, StoreError> {
    #[derive(Default, serde::Deserialize)]
    #[serde(default)]
    struct Policy {
        rules: HashMap<RefusalCode, NormMode>,
    }
    let policy: Policy = json(policy, "school policy")?;
    Ok(Rules::new(policy.rules))
}

async fn acts(
    connection: &mut AnyConnection,
    school: &str,
) -> Result<Vec<(String, Option<Date>, Option<Date>)>, StoreError> {
    let rows =
        sqlx::query("SELECT id, valid_from, valid_to FROM local_act WHERE school_id = $1 ORDER BY valid_from DESC")
            .bind(school)
            .fetch_all(connection)
            .await?;
    rows.iter()
        .map(|row| {
            let valid = |column| optional_date(optional_text(row, column)?);
            Ok((text(row, "id")?, valid("valid_from")?, valid("valid_to")?))
        })
        .collect()
}

/// Norms of minutes at a screen. Those of a computer: on what a pupil sits at home nobody says beforehand.
pub(in crate::store) async fn norms(connection: &mut AnyConnection, school: &str) -> Result<Vec<Norm>, StoreError> {
    let rows = sqlx::query(
        "SELECT id, grade_from, grade_to, per_lesson, per_day_home, mode, valid_from, valid_to FROM norm
         WHERE school_id = $1 AND device = 'pc'",
    )
    .bind(school)
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Norm {
                id: text(row, "id")?,
                grade_from: small(row, "grade_from")?,
                grade_to: small(row, "grade_to")?,
                per_lesson_minutes: word(u16::try_from(int(row, "per_lesson")?).ok(), "norm")?,
                per_day_minutes: optional_int(row, "per_day_home")?.and_then(|minutes| u16::try_from(minutes).ok()),
                mode: word(NormMode::parse(&text(row, "mode")?), "norm's mode")?,
                valid_from: optional_date(optional_text(row, "valid_from")?)?,
                valid_to: optional_date(optional_text(row, "valid_to")?)?,
            })
        })
        .collect()
}

async fn hours_norms(connection: &mut AnyConnection, school: &str) -> Result<Vec<HoursNorm>, StoreError> {
    let rows = sqlx::query(
        "SELECT id, grade_from, grade_to, earliest, latest, mode, valid_from, valid_to FROM hours_norm
         WHERE school_id = $1",
    )
    .bind(school)
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(HoursNorm {
                id: text(row, "id")?,
                grade_from: small(row, "grade_from")?,
                grade_to: small(row, "grade_to")?,
                earliest: time(&text(row, "earliest")?)?,
                latest: time(&text(row, "latest")?)?,
                mode: word(NormMode::parse(&text(row, "mode")?), "norm's mode")?,
                valid_from: optional_date(optional_text(row, "valid_from")?)?,
                valid_to: optional_date(optional_text(row, "valid_to")?)?,
            })
        })
        .collect()
}

fn small(row: &AnyRow, column: &'static str) -> Result<u8, StoreError> {
    word(u8::try_from(int(row, column)?).ok(), column)
}

/// Groups with those who learn in them on any of the dates, and the grades of the members' classes.
async fn groups(
    connection: &mut AnyConnection,
    school: &str,
    within: Span,
) -> Result<HashMap<GroupId, GroupFacts>, StoreError> {
    let rows: Vec<(String, Option<i64>)> = sqlx::query_as(
        "SELECT g.id, c.grade FROM study_group g LEFT JOIN school_class c ON c.id = g.class_id WHERE g.school_id = $1",
    )
    .bind(school)
    .fetch_all(&mut *connection)
    .await?;
    let mut groups: HashMap<GroupId, GroupFacts> = HashMap::with_capacity(rows.len());
    for (id, grade) in rows {
        let grades = grade.map(|grade| word(u8::try_from(grade).ok(), "grade")).transpose()?;
        groups.insert(GroupId::new(id), GroupFacts { members: Vec::new(), grades: grades.into_iter().collect() });
    }
    let rows: Vec<(String, String)> = sqlx::query_as(
        "SELECT e.study_group_id, e.person_id FROM enrollment e JOIN study_group g ON g.id = e.study_group_id
         WHERE g.school_id = $1 AND e.role = 'student' AND (e.valid_from IS NULL OR e.valid_from <= $2)
         AND (e.valid_to IS NULL OR e.valid_to >= $3)",
    )
    .bind(school)
    .bind(within.to.to_string())
    .bind(within.from.to_string())
    .fetch_all(connection)
    .await?;
    // Of a group of several classes the grades are those of its members' classes.
    let mut of_class: HashMap<PersonId, BTreeSet<u8>> = HashMap::new();
    for (group, person) in rows {
        let (group, person) = (GroupId::new(group), PersonId::new(person));
        if let Some(group) = groups.get_mut(&group) {
            of_class.entry(person.clone()).or_default().extend(&group.grades);
            group.members.push(person);
        }
    }
    for group in groups.values_mut().filter(|group| group.grades.is_empty()) {
        group.grades = group.members.iter().filter_map(|member| of_class.get(member)).flatten().copied().collect();
    }
    Ok(groups)
}

async fn programmes(
    connection: &mut AnyConnection,
    school: &str,
) -> Result<HashMap<ProgrammeId, ProgrammeFacts>, StoreError> {
    let rows = sqlx::query(
        "SELECT p.id, p.programme_id, p.title, p.title_fold, p.starts_on, p.ends_on, p.completed_on FROM programme_part p
         JOIN programme g ON g.id = p.programme_id WHERE g.school_id = $1 ORDER BY p.n",
    )
    .bind(school)
    .fetch_all(&mut *connection)
    .await?;
    let topics: Vec<(String, String)> = sqlx::query_as(
        "SELECT t.part_id, t.title_fold FROM topic t JOIN programme_part p ON p.id = t.part_id
         JOIN programme g ON g.id = p.programme_id WHERE g.school_id = $1",
    )
    .bind(school)
    .fetch_all(&mut *connection)
    .await?;
    let mut of_part: HashMap<String, Vec<String>> = HashMap::new();
    for (part, topic) in topics {
        of_part.entry(part).or_default().push(topic);
    }
    let all: Vec<(String,)> =
        sqlx::query_as("SELECT id FROM programme WHERE school_id = $1").bind(school).fetch_all(connection).await?;
    let mut programmes: HashMap<ProgrammeId, ProgrammeFacts> =
        all.into_iter().map(|(id,)| (ProgrammeId::new(id), ProgrammeFacts::default())).collect();
    for row in &rows {
        let part = PartFacts {
            title: text(row, "title")?,
            fold: text(row, "title_fold")?,
            starts_on: date(&text(row, "starts_on")?)?,
            ends_on: date(&text(row, "ends_on")?)?,
            completed_on: optional_date(optional_text(row, "completed_on")?)?,
            topics: of_part.remove(&text(row, "id")?).unwrap_or_default().into_iter().collect(),
        };
        programmes.entry(ProgrammeId::new(text(row, "programme_id")?)).or_default().parts.push(part);
    }
    Ok(programmes)
}

pub(in crate::store) async fn hosts(
    connection: &mut AnyConnection,
    school: &str,
) -> Result<HashMap<PersonId, HostFacts>, StoreError> {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "SELECT person_id, role FROM role_assignment WHERE school_id = $1 AND role NOT IN ('student', 'guardian', 'admin')",
    )
    .bind(school)
    .fetch_all(&mut *connection)
    .await?;
    let mut hosts: HashMap<PersonId, HostFacts> = HashMap::new();
    for (person, role) in rows {
        let host = hosts.entry(PersonId::new(person)).or_default();
        host.is_teacher |= Role::parse(&role) == Some(Role::Teacher);
    }
    let rows = sqlx::query(
        "SELECT id, person_id, kind, valid_from, valid_to, consultation_hours_week, consultation_hours_month,
         consultation_hours_year FROM employment WHERE school_id = $1",
    )
    .bind(school)
    .fetch_all(&mut *connection)
    .await?;
    let mut contracts: HashMap<String, (PersonId, Employment)> = HashMap::new();
    for row in &rows {
        let employment = Employment {
            is_teaching: text(row, "kind")? == "teaching",
            from: optional_date(optional_text(row, "valid_from")?)?,
            to: optional_date(optional_text(row, "valid_to")?)?,
            week: optional_int(row, "consultation_hours_week")?,
            month: optional_int(row, "consultation_hours_month")?,
            year: optional_int(row, "consultation_hours_year")?,
            windows: Vec::new(),
            absences: Vec::new(),
        };
        contracts.insert(text(row, "id")?, (PersonId::new(text(row, "person_id")?), employment));
    }
    windows(connection, school, &mut contracts).await?;
    let absences: Vec<(String, String, String)> = sqlx::query_as(
        "SELECT a.employment_id, a.starts_on, a.ends_on FROM absence a JOIN employment e ON e.id = a.employment_id
         WHERE e.school_id = $1",
    )
    .bind(school)
    .fetch_all(connection)
    .await?;
    for (employment, from, to) in absences {
        if let Some((_, employment)) = contracts.get_mut(&employment) {
            employment.absences.push((date(&from)?, date(&to)?));
        }
    }
    for (person, employment) in contracts.into_values() {
        hosts.entry(person).or_default().employments.push(employment);
    }
    Ok(hosts)
}

async fn windows(
    connection: &mut AnyConnection,
    school: &str,
    contracts: &mut HashMap<String, (PersonId, Employment)>,
) -> Result<(), StoreError> {
    let rows = sqlx::query(
        "SELECT w.employment_id, w.weekday, w.starts, w.ends, w.valid_from, w.valid_to FROM working_window w
         JOIN employment e ON e.id = w.employment_id WHERE e.school_id = $1",
    )
    .bind(school)
    .fetch_all(connection)
    .await?;
    for row in &rows {
        let weekday = i8::try_from(int(row, "weekday")?).ok().and_then(|day| Weekday::from_monday_one_offset(day).ok());
        let window = Window {
            weekday: word(weekday, "weekday")?,
            starts: time(&text(row, "starts")?)?,
            ends: time(&text(row, "ends")?)?,
            from: optional_date(optional_text(row, "valid_from")?)?,
            to: optional_date(optional_text(row, "valid_to")?)?,
        };
        if let Some((_, employment)) = contracts.get_mut(&text(row, "employment_id")?) {
            employment.windows.push(window);
        }
    }
    Ok(())
}

async fn overrides(
    connection: &mut AnyConnection,
    school: &str,
) -> Result<HashMap<(ConsultationId, RefusalCode), Order>, StoreError> {
    let rows: Vec<(String, String, String, String)> =
        sqlx::query_as("SELECT consultation_id, kind, order_no, host_id FROM override_grant WHERE school_id = $1")
            .bind(school)
            .fetch_all(connection)
            .await?;
    rows.into_iter()
        .map(|(id, kind, order_no, host)| {
            let code = word(RefusalCode::parse(&kind), "kind of override")?;
            Ok(((ConsultationId::new(id), code), Order { order_no, host: PersonId::new(host) }))
        })
        .collect()
}

/// Consultations that are planned, running or held, with their students. A booked appointment is a time of its student; office
/// hours as a whole are a time of the host only.
async fn planned(
    connection: &mut AnyConnection,
    school: &str,
    view: &mut PlanView,
    around: Span,
) -> Result<(), StoreError> {
    // Dates are the school's: two days on either side hold every zone.
    let from_ms = view.calendar.instant_ms(around.from, jiff::civil::Time::midnight());
    let to_ms = view.calendar.instant_ms(plus_days(around.to, 1), jiff::civil::Time::midnight());
    let rows = sqlx::query(
        "SELECT c.id, c.card_id, c.slot_id, c.date, c.start_at, c.end_at, c.form, c.group_id,
         COALESCE(c.substitute_host_id, c.host_id) AS host, s.audience_students, s.body
         FROM consultation c JOIN card_slot s ON s.id = c.slot_id
         WHERE c.school_id = $1 AND c.start_at >= $2 AND c.start_at < $3
         AND c.state IN ('planned', 'open', 'live', 'held')",
    )
    .bind(school)
    .bind(from_ms)
    .bind(to_ms)
    .fetch_all(&mut *connection)
    .await?;
    let mut slots: HashMap<String, bool> = HashMap::new();
    for row in &rows {
        let slot = text(row, "slot_id")?;
        let is_whole = match slots.get(&slot) {
            Some(is_whole) => *is_whole,
            None => {
                let is_whole = is_whole_period(&json::<CardSlot>(&text(row, "body")?, "slot")?);
                slots.insert(slot, is_whole);
                is_whole
            }
        };
        let (start_ms, end_ms) = (int(row, "start_at")?, int(row, "end_at")?);
        let group = GroupId::new(text(row, "group_id")?);
        let is_individual = text(row, "form")? == "individual";
        let has_group = flag(row, "audience_students")? && !is_individual;
        view.add(Entry {
            id: ConsultationId::new(text(row, "id")?),
            card: CardId::new(text(row, "card_id")?),
            date: date(&text(row, "date")?)?,
            start_ms,
            end_ms,
            host: PersonId::new(text(row, "host")?),
            students: if has_group { view.members(&group).to_vec() } else { Vec::new() },
            group,
            is_individual,
            academic_hours: academic_hours((end_ms - start_ms) / 60_000, is_whole, view.academic_hour_minutes),
        });
    }
    let rows = sqlx::query(
        "SELECT a.id, a.consultation_id, a.starts, a.ends, a.student_id, c.card_id, c.date, c.group_id
         FROM appointment a JOIN consultation c ON c.id = a.consultation_id
         WHERE c.school_id = $1 AND a.starts >= $2 AND a.starts < $3 AND a.student_id IS NOT NULL
         AND a.state IN ('booked', 'attended') AND c.state IN ('planned', 'open', 'live', 'held')",
    )
    .bind(school)
    .bind(from_ms)
    .bind(to_ms)
    .fetch_all(connection)
    .await?;
    for row in &rows {
        let name = format!("{}#{}", text(row, "consultation_id")?, text(row, "id")?);
        view.add(Entry {
            id: ConsultationId::new(name),
            card: CardId::new(text(row, "card_id")?),
            date: date(&text(row, "date")?)?,
            start_ms: int(row, "starts")?,
            end_ms: int(row, "ends")?,
            // The host is counted with the consultation.
            host: PersonId::new(""),
            group: GroupId::new(text(row, "group_id")?),
            is_individual: true,
            students: vec![PersonId::new(text(row, "student_id")?)],
            academic_hours: 0,
        });
    }
    Ok(())
}

/// What the ledger says was held counts instead of what was planned.
async fn held(
    connection: &mut AnyConnection,
    school: &str,
    view: &mut PlanView,
    around: Span,
) -> Result<(), StoreError> {
    let rows = sqlx::query(
        "SELECT l.host_id, l.consultation_id, l.date, COALESCE((SELECT x.academic_hours FROM load_correction x
         WHERE x.entry_id = l.id ORDER BY x.n DESC LIMIT 1), l.academic_hours) AS hours
         FROM load_entry l WHERE l.school_id = $1 AND l.date >= $2 AND l.date <= $3 AND l.kind = 'teaching'",
    )
    .bind(school)
    .bind(around.from.to_string())
    .bind(around.to.to_string())
    .fetch_all(connection)
    .await?;
    for row in &rows {
        let host = PersonId::new(text(row, "host_id")?);
        let id = ConsultationId::new(text(row, "consultation_id")?);
        view.count(&host, date(&text(row, "date")?)?, id, sql::int(row, "hours")?);
    }
    Ok(())
}
