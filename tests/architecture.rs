//! Keeps the shape of the code: arrows between layers go down, some words have one owner, files stay small and say
//! what they are for. docs/ARCHITECTURE.md gives the reasons. Each rule is shown to bite by a bad sample below.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Modules of the root package by layer. A module may use modules of lower layers only; `app` introduces the rest.
const LAYERS: [&[&str]; 7] = [
    &["domain", "config", "clock", "rate"],
    &["store", "presence", "sfu", "recorder"],
    &["rooms"],
    // `notify` sends what the store's outbox holds; like `schedule` it is driven by store and clock and knows no request.
    &["api", "schedule", "notify"],
    &["app"],
    &["cli"],
    &["main"],
];

/// Words with owners: (what, the word in code, modules or single files that may say it). The two files of rooms drive the
/// frames of a WebSocket that `api` has upgraded; they know no route and no request.
const OWNED: &[(&str, &str, &[&str])] = &[
    ("HTTP", "axum", &["api", "app", "src/rooms/connection.rs", "src/rooms/outbox.rs"]),
    ("Redis", "redis", &["presence"]),
    ("SQL", "sqlx", &["store"]),
    ("UDP", "UdpSocket", &["sfu"]),
    ("calls to the outside", "reqwest", &["notify"]),
    ("e-mail", "lettre", &["notify"]),
];

/// Statements are SQL even where the word `sqlx` is not said.
const SQL: &[&str] = &["SELECT ", "INSERT INTO ", "DELETE FROM ", "CREATE TABLE "];

/// Clock reads, and the driver files that may do them (see `clock` and DESIGN of the drivers).
const CLOCK_READS: &[&str] = &["Instant::now(", "SystemTime::now(", "Timestamp::now(", "Zoned::now("];
const CLOCK_READERS: &[&str] = &[
    "src/clock.rs",
    "src/presence/redis.rs",
    "src/rooms/actor.rs",
    "src/rooms/connection.rs",
    "src/rooms/registry.rs",
    "src/schedule/driver.rs",
    "src/api/observe.rs",
    "src/sfu/worker.rs",
    "src/store/writer.rs",
];

/// The cores are told the time and own no task, lock or socket.
const CORE_CRATES: [&str; 2] = ["signaling", "media"];
const FORBIDDEN_IN_CORES: &[&str] =
    &["tokio", "Instant::now(", "SystemTime::now(", "UdpSocket", "TcpStream", "Mutex", "RwLock", "thread::spawn"];

const MAX_LINES: usize = 800;
/// Files that are longer for now. The list may only get shorter.
const LONGER_FOR_NOW: &[&str] = &[];

struct Source {
    /// From the root of the repository, with `/`.
    path: String,
    text: String,
}

impl Source {
    /// The module of the root package that the file belongs to; `None` outside `src/` and for `lib.rs`.
    fn module(&self) -> Option<&str> {
        let inside = self.path.strip_prefix("src/")?;
        let name = inside.split('/').next()?.trim_end_matches(".rs");
        (name != "lib").then_some(name)
    }

    fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/tests/") || self.path.starts_with("tests/")
    }

    /// Code that ships: without comments and without the test module at the end.
    fn production(&self) -> String {
        let code = without_comments(&self.text);
        match code.find("#[cfg(test)]\nmod ") {
            Some(start) => code[..start].to_owned(),
            None => code,
        }
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    for folder in ["src", "signaling/src", "signaling/tests", "media/src", "media/tests", "tests", "benches"] {
        collect(&root().join(folder), &["rs"], &mut found);
    }
    assert!(found.len() > 20, "the sources were found");
    found
}

fn web_sources() -> Vec<Source> {
    let mut found = Vec::new();
    collect(&root().join("web-client/src"), &["ts", "tsx"], &mut found);
    assert!(found.len() > 20, "the web client's sources were found");
    found
}

fn collect(folder: &Path, extensions: &[&str], found: &mut Vec<Source>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, extensions, found);
        } else if path.extension().is_some_and(|extension| extensions.iter().any(|wanted| extension == *wanted)) {
            let relative = path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
            found.push(Source { path: relative, text: fs::read_to_string(&path).unwrap() });
        }
    }
}

