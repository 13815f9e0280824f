//! The planning check of an import: every date of every row, held against the school and against the rows before it.

use std::collections::{BTreeMap, HashSet};

use jiff::civil::Date;
use sqlx::AnyConnection;

use super::super::StoreError;
use super::super::card::PreparedCard;
use super::super::planning::view as plan_view;
use super::programmes::Programmes;
use super::{ImportError, ImportRequest};
use crate::domain::calendar::{Calendar, Span};
use crate::domain::card_csv::{CellCode, CellError, Column};
use crate::domain::lesson_card::At;
use crate::domain::planning::finding::{Finding, Params};
use crate::domain::planning::view::{Entry, PlanView};
use crate::domain::planning::{Wish, check as findings_of};
use crate::domain::refusal::RefusalCode;

/// A row that is new or changed, with what it wants.
pub(super) struct Line {
    pub line: u64,
    pub at: Option<At>,
    pub grade: Option<u8>,
    pub card: PreparedCard,
}

/// The school as the rows' dates meet it, without what these cards have there now.
pub(super) async fn view(
    connection: &mut AnyConnection,
    request: &ImportRequest,
    calendar: &Calendar,
    lines: &[Line],
) -> Result<PlanView, StoreError> {
    let today = calendar.date_at(request.now_ms);
    let dates = || lines.iter().flat_map(|line| line.card.occurrences.iter().flatten()).map(|one| one.date);
    let within = Span { from: dates().min().unwrap_or(today), to: dates().max().unwrap_or(today) };
    let mut view = plan_view::load(connection, &request.school, calendar.clone(), within).await?;
    let own: HashSet<_> = lines.iter().filter_map(|line| line.card.existing.as_ref().map(|(id, _)| id)).collect();
    view.remove_where(|entry| own.contains(&entry.card) && entry.start_ms > request.now_ms);
    Ok(view)
}

