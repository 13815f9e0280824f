//! The columns of the layout, their Russian headings and English aliases, and the delimiter that the heading line shows.

use csv::StringRecord;

use super::{CellCode, CellError, file_error};
use crate::domain::fold::{fold, nearest};

macro_rules! columns {
    ($($column:ident = $heading:literal, $alias:literal;)+) => {
        /// A column of the layout.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Column { $($column),+ }

        impl Column {
            /// In the order of the layout.
            pub const ALL: &'static [Self] = &[$(Self::$column),+];

            pub const fn heading(self) -> &'static str {
                match self { $(Self::$column => $heading),+ }
            }

            const fn alias(self) -> &'static str {
                match self { $(Self::$column => $alias),+ }
            }
        }
    };
}

columns! {
    Key = "Код", "key";
    Date = "Дата", "date";
    Weekday = "День", "weekday";
    Week = "Неделя", "week";
    From = "С", "from";
    To = "По", "to";
    Period = "Урок", "period";
    Start = "Начало", "start";
    Minutes = "Минут", "minutes";
    Class = "Класс", "class";
    Group = "Группа", "group";
    Subject = "Предмет", "subject";
    Part = "Часть", "part";
    Topic = "Тема", "topic";
    Host = "Учитель", "host";
    Kind = "Вид", "kind";
    Form = "Форма", "form";
    Coverage = "Охват", "coverage";
    Audience = "Аудитория", "audience";
    Materials = "Материалы", "materials";
    Homework = "Задание", "homework";
    Due = "Срок", "due";
    Note = "Примечание", "note";
}

const REQUIRED: [Column; 5] = [Column::Key, Column::Class, Column::Host, Column::Kind, Column::Form];

impl Column {
    fn parse(heading: &str) -> Option<Self> {
        let heading = fold(heading.trim_matches(['*', '\u{feff}', ' ']));
        Self::ALL.iter().copied().find(|column| fold(column.heading()) == heading || column.alias() == heading)
    }
}

/// The one of `;`, `,` and tab that the first line has most of; `;` when it has none.
pub(super) fn delimiter(text: &str) -> u8 {
    let line = text.lines().next().unwrap_or_default().as_bytes();
    let count = |delimiter: u8| line.iter().filter(|byte| **byte == delimiter).count();
    [b';', b',', b'\t'].into_iter().rev().max_by_key(|delimiter| count(*delimiter)).unwrap_or(b';')
}

/// Which column stands at each place; `None`: an empty heading, its cells are not looked at.
pub(super) fn columns(head: &StringRecord) -> Result<Vec<Option<Column>>, Vec<CellError>> {
    let mut columns: Vec<Option<Column>> = Vec::with_capacity(head.len());
    let mut errors = Vec::new();
    for heading in head {
        if heading.trim().is_empty() {
            columns.push(None);
            continue;
        }
        let column = Column::parse(heading);
        match column {
            None => {
                let shown: String = heading.chars().take(40).collect();
                let hint = nearest(&shown, Column::ALL.iter().map(|column| column.heading()))
                    .map(|near| format!(". Может быть, «{near}»?"))
                    .unwrap_or_default();
                let mut error = file_error(CellCode::UnknownColumn, format!("Столбца «{shown}» нет в образце{hint}"));
                error.column = shown;
                errors.push(error);
            }
            Some(column) if columns.contains(&Some(column)) => {
                let mut error =
                    file_error(CellCode::DoubledColumn, format!("Столбец «{}» дан дважды", column.heading()));
                error.column = column.heading().into();
                errors.push(error);
            }
            Some(_) => {}
        }
        columns.push(column);
    }
    for column in REQUIRED.into_iter().filter(|column| !columns.contains(&Some(*column))) {
        let mut error = file_error(CellCode::MissingColumn, format!("Нет столбца «{}»", column.heading()));
        error.column = column.heading().into();
        errors.push(error);
    }
    if errors.is_empty() { Ok(columns) } else { Err(errors) }
}
