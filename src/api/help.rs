//! Individual help over HTTP, its parts brought together: requests, topics, appointments, guardians, feedback. What they share
//! stands here: who asks, for which student, by which right.

use jiff::civil::Date;
use utoipa_axum::router::OpenApiRouter;

use super::auth::Session;
use super::problem::Problem;
use super::{ApiState, appointments, complaints, feedback, files, guardians, marks, people, requests, topics, wards};
use crate::domain::ids::{GroupId, PersonId};
use crate::domain::person::{GuardianRight, PersonFacts};
use crate::domain::policy::{Relation, Relations};
use crate::domain::refusal::RefusalCode;
use crate::domain::role::Role;
use crate::store::school::School;

/// All routes of individual help.
pub fn routes(max_import: usize) -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .merge(requests::routes())
        .merge(files::routes())
        .merge(topics::routes())
        .merge(marks::routes(max_import))
        .merge(appointments::routes())
        .merge(guardians::routes())
        .merge(wards::routes())
        .merge(feedback::routes())
        .merge(complaints::routes())
}

/// Longest free text of a person, characters: a page and a half.
pub const TEXT_CHARACTERS: usize = 4_000;
/// Longest short text: a reason, a wish.
pub const SHORT_CHARACTERS: usize = 500;

/// The person who asks, with what the rules need to know.
pub struct Asker {
    pub facts: PersonFacts,
    pub school: School,
    pub today: Date,
    pub now_ms: i64,
}

impl Asker {
    pub async fn of(state: &ApiState, session: &Session) -> Result<Self, Problem> {
        let now_ms = state.clock.now_ms();
        let school = state.store.school(&session.principal.school).await?;
        let today = people::today(&school, now_ms);
        let facts = state.store.person_facts(&session.principal.person, today).await?;
        Ok(Self { facts, school, today, now_ms })
    }

    /// The students for whom they have this right: themselves when they learn, and their children.
    pub fn students(&self, right: GuardianRight) -> Vec<PersonId> {
        let own = self.facts.has(Role::Student).then(|| self.facts.id.clone());
        own.into_iter().chain(self.facts.wards_with(right, self.today).map(|ward| ward.id.clone())).collect()
    }

    /// The groups of those students, each with its student.
    pub fn groups(&self, right: GuardianRight) -> Vec<(PersonId, GroupId)> {
        let own = self.facts.groups.iter().filter(|_| self.facts.has(Role::Student));
        let own = own.map(|group| (self.facts.id.clone(), group.clone()));
        let wards = self.facts.wards_with(right, self.today);
        own.chain(wards.flat_map(|ward| ward.groups.iter().map(|group| (ward.id.clone(), group.clone())))).collect()
    }

    /// What a student is to them, for an act that needs `right`; `None` named: themselves.
    ///
    /// # Errors
    /// `guardian_link_missing`, `guardian_link_ended`, `ward_is_adult` by INV-51; `role_not_permitted` for a right that was
    /// taken, and for somebody who is neither student nor guardian.
    pub fn standing(&self, student: Option<&str>, right: GuardianRight) -> Result<(PersonId, Relations), Problem> {
        let student = PersonId::new(student.unwrap_or(self.facts.id.as_str()));
        if student == self.facts.id {
            return Ok((student, Relations::own()));
        }
        if !self.facts.has(Role::Guardian) {
            return Err(refused(RefusalCode::RoleNotPermitted));
        }
        let Some(ward) = self.facts.wards.iter().find(|ward| ward.id == student) else {
            return Err(refused(RefusalCode::GuardianLinkMissing));
        };
        if let Some(code) = ward.refusal(self.today) {
            return Err(refused(code));
        }
        if !ward.may(right, self.today) {
            return Err(refused(RefusalCode::RoleNotPermitted));
        }
        Ok((student, Relations::school().with(Relation::Ward)))
    }

    /// Units that they lead.
    pub fn units(&self) -> Vec<crate::domain::ids::UnitId> {
        let units = self.facts.roles.iter().filter(|held| held.role == Role::UnitHead);
        units.filter_map(|held| held.unit.clone()).collect()
    }

    /// Whether they answer for the whole school.
    pub fn sees_school(&self) -> bool {
        self.facts.has(Role::DeputyHead) || self.facts.has(Role::Head)
    }
}

/// A refusal of the rules as a problem.
pub fn refused(code: RefusalCode) -> Problem {
    Problem::new(code.as_str())
}

/// A text that a person has to give.
///
/// # Errors
/// `reason_required` when it is blank, `bad_request` when it is too long.
pub fn required(text: &str, most: usize, name: &str) -> Result<String, Problem> {
    match optional(Some(text), most, name)? {
        Some(text) => Ok(text),
        None => Err(refused(RefusalCode::ReasonRequired).params(serde_json::json!({ "field": name }))),
    }
}

/// A text that may be missing; blank is missing.
///
/// # Errors
/// `bad_request` when it is too long.
pub fn optional(text: Option<&str>, most: usize, name: &str) -> Result<Option<String>, Problem> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    if text.chars().count() > most {
        return Err(Problem::bad_request(format!("{name}: at most {most} characters")));
    }
    Ok(Some(text.to_owned()))
}
