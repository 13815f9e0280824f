//! Names of things in the school, each its own type. Bare strings stop at the parsers and at the store.

use serde::{Deserialize, Serialize};

macro_rules! text_ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps text that comes from the store or has been checked by the caller.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// A new name that sorts by the time of its making (UUID version 7).
            pub fn fresh() -> Self {
                Self(uuid::Uuid::now_v7().to_string())
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    )+};
}

text_ids!(
    /// A school: the tenant of every row.
    SchoolId,
    /// A human being known to the school.
    PersonId,
    /// A department of the school (методическое объединение, корпус).
    UnitId,
    /// A class (5А).
    ClassId,
    /// A study group: a whole class or a part of it.
    GroupId,
    SubjectId,
    ProgrammeId,
    PartId,
    TopicId,
    /// A lesson card over all its versions.
    CardId,
    /// A request for help.
    RequestId,
    /// One time of an individual consultation.
    AppointmentId,
    /// One dated occurrence of a card's slot; also the name of its room. Derived, see `timetable`.
    ConsultationId,
);
