//! Aligned columns. Widths are those on the screen, so names in any script line up.

use unicode_width::UnicodeWidthStr;

use super::{Cell, Row};

const GAP: &str = "  ";

/// Rows under titles; nothing but the titles if there are none.
pub(crate) fn columns(keys: &[&'static str], rows: &[Row]) -> String {
    let titles: Vec<String> = keys.iter().map(|key| key.replace('_', " ").to_uppercase()).collect();
    let cells: Vec<Vec<String>> =
        rows.iter().map(|row| keys.iter().map(|key| shown(row, key)).collect()).collect();
    let widths: Vec<usize> = titles
        .iter()
        .enumerate()
        .map(|(i, title)| {
            let below = cells.iter().filter_map(|row| row.get(i)).map(|text| text.width()).max();
            title.width().max(below.unwrap_or(0))
        })
        .collect();
    let mut text = line(&titles, &widths);
    for row in &cells {
        text.push_str(&line(row, &widths));
    }
    text
}

fn shown(row: &Row, key: &str) -> String {
    match row.iter().find(|cell| cell.key == key) {
        Some(Cell { text, .. }) if !text.is_empty() => one_line(text),
        _ => "-".to_owned(),
    }
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let mut text = String::new();
    for (cell, width) in cells.iter().zip(widths) {
        text.push_str(cell);
        text.push_str(&" ".repeat(width.saturating_sub(cell.width())));
        text.push_str(GAP);
    }
    format!("{}\n", text.trim_end())
}

/// One field a line.
pub(crate) fn fields(row: &Row) -> String {
    let width = row.iter().map(|cell| cell.key.width()).max().unwrap_or(0) + 1;
    row.iter()
        .map(|cell| {
            let key = format!("{}:", cell.key.replace('_', " "));
            let text = if cell.text.is_empty() { "-".to_owned() } else { one_line(&cell.text) };
            format!("{key:width$} {text}\n")
        })
        .collect()
}

/// Keeps control characters of guests and users from moving the cursor.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::{columns, fields};
    use crate::render::Cell;

    #[test]
    fn wide_names_line_up_and_control_characters_are_harmless() {
        let rows = vec![
            vec![Cell::text("name", "网站"), Cell::number("order", 1)],
            vec![Cell::text("name", "a\x1b[2Jb"), Cell::number("order", 2)],
            vec![Cell::text("name", ""), Cell::number("order", 10)],
        ];
        assert_eq!(
            columns(&["name", "order"], &rows),
            "NAME    ORDER\n网站    1\na [2Jb  2\n-       10\n"
        );
    }

    #[test]
    fn fields_are_aligned_after_their_names() {
        let row = vec![Cell::text("name", "web1"), Cell::number("ha_order", 1)];
        assert_eq!(fields(&row), "name:     web1\nha order: 1\n");
    }
}
