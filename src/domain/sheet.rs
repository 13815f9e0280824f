//! A workbook's first sheet as the CSV that [`super::card_csv`] reads: line n of the sheet is line n of the text, so that a
//! mistake is told of by the line that people see.

use std::io::Cursor;

use calamine::{Data, Reader as _, Xlsx};

use super::archive::{self, ArchiveError};

/// Columns looked at; a layout has two dozen.
const MOST_COLUMNS: u32 = 200;
/// Lines, as in a CSV file, with some to spare for empty ones.
const MOST_LINES: u32 = 100_000;

/// Why a workbook is not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SheetError {
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error("not a workbook (XLSX)")]
    Unreadable,
    #[error("the sheet is larger than {MOST_LINES} lines or {MOST_COLUMNS} columns")]
    TooLarge,
}

/// Whether these bytes are a zip archive, as every XLSX is: no CSV begins so.
pub fn is_workbook(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04")
}

/// The first sheet as CSV with `;`.
///
/// # Errors
/// As [`SheetError`] says.
pub fn to_csv(bytes: &[u8]) -> Result<String, SheetError> {
    archive::check(bytes)?;
    // The reader is not ours: where arithmetic is checked, some names of cells make it panic (`corpus/sheet/column`).
    std::panic::catch_unwind(|| cells(bytes)).unwrap_or(Err(SheetError::Unreadable))
}

fn cells(bytes: &[u8]) -> Result<String, SheetError> {
    let mut book: Xlsx<_> = calamine::open_workbook_from_rs(Cursor::new(bytes)).map_err(|_| SheetError::Unreadable)?;
    let name = book.sheet_names().into_iter().next().ok_or(SheetError::Unreadable)?;
    // Cell by cell: the whole range of two cells in opposite corners would be a table of a thousand million.
    let mut cells = book.worksheet_cells_reader(&name).map_err(|_| SheetError::Unreadable)?;
    let mut lines: Vec<Vec<String>> = Vec::new();
    let mut width = 0;
    while let Some(found) = cells.next_cell().map_err(|_| SheetError::Unreadable)? {
        let (line, column) = found.get_position();
        let shown = cell(&Data::from(found.get_value().clone()));
        if shown.is_empty() {
            continue;
        }
        if line >= MOST_LINES || column >= MOST_COLUMNS {
            return Err(SheetError::TooLarge);
        }
        let (line, column) = (line as usize, column as usize);
        if lines.len() <= line {
            lines.resize(line + 1, Vec::new());
        }
        if lines[line].len() <= column {
            lines[line].resize(column + 1, String::new());
        }
        lines[line][column] = shown;
        width = width.max(column + 1);
    }
    let mut writer = csv::WriterBuilder::new().delimiter(b';').from_writer(Vec::new());
    for mut line in lines {
        line.resize(width, String::new());
        // Writing to memory cannot fail.
        let _ = writer.write_record(line);
    }
    Ok(String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default())
}

/// A cell as the layout writes it: whole numbers without a point, days as YYYY-MM-DD, times as HH:MM, one line.
fn cell(data: &Data) -> String {
    match data {
        Data::Empty | Data::Error(_) => String::new(),
        Data::String(text) => text.replace(['\r', '\n'], " "),
        Data::Bool(is) => if *is { "да" } else { "нет" }.to_owned(),
        Data::Int(number) => number.to_string(),
        Data::Float(number) if number.fract() == 0.0 && number.abs() < 1e15 => format!("{number:.0}"),
        Data::Float(number) => number.to_string(),
        Data::DateTime(at) => moment(at.as_f64()),
        Data::DateTimeIso(text) => text.split('T').next().unwrap_or_default().to_owned(),
        Data::DurationIso(text) => text.clone(),
    }
}

/// Days since 1899-12-30, the fraction being the time of the day.
fn moment(value: f64) -> String {
    if !(0.0..=2_958_466.0).contains(&value) {
        return String::new();
    }
    let (days, minutes) = (value.floor(), (value.fract() * 1440.0).round() as i64);
    let time = format!("{:02}:{:02}", (minutes / 60) % 24, minutes % 60);
    if days == 0.0 {
        return time;
    }
    let epoch = jiff::civil::date(1899, 12, 30);
    let date = super::calendar::plus_days(epoch, days as i32);
    if minutes == 0 { date.to_string() } else { format!("{date} {time}") }
}

/// Writes lesson cards as a workbook that [`to_csv`] reads back.
///
/// # Errors
/// What the format cannot hold.
pub fn write(csv_text: &str) -> Result<Vec<u8>, rust_xlsxwriter::XlsxError> {
    use rust_xlsxwriter::{Format, Workbook};

    let mut book = Workbook::new();
    let head = Format::new().set_bold();
    let page = book.add_worksheet();
    page.set_name("Карты")?;
    page.set_freeze_panes(1, 0)?;
    let mut reader =
        csv::ReaderBuilder::new().delimiter(b';').has_headers(false).flexible(true).from_reader(csv_text.as_bytes());
    for (line, record) in (0_u32..).zip(reader.records().flatten()) {
        for (column, cell) in (0_u16..).zip(record.iter()) {
            if line == 0 {
                page.write_string_with_format(line, column, cell, &head)?;
            } else if !cell.is_empty() {
                page.write_string(line, column, cell)?;
            }
        }
    }
    page.autofit();
    book.save_to_buffer()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn days_times_and_numbers_come_as_the_layout_writes_them() {
        let check = |value: f64, expected: &str| assert_eq!(moment(value), expected);
        check(46_378.0, "2026-12-22");
        check(0.632, "15:10");
        check(46_378.632, "2026-12-22 15:10");
        check(-1.0, "");
        check(f64::NAN, "");
        assert_eq!(cell(&Data::Float(7.0)), "7");
        assert_eq!(cell(&Data::String("а\r\nб".into())), "а  б");
    }

    #[test]
    fn two_cells_in_opposite_corners_are_refused_and_not_laid_out() {
        let mut book = rust_xlsxwriter::Workbook::new();
        let page = book.add_worksheet();
        page.write_string(0, 0, "Код").unwrap();
        page.write_string(1_048_575, 16_383, "x").unwrap();
        assert_eq!(to_csv(&book.save_to_buffer().unwrap()), Err(SheetError::TooLarge));
    }

    #[test]
    fn lines_keep_their_numbers() {
        let mut book = rust_xlsxwriter::Workbook::new();
        let page = book.add_worksheet();
        page.write_string(2, 0, "Код").unwrap();
        page.write_number(3, 1, 30.0).unwrap();
        let text = to_csv(&book.save_to_buffer().unwrap()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4, "{text:?}");
        assert_eq!((lines[2], lines[3]), ("Код;", ";30"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), at in any::<prop::sample::Index>(), flip in any::<u8>()) {
            let _ = to_csv(&bytes);
            let mut book = write("Код;Класс\nА;5А\n").unwrap();
            let at = at.index(book.len());
            book[at] ^= flip;
            let _ = to_csv(&book);
        }
    }
}
