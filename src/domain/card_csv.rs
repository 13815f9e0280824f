//! Lesson cards as CSV (DOMAIN 8.1): bytes in, rows or errors by cell out, and rows back to text. Names of classes, people and
//! subjects stay words here; the store's import looks them up.

mod cell;
mod header;

use jiff::civil::{Date, Weekday};

pub use header::Column;

use super::calendar::Parity;
use super::form::{Audience, Coverage, Form, Kind, Mode};
use super::lesson_card::{At, Source, SourceKind};
use cell::Cells;

/// Most rows in one file.
pub const MAX_ROWS: usize = 50_000;

/// One row, checked for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardRow {
    /// Line of the file, the header being 1.
    pub line: u64,
    pub key: String,
    pub date: Option<Date>,
    pub weekdays: Vec<Weekday>,
    /// `None`: every week.
    pub parity: Option<Parity>,
    pub from: Option<Date>,
    pub to: Option<Date>,
    pub at: Option<At>,
    pub minutes: Option<u16>,
    pub class: String,
    /// A part of the class; with individual help it may be a student's code. Empty: the whole class.
    pub group: String,
    /// Empty: an organisational card for guardians.
    pub subject: String,
    pub parts: Vec<String>,
    pub topics: Vec<String>,
    pub teacher: String,
    pub kind: Kind,
    pub form: Form,
    pub coverage: Coverage,
    pub audience: Audience,
    pub materials: Vec<String>,
    pub homework: String,
    pub due: Option<Date>,
    pub note: String,
}

impl CardRow {
    /// What a row rests on (R3.5c): the teacher's own words, else the topics or parts that the teacher names. None: nothing.
    pub fn source(&self) -> Vec<Source> {
        let named = if self.topics.is_empty() { &self.parts } else { &self.topics };
        let text = if self.note.is_empty() { named.join(", ") } else { self.note.clone() };
        let note = Source { kind: SourceKind::Note, ref_id: None, text: Some(text) };
        if note.text.as_deref() == Some("") { Vec::new() } else { vec![note] }
    }
}

/// What is wrong with one cell.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct CellError {
    pub line: u64,
    /// The column's heading as in the layout (`Класс`).
    pub column: String,
    pub code: CellCode,
    /// For the person who mends the file, in Russian.
    pub text: String,
}

super::words!(
    /// Kinds of mistakes in a file of lesson cards.
    CellCode {
        MissingColumn = "missing_column",
        UnknownColumn = "unknown_column",
        DoubledColumn = "doubled_column",
        TooManyCells = "too_many_cells",
        TooManyRows = "too_many_rows",
        Empty = "empty_file",
        Required = "required",
        BadDate = "bad_date",
        BadTime = "bad_time",
        BadNumber = "bad_number",
        BadLink = "bad_link",
        TooLong = "too_long",
        UnknownWord = "unknown_word",
        DateOrWeekday = "date_or_weekday",
        PeriodOrTime = "period_or_time",
        DatesReversed = "dates_reversed",
        DoubledKey = "doubled_key",
        UnknownClass = "unknown_class",
        UnknownGroup = "unknown_group",
        UnknownSubject = "unknown_subject",
        UnknownTeacher = "unknown_teacher",
        CannotHost = "role_not_permitted",
        NotASchoolDay = "not_a_school_day",
        NoSuchPeriod = "no_such_period",
        TopicsRequired = "topics_required",
        PartRequired = "part_required",
        PrepMustBeGroup = "prep_must_be_group",
        DatesPassed = "dates_passed",
        DurationOverCap = "duration_over_cap",
        UnknownStudent = "unknown_student",
        UnknownTopic = "unknown_topic",
        NumericGradeForbidden = "numeric_grade_forbidden",
        NoLocalAct = "no_local_act",
        PrepBeforePartEnd = "prep_before_part_end",
        SourceRequired = "source_required",
        OutsideStudyPeriod = "outside_study_period",
        HostConflict = "host_conflict",
        GroupConflict = "group_conflict",
        StudentConflict = "student_conflict",
        LoadExceeded = "load_exceeded",
        OutsideWorkingHours = "outside_working_hours",
        DailyScreenCap = "daily_screen_cap",
        AfterHours = "after_hours",
    }
);

