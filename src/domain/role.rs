//! The roles of the school (regulation clauses 2.1 and 3.1). A person may hold several, each for a time.

use serde::{Deserialize, Serialize};

/// Closed list; the spelling in the store, on the wire and in the journal is the snake_case name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Обучающийся.
    Student,
    /// Законный представитель.
    Guardian,
    /// Педагогический работник.
    Teacher,
    /// Заместитель руководителя.
    DeputyHead,
    /// Руководитель подразделения.
    UnitHead,
    /// Иной работник.
    Staff,
    /// Руководитель.
    Head,
    /// Администратор.
    Admin,
}

impl Role {
    pub const ALL: [Self; 8] = [
        Self::Student,
        Self::Guardian,
        Self::Teacher,
        Self::DeputyHead,
        Self::UnitHead,
        Self::Staff,
        Self::Head,
        Self::Admin,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Student => "student",
            Self::Guardian => "guardian",
            Self::Teacher => "teacher",
            Self::DeputyHead => "deputy_head",
            Self::UnitHead => "unit_head",
            Self::Staff => "staff",
            Self::Head => "head",
            Self::Admin => "admin",
        }
    }

    /// The role of a stored spelling; `None`: not one of ours.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }

    /// Works for the school, as opposed to learning there or being a learner's guardian.
    pub fn is_staff(self) -> bool {
        !matches!(self, Self::Student | Self::Guardian)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_role_is_spelled_alike_everywhere() {
        for role in Role::ALL {
            assert_eq!(Role::parse(role.as_str()), Some(role));
            assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
        }
    }
}
