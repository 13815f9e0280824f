//! The cells of one row: reading each kind of value, and writing it back.

use std::ops::RangeInclusive;

use csv::StringRecord;
use jiff::civil::{Date, Time, Weekday};

use super::{CardRow, CellCode, CellError, Column};
use crate::domain::calendar::Parity;
use crate::domain::fold::{fold, nearest};
use crate::domain::form::{Audience, Coverage, Form, Kind};
use crate::domain::lesson_card::At;

/// Longest text of a cell, in characters.
const MAX_TEXT: usize = 2000;

/// Words of a closed list; the first spelling of a value is the one that is written.
type Words<T, const N: usize> = [(&'static str, T); N];

pub(super) const KINDS: Words<Kind, 5> = [
    ("текущая", Kind::Current),
    ("подготовка к аттестации", Kind::AssessmentPrep),
    ("подготовка к промежуточной аттестации", Kind::AssessmentPrep),
    ("current", Kind::Current),
    ("assessment_prep", Kind::AssessmentPrep),
];

pub(super) const FORMS: Words<Form, 18> = [
    ("вебинар", Form::Webinar),
    ("видеоконференция", Form::VideoConference),
    ("чат", Form::Chat),
    ("индивидуальная", Form::Individual),
    ("интерактивное задание", Form::Assignment),
    ("семинар", Form::Workshop),
    ("глоссарий", Form::Glossary),
    ("форум", Form::Forum),
    ("интерактивное электронное задание", Form::Assignment),
    ("индивидуально", Form::Individual),
    ("webinar", Form::Webinar),
    ("video_conference", Form::VideoConference),
    ("chat", Form::Chat),
    ("individual", Form::Individual),
    ("assignment", Form::Assignment),
    ("workshop", Form::Workshop),
    ("glossary", Form::Glossary),
    ("forum", Form::Forum),
];

pub(super) const COVERAGES: Words<Coverage, 4> = [
    ("обзорная", Coverage::Overview),
    ("по темам", Coverage::Topics),
    ("overview", Coverage::Overview),
    ("topics", Coverage::Topics),
];

pub(super) const WEEKS: Words<Option<Parity>, 9> = [
    ("обе", None),
    ("нечёт", Some(Parity::Odd)),
    ("чёт", Some(Parity::Even)),
    ("каждая", None),
    ("нечётная", Some(Parity::Odd)),
    ("чётная", Some(Parity::Even)),
    ("every", None),
    ("odd", Some(Parity::Odd)),
    ("even", Some(Parity::Even)),
];

const WEEKDAYS: [(&str, &str, &str, Weekday); 7] = [
    ("пн", "понедельник", "mon", Weekday::Monday),
    ("вт", "вторник", "tue", Weekday::Tuesday),
    ("ср", "среда", "wed", Weekday::Wednesday),
    ("чт", "четверг", "thu", Weekday::Thursday),
    ("пт", "пятница", "fri", Weekday::Friday),
    ("сб", "суббота", "sat", Weekday::Saturday),
    ("вс", "воскресенье", "sun", Weekday::Sunday),
];

/// One row's cells by column, collecting what is wrong with them.
pub(super) struct Cells<'a> {
    pub line: u64,
    pub errors: Vec<CellError>,
    columns: &'a [Option<Column>],
    record: &'a StringRecord,
}

impl<'a> Cells<'a> {
    pub(super) fn new(line: u64, columns: &'a [Option<Column>], record: &'a StringRecord) -> Self {
        let mut cells = Self { line, errors: Vec::new(), columns, record };
        if record.iter().skip(columns.len()).any(|cell| !cell.trim().is_empty()) {
            let text = format!("Ячеек больше, чем столбцов ({}): проверьте разделитель и кавычки", columns.len());
            cells.errors.push(CellError { line, column: String::new(), code: CellCode::TooManyCells, text });
        }
        cells
    }

    pub(super) fn error(&mut self, column: Column, code: CellCode, text: String) {
        self.errors.push(CellError { line: self.line, column: column.heading().into(), code, text });
    }

    /// The cell without outer spaces; a leading apostrophe before a formula sign is a spreadsheet's "this is text".
    pub(super) fn text(&mut self, column: Column) -> String {
        let cell = self
            .columns
            .iter()
            .position(|place| *place == Some(column))
            .and_then(|place| self.record.get(place))
            .unwrap_or_default()
            .trim();
        let cell = match cell.strip_prefix('\'') {
            Some(rest) if is_formula(rest) => rest,
            _ => cell,
        };
        // NUL is not storable text in PostgreSQL, and means nothing anywhere.
        let cell: String = cell.chars().filter(|letter| *letter != '\0').collect();
        if cell.chars().count() > MAX_TEXT {
            self.error(column, CellCode::TooLong, format!("Длиннее {MAX_TEXT} знаков"));
            return String::new();
        }
        cell
    }

    pub(super) fn required(&mut self, column: Column) -> Option<String> {
        // Part of names that are kept line by line.
        let text = self.text(column).replace(['\n', '\r'], " ");
        if text.is_empty() {
            self.error(column, CellCode::Required, format!("Заполните «{}»", column.heading()));
            return None;
        }
        Some(text)
    }

    /// A word of a closed list. `missing` is the value of an empty cell; without it the cell is required.
    pub(super) fn word<T: Copy, const N: usize>(
        &mut self,
        column: Column,
        words: &Words<T, N>,
        missing: Option<T>,
    ) -> Option<T> {
        let text = self.text(column);
        if text.is_empty() {
            if missing.is_none() {
                self.error(column, CellCode::Required, format!("Заполните «{}»", column.heading()));
            }
            return missing;
        }
        let folded = fold(&text);
        let found = words.iter().find(|(word, _)| fold(word) == folded).map(|(_, value)| *value);
        if found.is_none() {
            self.unknown(column, &text, words.iter().map(|(word, _)| *word));
        }
        found
    }

    fn unknown(&mut self, column: Column, text: &str, words: impl Iterator<Item = &'static str> + Clone) {
        let shown: String = text.chars().take(60).collect();
        let hint = match nearest(text, words.clone()) {
            Some(near) => format!("Может быть, «{near}»?"),
            None => {
                let russian = words.filter(|word| !word.is_ascii()).take(8).collect::<Vec<_>>().join(", ");
                format!("Бывает: {russian}")
            }
        };
        self.error(column, CellCode::UnknownWord, format!("«{shown}»: такого значения нет. {hint}"));
    }

    /// Parts by commas and spaces, without empty ones: a topic or a link may hold a comma.
    pub(super) fn list(&mut self, column: Column) -> Vec<String> {
        split(&self.text(column))
    }

    /// Words of a closed list by commas: no word has one, so that no space is needed after it.
    fn words(&mut self, column: Column) -> Vec<String> {
        self.text(column).split(',').map(str::trim).filter(|word| !word.is_empty()).map(Into::into).collect()
    }

    pub(super) fn links(&mut self, column: Column) -> Vec<String> {
        let links = self.list(column);
        for link in &links {
            // Anything else could run in the reader's browser.
            if !(link.starts_with("https://") || link.starts_with("http://")) || link.contains(char::is_whitespace) {
                let shown: String = link.chars().take(60).collect();
                let text = format!("«{shown}»: ссылка должна начинаться с https:// и быть без пробелов");
                self.error(column, CellCode::BadLink, text);
            }
        }
        links
    }

    pub(super) fn audience(&mut self) -> Option<Audience> {
        let mut audience = Audience { students: false, guardians: false };
        let words = self.words(Column::Audience);
        if words.is_empty() {
            return Some(Audience { students: true, guardians: false });
        }
        for word in words {
            match fold(&word).as_str() {
                "обучающиеся" | "ученики" | "students" => audience.students = true,
                "родители" | "законные представители" | "guardians" => {
                    audience.guardians = true
                }
                _ => {
                    self.unknown(Column::Audience, &word, ["обучающиеся", "родители"].into_iter());
                    return None;
                }
            }
        }
        Some(audience)
    }

    pub(super) fn weekdays(&mut self) -> Vec<Weekday> {
        let mut days = Vec::new();
        for word in self.words(Column::Weekday) {
            let folded = fold(&word);
            match WEEKDAYS.iter().find(|(short, long, english, _)| [*short, *long, *english].contains(&folded.as_str()))
            {
                Some((.., day)) if days.contains(day) => {}
                Some((.., day)) => days.push(*day),
                None => {
                    self.unknown(Column::Weekday, &word, ["пн", "вт", "ср", "чт", "пт", "сб", "вс"].into_iter());
                }
            }
        }
        days
    }

    /// ДД.ММ.ГГГГ or ГГГГ-ММ-ДД, years 2000 to 2199.
    pub(super) fn date(&mut self, column: Column) -> Option<Date> {
        let text = self.text(column);
        if text.is_empty() {
            return None;
        }
        let date = parse_date(&text).filter(|date| (2000..2200).contains(&date.year()));
        if date.is_none() {
            let shown: String = text.chars().take(40).collect();
            self.error(column, CellCode::BadDate, format!("«{shown}»: дата пишется так: 01.09.2026"));
        }
        date
    }

    pub(super) fn time(&mut self, column: Column) -> Option<Time> {
        let text = self.text(column);
        if text.is_empty() {
            return None;
        }
        let parts = text.split_once([':', '.']);
        let time = parts.and_then(|(hour, minute)| {
            let two = |text: &str| text.parse::<i8>().ok().filter(|_| text.len() <= 2 && !text.starts_with('-'));
            Time::new(two(hour)?, two(minute)?, 0, 0).ok()
        });
        if time.is_none() {
            let shown: String = text.chars().take(40).collect();
            self.error(column, CellCode::BadTime, format!("«{shown}»: время пишется так: 16:00"));
        }
        time
    }

    pub(super) fn number(&mut self, column: Column, range: RangeInclusive<u16>) -> Option<u16> {
        let text = self.text(column);
        if text.is_empty() {
            return None;
        }
        let number = text.parse().ok().filter(|number| range.contains(number));
        if number.is_none() {
            let shown: String = text.chars().take(40).collect();
            let text = format!("«{shown}»: нужно число от {} до {}", range.start(), range.end());
            self.error(column, CellCode::BadNumber, text);
        }
        number
    }
}

fn is_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@'])
}

