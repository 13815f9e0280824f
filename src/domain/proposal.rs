//! Changes of rules that one proposes and another decides on (DOMAIN 5: an administrator proposes norms and acts, the deputy
//! head or the head confirms). Nothing is in force before that.

use super::refusal::RefusalCode;

words!(
    /// Where a proposal stands. All but the first are final.
    #[derive(utoipa::ToSchema)]
    State {
        Proposed = "proposed",
        Confirmed = "confirmed",
        Declined = "declined",
        Withdrawn = "withdrawn",
    }
);

words!(
    /// What is done with a proposal.
    #[derive(utoipa::ToSchema)]
    Decision {
        Confirm = "confirm",
        Decline = "decline",
        /// By whoever proposed it.
        Withdraw = "withdraw",
    }
);

/// The state after a decision. `is_author`: whoever decides proposed it.
///
/// # Errors
/// `illegal_transition` for what is decided already, `role_not_permitted` for deciding on one's own proposal or withdrawing
/// somebody else's.
pub fn decide(state: State, decision: Decision, is_author: bool) -> Result<State, RefusalCode> {
    if (decision == Decision::Withdraw) != is_author {
        return Err(RefusalCode::RoleNotPermitted);
    }
    match (state, decision) {
        (State::Proposed, Decision::Confirm) => Ok(State::Confirmed),
        (State::Proposed, Decision::Decline) => Ok(State::Declined),
        (State::Proposed, Decision::Withdraw) => Ok(State::Withdrawn),
        _ => Err(RefusalCode::IllegalTransition),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proposal_is_decided_once_and_never_by_its_author() {
        for state in State::ALL {
            for decision in Decision::ALL {
                for is_author in [false, true] {
                    let may = (*decision == Decision::Withdraw) == is_author;
                    let after = decide(*state, *decision, is_author);
                    match (may, *state) {
                        (false, _) => assert_eq!(after, Err(RefusalCode::RoleNotPermitted)),
                        (true, State::Proposed) => assert!(after.is_ok_and(|after| after != State::Proposed)),
                        (true, _) => assert_eq!(after, Err(RefusalCode::IllegalTransition)),
                    }
                }
            }
        }
    }
}