/// Checks row after row. Remarks stay on the dates and are told of; `Err`: something is refused, by cell.
pub(super) fn check(
    view: &mut PlanView,
    programmes: &Programmes,
    lines: &mut [Line],
    warnings: &mut Vec<CellError>,
) -> Result<(), ImportError> {
    let mut errors = Vec::new();
    for line in lines {
        let subject = line.card.subject.clone().zip(line.grade);
        let programme = subject.and_then(|subject| programmes.get(&subject));
        let content = &line.card.content;
        let mut told: BTreeMap<(bool, RefusalCode), (Vec<Date>, Finding)> = BTreeMap::new();
        for (slot, occurrences) in content.slots.iter().zip(&line.card.occurrences) {
            for one in occurrences {
                let wish = Wish {
                    id: one.id.clone(),
                    date: one.date,
                    start_ms: one.start_ms,
                    end_ms: one.end_ms,
                    group: &content.group,
                    programme,
                    slot,
                    host: &slot.host,
                    students: slot.student.iter().cloned().collect(),
                    // The class's calendar has decided.
                    allow_in_break: true,
                    more_sources: 0,
                };
                let found = findings_of(view, &wish);
                let is_refused = found.iter().any(Finding::is_refusal);
                if !is_refused {
                    // A card that is new has no name yet; nobody asks for it in this check.
                    let card = line.card.existing.as_ref().map(|(id, _)| id.clone());
                    let card = card.unwrap_or_else(|| crate::domain::ids::CardId::new(""));
                    view.add(Entry::of(&wish, view, card));
                    let remarks: Vec<_> = found.iter().map(|one| one.code.as_str().to_owned()).collect();
                    if !remarks.is_empty() {
                        line.card.remarks.insert(one.id.clone(), remarks);
                    }
                }
                for finding in found {
                    let key = (finding.is_refusal(), finding.code);
                    told.entry(key).or_insert_with(|| (Vec::new(), finding)).0.push(one.date);
                }
            }
        }
        for ((is_refusal, code), (dates, finding)) in told {
            let (column, code) = cell_of(code, line.at);
            let text = format!("{}: {}", days(&dates), words(&finding));
            let cell = CellError { line: line.line, column: column.heading().into(), code, text };
            if is_refusal { errors.push(cell) } else { warnings.push(cell) }
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(ImportError::Rejected(errors)) }
}

/// The first date, and how many more.
fn days(dates: &[Date]) -> String {
    let first = dates.first().map(|date| date.strftime("%d.%m.%Y").to_string()).unwrap_or_default();
    match dates.len() {
        0 | 1 => first,
        many => format!("{first} и ещё дат: {}", many - 1),
    }
}

/// Which cell a person mends.
fn cell_of(code: RefusalCode, at: Option<At>) -> (Column, CellCode) {
    let time = if matches!(at, Some(At::Period(_))) { Column::Period } else { Column::Start };
    match code {
        RefusalCode::NoLocalAct => (Column::Date, CellCode::NoLocalAct),
        RefusalCode::NotASchoolDay => (Column::Date, CellCode::NotASchoolDay),
        RefusalCode::PrepMustBeGroup => (Column::Form, CellCode::PrepMustBeGroup),
        RefusalCode::PrepBeforePartEnd => (Column::Kind, CellCode::PrepBeforePartEnd),
        RefusalCode::SourceRequired => (Column::Note, CellCode::SourceRequired),
        RefusalCode::PartRequired => (Column::Part, CellCode::PartRequired),
        RefusalCode::TopicsRequired => (Column::Topic, CellCode::TopicsRequired),
        RefusalCode::OutsideStudyPeriod => (Column::Part, CellCode::OutsideStudyPeriod),
        RefusalCode::HostConflict => (Column::Host, CellCode::HostConflict),
        RefusalCode::GroupConflict => (Column::Class, CellCode::GroupConflict),
        RefusalCode::StudentConflict => (Column::Group, CellCode::StudentConflict),
        RefusalCode::LoadExceeded => (Column::Host, CellCode::LoadExceeded),
        RefusalCode::OutsideWorkingHours => (time, CellCode::OutsideWorkingHours),
        RefusalCode::DailyScreenCap => (Column::Minutes, CellCode::DailyScreenCap),
        RefusalCode::AfterHours => (time, CellCode::AfterHours),
        _ => (Column::Minutes, CellCode::DurationOverCap),
    }
}

/// With what somebody is busy: a regular lesson is named, a consultation is in the timetable.
fn busy(params: &Params) -> String {
    let Params::Conflict { lessons, .. } = params else { return String::new() };
    match lessons.first() {
        Some(one) => format!("на уроке: {} {}, {}", one.subject, one.class, one.starts.strftime("%H:%M")),
        None => "другой консультацией".to_owned(),
    }
}

/// What speaks against it, for the person who mends the file.
fn words(finding: &Finding) -> String {
    let parts = |parts: &[crate::domain::planning::finding::PartDates]| {
        parts.iter().map(|part| format!("«{}»", part.title)).collect::<Vec<_>>().join(", ")
    };
    match (finding.code, &finding.params) {
        (RefusalCode::NoLocalAct, _) => "на эту дату нет действующего локального акта".to_owned(),
        (RefusalCode::NotASchoolDay, _) => "в этот день нет занятий".to_owned(),
        (RefusalCode::PrepMustBeGroup, _) => "подготовка к аттестации бывает только групповой".to_owned(),
        (RefusalCode::PrepBeforePartEnd, Params::Parts { parts: open }) => {
            format!("подготовка к аттестации до окончания части: {}", parts(open))
        }
        (RefusalCode::SourceRequired, _) => "нет основания: укажите тему, часть или примечание".to_owned(),
        (RefusalCode::PartRequired, _) => "нет такой части программы или она не указана".to_owned(),
        (RefusalCode::TopicsRequired, _) => "нет такой темы в программе или она не указана".to_owned(),
        (RefusalCode::OutsideStudyPeriod, Params::Parts { parts: outside }) => {
            format!("дата вне срока изучения: {}", parts(outside))
        }
        (RefusalCode::HostConflict, params) => format!("учитель в это время занят {}", busy(params)),
        (RefusalCode::GroupConflict, params) => format!("класс в это время занят {}", busy(params)),
        (RefusalCode::StudentConflict, params) => format!("ученик в это время занят {}", busy(params)),
        (RefusalCode::LoadExceeded, Params::Load { limit_hours, planned_hours, wanted_hours, left_hours, .. }) => {
            format!(
                "нагрузка: по договору {limit_hours} ч, занято {planned_hours} ч, нужно {wanted_hours} ч, осталось {left_hours} ч"
            )
        }
        (RefusalCode::OutsideWorkingHours, Params::Hours { absent: true, .. }) => "сотрудник отсутствует".to_owned(),
        (RefusalCode::OutsideWorkingHours, _) => "вне рабочего времени сотрудника".to_owned(),
        (RefusalCode::DurationOverCap, Params::Cap { cap_minutes, minutes, .. }) => {
            format!("{minutes} мин: больше нормы ({cap_minutes} мин)")
        }
        (RefusalCode::DailyScreenCap, Params::Daily { cap_minutes, planned_minutes, wanted_minutes, students, .. }) => {
            format!(
                "экранное время за день: {planned_minutes} + {wanted_minutes} мин больше нормы ({cap_minutes} мин), учеников: {students}"
            )
        }
        (RefusalCode::AfterHours, Params::Times { earliest, latest, .. }) => {
            format!("вне часов {}–{}", earliest.strftime("%H:%M"), latest.strftime("%H:%M"))
        }
        (code, _) => code.to_string(),
    }
}
