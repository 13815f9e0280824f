//! P10: whatever byte of the journal is changed, whatever row is taken out, doubled or swapped: it is found.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

prop_compose! {
    fn event()(
        at_ms in 0_i64..9_999_999_999_999,
        actor in proptest::option::of("[a-z0-9-]{1,12}"),
        role in proptest::option::of("[a-z_]{1,10}"),
        object in "\\PC{1,20}",
        reason in proptest::option::of("\\PC{1,30}"),
        before in proptest::option::of("\\PC{1,10}"),
        number in proptest::option::of(any::<u32>()),
    ) -> AuditEvent {
        AuditEvent {
            actor: actor.map(PersonId::new),
            acting_role: role,
            reason,
            before,
            detail: number.map(|number| serde_json::json!({ "n": number })),
            ..AuditEvent::new(SchoolId::new("school"), at_ms, "consultation.open", "consultation", &object)
        }
    }
}

fn chain(events: Vec<AuditEvent>) -> Vec<Sealed> {
    let mut head = ChainHead { seq: 0, hash: genesis() };
    events
        .into_iter()
        .map(|event| {
            let row = Sealed::after(&head, event);
            head = ChainHead { seq: row.seq, hash: row.hash.clone() };
            row
        })
        .collect()
}

/// The first row that does not fit, and the head that was reached.
fn walk(rows: &[Sealed]) -> (Option<usize>, String) {
    let mut head = ChainHead { seq: 0, hash: genesis() };
    for (at, row) in rows.iter().enumerate() {
        if fault(&head, row).is_some() {
            return (Some(at), head.hash);
        }
        head = ChainHead { seq: row.seq, hash: row.hash.clone() };
    }
    (None, head.hash)
}

/// Every text of a row, absent ones left out.
fn texts(row: &mut Sealed) -> Vec<&mut String> {
    let mut found = vec![&mut row.school, &mut row.action, &mut row.object_kind, &mut row.object_id];
    found.extend([&mut row.prev_hash, &mut row.hash]);
    let optional = [
        &mut row.actor,
        &mut row.acting_role,
        &mut row.ip_class,
        &mut row.before_hash,
        &mut row.after_hash,
        &mut row.reason,
        &mut row.detail,
    ];
    found.extend(optional.into_iter().flatten());
    found
}

proptest! {
    #![proptest_config(crate::domain::cases::cases(256))]

    #[test]
    fn inv_70_p10_one_changed_character_anywhere_is_found(
        events in proptest::collection::vec(event(), 1..12),
        at in any::<prop::sample::Index>(),
        field in any::<prop::sample::Index>(),
        place in any::<prop::sample::Index>(),
        other in any::<char>(),
    ) {
        let mut rows = chain(events);
        prop_assert_eq!(walk(&rows).0, None);
        let (_, head) = walk(&rows);
        let row = at.index(rows.len());
        let mut fields = texts(&mut rows[row]);
        let field = field.index(fields.len());
        let text = &mut *fields[field];
        let count = text.chars().count();
        prop_assume!(count > 0);
        let place = place.index(count);
        let changed: String = text.chars().enumerate().map(|(n, was)| if n == place { other } else { was }).collect();
        prop_assume!(changed != *text);
        *text = changed;
        let (found, new_head) = walk(&rows);
        // A changed hash of the very last row contradicts the row itself.
        prop_assert!(found.is_some(), "field {field} of row {row}");
        prop_assert!(found.unwrap() == row || found.unwrap() == row + 1, "{found:?} is not {row}");
        prop_assert!(new_head != head || found.is_some());
    }

    #[test]
    fn inv_70_p10_numbers_rows_and_their_order_cannot_be_touched(
        events in proptest::collection::vec(event(), 2..12),
        at in any::<prop::sample::Index>(),
        what in 0_u8..5,
        by in 1_i64..1000,
    ) {
        let mut rows = chain(events);
        let (_, head) = walk(&rows);
        let row = at.index(rows.len());
        let is_last = row + 1 == rows.len();
        match what {
            0 => rows[row].at += by,
            1 => rows[row].seq += by,
            2 => rows[row].actor = Some("somebody else".to_owned()),
            3 => drop(rows.remove(row)),
            _ => rows.swap(row, if is_last { 0 } else { row + 1 }),
        }
        let (found, new_head) = walk(&rows);
        // Only a cut-off tail leaves a chain that fits; the head that was kept elsewhere tells it.
        prop_assert!(found.is_some() || (what == 3 && is_last && new_head != head), "change {what} of row {row}");
    }

    #[test]
    fn no_text_can_move_from_one_field_into_its_neighbour(left in "\\PC{0,8}", right in "\\PC{1,8}") {
        let head = ChainHead { seq: 0, hash: genesis() };
        let with = |kind: String, id: String| {
            let mut row = Sealed::after(&head, AuditEvent::new(SchoolId::new("s"), 0, "a", "k", "i"));
            (row.object_kind, row.object_id) = (kind, id);
            row.seal()
        };
        prop_assert_ne!(with(format!("{left}{right}"), String::new()), with(left, right));
    }
}
