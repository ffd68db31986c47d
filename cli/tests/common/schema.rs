//! Holds `docs/records.md` against records: every field stands on the page with its type, every field of the page is written.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

const PAGE: &str = include_str!("../../../docs/records.md");

/// Fields of one kind of record, with their types, as the page lists them.
pub(crate) fn documented(kind: &str) -> BTreeMap<String, String> {
    let heading = format!("## Kind `{kind}`");
    let lines =
        PAGE.lines().skip_while(|line| *line != heading).skip(1).take_while(|line| !line.starts_with("## "));
    lines
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| `")?.splitn(2, "` | ");
            let (field, rest) = (cells.next()?, cells.next()?);
            Some((field.to_owned(), rest.split(" | ").next()?.to_owned()))
        })
        .collect()
}

/// All that is wrong with a record, and the fields that were seen.
pub(crate) fn check(record: &Value) -> (Vec<String>, BTreeSet<String>) {
    let kind = record.get("record").and_then(Value::as_str).unwrap_or("without kind");
    let documented = documented(kind);
    let (mut wrong, mut seen) = (Vec::new(), BTreeSet::new());
    walk("", record, &documented, &mut wrong, &mut seen);
    (wrong, seen)
}

fn walk(
    path: &str,
    value: &Value,
    documented: &BTreeMap<String, String>,
    wrong: &mut Vec<String>,
    seen: &mut BTreeSet<String>,
) {
    let expected = documented.get(path);
    match expected {
        Some(expected) => {
            seen.insert(path.to_owned());
            if !fits(value, expected) {
                wrong.push(format!("{path} is {value}, the page says {expected}"));
            }
        }
        // Objects that only group fields need no line of their own.
        None if value.is_object() => {}
        None => wrong.push(format!("{path} does not stand on the page")),
    }
    match value {
        Value::Object(_) if expected.is_some_and(|expected| expected == "spread") => {}
        Value::Object(fields) => {
            let names = documented.contains_key(&format!("{path}{{}}"));
            for (name, field) in fields {
                let inner = match (path, names) {
                    ("", _) => name.clone(),
                    (_, true) => format!("{path}{{}}"),
                    (_, false) => format!("{path}.{name}"),
                };
                walk(&inner, field, documented, wrong, seen);
            }
        }
        Value::Array(elements) => {
            for element in elements {
                walk(&format!("{path}[]"), element, documented, wrong, seen);
            }
        }
        _ => {}
    }
}

fn fits(value: &Value, expected: &str) -> bool {
    expected.split(" or ").any(|kind| match kind {
        "string" => value.is_string(),
        "integer" => value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "list" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        "spread" => ["count", "mean", "deviation", "min", "max"]
            .iter()
            .all(|name| value.get(name).is_some_and(Value::is_number)),
        _ => false,
    })
}
