//! A timetable as aSc writes it, so that reading it gives the same again.

use std::collections::BTreeMap;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, Event};

use super::{Lesson, Timetable};

/// Subject, teachers, classes, groups: cards of the same ones are one lesson.
type Who<'a> = (&'a str, &'a [String], &'a [String], &'a [String]);

/// The file, in UTF-8. Groups of a lesson have to be among those of its classes, names of everything in their lists.
///
/// # Errors
/// None but those of writing into memory.
pub fn write(timetable: &Timetable) -> std::io::Result<Vec<u8>> {
    let mut file = Writer::new_with_indent(Vec::new(), b' ', 1);
    file.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    file.write_event(Event::Start(BytesStart::new("timetable")))?;
    let bells = timetable.bells.iter().map(|(number, starts, ends)| {
        let time = |at: &jiff::civil::Time| at.strftime("%H:%M").to_string();
        let number = number.to_string();
        vec![
            ("name", number.clone()),
            ("short", number.clone()),
            ("period", number),
            ("starttime", time(starts)),
            ("endtime", time(ends)),
        ]
    });
    list(&mut file, "periods", "period", bells)?;
    let named = |prefix: &'static str, names: &[String]| -> Vec<Vec<(&'static str, String)>> {
        let row = |(n, name): (usize, &String)| vec![("id", format!("{prefix}{n}")), ("name", name.clone())];
        names.iter().enumerate().map(row).collect()
    };
    list(&mut file, "teachers", "teacher", named("t", &timetable.teachers))?;
    list(&mut file, "classes", "class", named("c", &timetable.classes))?;
    list(&mut file, "subjects", "subject", named("s", &timetable.subjects))?;
    let groups = timetable.groups.iter().enumerate().map(|(n, (class, name))| {
        vec![
            ("id", format!("g{n}")),
            ("name", name.clone()),
            ("classid", id_of("c", &timetable.classes, class)),
            ("entireclass", "0".to_owned()),
        ]
    });
    list(&mut file, "groups", "group", groups)?;
    let mut lessons: BTreeMap<Who<'_>, Vec<&Lesson>> = BTreeMap::new();
    for lesson in &timetable.lessons {
        let who = (lesson.subject.as_str(), &lesson.teachers[..], &lesson.classes[..], &lesson.groups[..]);
        lessons.entry(who).or_default().push(lesson);
    }
    let ids = |prefix: &str, all: &[String], names: &[String]| -> String {
        names.iter().map(|name| id_of(prefix, all, name)).collect::<Vec<_>>().join(",")
    };
    let rows = lessons.keys().enumerate().map(|(n, (subject, teachers, classes, groups))| {
        let of_class = |group: &String| {
            let found = timetable.groups.iter().position(|(class, name)| name == group && classes.contains(class));
            found.map(|n| format!("g{n}"))
        };
        vec![
            ("id", format!("l{n}")),
            ("subjectid", id_of("s", &timetable.subjects, subject)),
            ("classids", ids("c", &timetable.classes, classes)),
            ("groupids", groups.iter().filter_map(of_class).collect::<Vec<_>>().join(",")),
            ("teacherids", ids("t", &timetable.teachers, teachers)),
            ("periodspercard", "1".to_owned()),
        ]
    });
    list(&mut file, "lessons", "lesson", rows)?;
    let cards = lessons.values().enumerate().flat_map(|(n, places)| places.iter().map(move |one| (n, *one)));
    let cards = cards.map(|(n, lesson)| {
        let day = |weekday: i8| if weekday == lesson.weekday { '1' } else { '0' };
        let weeks = lesson.is_odd.map_or("1", |is_odd| if is_odd { "10" } else { "01" });
        vec![
            ("lessonid", format!("l{n}")),
            ("period", lesson.period.to_string()),
            ("days", (1..=7).map(day).collect()),
            ("weeks", weeks.to_owned()),
            ("terms", lesson.terms.clone().unwrap_or_else(|| "1".to_owned())),
        ]
    });
    list(&mut file, "cards", "card", cards)?;
    file.write_event(Event::End(BytesEnd::new("timetable")))?;
    Ok(file.into_inner())
}

/// Empty for a name that is not in the list.
fn id_of(prefix: &str, all: &[String], name: &str) -> String {
    all.iter().position(|one| one == name).map(|n| format!("{prefix}{n}")).unwrap_or_default()
}

fn list(
    file: &mut Writer<Vec<u8>>,
    all: &str,
    one: &str,
    rows: impl IntoIterator<Item = Vec<(&'static str, String)>>,
) -> std::io::Result<()> {
    file.write_event(Event::Start(BytesStart::new(all)))?;
    for row in rows {
        let mut element = BytesStart::new(one);
        for (name, value) in &row {
            element.push_attribute((*name, value.as_str()));
        }
        file.write_event(Event::Empty(element))?;
    }
    file.write_event(Event::End(BytesEnd::new(all)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use jiff::civil::time;
    use proptest::prelude::*;

    use super::super::parse;
    use super::*;
    use crate::domain::cases::cases;

    fn lesson() -> impl Strategy<Value = Lesson> {
        let lists = (prop::sample::subsequence(vec![0, 1, 2], 0..3), 0..3_usize, any::<bool>());
        let terms = prop::sample::select(vec![None, Some("10"), Some("01"), Some("0110")]);
        (1..8_i8, 0..21_u8, any::<Option<bool>>(), terms, 0..3_usize, lists).prop_map(
            |(weekday, period, is_odd, terms, subject, (teachers, class, has_group))| Lesson {
                weekday,
                period,
                is_odd,
                terms: terms.map(str::to_owned),
                subject: SUBJECTS[subject].to_owned(),
                teachers: teachers.into_iter().map(|n: usize| TEACHERS[n].to_owned()).collect(),
                classes: vec![CLASSES[class].to_owned()],
                groups: if has_group { vec!["1 группа".to_owned()] } else { Vec::new() },
            },
        )
    }

    const TEACHERS: [&str; 3] = ["Белов \"Б\" А. А.", "Елкина & Ко", "Соколова <М>"];
    const CLASSES: [&str; 3] = ["10Б", "5А", "9 'В'"];
    const SUBJECTS: [&str; 3] = ["Алгебра", "История, право", "Физика"];

    proptest! {
        #![proptest_config(cases(128))]
        #[test]
        fn p11_what_is_written_is_read_as_the_same(lessons in prop::collection::vec(lesson(), 0..30)) {
            let owned = |names: [&str; 3]| names.map(str::to_owned).to_vec();
            let mut timetable = Timetable {
                bells: vec![(1, time(8, 30, 0, 0), time(9, 15, 0, 0)), (7, time(14, 20, 0, 0), time(15, 5, 0, 0))],
                teachers: owned(TEACHERS),
                classes: owned(CLASSES),
                groups: CLASSES.map(|class| (class.to_owned(), "1 группа".to_owned())).to_vec(),
                subjects: owned(SUBJECTS),
                lessons,
            };
            timetable.lessons.sort();
            prop_assert_eq!(parse(&write(&timetable).unwrap()).unwrap(), timetable);
        }
    }
}
