//! Video instructions beside the articles of the guide: one for each article at most.

use super::sql::{self, optional_int, optional_text, text, word};
use super::transition::Actor;
use super::{AuditEvent, Store, StoreError, Tx};
use crate::domain::form::Form;
use crate::domain::guide::Part;
use crate::domain::ids::SchoolId;
use crate::domain::role::Role;

/// A video instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuideVideo {
    pub part: Part,
    pub form: Form,
    pub title: String,
    pub source: Source,
}

/// Where a video is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Outside.
    Link(String),
    /// In the data folder, under this name.
    File { id: String, media_type: String, size_bytes: i64 },
}

impl Source {
    fn into_file(self) -> Option<String> {
        match self {
            Self::Link(_) => None,
            Self::File { id, .. } => Some(id),
        }
    }
}

fn video(row: &sqlx::any::AnyRow) -> Result<GuideVideo, StoreError> {
    let source = match optional_text(row, "link")? {
        Some(link) => Source::Link(link),
        None => Source::File {
            id: text(row, "file_id")?,
            media_type: text(row, "media_type")?,
            size_bytes: optional_int(row, "size_bytes")?.unwrap_or_default(),
        },
    };
    Ok(GuideVideo {
        part: word(Part::parse(&text(row, "part")?), "part of the guide")?,
        form: word(Form::parse(&text(row, "form")?), "form")?,
        title: text(row, "title")?,
        source,
    })
}

impl Store {
    /// The videos of a school.
    pub async fn guide_videos(&self, school: &SchoolId) -> Result<Vec<GuideVideo>, StoreError> {
        let rows = sqlx::query("SELECT * FROM guide_video WHERE school_id = $1 ORDER BY part, form")
            .bind(school.as_str())
            .fetch_all(self.readers())
            .await?;
        rows.iter().map(video).collect()
    }

    /// The video of one article; [`StoreError::NotFound`]: it has none.
    pub async fn guide_video(&self, school: &SchoolId, part: Part, form: Form) -> Result<GuideVideo, StoreError> {
        let row = sqlx::query("SELECT * FROM guide_video WHERE school_id = $1 AND part = $2 AND form = $3")
            .bind(school.as_str())
            .bind(part.as_str())
            .bind(form.as_str())
            .fetch_one(self.readers())
            .await?;
        video(&row)
    }

    /// Puts a video beside an article, in the place of an earlier one; gives the file that is nobody's by that.
    pub async fn put_guide_video(
        &self,
        school: SchoolId,
        new: GuideVideo,
        actor: Actor,
        now_ms: i64,
    ) -> Result<Option<String>, StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                let before = tx.take_guide_video(&school, new.part, new.form).await?;
                let (link, file, media_type, size) = match &new.source {
                    Source::Link(link) => (Some(link.clone()), None, None, None),
                    Source::File { id, media_type, size_bytes } => {
                        (None, Some(id.clone()), Some(media_type.clone()), Some(*size_bytes))
                    }
                };
                let row = vec![
                    school.as_str().into(),
                    new.part.as_str().into(),
                    new.form.as_str().into(),
                    new.title.as_str().into(),
                    link.clone().into(),
                    file.into(),
                    media_type.into(),
                    size.into(),
                    actor.person.as_str().into(),
                    now_ms.into(),
                ];
                let into =
                    "guide_video (school_id, part, form, title, link, file_id, media_type, size_bytes, by_id, at)";
                sql::insert_many(tx.connection(), into, 10, vec![row]).await?;
                let event = AuditEvent::new(school.clone(), now_ms, "guide.video", "school", school.as_str())
                    .by(&actor.person, actor.role.map(Role::as_str))
                    .with(serde_json::json!({ "part": new.part, "form": new.form, "link": link, "bytes": size }));
                tx.audit(event).await?;
                Ok(before.and_then(|before| before.source.into_file()))
            })
        })
        .await
    }

    /// Takes a video away; gives its file. [`StoreError::NotFound`]: there is none.
    pub async fn drop_guide_video(
        &self,
        school: SchoolId,
        part: Part,
        form: Form,
        actor: Actor,
        now_ms: i64,
    ) -> Result<Option<String>, StoreError> {
        self.write(move |tx| {
            Box::pin(async move {
                let before = tx.take_guide_video(&school, part, form).await?.ok_or(StoreError::NotFound)?;
                let event = AuditEvent::new(school.clone(), now_ms, "guide.drop", "school", school.as_str())
                    .by(&actor.person, actor.role.map(Role::as_str))
                    .with(serde_json::json!({ "part": part, "form": form }));
                tx.audit(event).await?;
                Ok(before.source.into_file())
            })
        })
        .await
    }
}

impl Tx {
    async fn take_guide_video(
        &mut self,
        school: &SchoolId,
        part: Part,
        form: Form,
    ) -> Result<Option<GuideVideo>, StoreError> {
        let row = sqlx::query("SELECT * FROM guide_video WHERE school_id = $1 AND part = $2 AND form = $3")
            .bind(school.as_str())
            .bind(part.as_str())
            .bind(form.as_str())
            .fetch_optional(self.connection())
            .await?;
        let Some(row) = row else { return Ok(None) };
        sqlx::query("DELETE FROM guide_video WHERE school_id = $1 AND part = $2 AND form = $3")
            .bind(school.as_str())
            .bind(part.as_str())
            .bind(form.as_str())
            .execute(self.connection())
            .await?;
        video(&row).map(Some)
    }
}
