//! `kafedra user add` and `kafedra token`: the first accounts of a school, and tokens for its programs.

use super::{Done, Failure, TokenArgs, UserArgs};
use crate::api::auth::secret_hash;
use crate::api::tickets::random_secret;
use crate::app::open_store;
use crate::clock::WallClock;
use crate::config::Config;
use crate::domain::password;
use crate::domain::policy::Scope;
use crate::domain::role::Role;
use crate::store::people::NewPerson;
use crate::store::sessions::{SessionKind, SessionRow};
use crate::store::{AuditEvent, StoreError};

/// Shorter passwords are guessed.
const SHORTEST: usize = 8;

pub async fn add(config: Config, clock: WallClock, args: UserArgs) -> Done {
    let roles = args
        .role
        .iter()
        .map(|role| Role::parse(role).ok_or_else(|| Failure::Use(format!("no such role: {role}"))))
        .collect::<Result<Vec<_>, _>>()?;
    let password = password_of(&args)?;
    let hash = password::hash(&password);
    let store = open_store(&config).await?;
    let schools = store.schools().await?;
    let Some(school) = schools.first().map(|school| school.id.clone()) else {
        return Err(Failure::Work("there is no school in the store yet; kafedra school init makes it".into()));
    };
    let person = NewPerson {
        code: args.login.clone(),
        family_name: args.family_name,
        given_name: args.given_name,
        middle_name: args.middle_name,
        birth_date: None,
    };
    let now_ms = clock.now_ms();
    let login = args.login.clone();
    let written: Result<_, StoreError> = store
        .write(move |tx| {
            Box::pin(async move {
                let id = tx.insert_person(&school, &person, now_ms).await?;
                tx.insert_account(&school, &id, &login, &hash, now_ms).await?;
                for role in roles {
                    tx.insert_role(&school, &id, role, None, now_ms).await?;
                }
                tx.audit(AuditEvent::new(school, now_ms, "user.add", "person", id.as_str())).await?;
                Ok(id)
            })
        })
        .await;
    store.close().await;
    match written {
        Ok(id) => {
            println!("{} {}", args.login, id.as_str());
            Ok(())
        }
        Err(StoreError::Conflict) => Err(Failure::Work(format!("{} is taken", args.login))),
        Err(error) => Err(error.into()),
    }
}

pub async fn token(config: Config, clock: WallClock, args: TokenArgs) -> Done {
    let scopes = args
        .scopes
        .iter()
        .map(|scope| Scope::parse(scope).ok_or_else(|| Failure::Use(format!("no such scope: {scope}"))))
        .collect::<Result<Vec<_>, _>>()?;
    if args.expires_in == 0 || args.expires_in > config.session.token_max_s {
        return Err(Failure::Use(format!("--expires-in: from 1 to {}", config.session.token_max_s)));
    }
    let store = open_store(&config).await?;
    let account = store.account_by_login(&args.login).await?;
    let Some(account) = account.filter(|account| !account.is_disabled) else {
        return Err(Failure::Work(format!("no such login: {}", args.login)));
    };
    let secret = random_secret();
    let now_ms = clock.now_ms();
    let row = SessionRow {
        id_hash: secret_hash(&secret),
        school: account.person.school,
        person: account.person.id,
        kind: SessionKind::Token,
        scopes: Some(scopes),
        created_ms: now_ms,
        seen_ms: now_ms,
        idle_ms: 0,
        expires_ms: now_ms + i64::from(args.expires_in) * 1000,
    };
    let written = store.begin_session(row, None).await;
    store.close().await;
    written?;
    println!("{secret}");
    Ok(())
}

fn password_of(args: &UserArgs) -> Result<String, Failure> {
    let text = match &args.password_file {
        Some(file) => std::fs::read_to_string(file)
            .map_err(|error| Failure::Use(format!("{}: {error}", file.display())))?
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned(),
        None => std::env::var("KAFEDRA_PASSWORD")
            .map_err(|_| Failure::Use("set KAFEDRA_PASSWORD or --password-file".into()))?,
    };
    check_password(text)
}

/// A password that is neither too short to be safe nor too long to be looked at.
pub(super) fn check_password(text: String) -> Result<String, Failure> {
    if text.chars().count() < SHORTEST || text.len() > password::MAX_BYTES {
        return Err(Failure::Use(format!("the password needs at least {SHORTEST} characters")));
    }
    Ok(text)
}
