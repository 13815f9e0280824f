#![allow(clippy::unwrap_used)]
//! The layout of DOMAIN 8.1: the same rows from every encoding and delimiter (P11), and mistakes by cell.

use jiff::civil::{Weekday, date, time};
use proptest::prelude::*;

use super::*;

const SAMPLE: &str = "\
Код;Дата;День;Неделя;С;По;Урок;Начало;Минут;Класс;Группа;Предмет;Часть;Тема;Учитель;Вид;Форма;Охват;Аудитория;Материалы;Задание;Срок;Примечание
МАТ-5А-1;;Вт;обе;01.09.2026;25.10.2026;7;;30;5А;;Математика;1 четверть;Обыкновенные дроби;Т-014;текущая;вебинар;по темам;обучающиеся;https://school.example/m/5a-1;§12, № 340–345;08.09.2026;
МАТ-5А-2;;Чт;нечёт;01.09.2026;25.10.2026;8;;30;5А;1 гр.;Математика;1 четверть;;Т-014;текущая;чат;обзорная;обучающиеся, родители;;;;
РУС-9Б-А;22.12.2026;;;;;;15:10;30;9Б;;Русский язык;1 полугодие;;Т-007;подготовка к аттестации;видеоконференция;обзорная;обучающиеся;;;;после завершения части
ЗАМ-род;03.12.2026;;;;;;17:30;40;5А;;;;Порядок промежуточной аттестации;З-002;текущая;вебинар;по темам;родители;;;;ведёт зам. руководителя
ЛИТ-8А-фор;25.11.2026;;;25.11.2026;09.12.2026;;;;8А;;Литература;2 четверть;«Капитанская дочка»;Т-009;текущая;форум;по темам;обучающиеся;;Ответить на два вопроса;09.12.2026;отложенная форма, с оценкой
";

#[test]
fn p11_every_encoding_and_delimiter_gives_the_same_rows() {
    let rows = parse(SAMPLE.as_bytes()).unwrap();
    assert_eq!(rows.len(), 5);
    assert_eq!(rows[0].at, Some(At::Period(7)));
    assert_eq!(rows[1].parity, Some(Parity::Odd));
    assert_eq!(rows[2].at, Some(At::Start(time(15, 10, 0, 0))));
    assert_eq!(rows[3].audience, Audience { students: false, guardians: true });
    assert_eq!((rows[4].form, rows[4].due), (Form::Forum, Some(date(2026, 12, 9))));
    let cp1251 = encoding_rs::WINDOWS_1251.encode(SAMPLE).0.into_owned();
    let windows_lines = SAMPLE.replace('\n', "\r\n");
    let files = [
        format!("\u{feff}{SAMPLE}").into_bytes(),
        cp1251,
        windows_lines.into_bytes(),
        write(&rows, b'\t').into_bytes(),
        write(&rows, b',').into_bytes(),
    ];
    for file in files {
        assert_eq!(parse(&file).unwrap(), rows);
    }
}

#[test]
fn columns_come_in_any_order_and_in_english() {
    let file = "form,host,kind,class,key,date,start,minutes,subject,topic\n\
                webinar,T-014,current,5А,k1,2026-12-01,16:00,30,Математика,Дроби\n";
    let rows = parse(file.as_bytes()).unwrap();
    assert_eq!((rows[0].key.as_str(), rows[0].coverage), ("k1", Coverage::Topics));
}

#[test]
fn words_need_no_space_after_the_comma_and_texts_do() {
    let file = "Код;День;Начало;Минут;Класс;Предмет;Тема;Учитель;Вид;Форма;Аудитория\n\
                К1;вт,чт;16:00;30;5А;Математика;Дроби 0,5 и 0,25, Проценты;Т-014;текущая;чат;обучающиеся,родители\n";
    let rows = parse(file.as_bytes()).unwrap();
    assert_eq!(rows[0].weekdays, [Weekday::Tuesday, Weekday::Thursday]);
    assert_eq!(rows[0].audience, Audience { students: true, guardians: true });
    assert_eq!(rows[0].topics, ["Дроби 0,5 и 0,25", "Проценты"]);
}

#[test]
fn formula_cells_stay_text() {
    let head = "Код;Дата;Начало;Минут;Класс;Предмет;Тема;Учитель;Вид;Форма;Примечание\n";
    let file = format!("{head}К1;01.12.2026;16:00;30;5А;Математика;Дроби;Т-014;текущая;чат;=cmd|' /C calc'!A0\n");
    let rows = parse(file.as_bytes()).unwrap();
    assert_eq!(rows[0].note, "=cmd|' /C calc'!A0");
    let written = write(&rows, b';');
    assert!(written.contains(";'=cmd"));
    assert_eq!(parse(written.as_bytes()).unwrap()[0].note, rows[0].note);
}

/// One row after a full heading; the errors as (column, code).
fn check(change: &[(Column, &str)], expected: &[(Column, CellCode)]) {
    let good = [
        (Column::Key, "К1"),
        (Column::Date, "01.12.2026"),
        (Column::Start, "16:00"),
        (Column::Minutes, "30"),
        (Column::Class, "5А"),
        (Column::Subject, "Математика"),
        (Column::Topic, "Дроби"),
        (Column::Host, "Т-014"),
        (Column::Kind, "текущая"),
        (Column::Form, "чат"),
    ];
    let head = Column::ALL.iter().map(|column| column.heading()).collect::<Vec<_>>().join(";");
    let cells = Column::ALL.iter().map(|column| {
        let of =
            |cells: &[(Column, &str)]| cells.iter().find(|(one, _)| one == column).map(|(_, cell)| (*cell).to_owned());
        of(change).or_else(|| of(&good)).unwrap_or_default()
    });
    let file = format!("{head}\n{}\n", cells.collect::<Vec<_>>().join(";"));
    let errors = parse(file.as_bytes()).err().unwrap_or_default();
    let found: Vec<_> = errors.iter().map(|error| (error.column.as_str(), error.code)).collect();
    let expected: Vec<_> = expected.iter().map(|(column, code)| (column.heading(), *code)).collect();
    assert_eq!(found, expected, "{change:?}");
    assert!(errors.iter().all(|error| error.line == 2 && !error.text.is_empty()));
}

