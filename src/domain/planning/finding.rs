//! What a planning check finds, with the numbers that explain it.

use std::collections::HashMap;

use jiff::civil::{Date, Time};
use serde::Serialize;

use crate::domain::ids::{ConsultationId, PersonId};
use crate::domain::lesson_card::SourceKind;
use crate::domain::norm::NormMode;
use crate::domain::refusal::RefusalCode;

/// One thing that speaks against a wish.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    pub code: RefusalCode,
    /// Enforced or a remark; findings that are off are not given.
    pub mode: NormMode,
    pub params: Params,
    /// The order that lifts it.
    pub order_no: Option<String>,
}

impl Finding {
    pub fn of(code: RefusalCode, params: Params) -> Self {
        Self { code, mode: NormMode::Enforce, params, order_no: None }
    }

    pub fn with_mode(code: RefusalCode, params: Params, mode: NormMode) -> Self {
        Self { mode, ..Self::of(code, params) }
    }

    /// Whether it keeps the consultation out of the plan.
    pub fn is_refusal(&self) -> bool {
        self.mode == NormMode::Enforce && self.order_no.is_none()
    }

    /// Whether a deputy or the head can lift it by an order (INV-34): load, hours and norms, never a conflict.
    pub fn is_overridable(&self) -> bool {
        is_overridable(self.code)
    }
}

/// The codes that `override.grant` reaches.
pub fn is_overridable(code: RefusalCode) -> bool {
    matches!(
        code,
        RefusalCode::LoadExceeded
            | RefusalCode::OutsideWorkingHours
            | RefusalCode::DurationOverCap
            | RefusalCode::DailyScreenCap
            | RefusalCode::AfterHours
    )
}

/// The values of a finding, as they go into `params` of a refusal.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Params {
    None {},
    Date {
        date: Date,
    },
    /// With what it collides, at most [`MOST_IDS`] of each.
    Conflict {
        ids: Vec<ConsultationId>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        students: Vec<PersonId>,
        /// Regular lessons of the timetable.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        lessons: Vec<LessonAt>,
    },
    /// Academic hours.
    Load {
        period: Period,
        limit_hours: f64,
        planned_hours: f64,
        wanted_hours: f64,
        left_hours: f64,
    },
    /// Working time that day; empty: none.
    Hours {
        windows: Vec<(Time, Time)>,
        absent: bool,
    },
    Cap {
        cap_minutes: u16,
        minutes: i64,
        norm: Option<String>,
    },
    /// Minutes at the screen of the student who has most of them.
    Daily {
        cap_minutes: u16,
        planned_minutes: i64,
        wanted_minutes: i64,
        students: usize,
        norm: Option<String>,
    },
    Times {
        earliest: Time,
        latest: Time,
        norm: Option<String>,
    },
    /// Parts with their dates.
    Parts {
        parts: Vec<PartDates>,
    },
    /// Sources that the card names and that are none.
    Sources {
        sources: Vec<SourceAt>,
    },
    /// Words of the card that the programme does not have.
    Unknown {
        unknown: Vec<String>,
    },
}

/// Ids told of in one refusal; a class that is full all day has one reason many times.
pub const MOST_IDS: usize = 20;

/// A source that is named and is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SourceAt {
    pub kind: SourceKind,
    pub ref_id: String,
    pub why: SourceTrouble,
}

super::super::words!(
    /// What is wrong with a source.
    SourceTrouble {
        /// The school has none of that name.
        Unknown = "unknown",
        /// Of another group, subject or student.
        Other = "other",
        /// The request is answered, declined or withdrawn.
        NotOpen = "not_open",
    }
);

/// A regular lesson that stands in the way, by the school's clock.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct LessonAt {
    pub starts: Time,
    pub ends: Time,
    /// Empty when the school does not know it.
    pub class: String,
    pub subject: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PartDates {
    pub title: String,
    pub starts_on: Date,
    pub ends_on: Date,
    pub completed_on: Option<Date>,
}

super::super::words!(
    /// Over what a contract's share is counted.
    Period {
        Week = "week",
        Month = "month",
        Year = "year",
    }
);

/// What a school has decided about rules; what it says nothing about is enforced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    modes: HashMap<RefusalCode, NormMode>,
}

impl Rules {
    /// Rules that a school may soften. The others protect people and evidence, and norms have modes of their own.
    pub const SOFT: [RefusalCode; 5] = [
        RefusalCode::LoadExceeded,
        RefusalCode::OutsideWorkingHours,
        RefusalCode::OutsideStudyPeriod,
        RefusalCode::NotASchoolDay,
        RefusalCode::SourceRequired,
    ];

    pub fn new(modes: impl IntoIterator<Item = (RefusalCode, NormMode)>) -> Self {
        Self { modes: modes.into_iter().filter(|(code, _)| Self::SOFT.contains(code)).collect() }
    }

    pub fn mode(&self, code: RefusalCode) -> NormMode {
        self.modes.get(&code).copied().unwrap_or(NormMode::Enforce)
    }
}