/// Blanks `//` and `/* */` comments, leaving strings alone.
fn without_comments(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    let mut in_string = false;
    while let Some(character) = characters.next() {
        match (in_string, character, characters.peek()) {
            (true, '\\', Some(_)) => {
                code.push(character);
                code.extend(characters.next());
            }
            (_, '"', _) => {
                in_string = !in_string;
                code.push(character);
            }
            // The character literal of a quotation mark opens no string.
            (false, '\'', Some('"')) => {
                code.push(character);
                code.extend(characters.next());
            }
            (false, '/', Some('/')) => while characters.next_if(|next| *next != '\n').is_some() {},
            (false, '/', Some('*')) => {
                let mut previous = ' ';
                for next in characters.by_ref() {
                    if previous == '*' && next == '/' {
                        break;
                    }
                    previous = next;
                }
            }
            _ => code.push(character),
        }
    }
    code
}

/// Modules that the code reaches by `crate::x` or, in the binary, `kafedra::x`, groups included.
fn reached_modules(code: &str, own_crate: &str) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    for prefix in [String::from("crate::"), format!("{own_crate}::")] {
        for (at, _) in code.match_indices(&prefix) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|character| character.is_alphanumeric() || character == '_' || character == ':') {
                continue;
            }
            let rest = &code[at + prefix.len()..];
            match rest.strip_prefix('{') {
                Some(group) => reached.extend(first_words_of_group(group)),
                None => reached.extend(first_word(rest)),
            }
        }
    }
    reached
}

fn first_word(text: &str) -> Option<String> {
    let word: String = text.trim_start().chars().take_while(|next| next.is_alphanumeric() || *next == '_').collect();
    (!word.is_empty()).then_some(word)
}

/// The first word of each member of `{a::b, c::{d, e}, f}`, the opening brace gone already.
fn first_words_of_group(group: &str) -> Vec<String> {
    let (mut depth, mut start, mut words) = (0, 0, Vec::new());
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => {
                words.extend(first_word(&group[start..at]));
                return words;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                words.extend(first_word(&group[start..at]));
                start = at + 1;
            }
            _ => {}
        }
    }
    words
}

fn layer_of(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// Arrows that do not go down.
fn wrong_arrows(source: &Source) -> Vec<String> {
    let Some(module) = source.module() else { return Vec::new() };
    let Some(layer) = layer_of(module) else {
        return vec![format!("{}: `{module}` stands in no layer of tests/architecture.rs", source.path)];
    };
    reached_modules(&source.production(), "kafedra")
        .into_iter()
        .filter(|reached| reached != module && layer_of(reached).is_some_and(|other| other >= layer))
        .map(|reached| format!("{}: `{module}` (layer {layer}) must not use `{reached}`", source.path))
        .collect()
}

/// Whether `word` stands in `code` as a path segment or type of its own, not as part of another name.
fn says(code: &str, word: &str) -> bool {
    let is_name = |character: char| character.is_alphanumeric() || character == '_';
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = &code[at + word.len()..];
        // Lower-case words are crates: only the start of a path counts (`redis::aio`, not `Presence::redis`).
        let is_crate = word.starts_with(char::is_lowercase);
        let stands_alone = !before.is_some_and(is_name) && !after.chars().next().is_some_and(is_name);
        stands_alone && (!is_crate || (before != Some(':') && after.starts_with("::")))
    })
}

fn foreign_words(source: &Source) -> Vec<String> {
    let Some(module) = source.module() else { return Vec::new() };
    let code = source.production();
    let mut wrong = Vec::new();
    for (what, word, owners) in OWNED {
        if !owners.contains(&module)
            && !owners.contains(&source.path.as_str())
            && !source.is_test()
            && says(&code, word)
        {
            wrong.push(format!("{}: `{word}` ({what}) belongs to {}", source.path, owners.join(" and ")));
        }
    }
    if module != "store" && !source.is_test() {
        let said = SQL.iter().filter(|statement| code.contains(&format!("\"{statement}")));
        wrong.extend(said.map(|statement| format!("{}: SQL (`{statement}`) belongs to store", source.path)));
    }
    if !CLOCK_READERS.contains(&source.path.as_str()) && !source.is_test() {
        let read = CLOCK_READS.iter().filter(|read| code.contains(**read));
        wrong.extend(read.map(|read| format!("{}: `{read})` only in driver files; take `now`", source.path)));
    }
    wrong
}

