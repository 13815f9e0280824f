//! The routes of planning: asked about a card of T-014's for 5А and a part of their programme.

use kafedra::domain::policy::{Action, Relation, Relations};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Actor, Asks};
use crate::hub::{Client, TEACHER, TestHub};

pub const ROUTES: &[(&str, &str, Asks)] = &[
    ("get", "/api/v1/calendar", Asks::OfAnybody(Action::TimetableView)),
    ("put", "/api/v1/calendar", Asks::OfAnybody(Action::CalendarManage)),
    ("get", "/api/v1/programmes", Asks::OfAnybody(Action::TimetableView)),
    ("post", "/api/v1/programmes", Asks::OfAnybody(Action::PartComplete)),
    ("put", "/api/v1/programmes/{id}", Asks::OfProgramme(Action::PartComplete)),
    // One that is in use stays, whoever asks.
    ("delete", "/api/v1/programmes/{id}", Asks::OfProgramme(Action::PartComplete)),
    ("delete", "/api/v1/parts/{id}", Asks::OfPart(Action::PartComplete)),
    ("post", "/api/v1/programmes/{id}/parts", Asks::OfProgramme(Action::PartComplete)),
    ("put", "/api/v1/parts/{id}", Asks::OfPart(Action::PartComplete)),
    ("post", "/api/v1/parts/{id}/complete", Asks::OfPart(Action::PartComplete)),
    ("get", "/api/v1/card-options", Asks::OfAnybody(Action::CardPublish)),
    ("get", "/api/v1/cards", Asks::OfAnybody(Action::CardPublish)),
    ("post", "/api/v1/cards", Asks::OfCard(Action::CardEdit)),
    ("post", "/api/v1/cards/check", Asks::OfCard(Action::CardEdit)),
    ("get", "/api/v1/cards/{id}", Asks::OfCard(Action::CardPublish)),
    ("put", "/api/v1/cards/{id}/draft", Asks::OfCard(Action::CardEdit)),
    ("delete", "/api/v1/cards/{id}/draft", Asks::OfCard(Action::CardEdit)),
    ("post", "/api/v1/cards/{id}/agree", Asks::OfCard(Action::OverrideGrant)),
    ("post", "/api/v1/cards/{id}/publish", Asks::OfCard(Action::CardPublish)),
    ("post", "/api/v1/cards/{id}/withdraw", Asks::OfCard(Action::CardPublish)),
    ("get", "/api/v1/load", Asks::OfAnybody(Action::LoadView)),
    ("get", "/api/v1/load/rows", Asks::OfAnybody(Action::LoadView)),
    ("post", "/api/v1/load/corrections", Asks::OfAnybody(Action::OverrideGrant)),
    ("get", "/api/v1/contracts", Asks::OfAnybody(Action::LoadView)),
    ("put", "/api/v1/contracts", Asks::OfAnybody(Action::UserManage)),
    ("post", "/api/v1/absences", Asks::OfAnybody(Action::UserManage)),
    ("delete", "/api/v1/absences", Asks::OfAnybody(Action::UserManage)),
    ("get", "/api/v1/overrides", Asks::OfAnybody(Action::OverrideGrant)),
    ("post", "/api/v1/overrides", Asks::OfAnybody(Action::OverrideGrant)),
    ("get", "/api/v1/consultations/{id}/substitutes", Asks::OfLesson(Action::OverrideGrant)),
    ("post", "/api/v1/consultations/{id}/substitute", Asks::OfLesson(Action::OverrideGrant)),
    ("post", "/api/v1/consultations/{id}/move", Asks::OfLesson(Action::ConsultationMove)),
    ("get", "/api/v1/local-acts", Asks::OfAnybody(Action::TimetableView)),
    ("post", "/api/v1/local-acts", Asks::OfAnybody(Action::PolicyManage)),
    ("post", "/api/v1/local-acts/files", Asks::OfAnybody(Action::PolicyManage)),
    ("get", "/api/v1/local-acts/files/{file}", Asks::OfAbsent(Action::TimetableView)),
    ("get", "/api/v1/norms", Asks::OfAnybody(Action::TimetableView)),
    ("put", "/api/v1/norms", Asks::OfAnybody(Action::NormManage)),
    ("get", "/api/v1/hours-norms", Asks::OfAnybody(Action::TimetableView)),
    ("put", "/api/v1/hours-norms", Asks::OfAnybody(Action::NormManage)),
    ("get", "/api/v1/planning-rules", Asks::OfAnybody(Action::TimetableView)),
    ("put", "/api/v1/planning-rules", Asks::OfAnybody(Action::PolicyManage)),
    ("get", "/api/v1/load-policy", Asks::OfAnybody(Action::TimetableView)),
    ("put", "/api/v1/load-policy", Asks::OfAnybody(Action::PolicyManage)),
    ("get", "/api/v1/rule-proposals", Asks::OfAnybody(Action::PolicyManage)),
    ("post", "/api/v1/rule-proposals/{id}/decide", Asks::OfAbsent(Action::PolicyManage)),
];

