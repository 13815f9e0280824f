//! The table that `make bench` prints: measure, result, target, whether it is met.

/// One line.
struct Row {
    measure: String,
    result: String,
    target: &'static str,
    /// `None`: shown beside the others, nothing is asked of it.
    is_met: Option<bool>,
}

/// What was measured so far.
#[derive(Default)]
pub struct Table(Vec<Row>);

impl Table {
    /// A figure with a target.
    pub fn check(&mut self, measure: impl Into<String>, result: impl Into<String>, target: &'static str, is_met: bool) {
        self.push(measure.into(), result.into(), target, Some(is_met));
    }

    /// A figure beside them.
    pub fn note(&mut self, measure: impl Into<String>, result: impl Into<String>) {
        self.push(measure.into(), result.into(), "", None);
    }

    /// A run that did not come to its end.
    pub fn fail(&mut self, measure: impl Into<String>, error: impl std::fmt::Display) {
        self.push(measure.into(), error.to_string(), "", Some(false));
    }

    fn push(&mut self, measure: String, result: String, target: &'static str, is_met: Option<bool>) {
        let row = Row { measure, result, target, is_met };
        eprintln!("{}", line(&row));
        self.0.push(row);
    }

    /// Prints it as Markdown. Whether every target is met.
    pub fn print(&self) -> bool {
        println!("| measure | result | target | |\n|---|---|---|---|");
        for row in &self.0 {
            println!("{}", line(row));
        }
        self.0.iter().all(|row| row.is_met != Some(false))
    }
}

fn line(row: &Row) -> String {
    let met = match row.is_met {
        None => "",
        Some(true) => "met",
        Some(false) => "MISSED",
    };
    format!("| {} | {} | {} | {met} |", row.measure, row.result, row.target)
}