fn impure_core(source: &Source) -> Vec<String> {
    let is_core = CORE_CRATES.iter().any(|name| source.path.starts_with(&format!("{name}/src/")));
    if !is_core || source.is_test() {
        return Vec::new();
    }
    let code = source.production();
    let said = FORBIDDEN_IN_CORES.iter().filter(|word| code.contains(**word));
    said.map(|word| format!("{}: `{word}` has no place in a core", source.path)).collect()
}

/// The part of the web client that a path inside `web-client/src` belongs to: `shared`, `app`, or one feature.
fn web_part(path: &str) -> Option<(&str, Option<&str>)> {
    let mut steps = path.strip_prefix("web-client/src/")?.split('/');
    match steps.next()? {
        "features" => Some(("features", steps.next())),
        part => Some((part, None)),
    }
}

/// Imports of the web client that do not go down: app → features → shared, and no feature into another.
fn wrong_web_imports(source: &Source) -> Vec<String> {
    let Some((part, feature)) = web_part(&source.path) else { return Vec::new() };
    let mut wrong = Vec::new();
    for opening in ["from '", "import('", "import '"] {
        for (at, _) in source.text.match_indices(opening) {
            let rest = &source.text[at + opening.len()..];
            let target = &rest[..rest.find('\'').unwrap_or(0)];
            let Some(path) = resolve_import(&source.path, target) else { continue };
            let Some((other, other_feature)) = web_part(&path) else { continue };
            let allowed = match (part, other) {
                ("app", _) | (_, "shared") => true,
                ("features", "features") => feature == other_feature,
                _ => false,
            };
            if !allowed {
                wrong.push(format!("{}: imports {target}, arrows go app → features → shared", source.path));
            }
        }
    }
    wrong
}

/// The path that an import names; `None` for packages.
fn resolve_import(from: &str, target: &str) -> Option<String> {
    if let Some(inside) = target.strip_prefix("@/") {
        return Some(format!("web-client/src/{inside}"));
    }
    if !target.starts_with('.') {
        return None;
    }
    let mut steps: Vec<&str> = from.split('/').collect();
    steps.pop();
    for step in target.split('/') {
        match step {
            "." => {}
            ".." => drop(steps.pop()),
            step => steps.push(step),
        }
    }
    Some(steps.join("/"))
}

fn long_web_file(source: &Source) -> Vec<String> {
    let lines = source.text.lines().count();
    let is_too_long = lines > MAX_LINES && !source.path.contains(".gen.");
    is_too_long.then(|| format!("{}: {lines} lines, split above {MAX_LINES}", source.path)).into_iter().collect()
}

fn untidy(source: &Source) -> Vec<String> {
    let mut wrong = Vec::new();
    let lines = source.text.lines().count();
    if lines > MAX_LINES && !LONGER_FOR_NOW.contains(&source.path.as_str()) {
        wrong.push(format!("{}: {lines} lines, split above {MAX_LINES}", source.path));
    }
    // Attributes of the whole file may stand before.
    let first = source.text.lines().find(|line| !line.starts_with("#![") && !line.trim().is_empty());
    if !first.is_some_and(|line| line.starts_with("//!")) {
        wrong.push(format!("{}: opens without saying what it is for (//!)", source.path));
    }
    if source.path.ends_with("/mod.rs") {
        wrong.push(format!("{}: `foo.rs` stands beside `foo/`, no mod.rs", source.path));
    }
    wrong
}

