// SPDX-License-Identifier: Apache-2.0
//! Reads the table of Information Elements and generates the engine's constants.
//!
//! It accepts no line that is not exactly as the table's header describes, and reports the line and
//! the column where it is not.

use std::collections::HashMap;
use std::fmt::{self, Write};

use super::data_type::{DataType, Unit};

/// An Information Element, as a line of the table describes it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) number: u16,
    pub(crate) name: String,
    pub(crate) data_type: DataType,
    pub(crate) unit: Option<Unit>,
    pub(crate) reference: String,
}

/// A line that is not as the table's header describes it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TableError {
    /// The line, counted from 1.
    pub(crate) line: usize,
    /// The column in octets, counted from 1.
    pub(crate) column: usize,
    /// What was found, and what was expected.
    pub(crate) problem: String,
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.problem)
    }
}

/// What separates columns, together with further spaces.
const SEPARATOR: &str = "  ";

/// The largest number: the next bit marks an enterprise's element (RFC 7011 §3.2).
const LARGEST: u16 = 0x7fff;

/// Returns the table's elements, at least one.
pub(crate) fn parse(table: &str) -> Result<Vec<Element>, TableError> {
    let mut elements = Vec::<Element>::new();
    let mut constants = HashMap::new();
    for (line, text) in table.lines().enumerate() {
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let error = |(column, problem)| TableError {
            line: line + 1,
            column: column + 1,
            problem,
        };
        let columns = columns(text).map_err(error)?;
        let element = element(&columns).map_err(error)?;
        if let Some(last) = elements.last().filter(|last| last.number >= element.number) {
            let problem = format!(
                "{} after {}: expected a larger number",
                element.number, last.number
            );
            return Err(error((columns[0].0, problem)));
        }
        if let Some(other) = constants.insert(constant(&element.name), element.number) {
            let problem = format!(
                "the constant of {} is that of element {other}",
                element.name
            );
            return Err(error((columns[1].0, problem)));
        }
        elements.push(element);
    }
    if elements.is_empty() {
        let problem = "expected an element".to_owned();
        let line = table.lines().count().max(1);
        return Err(TableError {
            line,
            column: 1,
            problem,
        });
    }
    Ok(elements)
}

/// A place in a line, in octets, and what is wrong there.
type Problem = (usize, String);

/// Splits a line into its columns, each with its place.
fn columns(line: &str) -> Result<[(usize, &str); 5], Problem> {
    if let Some(place) = line.find(|letter: char| letter != ' ' && !letter.is_ascii_graphic()) {
        let letter = line[place..].chars().next().unwrap_or_default();
        return Err((
            place,
            format!("{letter:?}: expected ASCII letters and spaces"),
        ));
    }
    let mut columns = Vec::new();
    let mut place = 0;
    for text in line.split(SEPARATOR) {
        let leading = text.len() - text.trim_start().len();
        if !text.trim().is_empty() {
            columns.push((place + leading, text.trim()));
        }
        place += text.len() + SEPARATOR.len();
    }
    columns.try_into().map_err(|columns: Vec<_>| {
        let place = columns.get(5).map_or(line.len(), |(place, _)| *place);
        let found = columns.len();
        (
            place,
            format!("{found} columns: expected number, name, type, unit and reference"),
        )
    })
}

fn element(columns: &[(usize, &str); 5]) -> Result<Element, Problem> {
    let [number, name, data_type, unit, (_, reference)] = *columns;
    let expected = |(place, text): (usize, &str), expected: &str| {
        (place, format!("{text:?}: expected {expected}"))
    };
    let is_number = |number: &u16| (1..=LARGEST).contains(number);
    let is_name = name
        .1
        .starts_with(|letter: char| letter.is_ascii_alphabetic())
        && name.1.chars().all(|letter| letter.is_ascii_alphanumeric());
    if !is_name {
        return Err(expected(name, "a letter, then letters and digits"));
    }
    let types = DataType::ALL.iter().copied();
    let units = Unit::ALL.iter().copied();
    Ok(Element {
        number: number
            .1
            .parse()
            .ok()
            .filter(is_number)
            .ok_or_else(|| expected(number, &format!("a number from 1 to {LARGEST}")))?,
        name: name.1.to_owned(),
        data_type: types
            .clone()
            .find(|known| known.name() == data_type.1)
            .ok_or_else(|| {
                expected(
                    data_type,
                    &format!("one of {}", list(types.map(DataType::name))),
                )
            })?,
        unit: match unit.1 {
            "-" => None,
            text => Some(
                units
                    .clone()
                    .find(|known| known.name() == text)
                    .ok_or_else(|| {
                        expected(
                            unit,
                            &format!("- or one of {}", list(units.map(Unit::name))),
                        )
                    })?,
            ),
        },
        reference: reference.to_owned(),
    })
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

/// Returns the name of an element's constant: `SOURCE_IPV4_ADDRESS` for `sourceIPv4Address`.
///
/// A word begins at a capital after a small letter or a digit, and at the last of several capitals
/// if a small letter follows.
pub(crate) fn constant(name: &str) -> String {
    let letters = name.replace("IPv", "Ipv").into_bytes();
    let mut constant = String::new();
    for (index, letter) in letters.iter().enumerate() {
        let follows_small = index > 0 && !letters[index - 1].is_ascii_uppercase();
        let precedes_small = letters.get(index + 1).is_some_and(u8::is_ascii_lowercase);
        if index > 0 && letter.is_ascii_uppercase() && (follows_small || precedes_small) {
            constant.push('_');
        }
        constant.push(letter.to_ascii_uppercase().into());
    }
    constant
}

/// Returns Rust code: a constant for each element, and the array of all.
pub(crate) fn generate(elements: &[Element]) -> String {
    let mut code = String::new();
    let mut all = String::new();
    for element in elements {
        let Element {
            number,
            name,
            data_type,
            unit,
            reference,
        } = element;
        let constant = constant(name);
        let type_name = data_type.name();
        let in_unit = unit
            .map(|unit| format!(" in {}", unit.name()))
            .unwrap_or_default();
        let unit = unit.map_or("None".to_owned(), |unit| format!("Some(Unit::{unit:?})"));
        let _ = write!(
            code,
            "/// `{name}`, number {number}: {type_name}{in_unit} ({reference}).
pub const {constant}: InformationElement = InformationElement {{
    number: {number},
    name: \"{name}\",
    data_type: DataType::{data_type:?},
    unit: {unit},
}};

"
        );
        let _ = writeln!(all, "    {constant},");
    }
    let count = elements.len();
    let _ = write!(
        code,
        "/// All elements, in ascending order of their numbers.
pub static ALL: [InformationElement; {count}] = [
{all}];
"
    );
    code
}