fn split(text: &str) -> Vec<String> {
    text.split(", ")
        .flat_map(|part| part.split(",\n"))
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(Into::into)
        .collect()
}

fn parse_date(text: &str) -> Option<Date> {
    if let Ok(date) = text.parse::<Date>() {
        return Some(date);
    }
    let mut parts = text.split('.');
    let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
}

/// A value as a cell that reads back to the same.
pub(super) fn show(row: &CardRow, column: Column) -> String {
    let date = |date: Option<Date>| date.map(|date| date.strftime("%d.%m.%Y").to_string()).unwrap_or_default();
    let text = match column {
        Column::Key => row.key.clone(),
        Column::Date => date(row.date),
        Column::Weekday => {
            let short = |day: &Weekday| WEEKDAYS.iter().find(|(.., one)| one == day).map_or("", |(short, ..)| short);
            row.weekdays.iter().map(short).collect::<Vec<_>>().join(", ")
        }
        Column::Week => word_of(&WEEKS, &row.parity),
        Column::From => date(row.from),
        Column::To => date(row.to),
        Column::Period => match row.at {
            Some(At::Period(number)) => number.to_string(),
            _ => String::new(),
        },
        Column::Start => match row.at {
            Some(At::Start(time)) => time.strftime("%H:%M").to_string(),
            _ => String::new(),
        },
        Column::Minutes => row.minutes.map(|minutes| minutes.to_string()).unwrap_or_default(),
        Column::Class => row.class.clone(),
        Column::Group => row.group.clone(),
        Column::Subject => row.subject.clone(),
        Column::Part => row.parts.join(", "),
        Column::Topic => row.topics.join(", "),
        Column::Host => row.teacher.clone(),
        Column::Kind => word_of(&KINDS, &row.kind),
        Column::Form => word_of(&FORMS, &row.form),
        Column::Coverage => word_of(&COVERAGES, &row.coverage),
        Column::Audience => {
            let students = row.audience.students.then_some("обучающиеся");
            let guardians = row.audience.guardians.then_some("родители");
            students.into_iter().chain(guardians).collect::<Vec<_>>().join(", ")
        }
        Column::Materials => row.materials.join(", "),
        Column::Homework => row.homework.clone(),
        Column::Due => date(row.due),
        Column::Note => row.note.clone(),
    };
    // A spreadsheet would run it.
    if is_formula(&text) { format!("'{text}") } else { text }
}

fn word_of<T: PartialEq, const N: usize>(words: &Words<T, N>, value: &T) -> String {
    words.iter().find(|(_, one)| one == value).map_or(String::new(), |(word, _)| (*word).to_owned())
}
