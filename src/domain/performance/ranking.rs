//! Which topics a group needs most, and why: every point of a score has a reason with a number that a person can check.

use crate::domain::ids::TopicId;

/// What is known of one topic for one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicEvidence {
    pub topic: TopicId,
    /// Students of the group.
    pub students: i64,
    /// Those with a mark in the topic.
    pub graded: i64,
    /// Those whose mean in it is below 3.
    pub below_three: i64,
    /// The group's mean, hundredths.
    pub mean: Option<i64>,
    pub missed: i64,
    /// Open requests, and votes for them.
    pub requests: i64,
    pub votes: i64,
    /// Days since a consultation on it was held; `None`: never.
    pub held_days_ago: Option<i64>,
    /// One is planned.
    pub is_planned: bool,
}

super::super::words!(
    /// What a part of a score is for.
    ReasonKind {
        BelowThree = "below_three",
        LowMean = "low_mean",
        Requests = "requests",
        Votes = "votes",
        Missed = "missed",
        NeverHeld = "never_held",
        HeldLately = "held_lately",
        Planned = "planned",
    }
);

/// A part of a score: `value` out of `of` gave `points`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason {
    pub kind: ReasonKind,
    pub value: i64,
    pub of: Option<i64>,
    pub points: i64,
}

/// A topic with its score, which is the sum of its reasons, never below 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicRank {
    pub topic: TopicId,
    pub score: i64,
    pub reasons: Vec<Reason>,
    pub evidence: TopicEvidence,
}

/// A whole group below 3 weighs as much as seven requests with votes; help given a week ago takes a good part away.
const BELOW_THREE: i64 = 60;
const LOW_MEAN: i64 = 15;
const REQUEST: i64 = 8;
const VOTE: i64 = 4;
const MISSED: i64 = 3;
const NEVER_HELD: i64 = 5;
const HELD_LATELY: i64 = -25;
const PLANNED: i64 = -15;
const LATELY_DAYS: i64 = 14;
const TOPIC_MEAN: i64 = 330;

/// Ranks topics by need, the neediest first; equal ones keep their order of the programme.
pub fn rank(all: Vec<TopicEvidence>) -> Vec<TopicRank> {
    let mut ranks: Vec<TopicRank> = all.into_iter().map(score).collect();
    ranks.sort_by_key(|rank| std::cmp::Reverse(rank.score));
    ranks
}

fn score(evidence: TopicEvidence) -> TopicRank {
    let mut reasons = Vec::new();
    let mut reason = |kind, value, of, points| {
        if points != 0 {
            reasons.push(Reason { kind, value, of, points });
        }
    };
    let students = evidence.students.max(1);
    let share = (evidence.below_three * BELOW_THREE + students - 1) / students;
    reason(ReasonKind::BelowThree, evidence.below_three, Some(evidence.students), share);
    if let Some(mean) = evidence.mean.filter(|mean| *mean < TOPIC_MEAN) {
        reason(ReasonKind::LowMean, mean, None, LOW_MEAN);
    }
    reason(ReasonKind::Requests, evidence.requests, None, evidence.requests * REQUEST);
    reason(ReasonKind::Votes, evidence.votes, None, evidence.votes * VOTE);
    reason(ReasonKind::Missed, evidence.missed, None, evidence.missed * MISSED);
    // That nobody was ever helped with a topic counts only where help is needed.
    let is_needed = evidence.below_three + evidence.requests + evidence.missed > 0
        || evidence.mean.is_some_and(|mean| mean < TOPIC_MEAN);
    match evidence.held_days_ago {
        None if is_needed => reason(ReasonKind::NeverHeld, 0, None, NEVER_HELD),
        Some(days) if days <= LATELY_DAYS => reason(ReasonKind::HeldLately, days, None, HELD_LATELY),
        _ => {}
    }
    if evidence.is_planned {
        reason(ReasonKind::Planned, 1, None, PLANNED);
    }
    let score = reasons.iter().map(|reason| reason.points).sum::<i64>().max(0);
    TopicRank { topic: evidence.topic.clone(), score, reasons, evidence }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn evidence(topic: &str) -> TopicEvidence {
        TopicEvidence {
            topic: TopicId::new(topic),
            students: 24,
            graded: 24,
            below_three: 0,
            mean: Some(420),
            missed: 0,
            requests: 0,
            votes: 0,
            held_days_ago: Some(60),
            is_planned: false,
        }
    }

    #[test]
    fn the_topic_that_more_need_stands_first_and_says_why() {
        let weak = TopicEvidence { below_three: 7, requests: 4, ..evidence("fractions") };
        let ranks = rank(vec![evidence("well known"), weak]);
        assert_eq!(ranks[0].topic, TopicId::new("fractions"));
        let told: Vec<_> = ranks[0].reasons.iter().map(|reason| (reason.kind, reason.value, reason.of)).collect();
        assert_eq!(told, [(ReasonKind::BelowThree, 7, Some(24)), (ReasonKind::Requests, 4, None)]);
        assert_eq!(ranks[1].score, 0);
    }

    proptest! {
        /// More need never lowers a score, and a score is the sum of the reasons that are shown.
        #[test]
        fn a_score_is_explained_and_grows_with_the_need(
            below in 0i64..24, requests in 0i64..20, votes in 0i64..20, missed in 0i64..20,
        ) {
            let one = TopicEvidence { below_three: below, requests, votes, missed, ..evidence("t") };
            let more = TopicEvidence { below_three: below + 1, requests: requests + 1, ..one.clone() };
            let (one, more) = (score(one), score(more));
            prop_assert!(more.score >= one.score);
            prop_assert_eq!(one.score, one.reasons.iter().map(|reason| reason.points).sum::<i64>().max(0));
            prop_assert!(one.reasons.iter().all(|reason| reason.points != 0));
        }
    }
}
