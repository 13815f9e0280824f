//! Timetables of aSc («aSc Расписания», DOMAIN 8.3): bells, teachers, classes, groups and regular lessons out of its XML.
//!
//! A document type or an entity of one's own is refused at once: nothing is expanded, nothing is fetched. Files are often in
//! windows-1251 and say so in their first line.

mod write;

use std::collections::{BTreeMap, HashMap};

use jiff::civil::Time;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

pub use write::write;

/// Bounds: a school of 3,000 has some 5,000 cards.
const MOST_BYTES: usize = 32 << 20;
const MOST_ELEMENTS: usize = 300_000;
const MOST_LESSONS: usize = 50_000;
/// A year has no more terms than months.
const MOST_TERMS: usize = 12;

/// What a file says, names as it has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timetable {
    pub bells: Vec<(u8, Time, Time)>,
    pub teachers: Vec<String>,
    pub classes: Vec<String>,
    /// Class and group, whole classes left out.
    pub groups: Vec<(String, String)>,
    pub subjects: Vec<String>,
    pub lessons: Vec<Lesson>,
}

/// One lesson at one place of the week.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lesson {
    /// Monday is 1.
    pub weekday: i8,
    pub period: u8,
    /// `None`: every week; `true`: odd weeks.
    pub is_odd: Option<bool>,
    /// `None`: all year; else a bit for each of the file's terms.
    pub terms: Option<String>,
    pub subject: String,
    pub teachers: Vec<String>,
    pub classes: Vec<String>,
    pub groups: Vec<String>,
}

/// Why a file is not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AscError {
    #[error("not XML, or a damaged file (near byte {at})")]
    Unreadable { at: u64 },
    #[error("a document type or entities: refused")]
    DocumentType,
    #[error("not a timetable of aSc: no element `timetable`")]
    NoTimetable,
    #[error("larger than a school's timetable can be")]
    TooLarge,
    #[error("{element} {id}: {what}")]
    Wrong { element: &'static str, id: String, what: &'static str },
}

type Attributes = HashMap<String, String>;

/// Elements by their id.
#[derive(Default)]
struct Found {
    is_timetable: bool,
    periods: Vec<Attributes>,
    named: HashMap<&'static str, BTreeMap<String, Attributes>>,
    cards: Vec<Attributes>,
}

/// Reads a file.
///
/// # Errors
/// As [`AscError`] says.
pub fn parse(bytes: &[u8]) -> Result<Timetable, AscError> {
    if bytes.len() > MOST_BYTES {
        return Err(AscError::TooLarge);
    }
    let text = decode(bytes);
    timetable(&elements(&text)?)
}

/// By the declared encoding; else UTF-8, else windows-1251.
fn decode(bytes: &[u8]) -> String {
    let first: String = bytes.iter().take(200).map(|byte| char::from(*byte)).collect();
    let declared = first.split("encoding=").nth(1).and_then(|rest| rest.get(1..));
    let declared = declared.and_then(|rest| rest.split(['"', '\'']).next());
    let encoding = declared.and_then(|label| encoding_rs::Encoding::for_label(label.as_bytes()));
    match (encoding, std::str::from_utf8(bytes)) {
        (Some(encoding), _) if encoding != encoding_rs::UTF_8 => encoding.decode(bytes).0.into_owned(),
        (_, Ok(text)) => text.trim_start_matches('\u{feff}').to_owned(),
        (_, Err(_)) => encoding_rs::WINDOWS_1251.decode(bytes).0.into_owned(),
    }
}

fn elements(text: &str) -> Result<Found, AscError> {
    const NAMED: [&str; 6] = ["subject", "teacher", "class", "group", "lesson", "classroom"];
    let mut reader = Reader::from_str(text);
    let mut found = Found::default();
    let mut count = 0;
    loop {
        let at = reader.buffer_position();
        let event = reader.read_event().map_err(|_| AscError::Unreadable { at })?;
        let start = match event {
            Event::Start(start) | Event::Empty(start) => start,
            Event::DocType(_) | Event::GeneralRef(_) => return Err(AscError::DocumentType),
            Event::Eof => break,
            _ => continue,
        };
        count += 1;
        if count > MOST_ELEMENTS {
            return Err(AscError::TooLarge);
        }
        let name = start.local_name().as_ref().to_owned();
        match name.as_str() {
            "timetable" => found.is_timetable = true,
            "period" => found.periods.push(attributes(&start, at)?),
            "card" => found.cards.push(attributes(&start, at)?),
            name => {
                if let Some(kind) = NAMED.iter().copied().find(|kind| *kind == name) {
                    let attributes = attributes(&start, at)?;
                    let id = attributes.get("id").cloned().unwrap_or_default();
                    found.named.entry(kind).or_default().insert(id, attributes);
                }
            }
        }
    }
    if found.is_timetable { Ok(found) } else { Err(AscError::NoTimetable) }
}

