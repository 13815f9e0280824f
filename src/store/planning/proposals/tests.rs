//! Every decision on a proposal stands in the journal with who took it; a refused one leaves nothing behind (INV-71).
#![allow(clippy::unwrap_used)]

use super::*;
use crate::domain::consultation::Timing;
use crate::store::demo;

const NOW_MS: i64 = 1_795_410_000_000;

struct World {
    store: Store,
    school: School,
    _folder: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::fresh(folder.path()).await;
        let school = demo::start(&store, Timing::default(), 1, NOW_MS).await.unwrap().unwrap().school;
        Self { store, school, _folder: folder }
    }

    async fn actor(&self, code: &str, role: Role) -> Actor {
        let person = self.store.person_by_code(&self.school.id, code).await.unwrap().unwrap().id;
        Actor { person, role: Some(role) }
    }

    /// Proposes that a rule is only warned of.
    async fn propose(&self, rule: RefusalCode, by: &Actor) -> String {
        let (school, by) = (self.school.clone(), by.clone());
        let change = RuleChange::Mode { rule: rule.as_str().to_owned(), mode: NormMode::Warn };
        let tried = self.store.write::<_, StoreError, _>(move |tx| {
            Box::pin(async move { tx.propose_rule_change(&school, &change, &by, NOW_MS).await })
        });
        tried.await.unwrap()
    }

    async fn decide(&self, id: &str, what: (Decision, Option<&'static str>), by: &Actor) -> Result<(), PlanError> {
        let (school, id, by) = (self.school.clone(), id.to_owned(), by.clone());
        let tried = self.store.write::<_, PlanError, _>(move |tx| {
            Box::pin(async move { tx.decide_on_rule_change(&school, &id, what, &by, NOW_MS).await })
        });
        tried.await
    }

    /// What the journal says of a proposal: action, role, reason.
    async fn journal(&self, id: &str) -> Vec<(String, String, Option<String>)> {
        let query =
            sqlx::query_as("SELECT action, acting_role, reason FROM audit_event WHERE object_id = $1 ORDER BY seq");
        query.bind(id).fetch_all(self.store.readers()).await.unwrap()
    }
}

fn row(action: &str, role: Role, reason: Option<&str>) -> (String, String, Option<String>) {
    (action.to_owned(), role.as_str().to_owned(), reason.map(str::to_owned))
}

#[tokio::test]
async fn each_decision_is_in_the_journal_and_a_refused_one_is_not() {
    let world = World::new().await;
    let admin = world.actor("A-001", Role::Admin).await;
    let deputy = world.actor("D-001", Role::DeputyHead).await;
    let rule = RefusalCode::NotASchoolDay;
    let (first, second) = (world.propose(rule, &admin).await, world.propose(rule, &admin).await);
    let own = world.decide(&first, (Decision::Confirm, None), &admin).await;
    assert!(matches!(own, Err(PlanError::Refused(RefusalCode::RoleNotPermitted))), "{own:?}");
    let proposed = row("rule.propose", Role::Admin, None);
    assert_eq!(world.journal(&first).await, std::slice::from_ref(&proposed));

    world.decide(&first, (Decision::Confirm, None), &deputy).await.unwrap();
    assert_eq!(world.journal(&first).await, [proposed.clone(), row("rule.decide", Role::DeputyHead, None)]);
    // The same wish again would now replace what it did not see: the whole decision is undone, its row in the journal too.
    let stale = world.decide(&second, (Decision::Confirm, None), &deputy).await;
    assert!(matches!(stale, Err(PlanError::Refused(RefusalCode::VersionConflict))), "{stale:?}");
    assert_eq!(world.store.rule_proposal(&world.school.id, &second).await.unwrap().state, State::Proposed);
    assert_eq!(world.journal(&second).await, std::slice::from_ref(&proposed));
    world.decide(&second, (Decision::Decline, Some("уже так")), &deputy).await.unwrap();
    assert_eq!(world.journal(&second).await, [proposed, row("rule.decide", Role::DeputyHead, Some("уже так"))]);
}