#[test]
fn each_mistake_is_named_by_its_cell() {
    check(&[], &[]);
    check(&[(Column::Key, "")], &[(Column::Key, CellCode::Required)]);
    check(&[(Column::Form, "вебинарр")], &[(Column::Form, CellCode::UnknownWord)]);
    check(&[(Column::Weekday, "Вт")], &[(Column::Date, CellCode::DateOrWeekday)]);
    check(&[(Column::Date, "")], &[(Column::Date, CellCode::DateOrWeekday)]);
    check(
        &[(Column::Date, "31.02.2026")],
        &[(Column::Date, CellCode::BadDate), (Column::Date, CellCode::DateOrWeekday)],
    );
    check(&[(Column::Period, "7")], &[(Column::Period, CellCode::PeriodOrTime)]);
    check(&[(Column::Minutes, "0")], &[(Column::Minutes, CellCode::BadNumber), (Column::Minutes, CellCode::Required)]);
    check(&[(Column::Materials, "javascript:alert(1)")], &[(Column::Materials, CellCode::BadLink)]);
    check(&[(Column::Coverage, "обзорная")], &[(Column::Part, CellCode::PartRequired)]);
    check(&[(Column::Topic, ""), (Column::Coverage, "по темам")], &[(Column::Topic, CellCode::TopicsRequired)]);
    check(&[(Column::Subject, "")], &[(Column::Subject, CellCode::Required)]);
    check(
        &[(Column::Form, "индивидуальная"), (Column::Kind, "подготовка к аттестации")],
        &[(Column::Form, CellCode::PrepMustBeGroup)],
    );
}

#[test]
fn a_slip_in_a_heading_is_named_with_the_right_word() {
    let errors = parse("Код;Клас;Учитель;Вид;Форма\n".as_bytes()).unwrap_err();
    assert_eq!(errors[0].code, CellCode::UnknownColumn);
    assert!(errors[0].text.contains("«Класс»"), "{}", errors[0].text);
    assert_eq!(errors[1].code, CellCode::MissingColumn);
    assert_eq!(parse(b"").unwrap_err()[0].code, CellCode::Empty);
}

#[test]
fn a_key_stands_once() {
    let file = format!("{SAMPLE}{}", SAMPLE.lines().nth(1).unwrap());
    let errors = parse(file.as_bytes()).unwrap_err();
    assert_eq!((errors[0].line, errors[0].code), (7, CellCode::DoubledKey));
}

fn any_row() -> impl Strategy<Value = CardRow> {
    let word = "[а-яА-Я0-9«][а-яА-Я0-9 ;\"=+№.-]{0,14}[а-яА-Я0-9»]";
    let note = "[=+@-]?[а-яА-Я0-9;, \"\n-]{0,20}".prop_map(|text| text.trim().to_owned());
    let day = (0i32..270).prop_map(|days| crate::domain::calendar::plus_days(date(2026, 9, 1), days));
    (word, note, day, 0usize..4, any::<bool>(), 1u16..90, proptest::collection::vec("[а-я]{3,8}", 1..3), 0i8..24)
        .prop_map(|(key, note, day, form, weekly, minutes, topics, hour)| CardRow {
            line: 2,
            key: key.trim_start_matches(['=', '+', '-', '@']).trim().to_owned() + "1",
            date: (!weekly).then_some(day),
            weekdays: if weekly { vec![day.weekday()] } else { vec![] },
            parity: weekly.then_some(Parity::Even),
            from: weekly.then_some(day),
            to: None,
            at: Some(At::Start(time(hour, 5, 0, 0))),
            minutes: Some(minutes),
            class: "5А".into(),
            group: String::new(),
            subject: "Математика".into(),
            parts: vec!["1 четверть".into()],
            topics,
            teacher: "Т-014".into(),
            kind: Kind::Current,
            form: Form::ALL[form],
            coverage: Coverage::Topics,
            audience: Audience { students: true, guardians: weekly },
            materials: vec!["https://school.example/a".into()],
            homework: note.clone(),
            due: Some(day),
            note,
        })
}

proptest! {
    #![proptest_config(crate::domain::cases::cases(256))]

    /// What is written is read back the same, whatever the delimiter and the encoding.
    #[test]
    fn p11_import_of_an_export_is_the_same(row in any_row(), delimiter in prop_oneof![Just(b';'), Just(b','), Just(b'\t')]) {
        let text = write(std::slice::from_ref(&row), delimiter);
        prop_assert_eq!(parse(text.as_bytes()).unwrap(), vec![row.clone()]);
        let (cp1251, _, lossy) = encoding_rs::WINDOWS_1251.encode(&text);
        if !lossy {
            prop_assert_eq!(parse(&cp1251).unwrap(), vec![row]);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse(&bytes);
    }

    #[test]
    fn no_cells_make_it_panic(cells in proptest::collection::vec("[\\PC]{0,12}", 23)) {
        let head = Column::ALL.iter().map(|column| column.heading()).collect::<Vec<_>>().join(";");
        let _ = parse(format!("{head}\n{}\n", cells.join(";")).as_bytes());
    }
}
