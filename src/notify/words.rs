//! A notice in words, for letters and pushes: Russian, or English for a school whose language that is.
//!
//! Subjects and pushes are seen by whoever looks at the screen: they name lessons, never children, and never what somebody
//! wrote (a reason, an answer): for that one signs in.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::domain::notice::{Lesson, Notice};

/// What a letter or push says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// Subject of the letter, title of the push.
    pub title: String,
    pub body: String,
}

/// The language words are wanted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    Russian,
    English,
}

impl Language {
    /// Of a school's locale (`ru-RU`); Russian unless it says English.
    pub fn of(locale: &str) -> Self {
        if locale.starts_with("en") { Self::English } else { Self::Russian }
    }

    fn pick(self, russian: &str, english: &str) -> String {
        match self {
            Self::Russian => russian.to_owned(),
            Self::English => english.to_owned(),
        }
    }
}

/// Day and time on the school's wall.
fn when(at_ms: i64, language: Language, zone: &TimeZone) -> String {
    let Ok(at) = Timestamp::from_millisecond(at_ms) else { return String::new() };
    let at = at.to_zoned(zone.clone());
    let format = match language {
        Language::Russian => "%d.%m.%Y в %H:%M",
        Language::English => "%Y-%m-%d at %H:%M",
    };
    at.strftime(format).to_string()
}