/// Reads a file. `Err`: everything that is wrong with it, by line; nothing of it may be used.
pub fn parse(bytes: &[u8]) -> Result<Vec<CardRow>, Vec<CellError>> {
    // One kind of line end: the reader counts lines wrongly after CRLF.
    let text = decode(bytes).replace("\r\n", "\n").replace('\r', "\n");
    let delimiter = header::delimiter(&text);
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut records = reader.records();
    let Some(Ok(head)) = records.next() else {
        return Err(vec![file_error(CellCode::Empty, "Файл пуст: нужна строка заголовков".into())]);
    };
    let columns = header::columns(&head)?;
    let mut rows = Vec::new();
    let mut errors = Vec::new();
    for (index, record) in records.enumerate() {
        if index >= MAX_ROWS {
            let text = format!("В файле больше {MAX_ROWS} строк: разделите его");
            return Err(vec![file_error(CellCode::TooManyRows, text)]);
        }
        // The text is valid UTF-8 and rows may differ in length, so that reading memory cannot fail.
        let Ok(record) = record else { continue };
        let line = record.position().map_or(index as u64 + 2, csv::Position::line);
        if record.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        let mut cells = Cells::new(line, &columns, &record);
        let row = row(&mut cells);
        errors.append(&mut cells.errors);
        rows.extend(row);
    }
    doubled_keys(&rows, &mut errors);
    if errors.is_empty() { Ok(rows) } else { Err(errors) }
}

/// BOM, then UTF-8, then windows-1251, which gives every byte a meaning.
pub(super) fn decode(bytes: &[u8]) -> String {
    if let Some((encoding, bom)) = encoding_rs::Encoding::for_bom(bytes) {
        return encoding.decode_without_bom_handling(&bytes[bom..]).0.into_owned();
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => encoding_rs::WINDOWS_1251.decode_without_bom_handling(bytes).0.into_owned(),
    }
}

fn file_error(code: CellCode, text: String) -> CellError {
    CellError { line: 1, column: String::new(), code, text }
}

fn doubled_keys(rows: &[CardRow], errors: &mut Vec<CellError>) {
    let mut seen = std::collections::HashMap::new();
    for row in rows {
        if let Some(first) = seen.insert(super::fold::fold(&row.key), row.line) {
            errors.push(CellError {
                line: row.line,
                column: Column::Key.heading().into(),
                code: CellCode::DoubledKey,
                text: format!("Код «{}» уже есть в строке {first}", row.key),
            });
        }
    }
}

