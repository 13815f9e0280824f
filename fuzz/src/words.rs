//! Parsers of text and of files that people bring: messages of the signaling socket, lesson cards, workbooks, rosters,
//! marks, timetables of aSc.

use kafedra::domain::performance::marks_csv;
use kafedra::domain::roster::{Enrollment, Mode, oneroster};
use kafedra::domain::{archive, asc, card_csv, sheet};
use signaling::message::parse::parse_client;

/// A message. What is understood is written anew and understood as the same: the hub never relays what it got.
pub fn signaling(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(message) = parse_client(text) else { return };
    let again = serde_json::to_string(&message).expect("messages have string keys and finite numbers");
    let second = parse_client(&again).unwrap_or_else(|error| panic!("not understood again: {error}: {again}"));
    assert_eq!(message, second);
}

/// A file of lesson cards: rows or errors, each with a place in the file; what is read is written and read as the same.
pub fn cards(data: &[u8]) {
    let lines = data.iter().filter(|byte| **byte == b'\n' || **byte == b'\r').count() as u64 + 1;
    match card_csv::parse(data) {
        Ok(mut rows) => {
            assert!(rows.len() <= card_csv::MAX_ROWS);
            assert!(rows.iter().all(|row| (2..=lines).contains(&row.line) && !row.key.is_empty()));
            let again = card_csv::write(&rows, b';');
            let mut second = card_csv::parse(again.as_bytes()).unwrap_or_else(|errors| panic!("{errors:?} in {again}"));
            // Lines may have moved: empty ones are left out.
            rows.iter_mut().chain(&mut second).for_each(|row| row.line = 0);
            assert_eq!(rows, second);
        }
        Err(errors) => assert!(errors.iter().all(|error| error.line >= 1 && error.line <= lines)),
    }
}

/// A workbook, as a whole or as what stands in the XML of its first sheet: whatever is read is one CSV.
pub fn sheet(data: &[u8]) {
    if !sheet::is_workbook(data) {
        let part = |name: &str, text: &str| (name.to_owned(), text.as_bytes().to_vec());
        let files = [
            part("[Content_Types].xml", CONTENT_TYPES),
            part("_rels/.rels", RELATIONS),
            part("xl/workbook.xml", WORKBOOK),
            part("xl/_rels/workbook.xml.rels", WORKBOOK_RELATIONS),
            ("xl/worksheets/sheet1.xml".to_owned(), data.to_vec()),
        ];
        let packed = archive::pack(&files).expect("five short names");
        return sheet(&packed);
    }
    if let Ok(text) = sheet::to_csv(data) {
        let _ = card_csv::parse(text.as_bytes());
    }
}

const CONTENT_TYPES: &str = r#"<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>"#;
const RELATIONS: &str = r#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#;
const WORKBOOK: &str = r#"<?xml version="1.0"?><workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="A" sheetId="1" r:id="rId1"/></sheets></workbook>"#;
const WORKBOOK_RELATIONS: &str = r#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>"#;

/// A roster: an archive as it comes, or the texts of its files one after the other, with a zero byte between them.
pub fn roster(data: &[u8]) {
    const FILES: [&str; 7] = ["manifest", "users", "roles", "classes", "courses", "enrollments", "demographics"];
    if sheet::is_workbook(data) {
        let _ = oneroster::parse(data);
        return;
    }
    let files: Vec<_> = FILES
        .iter()
        .zip(data.split(|byte| *byte == 0))
        .map(|(name, text)| (format!("{name}.csv"), text.to_vec()))
        .collect();
    match oneroster::parse(&archive::pack(&files).expect("seven short names")) {
        Ok(roster) => {
            // Nobody is named twice, and whoever is named is there.
            let mut sources: Vec<&str> = roster.people.iter().map(|person| person.source.as_str()).collect();
            sources.sort_unstable();
            assert!(sources.windows(2).all(|two| two[0] != two[1]));
            // What changes may speak of people who are in the hub.
            let is_known = |one: &Enrollment| sources.binary_search(&one.person.as_str()).is_ok();
            assert!(roster.mode == Mode::Delta || roster.enrollments.iter().all(is_known));
        }
        Err(errors) => assert!(!errors.is_empty()),
    }
}

/// Marks of a journal, long or as a grid.
pub fn marks(data: &[u8]) {
    let year = (jiff::civil::date(2026, 9, 1), jiff::civil::date(2027, 5, 31));
    for year in [None, Some(year)] {
        match marks_csv::parse(data, year) {
            Ok(rows) => assert!(rows.iter().all(|row| row.line >= 2 && !row.student.is_empty())),
            Err(errors) => assert!(!errors.is_empty()),
        }
    }
}

/// A timetable of aSc: only what the file has is named by its lessons.
pub fn timetable(data: &[u8]) {
    let Ok(read) = asc::parse(data) else { return };
    for lesson in &read.lessons {
        assert!((1..=7).contains(&lesson.weekday));
        assert!(lesson.teachers.iter().all(|name| read.teachers.contains(name)), "{lesson:?}");
        assert!(lesson.classes.iter().all(|name| read.classes.contains(name)), "{lesson:?}");
    }
}