/// Puts a notice into words.
pub fn words(notice: &Notice, language: Language, zone: &TimeZone) -> Words {
    let say = |title_ru: &str, title_en: &str, body: String| Words { title: language.pick(title_ru, title_en), body };
    let of = |lesson: &Lesson| format!("{}, {}", lesson.title, when(lesson.start_ms, language, zone));
    match notice {
        Notice::ConsultationSoon { lesson, minutes } => {
            let left = match language {
                Language::Russian if *minutes >= 120 => format!("через {} ч", minutes / 60),
                Language::Russian => format!("через {minutes} мин"),
                Language::English if *minutes >= 120 => format!("in {} h", minutes / 60),
                Language::English => format!("in {minutes} min"),
            };
            Words {
                title: match language {
                    Language::Russian => format!("Консультация {left}"),
                    Language::English => format!("Consultation {left}"),
                },
                body: of(lesson),
            }
        }
        Notice::ConsultationOpened { lesson } => say("Консультация открыта", "The consultation is open", of(lesson)),
        Notice::ConsultationMoved { lesson, was_ms } => {
            let was = when(*was_ms, language, zone);
            let body = match language {
                Language::Russian => format!("{}. Было: {was}", of(lesson)),
                Language::English => format!("{}. Was: {was}", of(lesson)),
            };
            say("Консультация перенесена", "The consultation is moved", body)
        }
        Notice::ConsultationCancelled { lesson, .. } => {
            say("Консультация отменена", "The consultation is cancelled", of(lesson))
        }
        Notice::ConsultationSubstituted { lesson, by } => {
            let body = match language {
                Language::Russian => format!("{}. Проводит: {by}", of(lesson)),
                Language::English => format!("{}. Held by: {by}", of(lesson)),
            };
            say("Замена на консультации", "A substitute holds the consultation", body)
        }
        Notice::ConsultationChanged { lesson } => {
            say("Консультация изменена", "The consultation has changed", of(lesson))
        }
        Notice::ConsultationPlanned { lesson } => {
            say("Назначена консультация", "A consultation is planned", of(lesson))
        }
        Notice::ConsultationNotHeld { lesson, .. } => {
            say("Консультация не состоялась", "A consultation was not held", of(lesson))
        }
        Notice::ConsultationFellThrough { lesson, reason, .. } => {
            let why = match (reason.as_str(), language) {
                ("technical", Language::Russian) => ". Технический сбой",
                ("technical", Language::English) => ". A technical failure",
                (_, Language::Russian) => ". Ведущий не пришёл",
                (_, Language::English) => ". The host did not come",
            };
            say("Консультация не состоялась", "A consultation did not take place", format!("{}{why}", of(lesson)))
        }
        Notice::RequestReceived { subject, .. } => say("Новое обращение", "A new request", subject.clone()),
        Notice::RequestAccepted { subject, .. } => {
            say("Обращение принято", "Your request is accepted", subject.clone())
        }
        Notice::RequestAnswered { subject, .. } => {
            say("На обращение ответили", "Your request is answered", subject.clone())
        }
        Notice::RequestDeclined { subject, .. } => {
            say("Обращение отклонено", "Your request is declined", subject.clone())
        }
        Notice::RequestScheduled { lesson, .. } => {
            say("По обращению назначена консультация", "A consultation for your request", of(lesson))
        }
        Notice::RequestReopened { subject, .. } => {
            say("Обращение открыто снова", "A request is open again", subject.clone())
        }
        Notice::RequestWithdrawn { subject, .. } => {
            say("Обращение отозвано", "A request is withdrawn", subject.clone())
        }
        Notice::RequestOverdue { subject, .. } => {
            say("Срок ответа на обращение прошёл", "A request is overdue", subject.clone())
        }
        Notice::AppointmentBooked { lesson, .. } => say("Запись подтверждена", "Booked", of(lesson)),
        Notice::AppointmentCancelled { lesson, .. } => say("Запись отменена", "A booking is cancelled", of(lesson)),
        Notice::AppointmentMovedUp { lesson, .. } => {
            say("Освободилось место: вы записаны", "A place is free: you are booked", of(lesson))
        }
        Notice::AppointmentNext { lesson } => say("Вы следующие", "You are next", lesson.title.clone()),
        Notice::CalendarChanged { from, to, affected } => {
            let days = if from == to { from.clone() } else { format!("{from} – {to}") };
            let body = match language {
                Language::Russian => format!("{days}. Ваших консультаций: {affected}"),
                Language::English => format!("{days}. Your consultations: {affected}"),
            };
            say("Календарь изменён", "The calendar has changed", body)
        }
        Notice::OverrideAsked { lesson } => say("Просят разрешить сверх нормы", "An override is asked for", of(lesson)),
        Notice::OverrideGranted { lesson, order_no } => {
            let body = match language {
                Language::Russian => format!("{}. Приказ {order_no}", of(lesson)),
                Language::English => format!("{}. Order {order_no}", of(lesson)),
            };
            say("Разрешение сверх нормы", "An override is granted", body)
        }
        Notice::CardPublished { title, .. } => {
            say("Опубликована карта урока", "A lesson card is published", title.clone())
        }
        Notice::CardAwaits { title, .. } => {
            say("Карта урока ждёт согласования", "A lesson card awaits consent", title.clone())
        }
        Notice::CardWithdrawn { title, .. } => say("Карта урока отозвана", "A lesson card is withdrawn", title.clone()),
        Notice::CardDatesRefused { title, from, count, .. } => say(
            "Даты карты урока не запланированы",
            "Dates of a lesson card were not planned",
            format!("{title}: {from} ({count})"),
        ),
        Notice::CardDatesAgainst { title, from, count, .. } => say(
            "Программа изменена: даты против правила",
            "The programme has changed: dates against a rule",
            format!("{title}: {from} ({count})"),
        ),
        Notice::CardDatesCollide { title, from, count, .. } => say(
            "Новое расписание уроков: даты совпали с уроками",
            "A new timetable of lessons: dates meet lessons",
            format!("{title}: {from} ({count})"),
        ),
        Notice::RuleProposed { .. } => {
            say("Изменение правил ждёт решения", "A change of the rules awaits a decision", String::new())
        }
        Notice::RuleConfirmed { .. } => {
            say("Изменение правил утверждено", "A change of the rules is confirmed", String::new())
        }
        Notice::RuleDeclined { .. } => {
            say("Изменение правил отклонено", "A change of the rules is declined", String::new())
        }
        Notice::FeedbackAsked { lesson } => say("Помогла ли консультация?", "Did the consultation help?", of(lesson)),
        Notice::ComplaintReceived { .. } => say("Получена жалоба", "A complaint has come", String::new()),
        Notice::ComplaintAnswered { .. } => say("На жалобу ответили", "Your complaint is answered", String::new()),
        Notice::GuardianLinkProposed { .. } => {
            say("Связь с ребёнком ждёт подтверждения", "A guardian link awaits confirmation", String::new())
        }
        Notice::GuardianLinkConfirmed { .. } => {
            say("Связь с ребёнком подтверждена", "A guardian link is confirmed", String::new())
        }
        Notice::GuardianLinkEnded { .. } => {
            say("Связь с ребёнком прекращена", "A guardian link has ended", String::new())
        }
        Notice::ConsentNeeded { .. } => say("Нужно ваше согласие", "Your consent is needed", String::new()),
        Notice::ConsentWithdrawn { .. } => say("Согласие отозвано", "A consent is withdrawn", String::new()),
        Notice::ErasureRequested { .. } => {
            say("Просят удалить данные", "An erasure of data is asked for", String::new())
        }
        Notice::ErasureApproved { .. } => {
            say("Удаление данных одобрено", "An erasure of data is approved", String::new())
        }
        Notice::ErasureDeclined { .. } => {
            say("В удалении данных отказано", "An erasure of data is declined", String::new())
        }
        Notice::ErasureDone { act_no, .. } => {
            let body = match language {
                Language::Russian => format!("Акт {act_no}"),
                Language::English => format!("Act {act_no}"),
            };
            say("Данные удалены", "The data is erased", body)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::domain::ids::ConsultationId;

    #[test]
    fn words_stand_in_the_schools_time_and_leave_out_what_somebody_wrote() {
        let zone = TimeZone::get("Asia/Yekaterinburg").unwrap();
        let lesson =
            Lesson { id: ConsultationId::new("c"), title: "Физика, 9Б".to_owned(), start_ms: 1_795_766_400_000 };
        let cancelled = Notice::ConsultationCancelled { lesson, reason: "Иванов болеет".to_owned() };
        let said = words(&cancelled, Language::Russian, &zone);
        assert_eq!(said.title, "Консультация отменена");
        assert!(said.body.starts_with("Физика, 9Б, ") && !said.body.contains("Иванов"), "{said:?}");
        let hour = |zone: &TimeZone| words(&cancelled, Language::English, zone).body;
        assert_ne!(hour(&zone), hour(&TimeZone::UTC));
    }
}
