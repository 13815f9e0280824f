//! The routes of people and units: asked about somebody and something that is not there, so that nothing changes.

use kafedra::domain::policy::Action;

use super::Asks;

pub const ROUTES: &[(&str, &str, Asks)] = &[
    ("get", "/api/v1/people", Asks::OfAnybody(Action::UserManage)),
    ("post", "/api/v1/people", Asks::OfAnybody(Action::UserManage)),
    ("get", "/api/v1/people/{person}", Asks::OfAbsent(Action::UserManage)),
    ("post", "/api/v1/people/{person}/password", Asks::OfAbsent(Action::UserManage)),
    ("put", "/api/v1/people/{person}/block", Asks::OfAbsent(Action::UserManage)),
    ("delete", "/api/v1/people/{person}/block", Asks::OfAbsent(Action::UserManage)),
    ("put", "/api/v1/people/{person}/unit", Asks::OfAbsent(Action::UserManage)),
    ("post", "/api/v1/people/{person}/roles", Asks::OfAbsent(Action::RoleAssign)),
    ("delete", "/api/v1/people/{person}/roles", Asks::OfAbsent(Action::RoleAssign)),
    ("get", "/api/v1/units", Asks::OfAnybody(Action::UserManage)),
    ("post", "/api/v1/units", Asks::OfAnybody(Action::UserManage)),
    ("put", "/api/v1/units/{unit}", Asks::OfAnybody(Action::UserManage)),
    ("delete", "/api/v1/units/{unit}", Asks::OfAbsent(Action::UserManage)),
    ("put", "/api/v1/classes/{class}/unit", Asks::OfAbsent(Action::UserManage)),
];
