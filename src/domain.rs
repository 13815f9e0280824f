//! The rules of the school, without I/O and without a clock: every function is told the time.

/// An enum with one spelling each, the same in the store, on the wire and in logs.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $word)] $variant),+
        }

        impl $name {
            /// Every value, in the order of the regulation.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The stored spelling.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// `None`: not one of the spellings.
            pub fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use words;

pub mod access;
pub mod address;
pub mod appointment;
pub mod archive;
pub mod asc;
pub mod attendance;
pub mod calendar;
pub mod card_csv;
#[cfg(test)]
pub(crate) mod cases;
pub mod chosen;
pub mod consent;
pub mod consultation;
pub mod device_check;
pub mod evidence;
pub mod feedback;
pub mod fold;
pub mod form;
pub mod guide;
pub mod ics;
pub mod ids;
pub mod journal;
pub mod lesson_card;
pub mod norm;
pub mod notice;
pub mod password;
pub mod performance;
pub mod person;
pub mod planning;
pub mod policy;
pub mod proposal;
pub mod quiet;
pub mod refusal;
pub mod report;
pub mod request;
pub mod role;
pub mod roster;
pub mod sheet;
pub mod staffing;
pub mod timetable;
