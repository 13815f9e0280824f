//! What the school looks like to a planning check: its people, contracts, programmes and what is planned already.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use jiff::civil::{Date, Time, Weekday};

use super::finding::Rules;
use super::lessons::Lessons;
use super::load::Hundredths;
use crate::domain::calendar::Calendar;
use crate::domain::chosen::Chosen;
use crate::domain::ids::{CardId, ConsultationId, GroupId, PersonId, ProgrammeId};
use crate::domain::norm::{HoursNorm, Norm};
use crate::domain::person::in_force;
use crate::domain::refusal::RefusalCode;

/// A view of the school, complete for the dates that are asked about.
#[derive(Clone, Debug)]
pub struct PlanView {
    pub calendar: Calendar,
    pub rules: Rules,
    pub norms: Vec<Norm>,
    pub hours: Vec<HoursNorm>,
    /// Minutes of an academic hour.
    pub academic_hour_minutes: u16,
    /// Local acts: name, from, to.
    pub acts: Vec<(String, Option<Date>, Option<Date>)>,
    pub groups: HashMap<GroupId, GroupFacts>,
    pub programmes: HashMap<ProgrammeId, ProgrammeFacts>,
    pub hosts: HashMap<PersonId, HostFacts>,
    pub overrides: HashMap<(ConsultationId, RefusalCode), Order>,
    /// Dates whose host chose parts and topics: they hold instead of the slot's.
    pub chosen: HashMap<ConsultationId, Chosen>,
    planned: HashMap<ConsultationId, Entry>,
    /// Start, end and name by the UTC day of the start: nothing lasts longer than a day.
    by_day: HashMap<i64, Vec<(i64, i64, ConsultationId)>>,
    /// Students that anything is planned for, numbered: what follows asks for many of them at once.
    numbers: HashMap<PersonId, u32>,
    /// Regular lessons, and by the number of a student the groups among theirs that have any, numbered as they come in the list.
    lessons: Lessons,
    lesson_groups: HashMap<GroupId, u32>,
    learns_in: Vec<Vec<u32>>,
    /// Numbers of an entry's students, sorted.
    seats: HashMap<ConsultationId, Vec<u32>>,
    /// Minutes that a student is planned for on a date.
    minutes: HashMap<(Date, u32), i64>,
    /// What counts for a host's load, by date.
    load: HashMap<PersonId, BTreeMap<Date, HashMap<ConsultationId, Hundredths>>>,
}

/// An order that lifts one finding of one consultation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    pub order_no: String,
    /// For whom it was given: a substitute needs one of their own.
    pub host: PersonId,
}

#[derive(Clone, Debug, Default)]
pub struct GroupFacts {
    pub members: Vec<PersonId>,
    pub grades: BTreeSet<u8>,
}

#[derive(Clone, Debug, Default)]
pub struct ProgrammeFacts {
    pub parts: Vec<PartFacts>,
}

#[derive(Clone, Debug)]
pub struct PartFacts {
    pub title: String,
    /// What the title is looked up by.
    pub fold: String,
    pub starts_on: Date,
    pub ends_on: Date,
    pub completed_on: Option<Date>,
    /// Folded titles of its topics.
    pub topics: HashSet<String>,
}

#[derive(Clone, Debug, Default)]
pub struct HostFacts {
    /// Holds the role of a teacher.
    pub is_teacher: bool,
    pub employments: Vec<Employment>,
}

#[derive(Clone, Debug)]
pub struct Employment {
    pub is_teaching: bool,
    pub from: Option<Date>,
    pub to: Option<Date>,
    /// The contract's share for consultations; `None`: recorded, not limited.
    pub week: Option<Hundredths>,
    pub month: Option<Hundredths>,
    pub year: Option<Hundredths>,
    pub windows: Vec<Window>,
    pub absences: Vec<(Date, Date)>,
}

/// Working time on a weekday.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub weekday: Weekday,
    pub starts: Time,
    pub ends: Time,
    pub from: Option<Date>,
    pub to: Option<Date>,
}

impl HostFacts {
    pub fn on(&self, date: Date) -> impl Iterator<Item = &Employment> {
        self.employments.iter().filter(move |one| in_force(date, one.from, one.to))
    }

    /// Whether hours held that day are teaching load; else they are working time (clause 3.3).
    pub fn teaches_on(&self, date: Date) -> bool {
        let mut any = false;
        for one in self.on(date) {
            any = true;
            if one.is_teaching {
                return true;
            }
        }
        !any && self.is_teacher
    }
}

/// A consultation that stands in the plan.
#[derive(Clone, Debug)]
pub struct Entry {
    pub id: ConsultationId,
    pub card: CardId,
    pub date: Date,
    pub start_ms: i64,
    pub end_ms: i64,
    /// Who holds it: the substitute, when there is one.
    pub host: PersonId,
    pub group: GroupId,
    /// It is for single students: the group as such is free.
    pub is_individual: bool,
    pub students: Vec<PersonId>,
    /// For the host's load.
    pub academic_hours: Hundredths,
}

