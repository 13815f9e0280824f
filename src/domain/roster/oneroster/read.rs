//! Reading the archive.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::civil::Date;

use super::super::{Class, Enrollment, Group, Mode, Person, Post, Roster, RosterCode, RosterError, Unit};
use super::{MOST_CHARACTERS, MOST_LINES, class_name, role};
use crate::domain::archive;
use crate::domain::fold::fold;

/// Mistakes kept; a file with more has one mistake many times.
const MOST_ERRORS: usize = 1_000;

/// Reads an archive. `Err`: everything that is wrong with it; nothing of it may be used.
pub fn parse(bytes: &[u8]) -> Result<Roster, Vec<RosterError>> {
    let files = archive::unpack(bytes).map_err(|error| {
        let code = match error {
            archive::ArchiveError::Unreadable => RosterCode::Unreadable,
            _ => RosterCode::TooLarge,
        };
        vec![file_error("", code, format!("Архив не читается: {error}"))]
    })?;
    // Some systems put everything into a folder of the archive.
    let files: BTreeMap<String, Vec<u8>> = files
        .into_iter()
        .map(|(name, content)| (name.rsplit('/').next().unwrap_or(&name).to_lowercase(), content))
        .collect();
    let mut reading = Reading { errors: Vec::new() };
    let roster = reading.roster(&files);
    if reading.errors.is_empty() { Ok(roster) } else { Err(reading.errors) }
}

fn file_error(file: &str, code: RosterCode, text: String) -> RosterError {
    RosterError { file: file.to_owned(), line: 0, column: String::new(), code, text }
}

/// One file: its lines by column.
struct Table {
    file: &'static str,
    lines: Vec<(u64, HashMap<String, String>)>,
}

impl Table {
    fn get<'t>(&'t self, line: &'t HashMap<String, String>, column: &str) -> &'t str {
        line.get(&column.to_lowercase()).map(|cell| cell.trim()).unwrap_or_default()
    }
}

struct Reading {
    errors: Vec<RosterError>,
}

impl Reading {
    fn error(&mut self, file: &str, line: u64, column: &str, code: RosterCode, text: String) {
        if self.errors.len() < MOST_ERRORS {
            self.errors.push(RosterError { file: file.to_owned(), line, column: column.to_owned(), code, text });
        }
    }

