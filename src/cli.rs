//! The command line: what each subcommand takes, and what it answers to the shell (0 done, 1 failed, 2 wrong use).

mod account;
mod audit;
mod backup;
mod doctor;
mod export;
mod import;
mod logging;
mod memory;
mod school;
mod serve;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::clock::WallClock;
use crate::config::{Config, ConfigError, Layers};
use crate::store::origin::Origin;

/// Real-time consultation hub for schools.
#[derive(Debug, Parser)]
#[command(name = "kafedra", version, arg_required_else_help = true)]
struct Cli {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    command: Command,
}

/// Settings that every subcommand understands. They win over environment and file.
#[derive(Debug, Args)]
struct Settings {
    /// Settings file; config/kafedra.toml in the sources lists every key
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder of the database and of files
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the hub
    Serve(ServeArgs),
    /// Bring in lesson cards or people from a file
    Import {
        #[command(subcommand)]
        what: ImportWhat,
    },
    /// The school of this hub
    School {
        #[command(subcommand)]
        what: SchoolWhat,
    },
    /// Accounts of people
    User {
        #[command(subcommand)]
        what: UserWhat,
    },
    /// Make a bearer token for a program
    Token(TokenArgs),
    /// Check this machine and this configuration, line by line
    Doctor,
    /// The journal
    Audit {
        #[command(subcommand)]
        what: AuditWhat,
    },
    /// Copy the database into a folder while the hub runs
    Backup { dir: PathBuf },
    /// Put a copy back; the hub must not run
    Restore {
        dir: PathBuf,
        /// Replace the database that is there
        #[arg(long)]
        force: bool,
    },
    /// Write the contracts (openapi.json, signaling.schema.json) into a folder
    Export { dir: PathBuf },
    /// Print the version
    Version,
}

#[derive(Debug, Args)]
struct ServeArgs {
    /// Address and port of HTTP and WebSocket
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<SocketAddr>,
    /// What people type, for example https://hub.school.example
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// UDP port of media
    #[arg(long, value_name = "PORT")]
    udp_port: Option<u16>,
    /// Load the demo school into an empty store
    #[arg(long)]
    demo: bool,
    /// Folder with the web client, instead of the one inside
    #[arg(long, value_name = "DIR")]
    web_dir: Option<PathBuf>,
    /// error, warn, info, debug, trace, or a filter
    #[arg(long, value_name = "LEVEL")]
    log: Option<String>,
}

