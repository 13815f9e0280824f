//! Regular lessons out of the school's timetable (DOMAIN 8.3): whoever teaches or learns then is busy, wherever something is
//! planned, moved, taken over or booked.

use super::*;

/// The day of the card: Thursday, 3 December, in an even week. 15:15 to 16:00 is the eighth lesson.
const THURSDAY: &str = "00010";

/// A timetable of one lesson: the eighth.
fn timetable(teacher: &str, class: &str, days: &str, weeks: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<timetable ascttversion="2026">
 <teachers><teacher id="t1" name="{teacher}"/></teachers>
 <classes><class id="c1" name="{class}"/></classes>
 <subjects><subject id="s1" name="Физика"/></subjects>
 <lessons><lesson id="l1" subjectid="s1" classids="c1" groupids="" teacherids="t1" periodspercard="1"/></lessons>
 <cards><card lessonid="l1" period="8" days="{days}" weeks="{weeks}" terms="1"/></cards>
</timetable>"#
    )
}

async fn import(deputy: &Client, file: String) {
    let request = deputy.request(Method::POST, "/api/v1/timetable/import").header("content-type", "text/xml");
    let answer = deputy.send(request.body(file)).await;
    assert_eq!((answer.status, &answer.body["lessons"]), (StatusCode::OK, &json!(1)), "{}", answer.body);
}

/// Publishing the card at its hour.
async fn publish(hub: &TestHub) -> Answer {
    let teacher = hub.sign_in(TEACHER).await;
    let school = School::of(&teacher).await;
    published(&teacher, &card(&teacher, &school, &me(&teacher)).await).await
}

#[tokio::test]
async fn who_has_a_regular_lesson_then_is_not_planned_for() {
    let hub = hub().await;
    let deputy = hub.sign_in(DEPUTY).await;
    for (teacher, class, code) in
        [("Соколова Мария Игоревна", "9Б", "host_conflict"), ("Лебедев Андрей Павлович", "5А", "group_conflict")]
    {
        import(&deputy, timetable(teacher, class, THURSDAY, "1")).await;
        let refused = publish(&hub).await;
        assert_eq!((refused.status, refused.code()), (StatusCode::CONFLICT, code), "{}", refused.body);
        let lesson = &refused.body["params"]["lessons"][0];
        assert_eq!(
            (&lesson["subject"], &lesson["class"], &lesson["starts"]),
            (&json!("Физика"), &json!(class), &json!("15:15:00")),
            "{}",
            refused.body
        );
    }
    // Odd weeks only: that Thursday is in an even one.
    import(&deputy, timetable("Соколова Мария Игоревна", "5А", THURSDAY, "10")).await;
    let done = publish(&hub).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.body);
    hub.stop().await;
}

#[tokio::test]
async fn a_file_of_cards_is_held_against_regular_lessons() {
    let hub = hub().await;
    let deputy = hub.sign_in(DEPUTY).await;
    import(&deputy, timetable("Соколова Мария Игоревна", "9Б", THURSDAY, "1")).await;
    let header = "Код;Дата;Начало;Минут;Класс;Предмет;Часть;Тема;Учитель;Вид;Форма;Аудитория\n";
    let row = "КАРТА-1;03.12.2026;15:30;30;5А;Математика;2 четверть;Дроби;Т-014;текущая;вебинар;обучающиеся\n";
    let request = deputy.request(Method::POST, "/api/v1/lesson-cards/import").header("content-type", "text/csv");
    let answer = deputy.send(request.body(format!("{header}{row}"))).await;
    assert_eq!(answer.code(), "import_rejected", "{}", answer.body);
    let told = answer.body["errors"][0].to_string();
    assert!(told.contains("host_conflict") && told.contains("Физика 9Б, 15:15"), "{told}");
    hub.stop().await;
}

#[tokio::test]
async fn moves_and_substitutes_know_regular_lessons() {
    let hub = hub().await;
    let (deputy, teacher, other) = (hub.sign_in(DEPUTY).await, hub.sign_in(TEACHER).await, hub.sign_in("T-021").await);
    assert_eq!(publish(&hub).await.status, StatusCode::OK);
    let id = planned(&teacher, "Сложение дробей").await[0]["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/consultations/{id}");
    // The other teacher has a lesson at that hour.
    import(&deputy, timetable("Лебедев Андрей Павлович", "9Б", THURSDAY, "1")).await;
    let candidates = deputy.get(&format!("{path}/substitutes")).await.body;
    let found = candidates["items"].as_array().unwrap().iter().find(|one| one["id"] == me(&other).as_str()).unwrap();
    assert_eq!((&found["free"], &found["findings"][0]["code"]), (&json!(false), &json!("host_conflict")), "{found}");
    let body = json!({ "to": me(&other), "reason": "болеет" });
    let refused = deputy.post(&format!("{path}/substitute"), &body).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::CONFLICT, "host_conflict"), "{}", refused.body);
    // The class has one on Friday, whoever teaches it.
    import(&deputy, timetable("Неизвестный", "5А", "00001", "1")).await;
    let to = json!({ "date": "2026-12-04", "start": "15:30", "reason": "актовый зал занят" });
    let refused = teacher.post(&format!("{path}/move"), &to).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::CONFLICT, "group_conflict"), "{}", refused.body);
    let to = json!({ "date": "2026-12-04", "start": "14:15", "reason": "актовый зал занят" });
    let moved = teacher.post(&format!("{path}/move"), &to).await;
    assert_eq!(moved.status, StatusCode::OK, "the lesson has not begun then: {}", moved.body);
    hub.stop().await;
}

#[tokio::test]
async fn inv_14_no_time_is_booked_for_a_pupil_who_has_a_lesson_then() {
    let hub = hub().await;
    let (deputy, teacher) = (hub.sign_in(DEPUTY).await, hub.sign_in(TEACHER).await);
    let school = School::of(&teacher).await;
    let mut body = card(&teacher, &school, &me(&teacher)).await;
    let slot = &mut body["content"]["slots"][0];
    (slot["form"], slot["medium"], slot["appointment_minutes"]) = ("individual".into(), "video".into(), 15.into());
    (slot["at"]["value"], slot["minutes"]) = ("15:45:00".into(), 30.into());
    import(&deputy, timetable("Неизвестный", "5А", THURSDAY, "1")).await;
    // Office hours are nobody's yet: they may be planned beside lessons of classes.
    let done = published(&teacher, &body).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.body);
    let pupil = hub.sign_in("S-5A-01").await;
    let all = pupil.get("/api/v1/office-hours").await.body;
    let hours = all["items"].as_array().unwrap().iter().find(|one| one["start"] == "2026-12-03T12:45:00Z");
    let times = hours.unwrap_or_else(|| panic!("{all}"))["times"].as_array().unwrap().clone();
    let book = |n: usize| format!("/api/v1/appointments/{}/book", times[n]["id"].as_str().unwrap());
    let refused = pupil.post(&book(0), &json!({})).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::CONFLICT, "student_conflict"), "{}", refused.body);
    let booked = pupil.post(&book(1), &json!({})).await;
    assert!(booked.status.is_success(), "it is over at four: {} {}", booked.status, booked.body);
    hub.stop().await;
}
