// SPDX-License-Identifier: Apache-2.0
//! A table as text: each column is as wide as its widest cell, and empty columns are left out.

use core::fmt::Write;

/// The text of an empty cell.
pub(super) const NOTHING: &str = "-";

/// The alignment of a column.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Right,
}

/// The longest line, in characters.
const WIDTH: usize = 132;

/// Formats a table. If its lines would be too long, the last column is put on a line of its own,
/// below the previous column.
pub(super) fn text<const N: usize>(columns: [(&str, Align); N], rows: &[[String; N]]) -> String {
    let heads = columns.map(|(head, _)| head.to_owned());
    let all = || core::iter::once(&heads).chain(rows);
    let is_shown = |column: usize| rows.is_empty() || rows.iter().any(|row| row[column] != NOTHING);
    let shown: Vec<usize> = (0..N).filter(|column| is_shown(*column)).collect();
    let width = |column: usize| {
        let widths = all().map(|row| row[column].chars().count());
        widths.max().unwrap_or_default()
    };
    let widths: Vec<usize> = shown.iter().map(|column| width(*column)).collect();
    let total: usize = widths.iter().map(|width| width + GAP).sum();
    let is_folded = shown.len() > 1 && total > WIDTH;
    let mut out = String::new();
    for row in all() {
        let mut line = String::new();
        let mut last_start = 0;
        for (place, (column, width)) in shown.iter().zip(&widths).enumerate() {
            let cell = &row[*column];
            if is_folded && place + 1 == shown.len() {
                line.truncate(line.trim_end().len());
                let _ = write!(line, "\n{:last_start$}", "");
            }
            last_start = line.chars().count();
            let _ = match columns[*column].1 {
                Align::Left => write!(line, "{cell:<width$}{:GAP$}", ""),
                Align::Right => write!(line, "{cell:>width$}{:GAP$}", ""),
            };
        }
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out
}

/// Spaces between two columns.
const GAP: usize = 2;

#[cfg(test)]
mod tests {
    use super::Align::{Left, Right};
    use super::*;

    fn rows<const N: usize>(rows: &[[&str; N]]) -> Vec<[String; N]> {
        rows.iter().map(|row| row.map(str::to_owned)).collect()
    }

    #[test]
    fn columns_are_aligned_and_empty_ones_are_left_out() {
        let columns = [
            ("packets", Right),
            ("vlan", Right),
            ("proto", Left),
            ("end", Left),
        ];
        let rows = rows(&[["5", "-", "tcp", "a"], ["12345678", "-", "udp", "bcd"]]);
        assert_eq!(
            text(columns, &rows),
            " packets  proto  end\n       5  tcp    a\n12345678  udp    bcd\n"
        );
    }

    #[test]
    fn long_lines_are_folded() {
        let long = "x".repeat(70);
        let columns = [("n", Right), ("source", Left), ("destination", Left)];
        let rows = rows(&[["1", &long, &long]]);
        assert_eq!(
            text(columns, &rows),
            format!("n  source\n   destination\n1  {long}\n   {long}\n")
        );
    }

    #[test]
    fn a_table_without_rows_has_a_header() {
        assert_eq!(text([("a", Left), ("b", Left)], &[]), "a  b\n");
    }
}
