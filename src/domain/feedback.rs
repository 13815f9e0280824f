//! Feedback after a consultation and complaints about one (R4.1b, clause 4.1): what may be shown, and to whom they go.

words!(
    /// What a complaint is about, in the words of clause 4.1.
    ComplaintKind {
        Untimely = "untimely",
        Poor = "poor",
        Unlawful = "unlawful",
    }
);

words!(
    /// Open, answered by the host, closed by the deputy's decision.
    ComplaintState {
        Open = "open",
        Answered = "answered",
        Closed = "closed",
    }
);

/// With fewer answers than this a sum would tell who said what (DOMAIN 2.6).
pub const ENOUGH_ANSWERS: i64 = 5;

/// Sums of feedback.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    pub count: i64,
    /// Sum of the scores.
    pub score: i64,
    /// How many said that it helped.
    pub helped: i64,
}

/// What of a summary may be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Hundredths of a point.
    pub mean: i64,
    pub helped: i64,
    pub count: i64,
}

impl Summary {
    /// `None`: too few to be shown without telling who said it.
    pub fn shown(self) -> Option<Shown> {
        (self.count >= ENOUGH_ANSWERS).then(|| Shown {
            mean: (self.score * 100 + self.count / 2) / self.count,
            helped: self.helped,
            count: self.count,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_answers_are_hidden() {
        let of = |count, score| Summary { count, score, helped: 1 }.shown().map(|shown| shown.mean);
        assert_eq!(of(4, 20), None);
        assert_eq!(of(5, 22), Some(440));
        assert_eq!(of(6, 29), Some(483));
    }
}
