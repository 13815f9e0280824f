//! OneRoster 1.2 CSV: a zip of `users.csv`, `classes.csv` and their like, read into a [`Roster`] and written from one.
//!
//! Columns of the standard that a school's help has no use for are passed over; a reference into nowhere, a role that is
//! none and a class that cannot be told are mistakes, told of by file, line and column.
//!
//! [`Roster`]: super::Roster

mod read;
mod write;

pub use read::parse;
pub use write::write;

use super::super::role::Role;

/// Most lines in one file of the archive.
pub const MOST_LINES: usize = 200_000;
/// Longest name or reference, characters.
const MOST_CHARACTERS: usize = 255;

/// What the roles of the standard are here. `ext:` are this hub's own, as the standard allows.
const ROLES: &[(&str, Role)] = &[
    ("student", Role::Student),
    ("teacher", Role::Teacher),
    ("guardian", Role::Guardian),
    ("parent", Role::Guardian),
    ("relative", Role::Guardian),
    ("principal", Role::Head),
    ("ext:staff", Role::Staff),
    ("aide", Role::Staff),
    ("counselor", Role::Staff),
    ("proctor", Role::Staff),
    ("siteAdministrator", Role::Admin),
    ("districtAdministrator", Role::Admin),
    ("systemAdministrator", Role::Admin),
    ("ext:deputyHead", Role::DeputyHead),
    ("ext:unitHead", Role::UnitHead),
];

fn role(word: &str) -> Option<Role> {
    ROLES.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, role)| *role)
}

/// The word by which a role is written: the first of its row.
fn role_word(role: Role) -> &'static str {
    ROLES.iter().find(|(_, known)| *known == role).map_or("ext:staff", |(name, _)| name)
}

/// Grade and letter of `5А`, `5 А`, `5-А`, `11`; `None`: neither.
pub fn class_name(text: &str) -> Option<(u8, String)> {
    let text = text.trim();
    let digits = text.chars().take_while(char::is_ascii_digit).count();
    let grade: u8 = text[..digits].parse().ok().filter(|grade| (1..=11).contains(grade))?;
    let letter = text[digits..].trim_matches([' ', '-', '«', '»', '"']).to_owned();
    (letter.chars().count() <= 4 && letter.chars().all(char::is_alphanumeric)).then_some((grade, letter))
}

#[cfg(test)]
mod tests;