fn attributes(start: &BytesStart<'_>, at: u64) -> Result<Attributes, AscError> {
    start
        .attributes()
        .map(|attribute| {
            let attribute = attribute.map_err(|_| AscError::Unreadable { at })?;
            let name = attribute.key.local_name().as_ref().to_owned();
            // Only the five entities of XML itself are known: any other is an error.
            let value = attribute
                .normalized_value(quick_xml::XmlVersion::Implicit1_0)
                .map_err(|_| AscError::Unreadable { at })?;
            Ok((name, value.trim().to_owned()))
        })
        .collect()
}

fn timetable(found: &Found) -> Result<Timetable, AscError> {
    let empty = BTreeMap::new();
    let of = |kind: &str| found.named.get(kind).unwrap_or(&empty);
    let text = |attributes: &Attributes, key: &str| attributes.get(key).cloned().unwrap_or_default();
    let name = |kind: &str, id: &str| of(kind).get(id).map(|attributes| text(attributes, "name")).unwrap_or_default();
    let list = |text: &str| -> Vec<String> {
        text.split(',').map(str::trim).filter(|id| !id.is_empty()).map(str::to_owned).collect()
    };
    let mut timetable = Timetable::default();
    for period in &found.periods {
        let id = text(period, "period");
        let wrong = |what| AscError::Wrong { element: "period", id: id.clone(), what };
        let number = id.parse::<u8>().ok().filter(|number| *number <= 20).ok_or_else(|| wrong("no number"))?;
        let clock = |key: &str| -> Result<Time, AscError> {
            // `8:30` as well as `08:30`.
            let (hours, minutes) =
                period.get(key).and_then(|time| time.split_once(':')).ok_or_else(|| wrong("no time"))?;
            let part = |text: &str| text.trim().parse::<i8>().ok();
            part(hours).zip(part(minutes)).and_then(|(h, m)| Time::new(h, m, 0, 0).ok()).ok_or_else(|| wrong("no time"))
        };
        let (starts, ends) = (clock("starttime")?, clock("endtime")?);
        if starts >= ends {
            return Err(wrong("ends before it starts"));
        }
        timetable.bells.push((number, starts, ends));
    }
    timetable.bells.sort();
    timetable.bells.dedup_by_key(|bell| bell.0);
    let names = |kind: &str| -> Vec<String> {
        let found: std::collections::BTreeSet<String> =
            of(kind).values().map(|attributes| text(attributes, "name")).filter(|name| !name.is_empty()).collect();
        found.into_iter().collect()
    };
    (timetable.teachers, timetable.classes, timetable.subjects) = (names("teacher"), names("class"), names("subject"));
    for group in of("group").values().filter(|group| text(group, "entireclass") != "1") {
        let pair = (name("class", &text(group, "classid")), text(group, "name"));
        if !pair.0.is_empty() && !pair.1.is_empty() && !timetable.groups.contains(&pair) {
            timetable.groups.push(pair);
        }
    }
    timetable.groups.sort();
    for card in &found.cards {
        let id = text(card, "lessonid");
        let wrong = |what| AscError::Wrong { element: "card", id: id.clone(), what };
        let Some(lesson) = of("lesson").get(&id) else { return Err(wrong("names a lesson that is not there")) };
        let period = text(card, "period").parse::<u8>().ok().filter(|n| *n <= 20).ok_or_else(|| wrong("no period"))?;
        let length = text(lesson, "periodspercard").parse::<f32>().map_or(1, |length| length.clamp(1.0, 4.0) as u8);
        let weeks = text(card, "weeks");
        let is_odd = match weeks.as_str() {
            "10" => Some(true),
            "01" => Some(false),
            _ => None,
        };
        let terms = text(card, "terms");
        let is_bits = terms.len() <= MOST_TERMS && terms.chars().all(|bit| matches!(bit, '0' | '1'));
        // All of them, or none, say nothing.
        let terms = Some(terms).filter(|terms| is_bits && terms.contains('1') && terms.contains('0'));
        for (day, bit) in text(card, "days").chars().enumerate().take(7) {
            if bit != '1' {
                continue;
            }
            for n in 0..length {
                if timetable.lessons.len() >= MOST_LESSONS {
                    return Err(AscError::TooLarge);
                }
                let all = |kind: &str, key: &str| -> Vec<String> {
                    list(&text(lesson, key)).iter().map(|id| name(kind, id)).filter(|name| !name.is_empty()).collect()
                };
                timetable.lessons.push(Lesson {
                    weekday: i8::try_from(day + 1).unwrap_or(1),
                    period: period.saturating_add(n),
                    is_odd,
                    terms: terms.clone(),
                    subject: name("subject", &text(lesson, "subjectid")),
                    teachers: all("teacher", "teacherids"),
                    classes: all("class", "classids"),
                    groups: all("group", "groupids"),
                });
            }
        }
    }
    timetable.lessons.sort();
    Ok(timetable)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use jiff::civil::time;
    use proptest::prelude::*;

    use super::*;

    const FILE: &str = r#"<?xml version="1.0" encoding="windows-1251"?>
<timetable ascttversion="2026">
 <periods><period name="1" short="1" period="1" starttime="8:30" endtime="9:15"/><period period="2" starttime="09:25" endtime="10:10"/></periods>
 <teachers><teacher id="t1" name="Соколова М. И." short="Сок"/></teachers>
 <classes><class id="c1" name="5А"/></classes>
 <subjects><subject id="s1" name="Математика &amp; логика"/></subjects>
 <groups><group id="g0" name="Весь класс" classid="c1" entireclass="1"/><group id="g1" name="1 группа" classid="c1" entireclass="0"/></groups>
 <lessons><lesson id="l1" subjectid="s1" classids="c1" groupids="g1" teacherids="t1" periodspercard="2"/></lessons>
 <cards><card lessonid="l1" period="1" days="01000" weeks="10"/></cards>
</timetable>"#;

    #[test]
    fn a_file_in_windows_1251_gives_bells_people_and_lessons() {
        let bytes = encoding_rs::WINDOWS_1251.encode(FILE).0.into_owned();
        let read = parse(&bytes).unwrap();
        assert_eq!(read.bells, [(1, time(8, 30, 0, 0), time(9, 15, 0, 0)), (2, time(9, 25, 0, 0), time(10, 10, 0, 0))]);
        assert_eq!((read.teachers, read.classes), (vec!["Соколова М. И.".to_owned()], vec!["5А".to_owned()]));
        assert_eq!(read.groups, [("5А".to_owned(), "1 группа".to_owned())]);
        assert_eq!(read.lessons.len(), 2, "a double lesson is two");
        let lesson = &read.lessons[1];
        assert_eq!((lesson.weekday, lesson.period, lesson.is_odd), (2, 2, Some(true)));
        assert_eq!((lesson.subject.as_str(), lesson.groups.len()), ("Математика & логика", 1));
    }

    #[test]
    fn entities_and_document_types_are_refused_unread() {
        let bomb = r#"<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "xxxxxxxxxx"><!ENTITY y "&x;&x;&x;">]><timetable>&y;</timetable>"#;
        assert_eq!(parse(bomb.as_bytes()), Err(AscError::DocumentType));
        let file = r#"<timetable><teacher id="1" name="&file;"/></timetable>"#;
        assert!(matches!(parse(file.as_bytes()), Err(AscError::Unreadable { .. })));
        assert_eq!(parse(b"<other/>"), Err(AscError::NoTimetable));
        let card = r#"<timetable><cards><card lessonid="x" period="1" days="1"/></cards></timetable>"#;
        assert!(matches!(parse(card.as_bytes()), Err(AscError::Wrong { element: "card", .. })));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
            at in any::<prop::sample::Index>(),
            flip in any::<u8>(),
            cut in any::<prop::sample::Index>(),
        ) {
            let _ = parse(&bytes);
            let mut file = FILE.as_bytes().to_vec();
            let at = at.index(file.len());
            file[at] ^= flip;
            let _ = parse(&file);
            let _ = parse(&file[..cut.index(file.len())]);
        }
    }
}
