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

async fn kinds_of_notices(client: &Client) -> usize {
    let items = client.get("/api/v1/notices").await.body["items"].as_array().unwrap().clone();
    items.iter().filter(|one| one["notice"]["kind"] == "card_dates_collide").count()
}

#[tokio::test]
async fn a_timetable_lists_the_planned_dates_that_it_meets_and_those_concerned_are_told_once() {
    let hub = hub().await;
    let (deputy, teacher) = (hub.sign_in(DEPUTY).await, hub.sign_in(TEACHER).await);
    assert_eq!(publish(&hub).await.status, StatusCode::OK);
    let id = planned(&teacher, "Сложение дробей").await[0]["id"].clone();
    let send = async |file: String, dry_run: bool| {
        let path = format!("/api/v1/timetable/import?dry_run={dry_run}");
        let answer =
            deputy.send(deputy.request(Method::POST, &path).header("content-type", "text/xml").body(file)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        answer.body
    };
    // What was in the demo school's way before is not this card's.
    let of_card = |report: &Value| -> Vec<Value> {
        report["collisions"].as_array().unwrap().iter().filter(|one| one["consultation"] == id).cloned().collect()
    };
    let file = || timetable("Соколова Мария Игоревна", "9Б", THURSDAY, "1");
    let tried = send(file(), true).await;
    let found = of_card(&tried);
    assert_eq!(found.len(), 1, "{tried}");
    let expected = json!({
        "consultation": id, "date": "2026-12-03", "start": "2026-12-03T12:30:00Z", "title": "Сложение дробей", "class": "5А",
        "host": teacher.me["person"]["display_name"], "busy": "host", "is_new": true,
        "lesson": { "starts": "15:15", "ends": "16:00", "class": "9Б", "subject": "Физика" },
    });
    assert_eq!(found[0], expected);
    assert_eq!((kinds_of_notices(&teacher).await, kinds_of_notices(&deputy).await), (0, 0), "a dry run tells nobody");
    let lessons = deputy.get("/api/v1/timetable/export").await.body.to_string();
    assert!(!lessons.contains("Физика"), "and writes nothing: {lessons}");

    let done = send(file(), false).await;
    assert_eq!(of_card(&done), [expected]);
    assert_eq!(done["colliding_new"], tried["colliding_new"]);
    let told = (kinds_of_notices(&teacher).await, kinds_of_notices(&deputy).await);
    assert!(told.0 >= 1 && told.1 >= 1, "{told:?}");
    assert_eq!(kinds_of_notices(&hub.sign_in("S-5A-01").await).await, 0, "the pupils' date stays as it is");
    assert_eq!(planned(&teacher, "Сложение дробей").await[0]["state"], "planned");

    // The same timetable again has nothing new and tells nobody; one for the class has.
    let again = send(file(), false).await;
    assert_eq!((&again["colliding_new"], of_card(&again)[0]["is_new"].clone()), (&json!(0), json!(false)), "{again}");
    assert_eq!((kinds_of_notices(&teacher).await, kinds_of_notices(&deputy).await), told);
    hub.clock.advance_ms(1_000);
    let other = send(timetable("Неизвестный", "5А", THURSDAY, "1"), false).await;
    let found = of_card(&other);
    assert_eq!((&found[0]["busy"], &found[0]["is_new"], found.len()), (&json!("group"), &json!(true), 1), "{other}");
    assert!(kinds_of_notices(&teacher).await > told.0);
    // Odd weeks only: nothing is met any more.
    let free = send(timetable("Соколова Мария Игоревна", "5А", THURSDAY, "10"), false).await;
    assert_eq!(of_card(&free), Vec::<Value>::new());
    hub.stop().await;
}
