//! What stands behind one row of a figure: the people and happenings that its two shares are counted of.

use super::metrics::{MetricCode, RowKind, Share};
use super::technical::{Participation, Verdict};
use super::{Facts, LessonFact};
use crate::domain::ids::PersonId;

/// One thing behind a row.
#[derive(Clone, Debug, PartialEq)]
pub struct Behind {
    /// Whom it is about; `None`: nobody in particular.
    pub person: Option<PersonId>,
    pub code: String,
    /// Minutes, seconds, or per cent, as the code says.
    pub value: Option<f64>,
    /// What somebody wrote about it.
    pub said: Option<String>,
}

/// What stands behind a row of a figure. Empty where the row itself says all.
pub fn of(facts: &Facts, code: MetricCode, share: &Share) -> Vec<Behind> {
    match (code, share.kind) {
        (MetricCode::HelpGiven | MetricCode::RequestResolution, RowKind::Request) => {
            let request = facts.requests.iter().find(|one| one.id == share.id);
            let seekers = request.into_iter().flat_map(|one| &one.seekers);
            // What is due is due to the one who asked.
            let seekers = seekers.filter(|seeker| code == MetricCode::HelpGiven || !seeker.is_voter);
            seekers
                .map(|seeker| Behind {
                    person: Some(seeker.person.clone()),
                    code: seeker.outcome.as_str().to_owned(),
                    value: None,
                    said: None,
                })
                .collect()
        }
        (_, RowKind::Lesson) => {
            let lesson = facts.lessons.iter().find(|one| one.id.as_str() == share.id);
            lesson.map(|one| of_lesson(one, code)).unwrap_or_default()
        }
        _ => Vec::new(),
    }
}

/// The incident that ended a consultation.
fn incident(one: &LessonFact) -> Option<Behind> {
    one.incident.as_ref().map(|incident| Behind {
        person: incident.by.clone(),
        code: incident.kind.as_str().to_owned(),
        value: None,
        said: incident.by.is_some().then(|| incident.reason.clone()),
    })
}

fn of_lesson(one: &LessonFact, code: MetricCode) -> Vec<Behind> {
    match code {
        MetricCode::Attendance => {
            let row = |person: &PersonId, seconds: i64| Behind {
                person: Some(person.clone()),
                code: "minutes".to_owned(),
                value: Some(seconds as f64 / 60.0),
                said: None,
            };
            one.invited.iter().map(|invited| row(&invited.person, invited.present_s)).collect()
        }
        MetricCode::TechOk => {
            let row = |part: &Participation| {
                let value = match part.verdict {
                    Verdict::LateJoin => part.measured.slowest_join_ms.map(|took| took as f64 / 1000.0),
                    Verdict::Loss => Some(part.measured.loss_permille as f64 / 10.0),
                    Verdict::Fine | Verdict::NoMedia => None,
                };
                let code = part.verdict.as_str().to_owned();
                Behind { person: Some(part.person.clone()), code, value, said: None }
            };
            incident(one).into_iter().chain(one.participations.iter().map(row)).collect()
        }
        MetricCode::Lawful => {
            let row = |person: Option<&PersonId>, code: &str| Behind {
                person: person.cloned(),
                code: code.to_owned(),
                value: None,
                said: None,
            };
            let norms = one.violations.iter().map(|code| row(None, code));
            let children = one.without_consent.iter().map(|person| row(Some(person), "consent_missing"));
            let observers = one.unannounced.iter().map(|person| row(Some(person), "observer_unannounced"));
            norms.chain(children).chain(observers).collect()
        }
        _ => Vec::new(),
    }
}
