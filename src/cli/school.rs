//! `kafedra school init`: a real school in an empty store, with its first administrator.

use std::io::IsTerminal as _;

use super::account::check_password;
use super::{Done, Failure, SchoolArgs};
use crate::app::open_store;
use crate::clock::WallClock;
use crate::config::Config;
use crate::domain::password;
use crate::store::StoreError;
use crate::store::founding::Founding;
use crate::store::people::NewPerson;

pub async fn init(config: Config, clock: WallClock, args: SchoolArgs) -> Done {
    let zone = jiff::tz::TimeZone::get(&args.tz)
        .map_err(|_| Failure::Use(format!("--tz {}: no such time zone; for example Europe/Moscow", args.tz)))?;
    let admin = person(&args.admin_login, &args.admin_name)?;
    if [&args.name, &args.short_name, &args.admin_login].iter().any(|text| text.trim().is_empty()) {
        return Err(Failure::Use("names and the login must not be empty".into()));
    }
    let store = open_store(&config).await?;
    // Before somebody types a password for nothing.
    if !store.schools().await?.is_empty() {
        store.close().await;
        return Err(taken());
    }
    let founding = Founding {
        name: args.name.trim().to_owned(),
        short_name: args.short_name.trim().to_owned(),
        tz: args.tz,
        locale: "ru".into(),
        admin,
        password_hash: password::hash(&password(&args.admin_login)?),
    };
    let now_ms = clock.now_ms();
    let now = jiff::Timestamp::from_millisecond(now_ms).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let done = store.found(founding, now.to_zoned(zone).date(), now_ms).await;
    store.close().await;
    match done {
        Ok(_) => {
            println!("The school is founded. {} signs in with the password given.", args.admin_login.trim());
            println!("Further people: kafedra user add");
            Ok(())
        }
        Err(StoreError::Conflict) => Err(taken()),
        Err(error) => Err(error.into()),
    }
}

fn taken() -> Failure {
    Failure::Work("there is a school in the store already; another one needs another data folder".into())
}

/// Family name, given name, and the rest as patronymic.
fn person(login: &str, name: &str) -> Result<NewPerson, Failure> {
    let words: Vec<&str> = name.split_whitespace().collect();
    let [family, given, rest @ ..] = words.as_slice() else {
        return Err(Failure::Use("--admin-name: family name, given name, patronymic".into()));
    };
    Ok(NewPerson {
        code: login.trim().to_owned(),
        family_name: (*family).to_owned(),
        given_name: (*given).to_owned(),
        middle_name: Some(rest.join(" ")).filter(|rest| !rest.is_empty()),
        birth_date: None,
    })
}

/// From the environment, else one line of standard input.
fn password(login: &str) -> Result<String, Failure> {
    if let Ok(text) = std::env::var("KAFEDRA_PASSWORD") {
        return check_password(text, login);
    }
    if std::io::stdin().is_terminal() {
        eprint!("Password of the administrator (it is shown while you type): ");
    }
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).map_err(|error| Failure::work(&error))?;
    check_password(line.trim_end_matches(['\r', '\n']).to_owned(), login)
}
