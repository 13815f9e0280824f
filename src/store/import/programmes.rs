//! Programmes, parts and topics that imported cards speak of: read, and written where they are missing.

use std::collections::{BTreeSet, HashMap, HashSet};

use sqlx::AnyConnection;

use super::super::school::School;
use super::super::sql::{self, int, text, word};
use super::super::{StoreError, Tx};
use crate::domain::calendar::Span;
use crate::domain::fold::fold;
use crate::domain::ids::{PartId, ProgrammeId, SubjectId, TopicId};
use crate::domain::planning::view::{PartFacts, PlanView};

/// A programme with parts and topics that a card speaks of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Wish {
    pub subject: SubjectId,
    pub grade: u8,
    pub parts: Vec<String>,
    pub topics: Vec<String>,
}

/// Programmes of a year by subject and grade.
pub(super) type Programmes = HashMap<(SubjectId, u8), ProgrammeId>;

pub(super) async fn of_year(connection: &mut AnyConnection, year: &str) -> Result<Programmes, StoreError> {
    let rows = sqlx::query("SELECT id, subject_id, grade FROM programme WHERE year_id = $1")
        .bind(year)
        .fetch_all(connection)
        .await?;
    rows.iter()
        .map(|row| {
            let grade = word(u8::try_from(int(row, "grade")?).ok(), "grade")?;
            Ok(((SubjectId::new(text(row, "subject_id")?), grade), ProgrammeId::new(text(row, "id")?)))
        })
        .collect()
}

/// The dates of a part: those of the term of its name, else of the year.
fn dates_of(part: &str, terms: &[(String, Span)], year: Span) -> Span {
    terms.iter().find(|(title, _)| fold(title) == fold(part)).map_or(year, |(_, span)| *span)
}

/// Puts into a view what [`Tx::ensure_programmes`] would write, for a check that writes nothing.
pub(super) fn add_to(
    view: &mut PlanView,
    programmes: &mut Programmes,
    wishes: &BTreeSet<Wish>,
    terms: &[(String, Span)],
    year: Span,
) {
    for wish in wishes {
        let programme = programmes.entry((wish.subject.clone(), wish.grade)).or_insert_with(ProgrammeId::fresh);
        let facts = view.programmes.entry(programme.clone()).or_default();
        for title in &wish.parts {
            let folded = fold(title);
            let at = facts.parts.iter().position(|part| part.fold == folded).unwrap_or_else(|| {
                let span = dates_of(title, terms, year);
                facts.parts.push(PartFacts {
                    title: title.clone(),
                    fold: folded,
                    starts_on: span.from,
                    ends_on: span.to,
                    completed_on: None,
                    topics: HashSet::new(),
                });
                facts.parts.len() - 1
            });
            facts.parts[at].topics.extend(wish.topics.iter().map(|topic| fold(topic)));
        }
    }
}

impl Tx {
    /// Writes the programmes, parts and topics that are not there yet. A part called like a term has the term's dates.
    pub(super) async fn ensure_programmes(
        &mut self,
        school: &School,
        (year, year_span): (&str, Span),
        terms: &[(String, Span)],
        wishes: &BTreeSet<Wish>,
        now_ms: i64,
    ) -> Result<Programmes, StoreError> {
        let mut programmes = of_year(self.connection(), year).await?;
        let mut parts: HashMap<(String, String), PartId> = HashMap::new();
        let mut topics: HashSet<(String, String)> = HashSet::new();
        let rows = sqlx::query(
            "SELECT p.id, p.programme_id, p.title_fold FROM programme_part p JOIN programme g ON g.id = p.programme_id
             WHERE g.year_id = $1",
        )
        .bind(year)
        .fetch_all(self.connection())
        .await?;
        for row in &rows {
            parts.insert((text(row, "programme_id")?, text(row, "title_fold")?), PartId::new(text(row, "id")?));
        }
        let rows = sqlx::query(
            "SELECT t.part_id, t.title_fold FROM topic t JOIN programme_part p ON p.id = t.part_id
             JOIN programme g ON g.id = p.programme_id WHERE g.year_id = $1",
        )
        .bind(year)
        .fetch_all(self.connection())
        .await?;
        for row in &rows {
            topics.insert((text(row, "part_id")?, text(row, "title_fold")?));
        }
        let (mut new_programmes, mut new_parts, mut new_topics) = (Vec::new(), Vec::new(), Vec::new());
        for wish in wishes {
            let programme = programmes.entry((wish.subject.clone(), wish.grade)).or_insert_with(|| {
                let id = ProgrammeId::fresh();
                new_programmes.push(vec![
                    id.as_str().into(),
                    school.id.as_str().into(),
                    wish.subject.as_str().into(),
                    i64::from(wish.grade).into(),
                    year.into(),
                    year_span.from.to_string().into(),
                    year_span.to.to_string().into(),
                    now_ms.into(),
                ]);
                id
            });
            let programme = programme.as_str().to_owned();
            for part in &wish.parts {
                let count = parts.len();
                let part = parts.entry((programme.clone(), fold(part))).or_insert_with(|| {
                    let id = PartId::fresh();
                    let span = dates_of(part, terms, year_span);
                    new_parts.push(vec![
                        id.as_str().into(),
                        programme.as_str().into(),
                        i64::try_from(count).unwrap_or_default().into(),
                        part.as_str().into(),
                        fold(part).into(),
                        span.from.to_string().into(),
                        span.to.to_string().into(),
                    ]);
                    id
                });
                for topic in &wish.topics {
                    let count = i64::try_from(topics.len()).unwrap_or_default();
                    if topics.insert((part.as_str().to_owned(), fold(topic))) {
                        new_topics.push(vec![
                            TopicId::fresh().as_str().into(),
                            part.as_str().into(),
                            count.into(),
                            topic.as_str().into(),
                            fold(topic).into(),
                        ]);
                    }
                }
            }
        }
        let connection = self.connection();
        let into = "programme (id, school_id, subject_id, grade, year_id, starts_on, ends_on, created_at)";
        sql::insert_many(connection, into, 8, new_programmes).await?;
        let into = "programme_part (id, programme_id, n, title, title_fold, starts_on, ends_on)";
        sql::insert_many(connection, into, 7, new_parts).await?;
        sql::insert_many(connection, "topic (id, part_id, n, title, title_fold)", 5, new_topics).await?;
        Ok(programmes)
    }
}
