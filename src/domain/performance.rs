//! Current performance as a source of topics (clauses 3.5, 8.3 of DOMAIN): what marks say of students and topics, and which
//! topics a group needs most. Rules are counted, never guessed: each finding and each point of a score names its number.

pub mod marks_csv;
mod ranking;

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::ids::{PersonId, TopicId};
pub use ranking::{Reason, ReasonKind, TopicEvidence, TopicRank, rank};

/// One mark of the gradebook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    pub student: PersonId,
    pub topic: Option<TopicId>,
    pub date: Date,
    /// 2 to 5; `None`: the work is missing.
    pub value: Option<u8>,
    /// At least 1.
    pub weight: u8,
}

super::words!(
    /// What was found (DOMAIN 8.3).
    FindingRule {
        /// The mean of the last marks is below 3.5.
        LowMean = "low_mean",
        /// The last marks are worse by one or more than those before.
        Drop = "drop",
        /// Two or more marks "2" among the last ones.
        FailedMarks = "failed_marks",
        /// The group's mean of a topic is below 3.3.
        TopicMean = "topic_mean",
        MissedWork = "missed_work",
    }
);

/// One finding. `value`: hundredths of a mark for means and drops, else a number of works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub rule: FindingRule,
    /// `None`: about the group.
    pub student: Option<PersonId>,
    pub topic: Option<TopicId>,
    pub value: i64,
}

/// Marks that "the last ones" are.
const LAST: usize = 5;
/// Fewer marks than this say nothing about a mean.
const ENOUGH: usize = 3;
const LOW_MEAN: i64 = 350;
const DROP: i64 = 100;
const FAILED: usize = 2;
const TOPIC_MEAN: i64 = 330;

/// The weighted mean in hundredths of a mark, rounded half up; `None`: there is no mark.
pub fn mean<'a>(marks: impl IntoIterator<Item = &'a Mark>) -> Option<i64> {
    let (mut sum, mut weights) = (0i64, 0i64);
    for mark in marks {
        if let Some(value) = mark.value {
            sum += i64::from(value) * i64::from(mark.weight.max(1)) * 100;
            weights += i64::from(mark.weight.max(1));
        }
    }
    (weights > 0).then(|| (sum + weights / 2) / weights)
}

/// Everything that the rules find in the marks of one group in one programme, in the order of students and topics.
pub fn findings(marks: &[Mark]) -> Vec<Finding> {
    let mut by_student: BTreeMap<&PersonId, Vec<&Mark>> = BTreeMap::new();
    let mut by_topic: BTreeMap<&TopicId, Vec<&Mark>> = BTreeMap::new();
    for mark in marks {
        by_student.entry(&mark.student).or_default().push(mark);
        if let Some(topic) = &mark.topic {
            by_topic.entry(topic).or_default().push(mark);
        }
    }
    let mut found = Vec::new();
    for (student, mut theirs) in by_student {
        theirs.sort_by_key(|mark| mark.date);
        let about = |rule, value| Finding { rule, student: Some(student.clone()), topic: None, value };
        let graded: Vec<&Mark> = theirs.iter().copied().filter(|mark| mark.value.is_some()).collect();
        let (before, last) = graded.split_at(graded.len().saturating_sub(LAST));
        if last.len() >= ENOUGH
            && let Some(mean) = mean(last.iter().copied()).filter(|mean| *mean < LOW_MEAN)
        {
            found.push(about(FindingRule::LowMean, mean));
        }
        if before.len() >= ENOUGH
            && last.len() >= ENOUGH
            && let (Some(was), Some(is)) = (mean(before.iter().copied()), mean(last.iter().copied()))
            && was - is >= DROP
        {
            found.push(about(FindingRule::Drop, was - is));
        }
        let failed = last.iter().filter(|mark| mark.value == Some(2)).count();
        if failed >= FAILED {
            found.push(about(FindingRule::FailedMarks, count(failed)));
        }
        let missed = theirs.iter().filter(|mark| mark.value.is_none()).count();
        if missed > 0 {
            found.push(about(FindingRule::MissedWork, count(missed)));
        }
    }
    for (topic, theirs) in by_topic {
        let graded = theirs.iter().filter(|mark| mark.value.is_some()).count();
        if graded >= ENOUGH
            && let Some(mean) = mean(theirs.iter().copied()).filter(|mean| *mean < TOPIC_MEAN)
        {
            found.push(Finding {
                rule: FindingRule::TopicMean,
                student: None,
                topic: Some(topic.clone()),
                value: mean,
            });
        }
    }
    found
}

/// Numbers of works are small; `usize` does not convert by itself.
fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::plus_days;
    use jiff::civil::date;

    fn marks(student: &str, values: &[u8]) -> Vec<Mark> {
        let day = date(2026, 10, 1);
        (0..)
            .zip(values)
            .map(|(n, value)| Mark {
                student: PersonId::new(student),
                topic: Some(TopicId::new("t")),
                date: plus_days(day, n),
                value: Some(*value).filter(|value| *value > 0),
                weight: 1,
            })
            .collect()
    }

    fn check(values: &[u8], expected: &[(FindingRule, i64)]) {
        let found: Vec<_> = findings(&marks("s", values))
            .into_iter()
            .filter(|finding| finding.student.is_some())
            .map(|finding| (finding.rule, finding.value))
            .collect();
        assert_eq!(found, expected, "{values:?}");
    }

    #[test]
    fn each_rule_finds_what_it_is_for() {
        check(&[5, 4, 5], &[]);
        check(&[3, 3, 4], &[(FindingRule::LowMean, 333)]);
        check(&[3, 3], &[]);
        check(&[5, 5, 5, 4, 4, 4, 3, 4], &[(FindingRule::Drop, 120)]);
        check(&[2, 5, 5, 2, 5], &[(FindingRule::FailedMarks, 2)]);
        check(&[5, 0, 5, 0], &[(FindingRule::MissedWork, 2)]);
    }

    #[test]
    fn a_topic_is_found_by_the_mean_of_the_group() {
        let mut all = marks("a", &[3, 3]);
        all.extend(marks("b", &[3]));
        let topics: Vec<_> = findings(&all).into_iter().filter(|finding| finding.topic.is_some()).collect();
        assert_eq!(topics.len(), 1);
        assert_eq!((topics[0].rule, topics[0].value), (FindingRule::TopicMean, 300));
    }

    #[test]
    fn a_mean_is_weighted_and_rounded_half_up() {
        let mut two = marks("s", &[3, 4]);
        two[1].weight = 2;
        assert_eq!(mean(&two), Some(367));
        assert_eq!(mean(&marks("s", &[0])), None);
    }
}
