//! Reports to take along: a workbook, and a page to print with the hash of the journal's head on it.

use axum::extract::{Query, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::ApiState;
use super::super::auth::Session;
use super::super::problem::Problem;
use super::{Asked, Looked, audit_head, hosts, incidents, rows};
use crate::domain::evidence::helped::HelpOutcome;
use crate::domain::evidence::technical::Verdict;
use crate::domain::evidence::{coverage, metrics};
use crate::domain::report::{self, Cell, Report, Sheet};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(workbook)).routes(routes!(print))
}

/// The report as a workbook (XLSX): figures, hosts, and every consultation and request they stand on.
#[utoipa::path(get, path = "/api/v1/reports/evidence.xlsx", tag = "reports", params(Asked), responses(
    (status = 200, content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", body = Vec<u8>),
    (status = 401, body = Problem), (status = 403, body = Problem)
))]
pub async fn workbook(
    State(state): State<ApiState>,
    session: Session,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let report = make(&state, &session, &asked).await?;
    let name = format!("kafedra-{}-{}.xlsx", report.from, report.to);
    let bytes = tokio::task::spawn_blocking(move || report::xlsx::write(&report))
        .await
        .map_err(|error| Problem::fault(&error))?
        .map_err(|error| Problem::fault(&error))?;
    let kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    Ok(attachment(kind, &name, bytes))
}

/// The report as a page to print (HTML), with the hash of the journal's head and the date.
#[utoipa::path(get, path = "/api/v1/reports/evidence.html", tag = "reports", params(Asked), responses(
    (status = 200, content_type = "text/html", body = String), (status = 401, body = Problem), (status = 403, body = Problem)
))]
pub async fn print(
    State(state): State<ApiState>,
    session: Session,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let report = make(&state, &session, &asked).await?;
    let page = report::html::write(&report);
    let policy =
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    let head = [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CONTENT_SECURITY_POLICY, policy)];
    Ok((head, page).into_response())
}

