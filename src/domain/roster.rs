//! A school's people as other systems know them (OneRoster 1.2, DOMAIN 8.2): what a file says, checked for itself.
//!
//! `oneroster` reads and writes the files; `store::roster` brings the school in line with them.

pub mod oneroster;

use jiff::civil::Date;

use super::role::Role;

/// How much a file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Mode {
    /// Everything: who is not in it has left.
    #[default]
    Bulk,
    /// What has changed.
    Delta,
}

/// People, classes and who belongs where. All names of things (`source`) are those of the other system.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    pub mode: Mode,
    /// Departments: parts of the school that somebody leads.
    pub units: Vec<Unit>,
    pub classes: Vec<Class>,
    pub groups: Vec<Group>,
    /// Names of subjects.
    pub subjects: Vec<String>,
    pub people: Vec<Person>,
    pub enrollments: Vec<Enrollment>,
    /// Posts that a delta gives to people of whom it says nothing else.
    pub posts: Vec<Post>,
    /// Sources of what a delta takes away.
    pub gone_people: Vec<String>,
    pub gone_enrollments: Vec<String>,
    pub gone_units: Vec<String>,
    pub gone_posts: Vec<Post>,
}

/// A part of the school: a methodical union, a building.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    pub source: String,
    pub name: String,
}

/// A role that is held in a unit: its head, or one who works in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Post {
    /// Source of a person.
    pub person: String,
    pub role: Role,
    /// Source of a unit.
    pub unit: String,
}

/// A class of the school.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class {
    pub source: String,
    pub grade: u8,
    pub letter: String,
}

impl Class {
    pub fn name(&self) -> String {
        format!("{}{}", self.grade, self.letter)
    }
}

/// A part of a class that is taught apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    pub source: String,
    /// Name of its class, and its own.
    pub class: String,
    pub name: String,
    pub subject: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    pub source: String,
    /// The school's own name for the person, which is also the login.
    pub code: String,
    pub family_name: String,
    pub given_name: String,
    pub middle_name: Option<String>,
    pub birth_date: Option<Date>,
    /// Sorted, each once.
    pub roles: Vec<Role>,
    /// Those of the roles that are held in units, with the unit's source. Sorted, each once.
    pub in_units: Vec<(Role, String)>,
    /// Sources of this student's parents and guardians.
    pub guardians: Vec<String>,
    /// Line of `users.csv`.
    pub line: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrollment {
    pub source: String,
    /// Source of a class or group.
    pub class: String,
    /// Source of a person.
    pub person: String,
    /// A teacher; of a class (not a group) the homeroom teacher.
    pub is_teacher: bool,
}

/// What is wrong with one cell of one file.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct RosterError {
    pub file: String,
    /// The heading being line 1; 0 is the file as a whole.
    pub line: u64,
    pub column: String,
    pub code: RosterCode,
    /// For the person who mends the file, in Russian.
    pub text: String,
}

super::words!(
    /// Kinds of mistakes in a roster.
    RosterCode {
        Unreadable = "unreadable",
        TooLarge = "too_large",
        MissingFile = "missing_file",
        MissingColumn = "missing_column",
        Required = "required",
        Doubled = "doubled",
        BadDate = "bad_date",
        BadClass = "bad_class",
        UnknownRole = "unknown_role",
        UnknownReference = "unknown_reference",
        TooLong = "too_long",
        RoleNotPermitted = "role_not_permitted",
    }
);