impl PlanView {
    /// An empty school.
    pub fn new(calendar: Calendar) -> Self {
        Self {
            calendar,
            rules: Rules::default(),
            norms: Vec::new(),
            hours: Vec::new(),
            academic_hour_minutes: 45,
            acts: Vec::new(),
            groups: HashMap::new(),
            programmes: HashMap::new(),
            hosts: HashMap::new(),
            overrides: HashMap::new(),
            chosen: HashMap::new(),
            planned: HashMap::new(),
            by_day: HashMap::new(),
            numbers: HashMap::new(),
            lessons: Lessons::default(),
            lesson_groups: HashMap::new(),
            learns_in: Vec::new(),
            seats: HashMap::new(),
            minutes: HashMap::new(),
            load: HashMap::new(),
        }
    }

    /// The local act in force on a date (R1.1); `None`: nothing may be planned for it.
    pub fn act_on(&self, date: Date) -> Option<&str> {
        self.acts.iter().find(|(_, from, to)| in_force(date, *from, *to)).map(|(id, ..)| id.as_str())
    }

    pub fn members(&self, group: &GroupId) -> &[PersonId] {
        self.groups.get(group).map_or(&[], |group| &group.members)
    }

    pub fn grades(&self, group: &GroupId) -> impl Iterator<Item = u8> {
        self.groups.get(group).into_iter().flat_map(|group| group.grades.iter().copied())
    }

    /// Puts a consultation into the plan; one of the same name is replaced.
    pub fn add(&mut self, entry: Entry) {
        self.remove(&entry.id);
        self.count(&entry.host, entry.date, entry.id.clone(), entry.academic_hours);
        let time = (entry.start_ms, entry.end_ms, entry.id.clone());
        self.by_day.entry(day(entry.start_ms)).or_default().push(time);
        let mut seats: Vec<u32> = entry.students.iter().map(|student| self.numbered(student)).collect();
        seats.sort_unstable();
        seats.dedup();
        for student in &seats {
            *self.minutes.entry((entry.date, *student)).or_default() += entry.minutes();
        }
        self.seats.insert(entry.id.clone(), seats);
        self.planned.insert(entry.id.clone(), entry);
    }

    /// Takes a consultation out of the plan and out of its host's load.
    pub fn remove(&mut self, id: &ConsultationId) -> Option<Entry> {
        let entry = self.planned.remove(id)?;
        if let Some(names) = self.by_day.get_mut(&day(entry.start_ms)) {
            names.retain(|(_, _, name)| name != id);
        }
        for student in self.seats.remove(id).unwrap_or_default() {
            if let Some(sum) = self.minutes.get_mut(&(entry.date, student)) {
                *sum -= entry.minutes();
            }
        }
        if let Some(on) = self.load.get_mut(&entry.host).and_then(|dates| dates.get_mut(&entry.date)) {
            on.remove(id);
        }
        Some(entry)
    }

    /// Takes everything of a card out that the predicate names.
    pub fn remove_card(&mut self, card: &CardId, mut of: impl FnMut(&Entry) -> bool) {
        self.remove_where(|one| one.card == *card && of(one));
    }

    /// Takes everything out that the predicate names.
    pub fn remove_where(&mut self, mut of: impl FnMut(&Entry) -> bool) {
        let names: Vec<_> = self.planned.values().filter(|one| of(one)).map(|one| one.id.clone()).collect();
        for name in names {
            self.remove(&name);
        }
    }

    /// Counts hours for a host that no planned entry stands for: what is held already.
    pub fn count(&mut self, host: &PersonId, date: Date, id: ConsultationId, hours: Hundredths) {
        self.load.entry(host.clone()).or_default().entry(date).or_default().insert(id, hours);
    }

    /// A host's academic hours from..=to, without one consultation.
    pub fn hours_of(&self, host: &PersonId, from: Date, to: Date, but: &ConsultationId) -> Hundredths {
        let Some(dates) = self.load.get(host) else { return 0 };
        dates.range(from..=to).flat_map(|(_, on)| on.iter()).filter(|(id, _)| *id != but).map(|(_, hours)| hours).sum()
    }

    /// Entries that overlap a time, without one.
    pub fn overlapping(&self, start_ms: i64, end_ms: i64, but: &ConsultationId) -> impl Iterator<Item = &Entry> {
        (day(start_ms) - 1..=day(end_ms))
            .filter_map(|day| self.by_day.get(&day))
            .flatten()
            .filter(move |(starts, ends, id)| *starts < end_ms && start_ms < *ends && id != but)
            .filter_map(|(_, _, id)| self.planned.get(id))
    }

