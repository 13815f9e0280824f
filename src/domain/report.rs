//! A report as a thing of tables, and its two shapes on paper: a workbook and a page to print.

pub mod html;
pub mod xlsx;

use super::consultation::IncidentKind;
use super::evidence::helped::HelpOutcome;
use super::evidence::metrics::MetricCode;

/// A report of some dates.
#[derive(Clone, Debug)]
pub struct Report {
    pub school: String,
    pub title: String,
    /// First and last day, YYYY-MM-DD.
    pub from: String,
    pub to: String,
    /// In the school's time.
    pub made_at: String,
    pub zone: String,
    /// Newest row of the journal when it was made.
    pub audit_seq: i64,
    pub audit_hash: String,
    pub sheets: Vec<Sheet>,
}

#[derive(Clone, Debug)]
pub struct Sheet {
    pub title: String,
    pub heads: Vec<String>,
    pub rows: Vec<Vec<Cell>>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    Text(String),
    Number(f64),
    /// 0 to 1, shown in per cent.
    Share(f64),
}

impl Cell {
    /// As a person reads it.
    pub fn shown(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) if number.fract().abs() < 1e-9 => format!("{number:.0}"),
            Self::Number(number) => format!("{number:.2}").replace('.', ","),
            Self::Share(share) => format!("{:.1} %", share * 100.0).replace('.', ","),
        }
    }
}

/// The name of a figure, in Russian: reports are documents of the school.
pub fn title(code: MetricCode) -> &'static str {
    match code {
        MetricCode::Punctuality => "Своевременное начало (до 5 минут)",
        MetricCode::NoShow => "Ведущий не пришёл",
        MetricCode::LateCancel => "Поздняя отмена (менее суток)",
        MetricCode::FirstResponse => "Первый ответ на обращение, 90 % за, раб. ч",
        MetricCode::RequestResolution => "Обращения, решённые в срок",
        MetricCode::HelpGiven => "Помощь получили (из тех, чей вопрос разобран)",
        MetricCode::TopicHit => "Тема обращения разобрана за 14 дней",
        MetricCode::PlanFulfilment => "Выполнение плана часов",
        MetricCode::Attendance => "Явка обучающихся",
        MetricCode::Helpfulness => "Оценка помощи (1–5)",
        MetricCode::Solved => "Вопрос решён",
        MetricCode::TechOk => "Без технических сбоев",
        MetricCode::Lawful => "Без отступлений от норм",
        MetricCode::Complaints => "Жалоб на консультацию",
    }
}

/// A figure's value as a cell: a share where it is one.
pub fn figure(code: MetricCode, value: f64) -> Cell {
    match code {
        MetricCode::FirstResponse | MetricCode::Helpfulness | MetricCode::Complaints => Cell::Number(value),
        _ => Cell::Share(value),
    }
}

/// How a consultation was not as the rules want it, in Russian.
pub fn breach(code: &str) -> &str {
    match code {
        "duration_over_cap" => "дольше нормы",
        "daily_screen_cap" => "сверх нормы экрана за день",
        "after_hours" => "вне разрешённых часов",
        "not_a_school_day" => "не учебный день",
        "load_exceeded" => "сверх нагрузки по приказу",
        "outside_working_hours" => "вне рабочего времени по приказу",
        "consent_missing" => "нет согласия на обработку данных",
        "observer_unannounced" => "наблюдатель без объявления",
        other => other,
    }
}

/// What kind of technical failure it was, in Russian.
pub fn incident(kind: IncidentKind) -> &'static str {
    match kind {
        IncidentKind::Declared => "объявлен технический сбой",
        IncidentKind::Emergency => "экстренное закрытие",
        IncidentKind::HostLost => "пропала связь с ведущим",
        IncidentKind::ServerDown => "сервер не работал",
        IncidentKind::Corrected => "признан сбоем позже",
    }
}

/// What became of a question for one of those who asked, in Russian.
pub fn outcome(outcome: HelpOutcome) -> &'static str {
    match outcome {
        HelpOutcome::Helped => "помощь получена",
        HelpOutcome::NeverCame => "консультация проведена, не пришёл",
        HelpOutcome::Waiting => "ожидает помощи",
        HelpOutcome::Dropped => "отклонено или отозвано",
    }
}

/// The state of a consultation, in Russian.
pub fn state(word: &str) -> &str {
    match word {
        "planned" => "запланирована",
        "open" => "открыта",
        "live" => "идёт",
        "held" => "проведена",
        "cancelled" => "отменена",
        "not_held: no_host" => "не состоялась: ведущий не пришёл",
        "not_held: no_audience" => "не состоялась: никто не пришёл",
        "not_held: technical" => "не состоялась: технический сбой",
        other => other,
    }
}
