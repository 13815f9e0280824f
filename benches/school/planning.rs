//! The planning check of one slot, and a year's expansion, in a school of 1,200 students, 70 teachers and 300 consultations a
//! week.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::Criterion;
use kafedra::domain::calendar::{ForClass, Parity, Span, plus_days};
use kafedra::domain::consultation::{Timing, Timings};
use kafedra::domain::ids::CardId;
use kafedra::domain::planning::card::{About, check_card};
use kafedra::domain::planning::lessons::{Lessons, Regular};
use kafedra::domain::planning::view::PlanView;
use kafedra::domain::planning::{Wish, check};
use kafedra::domain::timetable::expand;
use kafedra::store::planning::drafts::DraftBody;
use kafedra::store::planning::publish::Publishing;
use kafedra::store::transition::Actor;
use tokio::runtime::Runtime;

use crate::made::{self, LARGE, Made, USUAL};

/// Consultations a week, and from the issue.
const A_WEEK: usize = 300;
/// As in the hub's settings.
const HORIZON_DAYS: u32 = 92;

pub fn run(runtime: &Runtime) {
    let (made, planned) = runtime.block_on(async {
        let made = Made::new(USUAL).await;
        let planned = made.import(&USUAL.weekly_cards(A_WEEK), made::YEAR_DAYS).await;
        (made, planned)
    });
    println!("school: 1,200 students, 70 teachers, {A_WEEK} weekly slots, {planned} consultations in the year");
    let (card, body) = runtime.block_on(made.some_card());
    let mut bench = Criterion::default().measurement_time(Duration::from_secs(3)).warm_up_time(Duration::from_secs(1));
    pure(&mut bench, runtime, &made, &card, &body);
    through_the_store(&mut bench, runtime, &made, &card, &body);
    drop(bench);
    expansion_grows(runtime, &made);
}

fn pure(bench: &mut Criterion, runtime: &Runtime, made: &Made, card: &CardId, body: &DraftBody) {
    let calendar = runtime.block_on(made.store.calendar(&made.school)).unwrap();
    let year = calendar.years[0];
    let mut view = runtime.block_on(made.store.plan_view(&made.school, year)).unwrap();
    // The card's own dates do not stand in its way.
    view.remove_card(card, |_| true);
    let slot = &body.content.slots[0];
    let occurrences = expand(&made.school.id, slot, false, &calendar, year).occurrences;
    let one = &occurrences[occurrences.len() / 2];
    let wish = Wish {
        id: one.id.clone(),
        date: one.date,
        start_ms: one.start_ms,
        end_ms: one.end_ms,
        group: &body.content.group,
        programme: body.content.programme.as_ref(),
        slot,
        host: &slot.host,
        students: Vec::new(),
        allow_in_break: false,
        more_sources: 0,
    };
    bench.bench_function("planning/check of one date", |bencher| bencher.iter(|| check(&view, black_box(&wish))));
    let busy = beside_lessons(&view, &wish);
    let lessons = busy.lessons().all().len();
    bench.bench_function(&format!("planning/the same beside {lessons} regular lessons a week"), |bencher| {
        bencher.iter(|| check(&busy, black_box(&wish)));
    });
    let about = About {
        school: &made.school.id,
        card,
        programme: body.content.programme.as_ref(),
        calendar: &calendar,
        within: year,
        now_ms: made::now_ms(),
    };
    let again = |view: &mut PlanView| {
        let checked = check_card(view, &body.content, &about);
        view.remove_card(card, |_| true);
        checked.len()
    };
    let dates = again(&mut view);
    println!("a weekly slot has {dates} dates in the year");
    bench.bench_function("planning/check of a weekly slot over the year", |bencher| {
        bencher.iter(|| again(&mut view));
    });
    bench.bench_function("timetable/expand 300 weekly slots over the year", |bencher| {
        bencher.iter(|| {
            (0..A_WEEK)
                .map(|_| expand(&made.school.id, black_box(slot), false, &calendar, year).occurrences.len())
                .sum::<usize>()
        });
    });
}

/// Every class but the wish's own learns from the first lesson to the eighth on every day, by anybody but the wish's host.
fn beside_lessons(view: &PlanView, wish: &Wish<'_>) -> PlanView {
    let mut groups: Vec<_> = view.groups.keys().filter(|group| *group != wish.group).collect();
    let mut teachers: Vec<_> = view.hosts.keys().filter(|host| *host != wish.host).collect();
    groups.sort();
    teachers.sort();
    let places = groups.iter().enumerate().flat_map(|(n, group)| {
        (1..=5_i8).flat_map(move |weekday| (1..=8_u8).map(move |period| (n, *group, weekday, period)))
    });
    let all = places
        .map(|(n, group, weekday, period)| Regular {
            weekday,
            period,
            parity: (n % 5 == 0).then_some(Parity::Odd),
            terms: None,
            teacher: Some(teachers[(n + usize::from(period)) % teachers.len()].clone()),
            of: ForClass { grade: Some(u8::try_from(n % 11 + 1).unwrap()), shift: 1 },
            groups: vec![group.clone()],
            subject: "Физика".into(),
            class: String::new(),
        })
        .collect();
    let mut busy = view.clone();
    busy.set_lessons(Lessons::new(&view.calendar, all));
    busy
}

/// What somebody waits for who presses «Проверить»: the school is read, then asked.
fn through_the_store(bench: &mut Criterion, runtime: &Runtime, made: &Made, card: &CardId, body: &DraftBody) {
    let calendar = runtime.block_on(made.store.calendar(&made.school)).unwrap();
    let asked = Publishing {
        school: made.school.clone(),
        calendar: calendar.clone(),
        actor: Actor { person: body.content.teacher.clone(), role: None },
        needs_agreement: false,
        timings: Timings::new(Timing::default()),
        horizon_days: HORIZON_DAYS,
        now_ms: made::now_ms(),
    };
    let mut group = bench.benchmark_group("planning/with the store");
    group.sample_size(10);
    group.bench_function("check of a weekly slot, 92 days", |bencher| {
        bencher.iter(|| runtime.block_on(made.store.check_draft(&asked, card, body)).unwrap().len());
    });
    let monday = calendar.years[0].from;
    let week = Span { from: monday, to: plus_days(monday, 6) };
    group.bench_function("reading the school for a week", |bencher| {
        bencher.iter(|| runtime.block_on(made.store.plan_view(&made.school, week)).unwrap().len());
    });
    group.finish();
}

/// The year that is planned already, expanded again and compared; then new cards, ten, a hundred and a thousand of them.
fn expansion_grows(runtime: &Runtime, made: &Made) {
    let timings = Timings::new(Timing::default());
    let began = Instant::now();
    let change =
        runtime.block_on(made.store.reexpand(&made.school, &timings, made::now_ms(), made::YEAR_DAYS)).unwrap();
    println!(
        "the whole year expanded again ({} changes): {} ms",
        change.planned + change.moved,
        began.elapsed().as_millis()
    );
    println!(
        "\n| weekly slots | consultations in the year | import and expansion | per consultation |\n|---|---|---|---|"
    );
    for slots in [30, 300, 3_000] {
        let (planned, took) = runtime.block_on(async {
            // The large school: in the usual one classes and teachers cannot be at 3,000 weekly slots.
            let made = Made::new(LARGE).await;
            let began = Instant::now();
            (made.import(&LARGE.weekly_cards(slots), made::YEAR_DAYS).await, began.elapsed())
        });
        let each = took.as_micros() / planned.max(1) as u128;
        println!("| {slots} | {planned} | {} ms | {each} us |", took.as_millis());
    }
}