#[derive(Debug, Subcommand)]
enum ImportWhat {
    /// Lesson cards: XLSX, or CSV in UTF-8 or windows-1251, separated by ; , or tab
    Cards {
        file: PathBuf,
        /// Check and report, write nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// People and classes: a OneRoster 1.2 archive (zip of CSV files), everybody or changes
    Roster {
        file: PathBuf,
        /// Check and report, write nothing
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Debug, Subcommand)]
enum SchoolWhat {
    /// Found the school in an empty store, with the usual calendar of this school year and the first administrator. The
    /// password comes by KAFEDRA_PASSWORD, or as one line of standard input
    Init(SchoolArgs),
}

#[derive(Debug, Args)]
struct SchoolArgs {
    #[arg(long)]
    name: String,
    #[arg(long)]
    short_name: String,
    /// Time zone by its IANA name
    #[arg(long, default_value = "Europe/Moscow")]
    tz: String,
    /// Code of the administrator, which is also the login
    #[arg(long, value_name = "LOGIN")]
    admin_login: String,
    /// Family name, given name and, when there is one, patronymic
    #[arg(long, value_name = "NAME")]
    admin_name: String,
}

#[derive(Debug, Subcommand)]
enum UserWhat {
    /// Add a person with a local account; the password comes by KAFEDRA_PASSWORD or --password-file
    Add(UserArgs),
    /// Give a person another password and end their sign-ins; it comes by KAFEDRA_PASSWORD or --password-file
    Password(PasswordArgs),
    /// Give or take roles
    Roles(RolesArgs),
    /// End all sign-ins and tokens of a person
    SignOut {
        #[arg(long)]
        login: String,
    },
}

#[derive(Debug, Args)]
struct PasswordArgs {
    #[arg(long)]
    login: String,
    /// File whose first line is the password
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// It is your own account, or a program's: no other password is asked for at the next sign-in
    #[arg(long)]
    own: bool,
}

#[derive(Debug, Args)]
struct RolesArgs {
    #[arg(long)]
    login: String,
    /// Roles to give, from now on; several with commas
    #[arg(long, value_delimiter = ',')]
    add: Vec<String>,
    /// Roles to take, at once; several with commas
    #[arg(long, value_delimiter = ',')]
    remove: Vec<String>,
    /// Name of the unit in which the roles are given or taken; unit_head needs one
    #[arg(long, value_name = "NAME")]
    unit: Option<String>,
}

#[derive(Debug, Args)]
struct UserArgs {
    /// Code of the person, which is also the login
    #[arg(long)]
    login: String,
    #[arg(long)]
    family_name: String,
    #[arg(long)]
    given_name: String,
    #[arg(long)]
    middle_name: Option<String>,
    /// student, guardian, teacher, deputy_head, unit_head, staff, head, admin; several with commas
    #[arg(long, value_delimiter = ',', required = true)]
    role: Vec<String>,
    /// Name of the unit of those roles; unit_head needs one
    #[arg(long, value_name = "NAME")]
    unit: Option<String>,
    /// File whose first line is the password
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// It is your own account, or a program's: no other password is asked for at the first sign-in
    #[arg(long)]
    own: bool,
}

#[derive(Debug, Args)]
struct TokenArgs {
    /// Whose token it is
    #[arg(long)]
    login: String,
    /// room.publish, room.watch, room.join, timetable.read, cards.import; several with commas
    #[arg(long, value_delimiter = ',', required = true)]
    scopes: Vec<String>,
    /// Seconds
    #[arg(long, default_value_t = 3600)]
    expires_in: u32,
}

#[derive(Debug, Subcommand)]
enum AuditWhat {
    /// Check the chain of hashes over all rows
    Verify,
}

/// What ends a subcommand early.
#[derive(Debug)]
enum Failure {
    /// The user can mend the command or the configuration: exit code 2.
    Use(String),
    /// The work could not be done: exit code 1.
    Work(String),
}

impl Failure {
    /// An error with all its causes.
    fn work(error: &(dyn std::error::Error + 'static)) -> Self {
        Self::Work(crate::api::problem::chain(error))
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Use(crate::api::problem::chain(&error))
    }
}

impl From<crate::app::AppError> for Failure {
    fn from(error: crate::app::AppError) -> Self {
        Self::work(&error)
    }
}

impl From<crate::store::StoreError> for Failure {
    fn from(error: crate::store::StoreError) -> Self {
        Self::work(&error)
    }
}

type Done = Result<(), Failure>;

/// Parses the arguments of this process and runs the subcommand.
pub fn run() -> ExitCode {
    memory::give_back();
    let cli = Cli::parse();
    match dispatch(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Work(text)) => {
            eprintln!("kafedra: {text}");
            ExitCode::from(1)
        }
        Err(Failure::Use(text)) => {
            eprintln!("kafedra: {text}");
            ExitCode::from(2)
        }
    }
}

fn dispatch(cli: Cli) -> Done {
    let settings = &cli.settings;
    match cli.command {
        Command::Version => {
            println!("kafedra {}", env!("CARGO_PKG_VERSION"));
            Ok(())
        }
        Command::Export { dir } => export::run(&dir),
        Command::Serve(args) => serve::run(load(settings, Some(&args))?, clock()?),
        Command::Import { what: ImportWhat::Cards { file, dry_run } } => {
            blocking(import::cards(load(settings, None)?, clock()?, file, dry_run))
        }
        Command::Import { what: ImportWhat::Roster { file, dry_run } } => {
            blocking(import::roster(load(settings, None)?, clock()?, file, dry_run))
        }
        Command::School { what: SchoolWhat::Init(args) } => {
            blocking(school::init(load(settings, None)?, clock()?, args))
        }
        Command::User { what } => user(load(settings, None)?, clock()?, what),
        Command::Token(args) => blocking(account::token(load(settings, None)?, clock()?, args)),
        Command::Doctor => blocking(doctor::run(load(settings, None)?, clock()?)),
        Command::Audit { what: AuditWhat::Verify } => blocking(audit::verify(load(settings, None)?)),
        Command::Backup { dir } => blocking(backup::backup(load(settings, None)?, dir)),
        Command::Restore { dir, force } => blocking(backup::restore(load(settings, None)?, dir, force)),
    }
}

fn user(config: Config, clock: WallClock, what: UserWhat) -> Done {
    match what {
        UserWhat::Add(args) => blocking(account::add(config, clock, args)),
        UserWhat::Password(args) => blocking(account::password(config, clock, args)),
        UserWhat::Roles(args) => blocking(account::roles(config, clock, args)),
        UserWhat::SignOut { login } => blocking(account::sign_out(config, clock, login)),
    }
}

fn load(settings: &Settings, serve: Option<&ServeArgs>) -> Result<Config, ConfigError> {
    let mut flags = Vec::new();
    let mut set = |key: &'static str, value: Option<String>| {
        if let Some(value) = value {
            flags.push((key, value));
        }
    };
    let path = |path: &PathBuf| path.to_string_lossy().into_owned();
    set("data.dir", settings.data_dir.as_ref().map(path));
    if let Some(args) = serve {
        set("server.listen", args.listen.map(|address| address.to_string()));
        set("server.public_url", args.public_url.clone());
        set("server.web_dir", args.web_dir.as_ref().map(path));
        set("media.udp_port", args.udp_port.map(|port| port.to_string()));
        set("school.demo", args.demo.then(|| "true".to_owned()));
        set("log.level", args.log.clone());
    }
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    Layers { file: settings.config.clone(), environment, flags }.load()
}

fn clock() -> Result<WallClock, Failure> {
    WallClock::from_environment()
        .ok_or_else(|| Failure::Use("KAFEDRA_CLOCK_OFFSET_SECONDS must be a whole number of seconds".into()))
}

/// Runs a subcommand that is done when its future is.
fn blocking(work: impl Future<Output = Done>) -> Done {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::work(&error))?;
    runtime.block_on(Origin::Console.around(work))
}
