//! A report as one page of HTML for printing: no script, nothing from outside.

use std::fmt::Write as _;

use super::{Cell, Report};

const STYLE: &str = "
@page { size: A4 landscape; margin: 14mm 12mm; }
body { font: 11pt/1.35 'PT Serif', 'Times New Roman', serif; color: #111; margin: 2rem auto; max-width: 1100px; padding: 0 1rem; }
h1 { font-size: 16pt; margin: 0 0 4pt; } h2 { font-size: 13pt; margin: 16pt 0 6pt; break-after: avoid; }
p { margin: 2pt 0; } .seal { font: 9pt/1.3 monospace; overflow-wrap: anywhere; border: 1px solid #999; padding: 6pt; margin-top: 14pt; }
table { border-collapse: collapse; width: 100%; } thead { display: table-header-group; } tr { break-inside: avoid; }
th, td { border: 1px solid #999; padding: 3pt 5pt; text-align: left; vertical-align: top; } th { background: #eee; }
td.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; } .sign { margin-top: 28pt; } @media print { body { margin: 0; max-width: none; padding: 0; } }
";

/// The page.
pub fn write(report: &Report) -> String {
    let mut page = String::with_capacity(64 * 1024);
    let _ = write!(
        page,
        "<!doctype html><html lang=\"ru\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}</title><style>{STYLE}</style></head><body><h1>{title}</h1><p>{school}</p>\
         <p>Период: {from} – {to}. Сформировано {made} ({zone}).</p>",
        title = escaped(&report.title),
        school = escaped(&report.school),
        from = escaped(&report.from),
        to = escaped(&report.to),
        made = escaped(&report.made_at),
        zone = escaped(&report.zone),
    );
    for sheet in &report.sheets {
        let _ = write!(page, "<h2>{}</h2><div class=\"wide\"><table><thead><tr>", escaped(&sheet.title));
        for head in &sheet.heads {
            let _ = write!(page, "<th scope=\"col\">{}</th>", escaped(head));
        }
        page.push_str("</tr></thead><tbody>");
        for row in &sheet.rows {
            page.push_str("<tr>");
            for cell in row {
                let class = if matches!(cell, Cell::Text(_)) { "" } else { " class=\"n\"" };
                let _ = write!(page, "<td{class}>{}</td>", escaped(&cell.shown()));
            }
            page.push_str("</tr>");
        }
        if sheet.rows.is_empty() {
            let _ = write!(page, "<tr><td colspan=\"{}\">Нет данных за период</td></tr>", sheet.heads.len());
        }
        page.push_str("</tbody></table></div>");
    }
    let _ = write!(
        page,
        "<p class=\"sign\">Подпись ______________________ / ______________________ /</p>\
         <p class=\"seal\">Журнал событий: запись № {}, SHA-256 {}. Проверка: kafedra audit verify</p></body></html>",
        report.audit_seq,
        escaped(&report.audit_hash),
    );
    page
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            character => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::Sheet;
    use super::*;

    #[test]
    fn a_page_holds_the_seal_and_no_markup_of_anybody() {
        let report = Report {
            school: "Школа <script>alert(1)</script>".to_owned(),
            title: "Отчёт".to_owned(),
            from: "2026-11-01".to_owned(),
            to: "2026-11-30".to_owned(),
            made_at: "28.11.2026 10:00".to_owned(),
            zone: "Europe/Moscow".to_owned(),
            audit_seq: 42,
            audit_hash: "ab".repeat(32),
            sheets: vec![Sheet {
                title: "Т".to_owned(),
                heads: vec!["А".to_owned()],
                rows: vec![vec![Cell::Text("<img src=x onerror=y>".to_owned())], vec![Cell::Share(0.125)]],
            }],
        };
        let page = write(&report);
        assert!(!page.contains("<script") && !page.contains("<img"), "{page}");
        assert!(page.contains("запись № 42") && page.contains(&"ab".repeat(32)) && page.contains("12,5 %"));
    }
}
