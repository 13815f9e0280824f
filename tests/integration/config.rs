//! What the program says to a wrong configuration.

use std::process::{Command, Output};

fn kafedra(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kafedra")).args(arguments).envs(environment.iter().copied()).output().unwrap()
}

#[test]
fn an_unknown_key_is_refused_with_its_line_and_the_nearest_key() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hub.toml");
    std::fs::write(&file, "[server]\n# where\nlistenn = \"127.0.0.1:0\"\n").unwrap();
    let output = kafedra(&["serve", "--config", file.to_str().unwrap()], &[]);
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("hub.toml:3: unknown key `server.listenn`, did you mean `server.listen`?"), "{text}");
}

#[test]
fn an_unknown_variable_is_refused() {
    let output = kafedra(&["doctor"], &[("KAFEDRA_MEDIA__UDP_PROT", "1")]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("KAFEDRA_MEDIA__UDP_PORT"));
}