fn check(rule: impl Fn(&Source) -> Vec<String>) {
    let wrong: Vec<String> = sources().iter().flat_map(rule).collect();
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn arrows_go_down_only() {
    check(wrong_arrows);
}

#[test]
fn words_stay_with_their_owners() {
    check(foreign_words);
}

#[test]
fn cores_do_no_io_and_own_no_clock() {
    check(impure_core);
}

#[test]
fn files_are_small_and_say_what_they_are_for() {
    check(untidy);
}

#[test]
fn the_web_client_imports_downwards_and_its_files_are_small() {
    let wrong: Vec<String> =
        web_sources().iter().flat_map(|source| [wrong_web_imports(source), long_web_file(source)].concat()).collect();
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn no_exception_outlives_its_reason() {
    for path in LONGER_FOR_NOW {
        let lines = fs::read_to_string(root().join(path)).map_or(0, |text| text.lines().count());
        assert!(lines > MAX_LINES, "{path} has {lines} lines: take it off the list");
    }
}

mod bad_samples {
    //! Every rule, broken on purpose.

    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source { path: path.to_owned(), text: text.to_owned() }
    }

    fn caught(rule: impl Fn(&Source) -> Vec<String>, path: &str, text: &str) -> usize {
        rule(&source(path, text)).len()
    }

    #[test]
    fn an_arrow_up_or_sideways_is_caught() {
        assert_eq!(caught(wrong_arrows, "src/store/chat.rs", "use crate::rooms::registry;"), 1);
        assert_eq!(caught(wrong_arrows, "src/store.rs", "fn f() { crate::presence::x() }"), 1);
        assert_eq!(caught(wrong_arrows, "src/rooms.rs", "use crate::{store::Store, api::{a, b}, app};"), 2);
        assert_eq!(caught(wrong_arrows, "src/app.rs", "use kafedra::main;"), 1);
        assert_eq!(caught(wrong_arrows, "src/newcomer.rs", ""), 1);
        assert_eq!(caught(wrong_arrows, "src/rooms.rs", "use crate::store::Store; // crate::api"), 0);
        assert_eq!(caught(wrong_arrows, "src/api/ws.rs", "use crate::api::auth; use crate::rooms::registry;"), 0);
    }

    #[test]
    fn a_word_away_from_its_owner_is_caught() {
        assert_eq!(caught(foreign_words, "src/rooms.rs", "use axum::Router;"), 1);
        assert_eq!(caught(foreign_words, "src/api.rs", "fn f() { redis::cmd(\"GET\"); }"), 1);
        assert_eq!(caught(foreign_words, "src/api.rs", "let row = query(\"SELECT 1\");"), 1);
        assert_eq!(caught(foreign_words, "src/rooms.rs", "std::net::UdpSocket::bind(x)"), 1);
        assert_eq!(caught(foreign_words, "src/rooms.rs", "let now = Instant::now();"), 1);
        assert_eq!(caught(foreign_words, "src/app.rs", "Presence::redis(url); config.redis.url;"), 0);
        assert_eq!(caught(foreign_words, "src/rooms.rs", "#[cfg(test)]\nmod tests { Instant::now(); }"), 0);
    }

    #[test]
    fn a_core_with_a_clock_or_a_lock_is_caught() {
        assert_eq!(caught(impure_core, "media/src/sfu.rs", "let now = Instant::now();"), 1);
        assert_eq!(caught(impure_core, "signaling/src/room.rs", "use std::sync::Mutex; use tokio::spawn;"), 2);
        assert_eq!(caught(impure_core, "signaling/src/room.rs", "// no Mutex here\nfn f(now: Instant) {}"), 0);
    }

    #[test]
    fn an_import_of_the_web_client_up_or_sideways_is_caught() {
        let page = "web-client/src/features/room/page.tsx";
        assert_eq!(caught(wrong_web_imports, page, "import { x } from '../timetable/model';"), 1);
        assert_eq!(caught(wrong_web_imports, page, "const x = import('../../app/router');"), 1);
        assert_eq!(caught(wrong_web_imports, page, "import x from './model';\nimport y from '../../shared/net';"), 0);
        assert_eq!(caught(wrong_web_imports, "web-client/src/shared/net/ws.ts", "import x from '@/features/room';"), 1);
        assert_eq!(caught(wrong_web_imports, page, "import { useState } from 'react';"), 0);
    }

    #[test]
    fn an_untidy_file_is_caught() {
        assert_eq!(caught(untidy, "src/a.rs", &"//! Long.\n".repeat(MAX_LINES + 1)), 1);
        assert_eq!(caught(untidy, "src/a.rs", "fn no_header() {}"), 1);
        assert_eq!(caught(untidy, "src/a/mod.rs", "//! Named wrongly."), 1);
    }
}
