//! Imports through the program itself: 5,000 people, 20,000 slots as CSV and as XLSX. Peak memory is the child's, asked of the
//! kernel while it runs.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use kafedra::store::Store;

use crate::made::{self, LARGE, Made, USUAL};
use crate::memory;

/// What the issue asks for.
const LIMIT: Duration = Duration::from_secs(60);
const LIMIT_KIB: u64 = 500 * 1_024;
const SLOTS: usize = 20_000;

pub async fn run() {
    println!("\n| import through the program | seconds | peak memory | |\n|---|---|---|---|");
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let run = |what: &[&str], file: &Path| program(&data, what, file);
    let init =
        ["school", "init", "--name", "Школа", "--short-name", "Школа", "--admin-login", "admin", "--admin-name", "А Б"];
    program(&data, &init, Path::new("")).expect("the school is founded");
    let days = {
        let store = Store::open(data.join("kafedra.db").to_str().unwrap()).await.unwrap();
        made::put_act(&store).await;
        let school = store.schools().await.unwrap().remove(0);
        let days = made::school_days(&store.calendar(&school).await.unwrap());
        store.close().await;
        days
    };
    let put = |name: &str, bytes: Vec<u8>| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let people = LARGE.students + LARGE.teachers + LARGE.guardians;
    let roster = put("roster.zip", LARGE.roster());
    row(&format!("{people} people, OneRoster"), run(&["import", "roster"], &roster));
    row(&format!("{people} people again, nothing changed"), run(&["import", "roster"], &roster));
    let cards = LARGE.dated_cards(SLOTS, &days);
    let csv = put("cards.csv", cards.csv());
    row(&format!("{SLOTS} slots, CSV, dry run"), run(&["import", "cards", "--dry-run"], &csv));
    row(&format!("{SLOTS} slots, CSV"), run(&["import", "cards"], &csv));
    row(&format!("{SLOTS} slots, XLSX, nothing changed"), run(&["import", "cards"], &put("cards.xlsx", cards.xlsx())));
    let moved = String::from_utf8(cards.csv()).unwrap().replace(";14:00;", ";13:00;");
    row(
        &format!("{SLOTS} slots, CSV, an eighth moved"),
        run(&["import", "cards"], &put("moved.csv", moved.into_bytes())),
    );
    let other = tempfile::tempdir().unwrap();
    let made = Made::new(USUAL).await;
    made.store.close().await;
    std::fs::copy(made.folder.path().join("kafedra.db"), other.path().join("kafedra.db")).unwrap();
    let weekly = put("weekly.xlsx", USUAL.weekly_cards(300).xlsx());
    row("300 weekly slots, XLSX", program(other.path(), &["import", "cards"], &weekly));
}

fn row(what: &str, done: Result<(Duration, u64), String>) {
    match done {
        Ok((took, peak)) => {
            let is_met = if took < LIMIT && peak < LIMIT_KIB { "met" } else { "**missed**" };
            println!("| {what} | {:.1} | {} MiB | {is_met} |", took.as_secs_f64(), peak / 1_024);
        }
        Err(text) => println!("| {what} | | | **failed**: {text} |"),
    }
}

/// Runs the program to its end; gives how long it took and its peak memory in KiB.
fn program(data: &Path, what: &[&str], file: &Path) -> Result<(Duration, u64), String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kafedra"));
    command.args(what);
    if file != Path::new("") {
        command.arg(file);
    }
    command.arg("--data-dir").arg(data);
    let began = Instant::now();
    let mut child = command
        .env("KAFEDRA_PASSWORD", "a password for measuring")
        .env("KAFEDRA_CLOCK_OFFSET_SECONDS", made::clock_offset_s().to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let mut peak = 0;
    let mut errors = child.stderr.take().unwrap();
    let reading = std::thread::spawn(move || {
        let mut text = String::new();
        let _ = std::io::Read::read_to_string(&mut errors, &mut text);
        text
    });
    let status = loop {
        peak = peak.max(memory::peak_kib(child.id()));
        if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
            break status;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let took = began.elapsed();
    let text = reading.join().unwrap_or_default();
    if status.success() { Ok((took, peak)) } else { Err(text.lines().last().unwrap_or_default().to_owned()) }
}
