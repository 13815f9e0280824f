//! Marks as files (DOMAIN 8.3): the long form (a mark a line) and the wide grid of a class journal (a student a line, a date a
//! column). Bytes in, rows or errors by cell out; who and what the words mean is looked up by the store.

use std::ops::RangeInclusive;

use jiff::civil::Date;

use crate::domain::card_csv::{CellCode, CellError, decode};
use crate::domain::fold::fold;

/// Most marks of one file: a school of 1,200 for a term.
pub const MAX_MARKS: usize = 200_000;
/// Most dates of a grid.
const MAX_COLUMNS: usize = 400;
const MARKS: RangeInclusive<u8> = 2..=5;
/// Longest word of a cell that is looked up, characters.
const MAX_CELL: usize = 200;

/// One mark, words not looked up yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarkRow {
    pub line: u64,
    pub column: String,
    /// The student's code.
    pub student: String,
    /// Empty in a grid: the request says it.
    pub subject: String,
    pub date: Date,
    /// `None`: the work is missing.
    pub value: Option<u8>,
    pub weight: u8,
    pub topic: String,
}

/// Reads a file of either form. `year`: the school year's first and last day, for grid headings without a year.
/// `Err`: everything that is wrong with it; nothing of it may be used.
pub fn parse(bytes: &[u8], year: Option<(Date, Date)>) -> Result<Vec<MarkRow>, Vec<CellError>> {
    let text = decode(bytes).replace("\r\n", "\n").replace('\r', "\n");
    let head = text.lines().next().unwrap_or_default();
    let delimiter = *[b';', b'\t', b',']
        .iter()
        .max_by_key(|byte| head.bytes().filter(|each| each == *byte).count())
        .unwrap_or(&b';');
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut records = reader.records().filter_map(Result::ok);
    let Some(head) = records.next() else {
        return Err(vec![error(1, "", CellCode::Empty, "Файл пуст: нужна строка заголовков".into())]);
    };
    let head: Vec<String> = head.iter().map(|cell| cell.trim_matches(['\u{feff}', ' ', '*']).to_owned()).collect();
    let is_long = head.iter().any(|cell| is(cell, DATE)) && head.iter().any(|cell| is(cell, MARK));
    let mut file = File { head, rows: Vec::new(), errors: Vec::new() };
    match is_long {
        true => file.long(records),
        false => file.grid(records, year),
    }
    if file.errors.is_empty() { Ok(file.rows) } else { Err(file.errors) }
}

/// Writes the long form (UTF-8 with BOM, `;`): code of the student, subject, date, mark, weight, topic.
///
/// # Errors
/// None but those of writing into memory.
pub fn write(lines: &[[String; 6]]) -> Result<Vec<u8>, csv::Error> {
    let mut file = csv::WriterBuilder::new().delimiter(b';').from_writer(vec![0xef, 0xbb, 0xbf]);
    file.write_record(["Код ученика", "Предмет", "Дата", "Отметка", "Вес", "Тема"])?;
    for line in lines {
        file.write_record(line)?;
    }
    file.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}

const STUDENT: &[&str] = &["код ученика", "код", "ученик", "student"];
const SUBJECT: &[&str] = &["предмет", "subject"];
const DATE: &[&str] = &["дата", "date"];
const MARK: &[&str] = &["отметка", "оценка", "балл", "mark"];
const WEIGHT: &[&str] = &["вес", "weight"];
const TOPIC: &[&str] = &["тема", "topic"];
/// Columns of a grid that people have and that say nothing here.
const NAME: &[&str] = &["фамилия", "имя", "фио", "ученик (фио)", "name", "№"];

fn is(cell: &str, names: &[&str]) -> bool {
    let cell = fold(cell);
    names.iter().any(|name| fold(name) == cell)
}

fn error(line: u64, column: &str, code: CellCode, text: String) -> CellError {
    CellError { line, column: column.to_owned(), code, text }
}

struct File {
    head: Vec<String>,
    rows: Vec<MarkRow>,
    errors: Vec<CellError>,
}

impl File {
    fn column(&self, names: &[&str]) -> Option<usize> {
        self.head.iter().position(|cell| is(cell, names))
    }

    fn error(&mut self, line: u64, column: usize, code: CellCode, text: String) {
        let column = self.head.get(column).cloned().unwrap_or_default();
        self.errors.push(error(line, &column, code, text));
    }

    fn push(&mut self, row: MarkRow) -> bool {
        if self.rows.len() >= MAX_MARKS {
            let text = format!("В файле больше {MAX_MARKS} отметок: разделите его");
            self.errors.push(error(row.line, "", CellCode::TooManyRows, text));
            return false;
        }
        self.rows.push(row);
        true
    }