/// What the routes are asked about.
pub struct Things {
    pub card: String,
    pub programme: String,
    pub part: String,
    /// A card as T-014 would write it; its title is empty, so that nobody writes it.
    body: Value,
}

impl Things {
    pub async fn find(hub: &TestHub, deputy: &Client) -> Self {
        let cards = deputy.get("/api/v1/cards").await.body;
        let card =
            cards["items"].as_array().unwrap().iter().find(|one| one["key"] == "МАТ-5А-чат").unwrap()["id"].clone();
        let card = card.as_str().unwrap().to_owned();
        let page = deputy.get(&format!("/api/v1/cards/{card}")).await.body;
        let mut body = page["versions"][0]["body"].clone();
        body["content"]["title"] = "".into();
        assert_eq!(body["content"]["teacher"], hub.sign_in(TEACHER).await.me["person"]["id"]);
        let programmes = deputy.get("/api/v1/programmes").await.body;
        let maths =
            programmes["items"].as_array().unwrap().iter().find(|one| one["subject"] == "Математика").unwrap().clone();
        Self {
            card,
            programme: maths["id"].as_str().unwrap().to_owned(),
            part: maths["parts"][0]["id"].as_str().unwrap().to_owned(),
            body,
        }
    }

    /// What card and programme are to a person.
    pub fn relations(actor: &Actor, of: Relation) -> Relations {
        Relations::school()
            .with_if(actor.code == TEACHER, of)
            .with_if(actor.leads_unit && of == Relation::Own, Relation::Unit)
    }

    /// A request that is answered without changing anything; `None`: not one of planning.
    pub fn request(&self, client: &Client, method: &Method, path: &str) -> Option<reqwest::RequestBuilder> {
        let body = match path {
            "/api/v1/cards" if method == Method::POST => json!({ "body": self.body }),
            "/api/v1/cards/check" => json!({ "body": self.body }),
            "/api/v1/overrides" if method == Method::POST => {
                json!({ "consultation": "x", "code": "load_exceeded", "host": "x", "order_no": "", "reason": "" })
            }
            "/api/v1/load/corrections" => json!({ "entry": "x", "minutes": 1, "reason": "" }),
            "/api/v1/calendar"
            | "/api/v1/contracts"
            | "/api/v1/norms"
            | "/api/v1/hours-norms"
            | "/api/v1/planning-rules"
            | "/api/v1/load-policy"
                if method == Method::PUT =>
            {
                json!({})
            }
            "/api/v1/absences" | "/api/v1/local-acts" if method == Method::POST => json!({}),
            path if path.ends_with("/draft") && method == Method::PUT => json!({}),
            "/api/v1/programmes" if method == Method::POST => json!({}),
            path if path.starts_with("/api/v1/programmes/") && method == Method::PUT => json!({}),
            path if path.ends_with("/complete") => json!({ "on": null }),
            path if path.ends_with("/parts") || path.starts_with("/api/v1/parts/") => json!({}),
            path if path.ends_with("/withdraw") => json!({ "reason": "" }),
            path if path.ends_with("/substitute") => json!({ "to": null, "reason": "" }),
            path if path.starts_with("/api/v1/rule-proposals/") => json!({ "decision": "confirm" }),
            path if path.ends_with("/move") => json!({ "date": "x", "start": "x", "reason": "" }),
            _ => return None,
        };
        Some(client.request(method.clone(), path).json(&body))
    }
}
