//! `kafedra user …` and `kafedra token`: accounts, their roles and sign-ins, and tokens for programs. A running hub on the same
//! data notices within a second.

use std::path::Path;

use super::{Done, Failure, PasswordArgs, RolesArgs, TokenArgs, UserArgs};
use crate::api::auth::secret_hash;
use crate::api::tickets::random_secret;
use crate::app::open_store;
use crate::clock::WallClock;
use crate::config::Config;
use crate::domain::fold::fold;
use crate::domain::ids::UnitId;
use crate::domain::password::{self, Weak};
use crate::domain::policy::Scope;
use crate::domain::role::Role;
use crate::store::people::managing::ManageError;
use crate::store::people::{NewPerson, Person};
use crate::store::school::School;
use crate::store::sessions::{PasswordChange, SessionKind, SessionRow};
use crate::store::{AuditEvent, Store, StoreError};

pub async fn add(config: Config, clock: WallClock, args: UserArgs) -> Done {
    let roles = parse_roles(&args.role)?;
    let password = password_of(args.password_file.as_deref(), &args.login)?;
    let hash = password::hash(&password);
    let store = open_store(&config).await?;
    let schools = store.schools().await?;
    let Some(school) = schools.into_iter().next() else {
        return Err(Failure::Work("there is no school in the store yet; kafedra school init makes it".into()));
    };
    let unit = unit_for(&store, &school, args.unit.as_deref(), &roles, clock.now_ms()).await?;
    let person = NewPerson {
        code: args.login.clone(),
        family_name: args.family_name,
        given_name: args.given_name,
        middle_name: args.middle_name,
        birth_date: None,
    };
    let now_ms = clock.now_ms();
    let login = args.login.clone();
    let today = crate::api::people::today(&school, now_ms);
    let written: Result<_, StoreError> = store
        .write(move |tx| {
            Box::pin(async move {
                let id = tx.insert_person(&school.id, &person, now_ms).await?;
                tx.insert_account(&school.id, &id, &login, &hash, now_ms).await?;
                tx.set_password_due(&id, !args.own).await?;
                tx.audit(AuditEvent::new(school.id.clone(), now_ms, "user.add", "person", id.as_str())).await?;
                for role in roles {
                    let unit = unit.as_ref().filter(|_| role.is_staff());
                    tx.give_role(&school, &id, (role, unit), None, (today, now_ms)).await?;
                }
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

/// `kafedra user password`: a forgotten password, to be changed at the next sign-in unless it is the operator's own. Ends every
/// sign-in and token of the person.
pub async fn password(config: Config, clock: WallClock, args: PasswordArgs) -> Done {
    let password_hash = password::hash(&password_of(args.password_file.as_deref(), &args.login)?);
    let store = open_store(&config).await?;
    let person = known(&store, &args.login).await?;
    let change = PasswordChange {
        school: person.school,
        person: person.id,
        instead_of: None,
        password_hash,
        by: None,
        is_own: args.own,
    };
    let done = store.change_password(change, None, clock.now_ms()).await;
    store.close().await;
    println!("{}: the password is changed, {} sign-ins ended", args.login, done?.len());
    Ok(())
}

/// `kafedra user sign-out`.
pub async fn sign_out(config: Config, clock: WallClock, login: String) -> Done {
    let store = open_store(&config).await?;
    let person = known(&store, &login).await?;
    let done = store.sign_out_everywhere(person.school, person.id, clock.now_ms()).await;
    store.close().await;
    println!("{login}: {} sign-ins ended", done?);
    Ok(())
}

/// `kafedra user roles`: what is not named stays as it is. A role that is taken ends with yesterday.
pub async fn roles(config: Config, clock: WallClock, args: RolesArgs) -> Done {
    let (add, remove) = (parse_roles(&args.add)?, parse_roles(&args.remove)?);
    if add.is_empty() && remove.is_empty() {
        return Err(Failure::Use("name a role: --add or --remove".into()));
    }
    let store = open_store(&config).await?;
    let person = known(&store, &args.login).await?;
    let school = store.school(&person.school).await?;
    let now_ms = clock.now_ms();
    let today = crate::api::people::today(&school, now_ms);
    let unit = unit_for(&store, &school, args.unit.as_deref(), &add, now_ms).await?;
    let written: Result<(), ManageError> = store
        .write(move |tx| {
            Box::pin(async move {
                for role in remove {
                    let unit = unit.as_ref().filter(|_| role.is_staff());
                    tx.take_role(&school, &person.id, (role, unit), None, (today, now_ms)).await?;
                }
                for role in add {
                    let unit = unit.as_ref().filter(|_| role.is_staff());
                    tx.give_role(&school, &person.id, (role, unit), None, (today, now_ms)).await?;
                }
                Ok(())
            })
        })
        .await;
    store.close().await;
    match written {
        Ok(()) => Ok(()),
        Err(ManageError::Store(StoreError::NotFound)) => {
            Err(Failure::Work(format!("{} does not hold that role", args.login)))
        }
        Err(ManageError::LastAdmin) => {
            Err(Failure::Work(format!("{} is the last administrator who can sign in", args.login)))
        }
        Err(ManageError::Store(error)) => Err(error.into()),
    }
}

/// The unit of a name. A unit head without one would see nothing.
async fn unit_for(
    store: &Store,
    school: &School,
    name: Option<&str>,
    given: &[Role],
    now_ms: i64,
) -> Result<Option<UnitId>, Failure> {
    let Some(name) = name else {
        return match given.iter().any(|role| role.needs_unit()) {
            true => Err(Failure::Use("a unit head leads a unit: name it with --unit".into())),
            false => Ok(None),
        };
    };
    let today = crate::api::people::today(school, now_ms);
    let units = store.units(&school.id, today).await?;
    match units.iter().find(|unit| fold(&unit.name) == fold(name)) {
        Some(unit) => Ok(Some(unit.id.clone())),
        None => {
            let names: Vec<&str> = units.iter().map(|unit| unit.name.as_str()).collect();
            Err(Failure::Work(format!("there is no unit {name}; there are: {}", names.join(", "))))
        }
    }
}

fn parse_roles(words: &[String]) -> Result<Vec<Role>, Failure> {
    let role = |word: &String| Role::parse(word).ok_or_else(|| Failure::Use(format!("no such role: {word}")));
    words.iter().map(role).collect()
}

async fn known(store: &Store, login: &str) -> Result<Person, Failure> {
    let account = store.account_by_login(login).await?;
    account.map(|account| account.person).ok_or_else(|| Failure::Work(format!("no such login: {login}")))
}

fn password_of(file: Option<&Path>, login: &str) -> Result<String, Failure> {
    let text = match file {
        Some(file) => std::fs::read_to_string(file)
            .map_err(|error| Failure::Use(format!("{}: {error}", file.display())))?
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned(),
        None => std::env::var("KAFEDRA_PASSWORD")
            .map_err(|_| Failure::Use("set KAFEDRA_PASSWORD or --password-file".into()))?,
    };
    check_password(text, login)
}

/// A password that nobody guesses at once.
pub(super) fn check_password(text: String, login: &str) -> Result<String, Failure> {
    let why = match password::check(&text, login) {
        Ok(()) => return Ok(text),
        Err(Weak::TooShort) => format!("the password needs at least {} characters", password::SHORTEST),
        Err(Weak::TooLong) => format!("the password has more than {} bytes", password::MAX_BYTES),
        Err(Weak::TooCommon) => "the password is among the first that are tried".to_owned(),
        Err(Weak::LikeLogin) => "the password is too much like the login".to_owned(),
    };
    Err(Failure::Use(why))
}
