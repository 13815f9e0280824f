//! Forms and modes of help (clauses 3.2, 3.5, 3.6): closed lists.

words!(
    /// How help is given. The first four own a room, the others have deadlines.
    Form {
        Webinar = "webinar",
        VideoConference = "video_conference",
        Chat = "chat",
        Individual = "individual",
        Assignment = "assignment",
        Workshop = "workshop",
        Glossary = "glossary",
        Forum = "forum",
    }
);

words!(
    /// The three modes of clause 3.2.
    Mode {
        GroupRealtime = "group_realtime",
        Individual = "individual",
        Deferred = "deferred",
    }
);

impl Form {
    /// INV-02.
    pub const fn mode(self) -> Mode {
        match self {
            Self::Webinar | Self::VideoConference | Self::Chat => Mode::GroupRealtime,
            Self::Individual => Mode::Individual,
            Self::Assignment | Self::Workshop | Self::Glossary | Self::Forum => Mode::Deferred,
        }
    }

    /// Whether a consultation of this form has a date, a time and a room.
    pub const fn is_realtime(self) -> bool {
        !matches!(self.mode(), Mode::Deferred)
    }
}

words!(
    /// What the help is for (clauses 3.5 and 3.7).
    Kind {
        Current = "current",
        AssessmentPrep = "assessment_prep",
    }
);

words!(
    /// Overview of parts, or single topics (clause 3.6).
    Coverage {
        Overview = "overview",
        Topics = "topics",
    }
);

words!(
    /// By what an individual consultation is held.
    Medium {
        Video = "video",
        Audio = "audio",
        Chat = "chat",
    }
);

/// Who is invited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Audience {
    pub students: bool,
    pub guardians: bool,
}
