//! A report as a workbook, one sheet for each table and one that says what it is.

use rust_xlsxwriter::{Color, Format, FormatBorder, Workbook, XlsxError};

use super::{Cell, Report};

/// Characters that a cell holds (a limit of the format).
const MOST_CHARACTERS: usize = 32_000;

/// The workbook's bytes.
///
/// # Errors
/// What the format cannot hold: more than a million rows.
pub fn write(report: &Report) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    let bold = Format::new().set_bold();
    let head =
        Format::new().set_bold().set_background_color(Color::RGB(0x00E4_F1EC)).set_border_bottom(FormatBorder::Thin);
    let share = Format::new().set_num_format("0.0%");
    let number = Format::new().set_num_format("0.##");
    for sheet in &report.sheets {
        let page = book.add_worksheet();
        page.set_name(&sheet.title)?;
        page.set_freeze_panes(1, 0)?;
        for (column, title) in (0_u16..).zip(&sheet.heads) {
            page.write_with_format(0, column, title.as_str(), &head)?;
        }
        for (line, row) in (1_u32..).zip(&sheet.rows) {
            for (column, cell) in (0_u16..).zip(row) {
                match cell {
                    // Written as a string, never as a formula, whatever it begins with.
                    Cell::Text(text) => {
                        let text: String = text.chars().take(MOST_CHARACTERS).collect();
                        page.write_string(line, column, text)?
                    }
                    Cell::Number(value) => page.write_number_with_format(line, column, *value, &number)?,
                    Cell::Share(value) => page.write_number_with_format(line, column, *value, &share)?,
                };
            }
        }
        if let (Some(last_row), Some(last_column)) =
            (u32::try_from(sheet.rows.len()).ok().filter(|rows| *rows > 0), u16::try_from(sheet.heads.len()).ok())
        {
            page.autofilter(0, 0, last_row, last_column.saturating_sub(1))?;
        }
        page.autofit();
    }
    let page = book.add_worksheet();
    page.set_name("О документе")?;
    let lines = [
        ("Школа", report.school.clone()),
        ("Документ", report.title.clone()),
        ("Период", format!("{} – {}", report.from, report.to)),
        ("Сформирован", format!("{} ({})", report.made_at, report.zone)),
        ("Журнал событий, запись №", report.audit_seq.to_string()),
        ("SHA-256 записи", report.audit_hash.clone()),
    ];
    for (line, (name, value)) in (0_u32..).zip(lines) {
        page.write_with_format(line, 0, name, &bold)?;
        page.write_string(line, 1, value)?;
    }
    page.autofit();
    book.save_to_buffer()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use calamine::{Data, Reader as _, Xlsx};

    use super::super::Sheet;
    use super::*;

    #[test]
    fn a_workbook_is_read_back_and_a_formula_stays_text() {
        let report = Report {
            school: "Школа".to_owned(),
            title: "Отчёт".to_owned(),
            from: "2026-11-01".to_owned(),
            to: "2026-11-30".to_owned(),
            made_at: String::new(),
            zone: String::new(),
            audit_seq: 1,
            audit_hash: "cd".repeat(32),
            sheets: vec![Sheet {
                title: "Показатели".to_owned(),
                heads: vec!["Показатель".to_owned(), "Значение".to_owned()],
                rows: vec![vec![Cell::Text("=HYPERLINK(\"x\")".to_owned()), Cell::Share(0.5)]],
            }],
        };
        let bytes = write(&report).unwrap();
        let mut book: Xlsx<_> = calamine::open_workbook_from_rs(std::io::Cursor::new(bytes)).unwrap();
        let range = book.worksheet_range("Показатели").unwrap();
        assert_eq!(range.get((1, 0)), Some(&Data::String("=HYPERLINK(\"x\")".to_owned())));
        assert_eq!(range.get((1, 1)), Some(&Data::Float(0.5)));
        assert!(book.worksheet_formula("Показатели").unwrap().is_empty());
        let about = book.worksheet_range("О документе").unwrap();
        assert_eq!(about.get((5, 1)), Some(&Data::String("cd".repeat(32))));
    }
}