    fn long(&mut self, records: impl Iterator<Item = csv::StringRecord>) {
        let [student, subject, date, mark] = [STUDENT, SUBJECT, DATE, MARK].map(|names| self.column(names));
        for (names, column) in [(STUDENT, student), (SUBJECT, subject), (DATE, date), (MARK, mark)] {
            if column.is_none() {
                let text = format!("Нет колонки «{}»", names[0]);
                self.errors.push(error(1, names[0], CellCode::MissingColumn, text));
            }
        }
        let (Some(student), Some(subject), Some(date), Some(mark)) = (student, subject, date, mark) else { return };
        let (weight, topic) = (self.column(WEIGHT), self.column(TOPIC));
        for record in records {
            let line = record.position().map_or(0, csv::Position::line);
            if record.iter().all(|cell| cell.trim().is_empty()) {
                continue;
            }
            let cell = |at: usize| record.get(at).unwrap_or_default().trim().chars().take(MAX_CELL).collect::<String>();
            let day = day(&cell(date), None);
            if day.is_none() {
                self.error(line, date, CellCode::BadDate, format!("«{}» — не дата (ДД.ММ.ГГГГ)", cell(date)));
            }
            for (at, what) in [(student, "код ученика"), (subject, "предмет")] {
                if cell(at).is_empty() {
                    self.error(line, at, CellCode::Required, format!("Пусто: нужен {what}"));
                }
            }
            let marks = values(&cell(mark));
            if marks.is_none() {
                self.error(line, mark, CellCode::BadNumber, format!("«{}» — не отметка (2–5, н)", cell(mark)));
            }
            let heavy = weight.map(cell).filter(|text| !text.is_empty());
            let heavy = match heavy.map(|text| text.parse::<u8>()) {
                None => 1,
                Some(Ok(weight)) if (1..=10).contains(&weight) => weight,
                Some(_) => {
                    self.error(line, weight.unwrap_or_default(), CellCode::BadNumber, "Вес — от 1 до 10".into());
                    1
                }
            };
            let (Some(day), Some(marks)) = (day, marks) else { continue };
            for value in marks {
                let row = MarkRow {
                    line,
                    column: self.head[mark].clone(),
                    student: cell(student),
                    subject: cell(subject),
                    date: day,
                    value,
                    weight: heavy,
                    topic: topic.map(cell).unwrap_or_default(),
                };
                if !self.push(row) {
                    return;
                }
            }
        }
    }

    /// The first column is the student's code; each other heading is a date, with a topic after a space or colon if wished
    /// (`12.10 Дроби`).
    fn grid(&mut self, records: impl Iterator<Item = csv::StringRecord>, year: Option<(Date, Date)>) {
        let Some(student) = self.column(STUDENT) else {
            self.errors.push(error(1, STUDENT[0], CellCode::MissingColumn, "Нет колонки «Код ученика»".into()));
            return;
        };
        if self.head.len() > MAX_COLUMNS {
            self.errors.push(error(1, "", CellCode::TooManyCells, format!("Больше {MAX_COLUMNS} колонок")));
            return;
        }
        let mut dates: Vec<(usize, Date, String)> = Vec::new();
        for at in 0..self.head.len() {
            let heading = self.head[at].clone();
            if at == student || is(&heading, NAME) || heading.is_empty() {
                continue;
            }
            let (word, topic) = heading.split_once([' ', ':']).unwrap_or((&heading, ""));
            match day(word.trim_end_matches(':'), year) {
                Some(day) => dates.push((at, day, topic.trim().to_owned())),
                None => self.error(1, at, CellCode::BadDate, format!("«{heading}» — не дата")),
            }
        }
        if dates.is_empty() && self.errors.is_empty() {
            self.errors.push(error(1, "", CellCode::MissingColumn, "Нет ни одной колонки с датой".into()));
        }
        for record in records {
            let line = record.position().map_or(0, csv::Position::line);
            let code: String = record.get(student).unwrap_or_default().trim().chars().take(MAX_CELL).collect();
            if record.iter().all(|cell| cell.trim().is_empty()) {
                continue;
            }
            if code.is_empty() {
                self.error(line, student, CellCode::Required, "Пусто: нужен код ученика".into());
                continue;
            }
            for (at, date, topic) in &dates {
                let cell = record.get(*at).unwrap_or_default().trim();
                if cell.is_empty() {
                    continue;
                }
                let Some(marks) = values(cell) else {
                    let shown: String = cell.chars().take(20).collect();
                    self.error(line, *at, CellCode::BadNumber, format!("«{shown}» — не отметка (2–5, н)"));
                    continue;
                };
                for value in marks {
                    let row = MarkRow {
                        line,
                        column: self.head[*at].clone(),
                        student: code.clone(),
                        subject: String::new(),
                        date: *date,
                        value,
                        weight: 1,
                        topic: topic.clone(),
                    };
                    if !self.push(row) {
                        return;
                    }
                }
            }
        }
    }
}

