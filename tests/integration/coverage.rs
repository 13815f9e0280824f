//! That the rules of the domain are tested: `docs/domain-coverage.md` against the sources, and every refusal against the tests
//! that ask for it from outside.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use kafedra::domain::refusal::RefusalCode;

/// Those whose machines are not there yet: the deferred forms, recording, and outside identity providers.
const LATER: &[&str] = &[
    "identity_not_trusted",
    "idp_not_allowed",
    "recording_consent_missing",
    "recording_forbidden",
    "grade_out_of_scale",
    "numeric_grade_forbidden",
    "self_review",
    "review_not_assigned",
    "submission_closed",
    "duplicate_term",
];

/// Of DOMAIN 2.3, without INV-60 to 65, 72 and 73.
const INVARIANTS: &[u8] = &[
    1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15, 16, 20, 21, 22, 23, 24, 25, 26, 27, 30, 31, 32, 33, 34, 40, 41, 42, 43, 44,
    50, 51, 52, 53, 54, 55, 70, 71, 74,
];

/// Of DOMAIN 2.7, without P13 and P15.
const PROPERTIES: &[u8] = &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &Path, into: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "ts") {
            into.push_str(&std::fs::read_to_string(&path).unwrap());
            into.push('\n');
        }
    }
}

/// The id and the quoted tests of each line of a table.
fn rows(page: &str) -> Vec<(String, Vec<String>)> {
    page.lines()
        .filter_map(|line| line.strip_prefix("| "))
        .filter_map(|line| {
            let id = line.split(" | ").next()?.to_owned();
            let tests: Vec<String> = line.split('`').skip(1).step_by(2).map(str::to_owned).collect();
            (id.starts_with("INV-") || id.starts_with('P')).then_some((id, tests))
        })
        .collect()
}

#[test]
fn every_invariant_and_property_has_its_test() {
    let page = std::fs::read_to_string(root().join("docs/domain-coverage.md")).unwrap();
    let mut code = String::new();
    for folder in ["src", "signaling", "tests", "web-client/src/features/room"] {
        sources(&root().join(folder), &mut code);
    }
    let rows = rows(&page);
    let ids: BTreeSet<&str> = rows.iter().map(|(id, _)| id.as_str()).collect();
    let wanted = INVARIANTS.iter().map(|n| format!("INV-{n:02}")).chain(PROPERTIES.iter().map(|n| format!("P{n}")));
    let missing: Vec<String> = wanted.filter(|id| !ids.contains(id.as_str())).collect();
    assert!(missing.is_empty(), "no line in docs/domain-coverage.md: {missing:?}");
    for (id, tests) in &rows {
        let word = id.to_lowercase().replace('-', "_");
        assert!(
            tests.iter().any(|test| test.contains(&format!("{word}_")) || test.starts_with(&word)) || id == "INV-71",
            "{id}"
        );
        for test in tests {
            // A function, a property inside a macro, or a test of the web client.
            let is_there = [format!("fn {test}("), format!(" {test}("), format!("'{test}'")];
            assert!(is_there.iter().any(|text| code.contains(text)), "{id}: {test} is gone");
        }
    }
}

#[test]
fn every_refusal_is_asked_for_from_outside() {
    let mut tests = String::new();
    sources(&root().join("tests/integration"), &mut tests);
    // Without this very list.
    let own = std::fs::read_to_string(root().join("tests/integration/coverage.rs")).unwrap();
    let tests = tests.replace(&own, "");
    let missing: Vec<&str> = RefusalCode::ALL
        .iter()
        .map(|code| code.as_str())
        .filter(|code| !LATER.contains(code) && !tests.contains(&format!("\"{code}\"")))
        .collect();
    assert!(missing.is_empty(), "no test outside asks for {missing:?}");
    let known: BTreeSet<&str> = RefusalCode::ALL.iter().map(|code| code.as_str()).collect();
    assert!(
        LATER.iter().all(|code| known.contains(code) && !tests.contains(&format!("\"{code}\""))),
        "not later any more"
    );
}