pub(in crate::api) fn attachment(kind: &'static str, name: &str, bytes: Vec<u8>) -> Response {
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    // Names are made here, of ASCII alone.
    if let Ok(value) = HeaderValue::try_from(format!("attachment; filename=\"{name}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    response
}

async fn make(state: &ApiState, session: &Session, asked: &Asked) -> Result<Report, Problem> {
    let looked = Looked::up(state, session, asked).await?;
    let head = audit_head(state, &looked.school).await?;
    let facts = &looked.facts;
    let zone = looked.school.zone();
    let local = |at: &str| -> String {
        let at: jiff::Timestamp = at.parse().unwrap_or_default();
        at.to_zoned(zone.clone()).strftime("%d.%m.%Y %H:%M").to_string()
    };
    let figures = metrics::all(facts);
    let figures = figures.iter().map(|metric| {
        let value = match metric.value {
            _ if metric.is_hidden => Cell::Text(format!("скрыто: меньше {} ответов", metrics::FEWEST_ANSWERS)),
            Some(value) => report::figure(metric.code, value),
            None => Cell::Text("нет данных".to_owned()),
        };
        vec![
            Cell::Text(report::title(metric.code).to_owned()),
            value,
            Cell::Number(metric.above),
            Cell::Number(metric.below),
        ]
    });
    let by_host = hosts(facts).into_iter().map(|host| {
        vec![
            Cell::Text(host.name),
            Cell::Number(host.planned as f64),
            Cell::Number(host.held as f64),
            Cell::Number(host.no_host as f64),
            Cell::Number(host.technical as f64),
            Cell::Number(host.late as f64),
            Cell::Number(host.hours_planned as f64 / 100.0),
            Cell::Number(host.hours_held as f64 / 100.0),
            host.attendance.map_or(Cell::Text(String::new()), Cell::Share),
        ]
    });
    let lessons = facts.lessons.iter().map(|one| {
        let row = rows::lesson_view(one, 0.0, 0.0);
        vec![
            Cell::Text(local(&row.at)),
            Cell::Text(row.title),
            Cell::Text(row.class),
            Cell::Text(row.host),
            Cell::Text(report::state(&row.state).to_owned()),
            row.host_delay_s.map_or(Cell::Text(String::new()), |delay| Cell::Number(delay as f64)),
            Cell::Number(one.invited.len() as f64),
            Cell::Number(one.invited.iter().filter(|invited| invited.came).count() as f64),
            Cell::Text(row.violations.iter().map(|code| report::breach(code)).collect::<Vec<_>>().join(", ")),
            Cell::Number(f64::from(one.stays_lost)),
            Cell::Number(one.participations.iter().filter(|part| part.verdict != Verdict::Fine).count() as f64),
            Cell::Text(if row.is_corrected { "исправлено" } else { "" }.to_owned()),
        ]
    });
    let requests = facts.requests.iter().map(|one| {
        vec![
            Cell::Text(local(&super::super::session::rfc3339(one.created_ms))),
            Cell::Text(one.subject.clone()),
            Cell::Text(one.topic.clone().unwrap_or_default()),
            Cell::Text(one.class.clone().unwrap_or_default()),
            Cell::Text(one.state.clone()),
            Cell::Number(one.response_minutes as f64 / 60.0),
            Cell::Text(if one.is_helped_in_time { "да" } else { "нет" }.to_owned()),
            Cell::Number(one.count(HelpOutcome::Helped) as f64),
            Cell::Number(one.count(HelpOutcome::NeverCame) as f64),
        ]
    });
    let names = state.store.student_classes(&looked.school).await?;
    let (_, gaps) = super::gaps::find(state, &looked.school, &looked.range, super::gaps::DEFAULT_WEEKS).await?;
    let seekers = facts.requests.iter().flat_map(|one| one.seekers.iter().map(move |seeker| (one, seeker)));
    let seekers = seekers.map(|(one, seeker)| {
        let (name, class) = names.get(&seeker.person).cloned().unwrap_or_default();
        vec![
            Cell::Text(local(&super::super::session::rfc3339(one.created_ms))),
            Cell::Text(one.subject.clone()),
            Cell::Text(one.topic.clone().unwrap_or_default()),
            Cell::Text(name),
            Cell::Text(class),
            Cell::Text(if seeker.is_voter { "тот же вопрос" } else { "спросил(а)" }.to_owned()),
            Cell::Text(report::outcome(seeker.outcome).to_owned()),
        ]
    });
    let failures = incidents(facts).into_iter().map(|one| {
        vec![
            Cell::Text(local(&one.at)),
            Cell::Text(one.title),
            Cell::Text(one.class),
            Cell::Text(one.host),
            Cell::Text(report::incident(one.kind).to_owned()),
            Cell::Text(one.reason),
            Cell::Text(one.by),
        ]
    });
    let students = coverage::students(facts).into_iter().map(|(person, row)| {
        let (name, class) = names.get(&person).cloned().unwrap_or_default();
        vec![
            Cell::Text(name),
            Cell::Text(class),
            Cell::Number(row.invited as f64),
            Cell::Number(row.came as f64),
            Cell::Number(row.minutes as f64),
            Cell::Number(row.requests as f64),
            Cell::Number(row.helped as f64),
            Cell::Number(row.missed as f64),
            Cell::Text(if row.never_came() { "ни разу не пришёл" } else { "" }.to_owned()),
        ]
    });
    let gaps = gaps.into_iter().map(|one| {
        let day = |day: Option<String>, none: &str| Cell::Text(day.unwrap_or_else(|| none.to_owned()));
        vec![
            Cell::Text(one.subject),
            Cell::Text(one.class),
            day(one.last_held, "не проводилась"),
            day(one.next, "не запланирована"),
        ]
    });
    let sheet = |title: &str, heads: &[&str], rows: Vec<Vec<Cell>>| Sheet {
        title: title.to_owned(),
        heads: heads.iter().map(|head| (*head).to_owned()).collect(),
        rows,
    };
    Ok(Report {
        school: looked.school.name.clone(),
        title: "Учебно-методическая помощь: своевременность, качество, законность".to_owned(),
        from: looked.dates.from.to_string(),
        to: looked.dates.to.to_string(),
        made_at: local(&head.at),
        zone: looked.school.tz.clone(),
        audit_seq: head.seq,
        audit_hash: head.hash,
        sheets: vec![
            sheet("Показатели", &["Показатель", "Значение", "Числитель", "Знаменатель"], figures.collect()),
            sheet(
                "Ведущие",
                &[
                    "Ведущий",
                    "Запланировано",
                    "Проведено",
                    "Ведущий не пришёл",
                    "Технический сбой",
                    "Опоздания",
                    "Часы по плану",
                    "Часы по факту",
                    "Явка",
                ],
                by_host.collect(),
            ),
            sheet(
                "Консультации",
                &[
                    "Начало",
                    "Тема",
                    "Класс",
                    "Ведущий",
                    "Итог",
                    "Опоздание, с",
                    "Приглашено",
                    "Были",
                    "Отступления от правил",
                    "Обрывы связи",
                    "Участий со сбоем медиа",
                    "Исправления",
                ],
                lessons.collect(),
            ),
            sheet(
                "Технические сбои",
                &["Когда", "Консультация", "Класс", "Ведущий", "Что случилось", "Причина", "Кто записал"],
                failures.collect(),
            ),
            sheet("Без консультаций 4 недели", &["Предмет", "Класс", "Последняя", "Следующая"], gaps.collect()),
            sheet(
                "Обращения",
                &[
                    "Получено",
                    "Предмет",
                    "Тема",
                    "Класс",
                    "Состояние",
                    "До первого ответа, ч",
                    "В срок",
                    "Помощь получили",
                    "Не пришли",
                ],
                requests.collect(),
            ),
            sheet(
                "Кто просил помощи",
                &["Получено", "Предмет", "Тема", "Обучающийся", "Класс", "Участие", "Итог"],
                seekers.collect(),
            ),
            sheet(
                "Обучающиеся",
                &[
                    "Обучающийся",
                    "Класс",
                    "Приглашён",
                    "Был",
                    "Минут с ведущим",
                    "Вопросов",
                    "Помощь получена",
                    "Не пришёл на свой вопрос",
                    "Отметка",
                ],
                students.collect(),
            ),
        ],
    })
}
