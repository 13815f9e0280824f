//! Costs of the parts that run for every message and every card: parsing, a room's fan-out, a year's expansion.
//! Ratios within one run count; the machine's speed does not.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::collections::{BTreeMap, HashMap};
use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use jiff::civil::{Weekday, date, time};
use jiff::tz::TimeZone;
use kafedra::domain::calendar::{Calendar, Span};
use kafedra::domain::form::{Audience, Coverage, Form as CardForm, Kind};
use kafedra::domain::ids::{PersonId as HostId, SchoolId};
use kafedra::domain::lesson_card::{At, CardSlot, Recurrence};
use kafedra::domain::timetable;
use signaling::ids::{MessageId, PeerId, PersonId, ResumeToken, RoomId};
use signaling::message::chat::ChatMessage;
use signaling::message::parse::parse_client;
use signaling::message::session::{Form, RoomRole, RoomState, VideoCodec};
use signaling::room::{Admission, Limits, Output, Record, Room, RoomConfig, Seat, Stored};

fn room_with(members: usize) -> (Room, Instant) {
    let now = Instant::now();
    let config = RoomConfig {
        room: RoomId::new("room"),
        form: Form::Webinar,
        title: "Fractions".into(),
        start_ms: 1_000,
        end_ms: 2_000,
        closes_ms: 3_000,
        state: RoomState::Open,
        limits: Limits { capacity: 2_000, ..Limits::of(Form::Webinar) },
        audio_slots: 3,
        video_slots: 9,
        camera_codec: VideoCodec::Vp8,
        screen_codec: VideoCodec::Vp8,
        chat: Vec::new(),
        chat_last_seq: 0,
        removed: Vec::new(),
        takes_turns: false,
    };
    let mut room = Room::new(config, now);
    for n in 0..members {
        let admission = Admission {
            person: PersonId::new(format!("person-{n}")),
            display_name: format!("Person {n}"),
            role: if n == 0 { RoomRole::Host } else { RoomRole::Recipient },
            beside: None,
            seat: Seat::Person,
            resume: ResumeToken::new(format!("token-{n}")),
        };
        room.handle_join(now, PeerId::new(format!("p{n}")), admission).unwrap();
        while room.poll_output().is_some() {}
    }
    (room, now)
}

/// One chat message from its author to everybody, the store's answer included.
fn chat_fan_out(bench: &mut Criterion) {
    let mut group = bench.benchmark_group("room/chat");
    for members in [10, 100, 1_000] {
        let (mut room, mut now) = room_with(members);
        let mut seq = 0;
        group.throughput(Throughput::Elements(members as u64));
        group.bench_function(BenchmarkId::from_parameter(members), |bencher| {
            bencher.iter(|| {
                seq += 1;
                // Slower than the limit for chat.
                now += Duration::from_secs(1);
                let text =
                    format!(r#"{{"type":"chat_send","client_msg_id":"m{seq}","body":"What is a half of a half?"}}"#);
                room.handle_message(now, &PeerId::new("p0"), parse_client(&text).unwrap());
                while let Some(output) = room.poll_output() {
                    let Output::Record(Record::Chat { author, author_name, peer, client_msg_id, body, reply_to }) =
                        output
                    else {
                        black_box(&output);
                        continue;
                    };
                    let message = ChatMessage {
                        message: MessageId::new(format!("id-{seq}")),
                        seq,
                        author,
                        author_name,
                        peer: Some(peer.clone()),
                        client_msg_id,
                        body,
                        sent_ms: seq,
                        edited_ms: None,
                        deleted: false,
                        reply_to,
                    };
                    room.handle_stored(now, Stored::Chat { peer, result: Ok(message) });
                }
            });
        });
    }
    group.finish();
}

fn join(bench: &mut Criterion) {
    let mut group = bench.benchmark_group("room/fill");
    for members in [10, 100, 300] {
        group.throughput(Throughput::Elements(members as u64));
        group.bench_function(BenchmarkId::from_parameter(members), |bencher| bencher.iter(|| room_with(members)));
    }
    group.finish();
}

fn parse(bench: &mut Criterion) {
    let chat = format!(r#"{{"type":"chat_send","client_msg_id":"m1","body":"{}"}}"#, "слово ".repeat(200));
    bench.bench_function("wire/parse chat of 1200 characters", |bencher| {
        bencher.iter(|| parse_client(black_box(&chat)))
    });
}

fn expand(bench: &mut Criterion) {
    let year = Span { from: date(2026, 9, 1), to: date(2027, 5, 31) };
    let calendar = Calendar {
        tz: TimeZone::get("Europe/Moscow").unwrap(),
        years: vec![year],
        terms: Vec::new(),
        days_a_week: 5,
        days: BTreeMap::new(),
        bells: HashMap::from([("usual".into(), BTreeMap::from([(7, (time(14, 20, 0, 0), time(15, 0, 0, 0)))]))]),
        usual_bells: "usual".into(),
        odd_monday: date(2026, 8, 31),
        parity_skips_breaks: false,
        grade_weeks: BTreeMap::new(),
        grade_days: BTreeMap::new(),
        shift_bells: HashMap::new(),
    };
    let slot = CardSlot {
        key: "МАТ-5А-1".into(),
        recurrence: Recurrence::Weekly { weekdays: vec![Weekday::Tuesday], parity: None, span: year },
        at: Some(At::Period(7)),
        minutes: Some(30),
        form: CardForm::Webinar,
        medium: None,
        kind: Kind::Current,
        coverage: Coverage::Topics,
        parts: Vec::new(),
        topics: vec!["Обыкновенные дроби".into()],
        audience: Audience { students: true, guardians: false },
        host: HostId::new("host"),
        student: None,
        sources: Vec::new(),
        purpose: None,
        appointment_minutes: None,
        capacity: None,
    };
    let school = SchoolId::new("school");
    bench.bench_function("timetable/expand a weekly slot over a year", |bencher| {
        bencher.iter(|| timetable::expand(&school, black_box(&slot), false, &calendar, year))
    });
}

criterion_group!(benches, parse, join, chat_fan_out, expand);
criterion_main!(benches);
