//! A made-up school, brought in as a real one is: a OneRoster archive and a file of lesson cards.

use std::fmt::Write as _;

use jiff::civil::{Date, date};
use kafedra::clock::WallClock;
use kafedra::domain::archive;
use kafedra::domain::calendar::Calendar;
use kafedra::domain::consultation::{Timing, Timings};
use kafedra::domain::ids::CardId;
use kafedra::store::Store;
use kafedra::store::founding::Founding;
use kafedra::store::import::ImportRequest;
use kafedra::store::people::NewPerson;
use kafedra::store::planning::acts::LocalAct;
use kafedra::store::planning::drafts::DraftBody;
use kafedra::store::roster::RosterRequest;
use kafedra::store::school::School;

/// Monday, 31 August 2026, 12:00 in Moscow: the whole school year lies ahead, whenever this runs.
pub const NOW: &str = "2026-08-31T09:00:00Z";
/// From that Monday to the end of May.
pub const YEAR_DAYS: u32 = 273;

/// How large it is.
#[derive(Clone, Copy)]
pub struct Size {
    pub students: usize,
    pub teachers: usize,
    pub guardians: usize,
    pub classes: usize,
}

/// The school that the issue names: 1,200 students in 44 classes, 70 teachers.
pub const USUAL: Size = Size { students: 1_200, teachers: 70, guardians: 0, classes: 44 };
/// 5,000 people: two guardians for every third student.
pub const LARGE: Size = Size { students: 2_850, teachers: 250, guardians: 1_900, classes: 110 };

const LETTERS: [char; 10] = ['А', 'Б', 'В', 'Г', 'Д', 'Е', 'Ж', 'И', 'К', 'Л'];
const SUBJECTS: [&str; 6] = ["Математика", "Русский язык", "Физика", "История", "Химия", "Английский язык"];

impl Size {
    fn class(self, n: usize) -> String {
        let n = n % self.classes;
        format!("{}{}", n % 11 + 1, LETTERS[n / 11])
    }

    /// A OneRoster 1.2 archive of everybody.
    pub fn roster(self) -> Vec<u8> {
        let mut users = "sourcedId,enabledUser,username,givenName,familyName,agentSourcedIds\n".to_owned();
        let mut roles = "sourcedId,userSourcedId,roleType,role,orgSourcedId\n".to_owned();
        let mut births = "sourcedId,birthDate\n".to_owned();
        let mut places = "sourcedId,classSourcedId,schoolSourcedId,userSourcedId,role\n".to_owned();
        let mut classes = "sourcedId,title,classType,courseSourcedId,schoolSourcedId,termSourcedIds\n".to_owned();
        let mut courses = "sourcedId,title,orgSourcedId\n".to_owned();
        let put = |text: &mut String, line: String| writeln!(text, "{line}").unwrap();
        for (n, subject) in SUBJECTS.iter().enumerate() {
            put(&mut courses, format!("k{n},{subject},o"));
        }
        for n in 0..self.classes {
            put(&mut classes, format!("c{n},{},homeroom,,o,t", self.class(n)));
        }
        for n in 0..self.students {
            let parents = if n * 2 / 3 < self.guardians / 2 && n % 3 == 0 && self.guardians > 0 {
                format!("\"g{},g{}\"", n / 3 * 2, n / 3 * 2 + 1)
            } else {
                String::new()
            };
            let class = n % self.classes;
            put(&mut users, format!("s{n},true,S-{n:05},Имя{n},Ученик{n},{parents}"));
            put(&mut roles, format!("rs{n},s{n},primary,student,o"));
            put(&mut births, format!("s{n},{}-03-01", 2026 - 7 - class % 11));
            put(&mut places, format!("e{n},c{class},o,s{n},student"));
        }
        for n in 0..self.teachers {
            put(&mut users, format!("t{n},true,T-{n:03},Имя{n},Учитель{n},"));
            put(&mut roles, format!("rt{n},t{n},primary,teacher,o"));
        }
        for n in 0..self.guardians {
            put(&mut users, format!("g{n},true,G-{n:05},Имя{n},Родитель{n},"));
            put(&mut roles, format!("rg{n},g{n},primary,guardian,o"));
        }
        let manifest = "propertyName,value\nfile.users,bulk\n".to_owned();
        let files = [
            ("manifest.csv", manifest),
            ("users.csv", users),
            ("roles.csv", roles),
            ("demographics.csv", births),
            ("classes.csv", classes),
            ("courses.csv", courses),
            ("enrollments.csv", places),
        ];
        archive::pack(&files.map(|(name, text)| (name.to_owned(), text.into_bytes()))).unwrap()
    }

    /// Lesson cards for every week of the school year, eight at a time, five days a week.
    pub fn weekly_cards(self, count: usize) -> Cards {
        const DAYS: [&str; 5] = ["Пн", "Вт", "Ср", "Чт", "Пт"];
        Cards::made(count, |n| {
            let round = n / 8;
            Row { n, when: [String::new(), DAYS[round % 5].to_owned()], time: round / 5 % 8, size: self }
        })
    }

    /// Lesson cards with one date each, spread over these days.
    pub fn dated_cards(self, count: usize, days: &[Date]) -> Cards {
        let a_day = count.div_ceil(days.len());
        Cards::made(count, |n| {
            let when = [days[n / a_day].strftime("%d.%m.%Y").to_string(), String::new()];
            Row { n, when, time: n % a_day / (a_day.div_ceil(8)), size: self }
        })
    }
}

