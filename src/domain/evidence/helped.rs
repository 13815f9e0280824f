//! Who was helped and who never came: what became of a question for each who asked it (the student, the child for whom a
//! guardian asked, everybody with the same question). Help is an answer, or a consultation held about it that the person was at.

use crate::domain::ids::PersonId;
use crate::domain::request::RequestState;

crate::domain::words!(
    /// What became of a question for one of those who asked it.
    #[derive(utoipa::ToSchema)]
    HelpOutcome {
        /// Answered, or was at a consultation about it.
        Helped = "helped",
        /// It was put into a consultation, that was held, and the person was not there.
        NeverCame = "never_came",
        /// Help is still owed.
        Waiting = "waiting",
        /// Declined, or taken back.
        Dropped = "dropped",
    }
);

/// One who asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seeker {
    pub person: PersonId,
    /// Has the same question as the one who wrote it.
    pub is_voter: bool,
    pub outcome: HelpOutcome,
    /// When help was there; `None` unless helped.
    pub helped_ms: Option<i64>,
}

/// A held consultation that had the question among its sources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldAbout {
    pub ends_ms: i64,
    /// Whether this person was there with the host.
    pub attended: bool,
}

/// What became of a question for one person. `written_ms` is when it was answered in writing.
pub fn outcome(state: RequestState, written_ms: Option<i64>, held: &[HeldAbout]) -> (HelpOutcome, Option<i64>) {
    use RequestState as S;
    match state {
        S::Declined | S::Withdrawn => return (HelpOutcome::Dropped, None),
        // The help that there was did not help.
        S::Reopened => return (HelpOutcome::Waiting, None),
        S::Submitted | S::Accepted | S::Scheduled | S::Answered | S::Closed => {}
    }
    let is_over = matches!(state, S::Answered | S::Closed);
    let came_ms = held.iter().filter(|one| one.attended).map(|one| one.ends_ms);
    match came_ms.chain(written_ms.filter(|_| is_over)).min() {
        Some(at) => (HelpOutcome::Helped, Some(at)),
        None if is_over && !held.is_empty() => (HelpOutcome::NeverCame, None),
        None => (HelpOutcome::Waiting, None),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn state() -> impl Strategy<Value = RequestState> {
        proptest::sample::select(RequestState::ALL)
    }

    fn held() -> impl Strategy<Value = Vec<HeldAbout>> {
        let one = (0_i64..100, any::<bool>()).prop_map(|(ends_ms, attended)| HeldAbout { ends_ms, attended });
        proptest::collection::vec(one, 0..4)
    }

    proptest! {
        #![proptest_config(crate::domain::cases::cases(256))]

        /// A consultation helps nobody who was not at it.
        #[test]
        fn nobody_is_helped_by_a_consultation_they_were_not_at(state in state(), held in held()) {
            let (found, at) = outcome(state, None, &held);
            let was_there = held.iter().any(|one| one.attended);
            prop_assert_eq!(found == HelpOutcome::Helped, at.is_some());
            prop_assert!(found != HelpOutcome::Helped || was_there);
            prop_assert!(found != HelpOutcome::NeverCame || (!was_there && !held.is_empty()));
        }

        /// What one of several askers did is nothing to the others: each outcome rests on the own presence alone.
        #[test]
        fn an_answer_in_writing_reaches_all(is_closed in any::<bool>(), held in held(), at in 0_i64..100) {
            let state = if is_closed { RequestState::Closed } else { RequestState::Answered };
            prop_assert_eq!(outcome(state, Some(at), &held).0, HelpOutcome::Helped);
        }
    }

    #[test]
    fn never_came_is_scheduled_held_and_absent() {
        let absent = [HeldAbout { ends_ms: 5, attended: false }];
        let check = |state, written, held: &[HeldAbout], expected| {
            assert_eq!(outcome(state, written, held).0, expected, "{state} {held:?}");
        };
        check(RequestState::Answered, None, &absent, HelpOutcome::NeverCame);
        check(RequestState::Closed, None, &absent, HelpOutcome::NeverCame);
        // It waits for another time, or its consultation fell through.
        check(RequestState::Scheduled, None, &absent, HelpOutcome::Waiting);
        check(RequestState::Accepted, None, &[], HelpOutcome::Waiting);
        // The outcome of its consultation was corrected: it was not held after all.
        check(RequestState::Answered, None, &[], HelpOutcome::Waiting);
        check(RequestState::Reopened, Some(1), &absent, HelpOutcome::Waiting);
        check(RequestState::Withdrawn, Some(1), &absent, HelpOutcome::Dropped);
    }
}