    /// Puts the regular lessons in; the groups have to be there.
    pub fn set_lessons(&mut self, lessons: Lessons) {
        self.lesson_groups.clear();
        self.learns_in.clear();
        for group in lessons.all().iter().flat_map(|lesson| &lesson.groups) {
            let next = u32::try_from(self.lesson_groups.len()).unwrap_or(u32::MAX);
            if self.lesson_groups.contains_key(group) {
                continue;
            }
            self.lesson_groups.insert(group.clone(), next);
            for member in self.members(group).to_vec() {
                let student = self.numbered(&member) as usize;
                if self.learns_in.len() <= student {
                    self.learns_in.resize(student + 1, Vec::new());
                }
                self.learns_in[student].push(next);
            }
        }
        self.lessons = lessons;
    }

    pub fn lessons(&self) -> &Lessons {
        &self.lessons
    }

    /// The number of a group that has regular lessons.
    pub fn lesson_group(&self, group: &GroupId) -> Option<u32> {
        self.lesson_groups.get(group).copied()
    }

    /// The groups with regular lessons that a student ([`Self::known`]) learns in.
    pub fn learns_in(&self, student: u32) -> &[u32] {
        self.learns_in.get(student as usize).map_or(&[], Vec::as_slice)
    }

    fn numbered(&mut self, student: &PersonId) -> u32 {
        let next = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
        match self.numbers.get(student) {
            Some(number) => *number,
            None => *self.numbers.entry(student.clone()).or_insert(next),
        }
    }

    /// Those of these students that anything is planned for or who have regular lessons, by their numbers in ascending order.
    pub fn known<'s>(&self, students: &'s [PersonId]) -> Vec<(u32, &'s PersonId)> {
        let mut known: Vec<(u32, &PersonId)> =
            students.iter().filter_map(|student| Some((*self.numbers.get(student)?, student))).collect();
        known.sort_unstable_by_key(|(number, _)| *number);
        known
    }

    /// Who of these ([`Self::known`]) sits in an entry of the plan.
    pub fn seated<'s>(
        &self,
        entry: &Entry,
        students: &'s [(u32, &'s PersonId)],
    ) -> impl Iterator<Item = &'s PersonId> + use<'s, '_> {
        let mut seats = self.seats.get(&entry.id).map_or(&[][..], Vec::as_slice);
        students.iter().filter_map(move |(number, student)| {
            while let [first, rest @ ..] = seats
                && first < number
            {
                seats = rest;
            }
            (seats.first() == Some(number)).then_some(*student)
        })
    }

    /// Minutes that each of these students ([`Self::known`]) is planned for on a date, without one entry.
    pub fn minutes_on<'v>(
        &'v self,
        date: Date,
        students: &'v [(u32, &'v PersonId)],
        but: &ConsultationId,
    ) -> impl Iterator<Item = i64> + use<'v> {
        let own = self.planned.get(but).filter(|entry| entry.date == date);
        let seats = own.and_then(|entry| self.seats.get(&entry.id)).map_or(&[][..], Vec::as_slice);
        let lasts = own.map_or(0, Entry::minutes);
        students.iter().map(move |(number, _)| {
            let sum = self.minutes.get(&(date, *number)).copied().unwrap_or(0);
            if seats.binary_search(number).is_ok() { sum - lasts } else { sum }
        })
    }

    pub fn planned(&self) -> impl Iterator<Item = &Entry> {
        self.planned.values()
    }

    pub fn len(&self) -> usize {
        self.planned.len()
    }

    pub fn is_empty(&self) -> bool {
        self.planned.is_empty()
    }
}

fn day(at_ms: i64) -> i64 {
    at_ms.div_euclid(86_400_000)
}

impl Entry {
    fn minutes(&self) -> i64 {
        (self.end_ms - self.start_ms) / 60_000
    }

    /// The same so much later, on another date.
    #[must_use]
    pub fn moved(mut self, later_ms: i64, date: Date) -> Self {
        self.start_ms += later_ms;
        self.end_ms += later_ms;
        self.date = date;
        self
    }

    /// What an accepted wish becomes.
    pub fn of(wish: &super::Wish<'_>, view: &PlanView, card: CardId) -> Self {
        let hour = view.academic_hour_minutes;
        Self {
            id: wish.id.clone(),
            card,
            date: wish.date,
            start_ms: wish.start_ms,
            end_ms: wish.end_ms,
            host: wish.host.clone(),
            group: wish.group.clone(),
            is_individual: wish.slot.form.mode() == crate::domain::form::Mode::Individual,
            students: wish.students(view).to_vec(),
            academic_hours: super::load::academic_hours(wish.minutes(), super::load::is_whole_period(wish.slot), hour),
        }
    }
}
