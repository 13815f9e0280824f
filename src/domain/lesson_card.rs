//! The lesson card (карта урока): the published document that says when and in which form help is given (DOMAIN 2.1).

use jiff::civil::{Date, Time, Weekday};
use serde::{Deserialize, Serialize};

use super::calendar::{Parity, Span};
use super::form::{Audience, Coverage, Form, Kind, Medium};
use super::ids::{GroupId, PersonId, ProgrammeId};

words!(
    /// State of one version of a card.
    CardStatus {
        Draft = "draft",
        Published = "published",
        Superseded = "superseded",
        Withdrawn = "withdrawn",
    }
);

/// What one version of a card says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardContent {
    pub title: String,
    /// `None`: an organisational card for guardians (INV-01).
    pub programme: Option<ProgrammeId>,
    pub group: GroupId,
    pub teacher: PersonId,
    pub materials: Vec<String>,
    pub homework: Option<Homework>,
    pub note: Option<String>,
    /// How pupils tell what they did not understand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feedback_channel: Option<String>,
    /// Held on holidays and in breaks too (INV-16).
    pub allow_in_break: bool,
    pub slots: Vec<CardSlot>,
}

/// What to do after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Homework {
    pub text: String,
    pub due: Option<Date>,
    /// How long it takes, by the teacher's estimate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub est_minutes: Option<u16>,
}

words!(
    /// Where a topic comes from (clause 3.5).
    SourceKind {
        /// Somebody asked.
        Request = "request",
        /// Marks show a gap.
        Performance = "performance",
        /// The teacher's own note.
        Note = "note",
    }
);

words!(
    /// What help is for (clause 1.3).
    Purpose {
        Difficulty = "difficulty",
        Repetition = "repetition",
        Deepening = "deepening",
        Motivation = "motivation",
        GuardianGuidance = "guardian_guidance",
        AssessmentPrep = "assessment_prep",
    }
);

/// Why a consultation is given; each has one at least (INV-22).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    pub kind: SourceKind,
    /// The request or the finding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ref_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// When and how: one line of the card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardSlot {
    /// Unique in the school and stable over the card's versions: consultations are named after it.
    pub key: String,
    pub recurrence: Recurrence,
    /// `None` for deferred forms only.
    pub at: Option<At>,
    /// Length in minutes, at least 1; for deferred forms `None`.
    pub minutes: Option<u16>,
    pub form: Form,
    pub medium: Option<Medium>,
    pub kind: Kind,
    pub coverage: Coverage,
    /// Titles of parts and topics; their rows hang on the programme.
    pub parts: Vec<String>,
    pub topics: Vec<String>,
    pub audience: Audience,
    pub host: PersonId,
    /// Individual help booked for this student.
    pub student: Option<PersonId>,
    /// For all dates; a date may have more of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Source>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<Purpose>,
    /// Office hours are cut into appointments of this length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub appointment_minutes: Option<u16>,
    /// Most people at once; `None`: as many as the form takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<u16>,
}

/// Length of an appointment when the card does not say (DOMAIN 1.1).
pub const APPOINTMENT_MINUTES: u16 = 15;

impl CardSlot {
    /// Length of the appointments it is cut into; `None`: it is no office hours (a group's, or for a named student).
    pub fn office_minutes(&self) -> Option<u16> {
        let is_office = self.form == Form::Individual && self.student.is_none();
        is_office.then(|| self.appointment_minutes.unwrap_or(APPOINTMENT_MINUTES).max(1))
    }
}

/// On which dates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum Recurrence {
    Once {
        date: Date,
    },
    Weekly {
        /// Monday is 1.
        #[serde(with = "weekdays")]
        weekdays: Vec<Weekday>,
        /// `None`: every week.
        parity: Option<Parity>,
        span: Span,
    },
    /// A deferred activity: open from..to.
    Window {
        span: Span,
    },
}

/// At what time of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type", content = "value")]
pub enum At {
    /// Moves with the bells.
    Period(u8),
    /// Stays whatever the bells do.
    Start(Time),
}

mod weekdays {
    use jiff::civil::Weekday;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    pub(super) fn serialize<S: Serializer>(days: &[Weekday], serializer: S) -> Result<S::Ok, S::Error> {
        days.iter().map(|day| day.to_monday_one_offset()).collect::<Vec<_>>().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Weekday>, D::Error> {
        Vec::<i8>::deserialize(deserializer)?
            .into_iter()
            .map(|day| Weekday::from_monday_one_offset(day).map_err(serde::de::Error::custom))
            .collect()
    }
}