/// `ДД.ММ.ГГГГ`, ISO, and in grids `ДД.ММ`, which means the day inside the school year.
fn day(text: &str, year: Option<(Date, Date)>) -> Option<Date> {
    if let Ok(date) = text.parse::<Date>() {
        return Some(date);
    }
    let mut parts = text.trim_end_matches('.').split('.');
    let day: i8 = parts.next()?.trim().parse().ok()?;
    let month: i8 = parts.next()?.trim().parse().ok()?;
    let said: Option<i16> = match parts.next() {
        Some(text) => Some(text.trim().parse().ok()?),
        None => None,
    };
    if parts.next().is_some() {
        return None;
    }
    match said {
        Some(year) => Date::new(if year < 100 { year + 2000 } else { year }, month, day).ok(),
        None => {
            let (from, to) = year?;
            [from.year(), to.year()]
                .into_iter()
                .filter_map(|year| Date::new(year, month, day).ok())
                .find(|date| (from..=to).contains(date))
        }
    }
}

/// The marks of a cell: `4`, `4/5`, `3 5`, `н` or `-` for missing work. `None`: none of these.
fn values(cell: &str) -> Option<Vec<Option<u8>>> {
    let words: Vec<&str> = cell.split(['/', ' ', ',']).filter(|word| !word.is_empty()).collect();
    if words.is_empty() || words.len() > 5 {
        return None;
    }
    words
        .into_iter()
        .map(|word| match fold(word).as_str() {
            "н" | "n" | "-" | "нет" => Some(None),
            word => word.parse::<u8>().ok().filter(|value| MARKS.contains(value)).map(Some),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use jiff::civil::date;
    use proptest::prelude::*;

    const YEAR: Option<(Date, Date)> = Some((date(2026, 9, 1), date(2027, 5, 31)));

    #[test]
    fn the_long_form_is_read() {
        let text = "Код ученика;Предмет;Дата;Отметка;Вес;Тема\nS-1;Математика;12.10.2026;4/5;2;Дроби\nS-2;Математика;2026-10-12;н;;\n";
        let rows = parse(text.as_bytes(), YEAR).unwrap();
        let seen: Vec<_> =
            rows.iter().map(|row| (row.student.as_str(), row.value, row.weight, row.topic.as_str())).collect();
        assert_eq!(seen, [("S-1", Some(4), 2, "Дроби"), ("S-1", Some(5), 2, "Дроби"), ("S-2", None, 1, "")]);
    }

    #[test]
    fn the_grid_is_read_with_years_from_the_school_year() {
        let text = "Код;ФИО;12.10 Дроби;15.01\nS-1;Иванов;3;\nS-2;Петров;н;5\n";
        let rows = parse(text.as_bytes(), YEAR).unwrap();
        let seen: Vec<_> = rows.iter().map(|row| (row.student.as_str(), row.date, row.value)).collect();
        let (autumn, winter) = (date(2026, 10, 12), date(2027, 1, 15));
        assert_eq!(seen, [("S-1", autumn, Some(3)), ("S-2", autumn, None), ("S-2", winter, Some(5))]);
        assert_eq!(rows[0].topic, "Дроби");
    }

    #[test]
    fn every_wrong_cell_is_named() {
        let text = "Код ученика;Предмет;Дата;Отметка\nS-1;Математика;32.10.2026;4\n;Математика;12.10.2026;6\n";
        let errors = parse(text.as_bytes(), YEAR).unwrap_err();
        let seen: Vec<_> = errors.iter().map(|error| (error.line, error.code)).collect();
        assert_eq!(seen, [(2, CellCode::BadDate), (3, CellCode::Required), (3, CellCode::BadNumber)]);
    }

    proptest! {
        #[test]
        fn no_file_makes_the_reader_fall(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = parse(&bytes, YEAR);
        }

        #[test]
        fn no_table_makes_the_reader_fall(text in "(Код|Дата|Отметка|Предмет|12.10|;|\n|5|н|/| ){0,60}") {
            if let Ok(rows) = parse(text.as_bytes(), YEAR) {
                prop_assert!(rows.iter().all(|row| row.value.is_none_or(|value| MARKS.contains(&value))));
            }
        }
    }
}
