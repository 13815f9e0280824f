//! A real school in an empty store: itself, the usual calendar of the school year, bells, and the first administrator.

use jiff::civil::{Date, Time, Weekday, date, time};

use super::people::NewPerson;
use super::school::{NewYear, School};
use super::{AuditEvent, Store, StoreError};
use crate::domain::calendar::{DayKind, Span, plus_days};
use crate::domain::ids::{PersonId, SchoolId};
use crate::domain::norm::NormMode;
use crate::domain::role::Role;

/// The usual bells: number, start, end.
const BELLS: [(u8, Time, Time); 8] = [
    (1, time(8, 30, 0, 0), time(9, 15, 0, 0)),
    (2, time(9, 25, 0, 0), time(10, 10, 0, 0)),
    (3, time(10, 30, 0, 0), time(11, 15, 0, 0)),
    (4, time(11, 35, 0, 0), time(12, 20, 0, 0)),
    (5, time(12, 30, 0, 0), time(13, 15, 0, 0)),
    (6, time(13, 25, 0, 0), time(14, 10, 0, 0)),
    (7, time(14, 20, 0, 0), time(15, 5, 0, 0)),
    (8, time(15, 15, 0, 0), time(16, 0, 0, 0)),
];

/// Minutes at a screen per lesson and per day at home, by grades (SanPiN 1.2.3685-21).
const NORMS: [(u8, u8, u16, u16); 4] = [(1, 2, 20, 80), (3, 4, 25, 90), (5, 9, 30, 120), (10, 11, 35, 170)];

/// What the founder says.
#[derive(Clone, Debug)]
pub struct Founding {
    pub name: String,
    pub short_name: String,
    /// IANA name of a zone that this machine knows.
    pub tz: String,
    pub locale: String,
    pub admin: NewPerson,
    /// PHC string of the administrator's password.
    pub password_hash: String,
}

impl Store {
    /// Founds the one school of this store, with the school year that `today` is in or before.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when there is a school already.
    pub async fn found(&self, founding: Founding, today: Date, now_ms: i64) -> Result<PersonId, StoreError> {
        if !self.schools().await?.is_empty() {
            return Err(StoreError::Conflict);
        }
        let (year, holidays) = school_year(today);
        let school = School {
            id: SchoolId::fresh(),
            name: founding.name,
            short_name: founding.short_name,
            tz: founding.tz,
            locale: founding.locale,
            days_a_week: 5,
            odd_monday: on_or_before(year.span.from, Weekday::Monday),
            parity_skips_breaks: false,
            calendar_version: 1,
            academic_hour_minutes: 45,
            is_demo: false,
        };
        let (admin, hash) = (founding.admin, founding.password_hash);
        self.write(move |tx| {
            Box::pin(async move {
                tx.insert_school(&school, now_ms).await?;
                tx.insert_year(&school.id, &year, now_ms).await?;
                tx.insert_days(&school.id, &holidays).await?;
                tx.insert_bells(&school.id, "Обычные", &BELLS, now_ms).await?;
                let norms = NORMS.map(|(from, to, minutes, day)| {
                    (
                        format!("pc-{from}-{to}"),
                        from,
                        to,
                        (minutes, Some(day)),
                        "СанПиН 1.2.3685-21".to_owned(),
                        NormMode::Warn,
                    )
                });
                tx.insert_norms(&school.id, &norms).await?;
                let id = tx.insert_person(&school.id, &admin, now_ms).await?;
                tx.insert_account(&school.id, &id, &admin.code, &hash, now_ms).await?;
                tx.insert_role(&school.id, &id, Role::Admin, None, now_ms).await?;
                tx.audit(AuditEvent::new(school.id.clone(), now_ms, "school.init", "school", school.id.as_str()))
                    .await?;
                let role = AuditEvent::new(school.id, now_ms, "role.assign", "person", id.as_str());
                tx.audit(role.with(serde_json::json!({ "role": Role::Admin, "unit": null }))).await?;
                Ok(id)
            })
        })
        .await
    }
}

/// A day of the calendar as it is written.
type Day = (Date, DayKind, Option<Weekday>, String);

/// September to May in four quarters with the usual breaks, and the public holidays that fall on school days. In July and
/// August the coming year counts.
fn school_year(today: Date) -> (NewYear, Vec<Day>) {
    let first = if today.month() >= 7 { today.year() } else { today.year() - 1 };
    let second = first + 1;
    let autumn = on_or_before(date(first, 10, 31), Weekday::Sunday);
    let winter = on_or_before(date(second, 1, 15), Weekday::Monday);
    let spring = on_or_before(date(second, 3, 31), Weekday::Friday);
    let span = Span { from: date(first, 9, 1), to: date(second, 5, 31) };
    let quarters = [
        Span { from: span.from, to: autumn },
        Span { from: plus_days(autumn, 8), to: date(first, 12, 30) },
        Span { from: winter, to: spring },
        Span { from: plus_days(spring, 10), to: span.to },
    ];
    let terms = (1..).zip(quarters).map(|(n, span)| ("quarter".to_owned(), n, format!("{n} четверть"), span));
    let year = NewYear { name: format!("{first}/{:02}", second % 100), span, terms: terms.collect() };
    let holidays = [
        (date(first, 11, 4), "День народного единства"),
        (date(second, 2, 23), "День защитника Отечества"),
        (date(second, 3, 8), "Международный женский день"),
        (date(second, 5, 1), "Праздник Весны и Труда"),
        (date(second, 5, 9), "День Победы"),
    ];
    (year, holidays.map(|(day, title)| (day, DayKind::Holiday, None, title.to_owned())).into())
}

fn on_or_before(day: Date, weekday: Weekday) -> Date {
    plus_days(day, -i32::from(day.weekday().since(weekday)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_year_has_four_quarters_with_breaks_between() {
        let (year, days) = school_year(date(2026, 11, 22));
        assert_eq!(year.name, "2026/27");
        let dates: Vec<String> =
            year.terms.iter().map(|(_, n, _, span)| format!("{n} {} {}", span.from, span.to)).collect();
        let expected = [
            "1 2026-09-01 2026-10-25",
            "2 2026-11-02 2026-12-30",
            "3 2027-01-11 2027-03-26",
            "4 2027-04-05 2027-05-31",
        ];
        assert_eq!(dates, expected);
        assert_eq!(days.len(), 5);
        assert_eq!(school_year(date(2027, 6, 30)).0.name, "2026/27");
        assert_eq!(school_year(date(2027, 7, 1)).0.name, "2027/28");
    }

    #[test]
    fn quarters_never_overlap() {
        for year in 2024..2040 {
            let (year, _) = school_year(date(year, 9, 1));
            assert!(year.terms.windows(2).all(|pair| pair[0].3.to < pair[1].3.from), "{year:?}");
            assert!(year.terms.iter().all(|(.., span)| span.from < span.to), "{year:?}");
        }
    }
}