    fn table(
        &mut self,
        files: &BTreeMap<String, Vec<u8>>,
        file: &'static str,
        needed: &[&'static str],
        is_needed: bool,
    ) -> Table {
        let mut table = Table { file, lines: Vec::new() };
        let Some(content) = files.get(&file.to_lowercase()) else {
            if is_needed {
                self.errors.push(file_error(file, RosterCode::MissingFile, format!("В архиве нет файла {file}")));
            }
            return table;
        };
        let text = match std::str::from_utf8(content) {
            Ok(text) => text.trim_start_matches('\u{feff}').to_owned(),
            // The standard says UTF-8; exports of older systems say otherwise.
            Err(_) => encoding_rs::WINDOWS_1251.decode_without_bom_handling(content).0.into_owned(),
        };
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
        let mut records = reader.records();
        let heads: Vec<String> = match records.next() {
            Some(Ok(head)) => head.iter().map(|cell| cell.trim().to_lowercase()).collect(),
            _ => Vec::new(),
        };
        for column in needed.iter().filter(|column| !heads.contains(&column.to_lowercase())) {
            self.error(file, 1, column, RosterCode::MissingColumn, format!("В {file} нет столбца {column}"));
        }
        for (index, record) in records.enumerate() {
            if index >= MOST_LINES {
                self.error(file, 0, "", RosterCode::TooLarge, format!("В {file} больше {MOST_LINES} строк"));
                break;
            }
            let Ok(record) = record else { continue };
            let line = record.position().map_or(index as u64 + 2, csv::Position::line);
            if record.iter().all(|cell| cell.trim().is_empty()) {
                continue;
            }
            for (head, cell) in heads.iter().zip(record.iter()) {
                if cell.chars().nth(MOST_CHARACTERS * 16).is_some() {
                    self.error(file, line, head, RosterCode::TooLong, "Слишком длинная ячейка".to_owned());
                }
            }
            let cells = heads.iter().cloned().zip(record.iter().map(str::to_owned)).collect();
            table.lines.push((line, cells));
        }
        table
    }

    fn required(
        &mut self,
        table: &Table,
        (line, cells): &(u64, HashMap<String, String>),
        column: &str,
    ) -> Option<String> {
        let value = table.get(cells, column);
        if value.is_empty() {
            self.error(table.file, *line, column, RosterCode::Required, format!("Ячейка «{column}» пуста"));
            return None;
        }
        if value.chars().nth(MOST_CHARACTERS).is_some() {
            self.error(
                table.file,
                *line,
                column,
                RosterCode::TooLong,
                format!("«{column}» длиннее {MOST_CHARACTERS} знаков"),
            );
            return None;
        }
        Some(value.to_owned())
    }

    fn roster(&mut self, files: &BTreeMap<String, Vec<u8>>) -> Roster {
        let mode = self.mode(files);
        let mut roster = Roster { mode, ..Roster::default() };
        let is_bulk = mode == Mode::Bulk;
        let users = self.table(files, "users.csv", &["sourcedId", "givenName", "familyName"], is_bulk);
        let roles = self.table(files, "roles.csv", &["userSourcedId", "role"], is_bulk);
        let classes = self.table(files, "classes.csv", &["sourcedId", "title", "classType"], is_bulk);
        let courses = self.table(files, "courses.csv", &["sourcedId", "title"], false);
        let enrollments =
            self.table(files, "enrollments.csv", &["sourcedId", "classSourcedId", "userSourcedId", "role"], is_bulk);
        let demographics = self.table(files, "demographics.csv", &["sourcedId"], false);
        let orgs = self.table(files, "orgs.csv", &["sourcedId", "name", "type"], false);
        if !self.errors.is_empty() {
            return roster;
        }
        let courses: HashMap<String, String> = courses
            .lines
            .iter()
            .map(|(_, cells)| (courses.get(cells, "sourcedId").to_owned(), courses.get(cells, "title").to_owned()))
            .collect();
        self.classes(&classes, &courses, &mut roster);
        let schools = self.units(&orgs, &mut roster);
        self.people(&users, &demographics, &mut roster);
        self.roles(&users, &roles, &schools, &mut roster);
        self.enrollments(&enrollments, &mut roster);
        roster
    }

    /// Delta when the manifest says so of any file that is there.
    fn mode(&mut self, files: &BTreeMap<String, Vec<u8>>) -> Mode {
        let manifest = self.table(files, "manifest.csv", &["propertyName", "value"], false);
        let is_delta = manifest.lines.iter().any(|(_, cells)| {
            manifest.get(cells, "propertyName").starts_with("file.")
                && manifest.get(cells, "value").eq_ignore_ascii_case("delta")
        });
        if is_delta { Mode::Delta } else { Mode::Bulk }
    }

    fn classes(&mut self, table: &Table, courses: &HashMap<String, String>, roster: &mut Roster) {
        let mut seen = HashSet::new();
        for row in &table.lines {
            let (Some(source), Some(title)) =
                (self.required(table, row, "sourcedId"), self.required(table, row, "title"))
            else {
                continue;
            };
            if !seen.insert(source.clone()) {
                self.error(table.file, row.0, "sourcedId", RosterCode::Doubled, format!("«{source}» дан дважды"));
                continue;
            }
            if is_gone(table, &row.1) {
                continue;
            }
            if table.get(&row.1, "classType").eq_ignore_ascii_case("homeroom") {
                match class_name(&title) {
                    Some((grade, letter)) => roster.classes.push(Class { source, grade, letter }),
                    None => self.error(
                        table.file,
                        row.0,
                        "title",
                        RosterCode::BadClass,
                        format!("«{title}» не похоже на класс (5А)"),
                    ),
                }
                continue;
            }
            // «5А Английский 1», «5А/Английский 1»: the class first, then the group's own name.
            let (class, name) = title.split_once(['/', ' ']).unwrap_or((title.as_str(), ""));
            let Some((grade, letter)) = class_name(class) else {
                let text = format!("Группа «{title}»: название начинается с класса (5А Английский 1)");
                self.error(table.file, row.0, "title", RosterCode::BadClass, text);
                continue;
            };
            let subject = courses.get(table.get(&row.1, "courseSourcedId")).filter(|title| !title.is_empty()).cloned();
            let name =
                if name.trim().is_empty() { subject.clone().unwrap_or_default() } else { name.trim().to_owned() };
            if let Some(subject) = &subject
                && !roster.subjects.contains(subject)
            {
                roster.subjects.push(subject.clone());
            }
            roster.groups.push(Group { source, class: format!("{grade}{letter}"), name, subject });
        }
        // A subject that no group names is one that whole classes have.
        let mut rest: Vec<&String> =
            courses.values().filter(|title| !title.is_empty() && !roster.subjects.contains(title)).collect();
        rest.sort();
        rest.dedup();
        let rest: Vec<String> = rest.into_iter().cloned().collect();
        roster.subjects.extend(rest);
        roster.subjects.sort();
    }

    /// Departments become units; gives the sources of all other organisations.
    fn units(&mut self, orgs: &Table, roster: &mut Roster) -> HashSet<String> {
        let mut others = HashSet::new();
        let mut names: HashMap<String, u64> = HashMap::new();
        for row in &orgs.lines {
            let Some(source) = self.required(orgs, row, "sourcedId") else { continue };
            if is_gone(orgs, &row.1) {
                // A row that takes away need not say what it was: the school finds out.
                roster.gone_units.push(source);
                continue;
            }
            if !orgs.get(&row.1, "type").eq_ignore_ascii_case("department") {
                others.insert(source);
                continue;
            }
            let Some(name) = self.required(orgs, row, "name") else { continue };
            if roster.units.iter().any(|unit| unit.source == source) {
                self.error(orgs.file, row.0, "sourcedId", RosterCode::Doubled, format!("«{source}» дан дважды"));
                continue;
            }
            if let Some(first) = names.insert(fold(&name), row.0) {
                let text = format!("Подразделение «{name}» уже есть в строке {first}");
                self.error(orgs.file, row.0, "name", RosterCode::Doubled, text);
                continue;
            }
            roster.units.push(Unit { source, name });
        }
        others
    }

    fn people(&mut self, users: &Table, demographics: &Table, roster: &mut Roster) {
        let mut by_source: HashMap<String, usize> = HashMap::new();
        let mut codes: HashMap<String, u64> = HashMap::new();
        for row in &users.lines {
            let Some(source) = self.required(users, row, "sourcedId") else { continue };
            if is_gone(users, &row.1) || users.get(&row.1, "enabledUser").eq_ignore_ascii_case("false") {
                roster.gone_people.push(source);
                continue;
            }
            let (Some(given_name), Some(family_name)) =
                (self.required(users, row, "givenName"), self.required(users, row, "familyName"))
            else {
                continue;
            };
            if by_source.contains_key(&source) {
                self.error(users.file, row.0, "sourcedId", RosterCode::Doubled, format!("«{source}» дан дважды"));
                continue;
            }
            let code =
                Some(users.get(&row.1, "username")).filter(|code| !code.is_empty()).unwrap_or(&source).to_owned();
            if let Some(first) = codes.insert(crate::domain::fold::fold_code(&code), row.0) {
                let text = format!("Имя входа «{code}» уже есть в строке {first}");
                self.error(users.file, row.0, "username", RosterCode::Doubled, text);
                continue;
            }
            let agents = users.get(&row.1, "agentSourcedIds").split(',').map(str::trim);
            let mut guardians: Vec<String> = agents.filter(|agent| !agent.is_empty()).map(str::to_owned).collect();
            guardians.sort();
            guardians.dedup();
            by_source.insert(source.clone(), roster.people.len());
            roster.people.push(Person {
                source,
                code,
                family_name,
                given_name,
                middle_name: Some(users.get(&row.1, "middleName").to_owned()).filter(|name| !name.is_empty()),
                birth_date: None,
                roles: Vec::new(),
                in_units: Vec::new(),
                guardians,
                line: row.0,
            });
        }
        for row in &demographics.lines {
            let born = demographics.get(&row.1, "birthDate");
            if born.is_empty() {
                continue;
            }
            let Ok(born) = born.parse::<Date>() else {
                let text = format!("«{born}» не дата (ГГГГ-ММ-ДД)");
                self.error(demographics.file, row.0, "birthDate", RosterCode::BadDate, text);
                continue;
            };
            if let Some(at) = by_source.get(demographics.get(&row.1, "sourcedId")) {
                roster.people[*at].birth_date = Some(born);
            }
        }
    }

    /// Roles, with the department where they are held in one.
    fn roles(&mut self, users: &Table, roles: &Table, schools: &HashSet<String>, roster: &mut Roster) {
        let people = roster.people.iter().enumerate();
        let by_source: HashMap<String, usize> = people.map(|(at, person)| (person.source.clone(), at)).collect();
        let is_delta = roster.mode == Mode::Delta;
        // Whose role is a mistake already are not told that they have none.
        let mut troubled = HashSet::new();
        for row in &roles.lines {
            let (Some(user), Some(word)) =
                (self.required(roles, row, "userSourcedId"), self.required(roles, row, "role"))
            else {
                continue;
            };
            let is_gone = is_gone(roles, &row.1);
            let Some(role) = role(&word) else {
                if !is_gone {
                    self.error(roles.file, row.0, "role", RosterCode::UnknownRole, format!("Роли «{word}» нет"));
                    troubled.insert(user);
                }
                continue;
            };
            let unit = self.unit_of(roles, row, schools, roster);
            if is_gone {
                roster.gone_posts.extend(unit.map(|unit| Post { person: user, role, unit }));
                continue;
            }
            match by_source.get(&user) {
                Some(at) => {
                    let person = &mut roster.people[*at];
                    person.roles.push(role);
                    person.in_units.extend(unit.map(|unit| (role, unit)));
                }
                None if is_delta => roster.posts.extend(unit.map(|unit| Post { person: user, role, unit })),
                None if roster.gone_people.contains(&user) => {}
                None => {
                    let text = format!("Человека «{user}» нет в users.csv");
                    self.error(roles.file, row.0, "userSourcedId", RosterCode::UnknownReference, text);
                }
            }
        }
        for person in &mut roster.people {
            person.roles.sort();
            person.roles.dedup();
            person.in_units.sort();
            person.in_units.dedup();
            let unknown = person.guardians.iter().find(|guardian| !by_source.contains_key(*guardian)).cloned();
            if let Some(unknown) = unknown.filter(|_| !is_delta) {
                let text = format!("Представителя «{unknown}» нет в users.csv");
                self.error(users.file, person.line, "agentSourcedIds", RosterCode::UnknownReference, text);
            }
            if person.roles.is_empty() && !is_delta && !troubled.contains(&person.source) {
                let text = format!("У «{}» нет роли в roles.csv", person.source);
                self.error(users.file, person.line, "sourcedId", RosterCode::Required, text);
            }
        }
    }

    /// The department in which a role is held. A delta may name one that it does not bring along: the school knows.
    fn unit_of(
        &mut self,
        roles: &Table,
        row: &(u64, HashMap<String, String>),
        schools: &HashSet<String>,
        roster: &Roster,
    ) -> Option<String> {
        let org = roles.get(&row.1, "orgSourcedId").to_owned();
        if org.is_empty() || schools.contains(&org) || org.chars().nth(MOST_CHARACTERS).is_some() {
            return None;
        }
        if roster.mode == Mode::Delta || roster.units.iter().any(|unit| unit.source == org) {
            return Some(org);
        }
        // An archive without orgs.csv names its school here, and nothing is known of it.
        let tells_of_organisations = !schools.is_empty() || !roster.units.is_empty();
        if tells_of_organisations && !roster.gone_units.contains(&org) {
            let text = format!("Организации «{org}» нет в orgs.csv");
            self.error(roles.file, row.0, "orgSourcedId", RosterCode::UnknownReference, text);
        }
        None
    }

    fn enrollments(&mut self, table: &Table, roster: &mut Roster) {
        let classes: HashSet<&str> = roster.classes.iter().map(|class| class.source.as_str()).collect();
        let groups: HashSet<&str> = roster.groups.iter().map(|group| group.source.as_str()).collect();
        let people: HashSet<&str> = roster.people.iter().map(|person| person.source.as_str()).collect();
        let is_delta = roster.mode == Mode::Delta;
        let (mut found, mut gone) = (Vec::new(), Vec::new());
        for row in &table.lines {
            let (Some(source), Some(class), Some(person)) = (
                self.required(table, row, "sourcedId"),
                self.required(table, row, "classSourcedId"),
                self.required(table, row, "userSourcedId"),
            ) else {
                continue;
            };
            if is_gone(table, &row.1) {
                gone.push(source);
                continue;
            }
            let is_teacher = match table.get(&row.1, "role") {
                word if word.eq_ignore_ascii_case("student") => false,
                word if word.eq_ignore_ascii_case("teacher") => true,
                word if word.eq_ignore_ascii_case("proctor") || word.eq_ignore_ascii_case("administrator") => continue,
                word => {
                    let text = format!("Роль «{word}» в классе: student или teacher");
                    self.error(table.file, row.0, "role", RosterCode::UnknownRole, text);
                    continue;
                }
            };
            if !is_delta && !classes.contains(class.as_str()) && !groups.contains(class.as_str()) {
                let text = format!("Класса «{class}» нет в classes.csv");
                self.error(table.file, row.0, "classSourcedId", RosterCode::UnknownReference, text);
                continue;
            }
            if !is_delta && !people.contains(person.as_str()) {
                if roster.gone_people.contains(&person) {
                    continue;
                }
                let text = format!("Человека «{person}» нет в users.csv");
                self.error(table.file, row.0, "userSourcedId", RosterCode::UnknownReference, text);
                continue;
            }
            found.push(Enrollment { source, class, person, is_teacher });
        }
        roster.enrollments = found;
        roster.gone_enrollments = gone;
    }
}

fn is_gone(table: &Table, cells: &HashMap<String, String>) -> bool {
    table.get(cells, "status").eq_ignore_ascii_case("tobedeleted")
}