/// Rows of a file of lesson cards, the heading first.
pub struct Cards(Vec<Vec<String>>);

struct Row {
    n: usize,
    /// Date, weekday.
    when: [String; 2],
    /// Which of the eight times of an afternoon.
    time: usize,
    size: Size,
}

impl Row {
    fn cells(self) -> Vec<String> {
        let [date, weekday] = self.when;
        let Self { n, time, size, .. } = self;
        let minutes = match n % size.classes % 11 + 1 {
            1..=2 => 20,
            3..=4 => 25,
            _ => 30,
        };
        let (hour, minute) = (14 + time / 2, time % 2 * 30);
        let subject = SUBJECTS[n % SUBJECTS.len()];
        vec![
            format!("К-{n:05}"),
            date,
            weekday,
            format!("{hour}:{minute:02}"),
            minutes.to_string(),
            size.class(n),
            subject.to_owned(),
            String::new(),
            format!("Тема {}", n % 40),
            format!("T-{:03}", n % size.teachers),
            "текущая".to_owned(),
            "вебинар".to_owned(),
            "по темам".to_owned(),
            "обучающиеся".to_owned(),
            "Ошибки в контрольной работе".to_owned(),
        ]
    }
}

impl Cards {
    fn made(count: usize, row: impl Fn(usize) -> Row) -> Self {
        const HEAD: [&str; 15] = [
            "Код",
            "Дата",
            "День",
            "Начало",
            "Минут",
            "Класс",
            "Предмет",
            "Часть",
            "Тема",
            "Учитель",
            "Вид",
            "Форма",
            "Охват",
            "Аудитория",
            "Примечание",
        ];
        let head = HEAD.iter().map(|cell| (*cell).to_owned()).collect();
        Self(std::iter::once(head).chain((0..count).map(|n| row(n).cells())).collect())
    }

    pub fn csv(&self) -> Vec<u8> {
        self.0.iter().map(|row| row.join(";") + "\n").collect::<String>().into_bytes()
    }

    pub fn xlsx(&self) -> Vec<u8> {
        let mut book = rust_xlsxwriter::Workbook::new();
        let sheet = book.add_worksheet();
        for (line, row) in (0..).zip(&self.0) {
            for (column, cell) in (0..).zip(row) {
                sheet.write_string(line, column, cell).unwrap();
            }
        }
        book.save_to_buffer().unwrap()
    }
}

/// The days of the school year on which something can be held.
pub fn school_days(calendar: &Calendar) -> Vec<Date> {
    calendar
        .years
        .iter()
        .flat_map(|year| year.from.series(jiff::Span::new().days(1)).take_while(|day| *day <= year.to))
        .filter(|day| calendar.lessons_of(*day).is_some())
        .collect()
}

pub fn now_ms() -> i64 {
    NOW.parse::<jiff::Timestamp>().unwrap().as_millisecond()
}

/// Seconds that a clock of this machine is shifted by to stand at [`NOW`].
pub fn clock_offset_s() -> i64 {
    (now_ms() - WallClock::system(0).now_ms()) / 1_000
}

/// A school with its people, founded in a folder that goes with it.
pub struct Made {
    pub store: Store,
    pub school: School,
    pub folder: tempfile::TempDir,
}

impl Made {
    pub async fn new(size: Size) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("kafedra.db").to_str().unwrap()).await.unwrap();
        let now_ms = now_ms();
        let founding = Founding {
            name: "Школа".into(),
            short_name: "Школа".into(),
            tz: "Europe/Moscow".into(),
            locale: "ru".into(),
            admin: NewPerson {
                code: "admin".into(),
                family_name: "А".into(),
                given_name: "Б".into(),
                middle_name: None,
                birth_date: None,
            },
            // Nobody signs in here.
            password_hash: String::new(),
        };
        let today = date(2026, 8, 31);
        store.found(founding, today, now_ms).await.unwrap();
        put_act(&store).await;
        let school = store.schools().await.unwrap().remove(0);
        let asked = RosterRequest { school: school.clone(), actor: None, assigns: None, dry_run: false, today, now_ms };
        store.import_roster(&size.roster(), asked).await.unwrap();
        Self { store, school, folder }
    }

    pub async fn import(&self, cards: &Cards, horizon_days: u32) -> usize {
        let asked = ImportRequest {
            school: self.school.clone(),
            actor: None,
            own_only: false,
            dry_run: false,
            timings: Timings::new(Timing::default()),
            horizon_days,
            now_ms: now_ms(),
        };
        self.store.import_cards(&cards.csv(), asked).await.unwrap().consultations
    }

    /// One of the imported cards, as a draft of it would be.
    pub async fn some_card(&self) -> (CardId, DraftBody) {
        let card = self.store.cards(&self.school.id, now_ms(), 1).await.unwrap().remove(0);
        let body = self.store.card_versions(&card.id).await.unwrap().remove(0).body;
        (card.id, body)
    }
}

/// The local act without which nothing may be planned.
pub async fn put_act(store: &Store) {
    let school = store.schools().await.unwrap().remove(0);
    let act = LocalAct {
        id: "act".into(),
        number: "1".into(),
        dated: date(2026, 8, 1),
        title: "Положение".into(),
        basis: "1678".into(),
        valid_from: date(2026, 8, 1),
        valid_to: None,
        opinions: Vec::new(),
        file: None,
    };
    let now_ms = now_ms();
    let job = store.write(move |tx| Box::pin(async move { tx.insert_local_act(&school, &act, None, now_ms).await }));
    job.await.unwrap();
}
