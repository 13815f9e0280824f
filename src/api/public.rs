//! What may be known before sign-in: the school's name, and in demo mode the logins to try.

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::ApiState;
use super::problem::Problem;
use crate::domain::role::Role;

/// For the sign-in page.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct PublicInfo {
    school_name: String,
    demo: bool,
    /// Demo mode only: whom one can sign in as.
    #[serde(skip_serializing_if = "Option::is_none")]
    logins: Option<Vec<DemoLogin>>,
}

/// A login of the demo school.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct DemoLogin {
    code: String,
    role: Role,
    name: String,
}

/// The school's name, before sign-in. With the demo school also its logins.
#[utoipa::path(get, path = "/api/v1/public", tag = "session", responses((status = 200, body = PublicInfo)))]
pub async fn public(State(state): State<ApiState>) -> Result<Json<PublicInfo>, Problem> {
    let school = state.store.schools().await?.into_iter().next();
    let demo = state.config.school.demo && school.as_ref().is_some_and(|school| school.is_demo);
    let logins = match &school {
        Some(school) if demo => {
            let logins = state.store.logins(&school.id).await?;
            Some(
                logins
                    .into_iter()
                    .map(|login| DemoLogin { code: login.code, role: login.role, name: login.display_name })
                    .collect(),
            )
        }
        _ => None,
    };
    Ok(Json(PublicInfo { school_name: school.map(|school| school.name).unwrap_or_default(), demo, logins }))
}
