//! Parsers of text: messages of the signaling socket, and lesson cards as CSV.

use kafedra::domain::card_csv;
use signaling::message::parse::parse_client;

/// A message. What is understood is written anew and understood as the same: the hub never relays what it got.
pub fn signaling(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(message) = parse_client(text) else { return };
    let again = serde_json::to_string(&message).expect("messages have string keys and finite numbers");
    let second = parse_client(&again).unwrap_or_else(|error| panic!("not understood again: {error}: {again}"));
    assert_eq!(message, second);
}

/// A file of lesson cards: rows or errors, each with a place in the file; what is read is written and read as the same.
pub fn cards(data: &[u8]) {
    let lines = data.iter().filter(|byte| **byte == b'\n' || **byte == b'\r').count() as u64 + 1;
    match card_csv::parse(data) {
        Ok(mut rows) => {
            assert!(rows.len() <= card_csv::MAX_ROWS);
            assert!(rows.iter().all(|row| (2..=lines).contains(&row.line) && !row.key.is_empty()));
            let again = card_csv::write(&rows, b';');
            let mut second = card_csv::parse(again.as_bytes()).unwrap_or_else(|errors| panic!("{errors:?} in {again}"));
            // Lines may have moved: empty ones are left out.
            rows.iter_mut().chain(&mut second).for_each(|row| row.line = 0);
            assert_eq!(rows, second);
        }
        Err(errors) => assert!(errors.iter().all(|error| error.line >= 1 && error.line <= lines)),
    }
}
