//! Writing the archive: what [`super::parse`] reads back to the same roster.

use super::super::{Mode, Post, Roster};
use super::role_word;
use crate::domain::archive;

/// Name of the one school in the archive.
const ORG: &str = "school";

/// A file of rows.
fn file(head: &str, rows: impl Iterator<Item = Vec<String>>) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Writing to memory cannot fail; all rows have the columns of the head.
    let _ = writer.write_record(head.split(','));
    for row in rows {
        let _ = writer.write_record(row);
    }
    writer.into_inner().unwrap_or_default()
}

/// The archive of a roster. `school` is the name of the organisation, `year` the school year with its first and last day.
///
/// # Errors
/// What the format cannot hold.
pub fn write(
    roster: &Roster,
    school: &str,
    year: (&str, jiff::civil::Date, jiff::civil::Date),
) -> Result<Vec<u8>, zip::result::ZipError> {
    let is_delta = roster.mode == Mode::Delta;
    let kind = if is_delta { "delta" } else { "bulk" };
    let stamp = if is_delta { "1970-01-01T00:00:00.000Z" } else { "" };
    let status = if is_delta { "active" } else { "" };
    let some = |text: &str| text.to_owned();
    let start = |source: &str, status: &str| vec![some(source), some(status), some(stamp)];
    let with = |source: &str, rest: &[&str]| {
        let mut row = start(source, status);
        row.extend(rest.iter().map(|cell| some(cell)));
        row
    };
    let gone = |source: &str, columns: usize| {
        let mut row = start(source, "tobedeleted");
        row.resize(columns, String::new());
        row
    };
    let manifest = [
        ("manifest.version", "1.0"),
        ("oneroster.version", "1.2"),
        ("file.academicSessions", kind),
        ("file.categories", "absent"),
        ("file.classResources", "absent"),
        ("file.classes", kind),
        ("file.courseResources", "absent"),
        ("file.courses", kind),
        ("file.demographics", kind),
        ("file.enrollments", kind),
        ("file.lineItems", "absent"),
        ("file.orgs", kind),
        ("file.resources", "absent"),
        ("file.results", "absent"),
        ("file.roles", kind),
        ("file.userProfiles", "absent"),
        ("file.users", kind),
        ("source.systemName", "Kafedra"),
        ("source.systemCode", "kafedra"),
    ];
    let course = |subject: &Option<String>| {
        let at = subject.as_ref().and_then(|subject| roster.subjects.iter().position(|known| known == subject));
        at.map(|at| format!("course-{at}")).unwrap_or_default()
    };
    let (year_name, first, last) = year;
    let school_year = last.year().to_string();
    let classes = roster.classes.iter().map(|class| {
        let grade = format!("{:02}", class.grade);
        with(&class.source, &[&class.name(), &grade, "", "", "homeroom", "", ORG, "year", "", "", ""])
    });
    let groups = roster.groups.iter().map(|group| {
        let title = format!("{}/{}", group.class, group.name);
        with(&group.source, &[&title, "", &course(&group.subject), "", "scheduled", "", ORG, "year", "", "", ""])
    });
    let users = roster.people.iter().map(|one| {
        let middle = one.middle_name.as_deref().unwrap_or_default();
        let agents = one.guardians.join(",");
        with(
            &one.source,
            &[
                "true",
                &one.code,
                "",
                &one.given_name,
                &one.family_name,
                middle,
                "",
                "",
                "",
                "",
                &agents,
                "",
                "",
                "",
                "",
            ],
        )
    });
    let users = users.chain(roster.gone_people.iter().map(|source| gone(source, 18)));
    let roles = roster.people.iter().flat_map(|one| {
        let held = one.roles.iter().flat_map(|role| {
            let units: Vec<&str> =
                one.in_units.iter().filter(|(of, _)| of == role).map(|(_, unit)| unit.as_str()).collect();
            // In a unit, or in the school as a whole.
            let places = if units.is_empty() { vec![ORG] } else { units };
            places.into_iter().map(|place| (*role, place)).collect::<Vec<_>>()
        });
        held.enumerate().map(|(n, (role, place))| {
            let source = format!("{}-role-{n}", one.source);
            let primacy = if n == 0 { "primary" } else { "secondary" };
            with(&source, &[&one.source, primacy, role_word(role), "", "", place, ""])
        })
    });
    let post = |(n, one): (usize, &Post), kind: &str, status: &str| {
        let mut row = with(
            &format!("{}-{kind}-{n}", one.person),
            &[&one.person, "secondary", role_word(one.role), "", "", &one.unit, ""],
        );
        row[1] = some(status);
        row
    };
    let roles = roles
        .chain(roster.posts.iter().enumerate().map(|one| post(one, "post", status)))
        .chain(roster.gone_posts.iter().enumerate().map(|one| post(one, "gone", "tobedeleted")));
    let orgs = std::iter::once(with(ORG, &[school, "school", "", ""]))
        .chain(roster.units.iter().map(|unit| with(&unit.source, &[&unit.name, "department", "", ORG])))
        .chain(roster.gone_units.iter().map(|source| gone(source, 7)));
    let enrollments = roster.enrollments.iter().map(|one| {
        let (role, primary) = if one.is_teacher { ("teacher", "true") } else { ("student", "") };
        with(&one.source, &[&one.class, ORG, &one.person, role, primary, "", ""])
    });
    // A row that takes away still has to name something: the standard wants the columns filled.
    let enrollments = enrollments.chain(roster.gone_enrollments.iter().map(|source| {
        let mut row = gone(source, 10);
        (row[3], row[5]) = (some("-"), some("-"));
        row
    }));
    let born = roster.people.iter().filter_map(|one| {
        let born = one.birth_date?.to_string();
        Some(with(&one.source, &[&born, "", "", "", "", "", "", "", "", "", "", ""]))
    });
    let files = [
        (
            "manifest.csv",
            file("propertyName,value", manifest.iter().map(|(name, value)| vec![some(name), some(value)])),
        ),
        ("orgs.csv", file("sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId", orgs)),
        (
            "academicSessions.csv",
            file(
                "sourcedId,status,dateLastModified,title,type,startDate,endDate,parentSourcedId,schoolYear",
                std::iter::once(with(
                    "year",
                    &[year_name, "schoolYear", &first.to_string(), &last.to_string(), "", &school_year],
                )),
            ),
        ),
        (
            "courses.csv",
            file(
                "sourcedId,status,dateLastModified,schoolYearSourcedId,title,courseCode,grades,orgSourcedId,subjects,subjectCodes",
                roster
                    .subjects
                    .iter()
                    .enumerate()
                    .map(|(n, title)| with(&format!("course-{n}"), &["year", title, "", "", ORG, "", ""])),
            ),
        ),
        (
            "classes.csv",
            file(
                "sourcedId,status,dateLastModified,title,grades,courseSourcedId,classCode,classType,location,schoolSourcedId,termSourcedIds,subjects,subjectCodes,periods",
                classes.chain(groups),
            ),
        ),
        (
            "users.csv",
            file(
                "sourcedId,status,dateLastModified,enabledUser,username,userIds,givenName,familyName,middleName,identifier,email,sms,phone,agentSourcedIds,grades,password,userMasterIdentifier,resourceSourcedIds",
                users,
            ),
        ),
        (
            "roles.csv",
            file(
                "sourcedId,status,dateLastModified,userSourcedId,roleType,role,beginDate,endDate,orgSourcedId,userProfileSourcedId",
                roles,
            ),
        ),
        (
            "enrollments.csv",
            file(
                "sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,userSourcedId,role,primary,beginDate,endDate",
                enrollments,
            ),
        ),
        (
            "demographics.csv",
            file(
                "sourcedId,status,dateLastModified,birthDate,sex,americanIndianOrAlaskaNative,asian,blackOrAfricanAmerican,nativeHawaiianOrOtherPacificIslander,white,demographicRaceTwoOrMoreRaces,hispanicOrLatinoEthnicity,countryOfBirthCode,stateOfBirthAbbreviation,cityOfBirth",
                born,
            ),
        ),
    ];
    let files: Vec<(String, Vec<u8>)> = files.into_iter().map(|(name, content)| (name.to_owned(), content)).collect();
    archive::pack(&files)
}
