//! A table as a workbook that spreadsheets open (Office Open XML, ECMA-376): one sheet, texts as texts and numbers as numbers.
//! No cell is a formula, whatever its text begins with (FAULTS P2): a formula is an element of its own, and none is written.

use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::ops::{Outcome, Refusal};

/// A cell.
pub enum Cell {
    /// A text.
    Text(String),
    /// A whole number.
    Number(u64),
}

/// The longest text that a cell may hold; the rest is cut.
const CELL_CHARS_MAX: usize = 32_767;

/// The parts beside the sheet.
const PARTS: [(&str, &str); 4] = [
    (
        "[Content_Types].xml",
        r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>"#,
    ),
    (
        "_rels/.rels",
        r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#,
    ),
    (
        "xl/workbook.xml",
        r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="1" sheetId="1" r:id="rId1"/></sheets></workbook>"#,
    ),
    (
        "xl/_rels/workbook.xml.rels",
        r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>"#,
    ),
];

/// The rows of a sheet, as spreadsheets know it.
const ROWS_MAX: usize = 1 << 20;

/// The workbook's octets.
///
/// # Errors
/// It has more rows than a sheet, or is larger than an archive may be.
pub fn workbook(rows: &[Vec<Cell>]) -> Outcome<Vec<u8>> {
    if rows.len() > ROWS_MAX {
        let count = rows.len();
        return Err(Refusal::invalid(
            format!("{count} 行超过工作表的 {ROWS_MAX} 行，请缩小范围或导出 CSV"),
            format!("{count} rows are more than the {ROWS_MAX} of a sheet; ask for less, or for CSV"),
        ));
    }
    let written = || -> zip::result::ZipResult<Vec<u8>> {
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        for (name, text) in PARTS {
            archive.start_file(name, options)?;
            archive.write_all(text.as_bytes())?;
        }
        archive.start_file("xl/worksheets/sheet1.xml", options)?;
        archive.write_all(sheet(rows).as_bytes())?;
        Ok(archive.finish()?.into_inner())
    };
    written().map_err(Refusal::bad_request)
}

fn sheet(rows: &[Vec<Cell>]) -> String {
    let mut text = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n\
         <worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><sheetData>",
    );
    for row in rows {
        text += "<row>";
        for cell in row {
            match cell {
                Cell::Number(number) => text += &format!("<c><v>{number}</v></c>"),
                Cell::Text(of) => {
                    text += "<c t=\"inlineStr\"><is><t xml:space=\"preserve\">";
                    of.chars().take(CELL_CHARS_MAX).for_each(|letter| escape(letter, &mut text));
                    text += "</t></is></c>";
                }
            }
        }
        text += "</row>";
    }
    text + "</sheetData></worksheet>"
}

/// A letter as XML has it; what XML cannot hold is left out (XML 1.0, 2.2).
fn escape(letter: char, text: &mut String) {
    match letter {
        '&' => text.push_str("&amp;"),
        '<' => text.push_str("&lt;"),
        '>' => text.push_str("&gt;"),
        '\t' | '\n' => text.push(letter),
        '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {}
        other => text.push(other),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn v07_fault_p2_a_workbook_has_texts_and_numbers_and_no_formula() {
        let texts = ["=1+1", "+1", "-2", "@SUM(A1)", "<b>&\u{1}", "王芳"];
        let mut rows = vec![vec![Cell::Text("seconds".into()), Cell::Number(61)]];
        rows.extend(texts.map(|text| vec![Cell::Text(text.into())]));
        let octets = workbook(&rows).expect("a workbook");
        let mut archive = zip::ZipArchive::new(Cursor::new(octets)).expect("an archive");
        assert_eq!(archive.len(), 5);
        let mut sheet = String::new();
        archive
            .by_name("xl/worksheets/sheet1.xml")
            .expect("a sheet")
            .read_to_string(&mut sheet)
            .expect("text");
        assert!(!sheet.contains("<f") && sheet.contains("<c><v>61</v></c>"), "{sheet}");
        for text in ["=1+1", "+1", "-2", "@SUM(A1)", "&lt;b&gt;&amp;", "王芳"] {
            assert!(sheet.contains(&format!("preserve\">{text}</t>")), "{text}: {sheet}");
        }
        assert_eq!(sheet.matches("<row>").count(), sheet.matches("</row>").count());
    }
}