/// `None`: something is wrong and stands in `cells.errors`.
fn row(cells: &mut Cells<'_>) -> Option<CardRow> {
    let key = cells.required(Column::Key);
    let class = cells.required(Column::Class);
    let teacher = cells.required(Column::Host);
    let kind = cells.word(Column::Kind, &cell::KINDS, None);
    let form = cells.word(Column::Form, &cell::FORMS, None);
    let parts = cells.list(Column::Part);
    let topics = cells.list(Column::Topic);
    let by_content = if topics.is_empty() { Coverage::Overview } else { Coverage::Topics };
    let coverage = cells.word(Column::Coverage, &cell::COVERAGES, Some(by_content));
    let audience = cells.audience();
    let date = cells.date(Column::Date);
    let weekdays = cells.weekdays();
    let parity = cells.word(Column::Week, &cell::WEEKS, Some(None));
    let (from, to) = (cells.date(Column::From), cells.date(Column::To));
    if from.zip(to).is_some_and(|(from, to)| to < from) {
        cells.error(Column::To, CellCode::DatesReversed, "Дата «По» раньше даты «С»".into());
    }
    let period = cells.number(Column::Period, 0..=20);
    let start = cells.time(Column::Start);
    let minutes = cells.number(Column::Minutes, 1..=600);
    let materials = cells.links(Column::Materials);
    let subject = cells.text(Column::Subject);
    let (kind, form, coverage, audience) = (kind?, form?, coverage?, audience?);
    if form.is_realtime() {
        if date.is_some() != weekdays.is_empty() {
            let text = "Нужно одно из двух: «Дата» или «День»".into();
            cells.error(Column::Date, CellCode::DateOrWeekday, text);
        }
        if period.is_some() == start.is_some() {
            let text = "Нужно одно из двух: «Урок» или «Начало»".into();
            cells.error(Column::Period, CellCode::PeriodOrTime, text);
        }
        if start.is_some() && minutes.is_none() {
            cells.error(Column::Minutes, CellCode::Required, "К «Начало» нужно «Минут»".into());
        }
    } else if date.is_none() && from.is_none() {
        let text = "Для отложенной формы нужны «С» и «По» или «Дата»".into();
        cells.error(Column::From, CellCode::DateOrWeekday, text);
    }
    if kind == Kind::AssessmentPrep && form.mode() != Mode::GroupRealtime {
        let text = "Подготовка к аттестации проводится только в групповой форме".into();
        cells.error(Column::Form, CellCode::PrepMustBeGroup, text);
    }
    if coverage == Coverage::Topics && topics.is_empty() {
        cells.error(Column::Topic, CellCode::TopicsRequired, "Охват «по темам»: укажите тему".into());
    }
    if coverage == Coverage::Overview && parts.is_empty() && !subject.is_empty() {
        cells.error(Column::Part, CellCode::PartRequired, "Охват «обзорная»: укажите часть программы".into());
    }
    if subject.is_empty() && audience.students {
        let text = "Без предмета консультация бывает только для родителей".into();
        cells.error(Column::Subject, CellCode::Required, text);
    }
    let row = CardRow {
        line: cells.line,
        key: key?,
        date,
        weekdays,
        parity: parity?,
        from,
        to,
        at: match (period, start) {
            (Some(period), _) => u8::try_from(period).ok().map(At::Period),
            (None, start) => start.map(At::Start),
        },
        minutes,
        class: class?,
        group: cells.text(Column::Group),
        subject,
        parts,
        topics,
        teacher: teacher?,
        kind,
        form,
        coverage,
        audience,
        materials,
        homework: cells.text(Column::Homework),
        due: cells.date(Column::Due),
        note: cells.text(Column::Note),
    };
    cells.errors.is_empty().then_some(row)
}

/// Rows as text that [`parse`] reads back to the same rows.
pub fn write(rows: &[CardRow], delimiter: u8) -> String {
    let mut writer = csv::WriterBuilder::new().delimiter(delimiter).from_writer(Vec::new());
    let heads = Column::ALL.iter().map(|column| column.heading());
    // Writing to memory cannot fail, and all records have the same length.
    let _ = writer.write_record(heads);
    for row in rows {
        let _ = writer.write_record(Column::ALL.iter().map(|column| cell::show(row, *column)));
    }
    let bytes = writer.into_inner().unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}

/// One cell that an import would change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellChange {
    /// Heading of the column.
    pub column: &'static str,
    pub before: String,
    pub after: String,
}

/// The cells in which two rows differ, as people write them.
pub fn differences(before: &CardRow, after: &CardRow) -> Vec<CellChange> {
    let cells = Column::ALL.iter().map(|column| CellChange {
        column: column.heading(),
        before: cell::show(before, *column),
        after: cell::show(after, *column),
    });
    cells.filter(|cell| cell.before != cell.after).collect()
}

#[cfg(test)]
mod tests;
