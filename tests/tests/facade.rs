//! The facade's first example, which `scripts/test` runs, stays as short as it is said to be.

#[test]
fn the_quickstart_has_twenty_lines_at_most() {
    let source = include_str!("../../examples/quickstart.rs");
    let body = source.lines().skip_while(|line| !line.starts_with("fn main")).skip(1);
    let lines = body.take_while(|line| *line != "}").filter(|line| !line.trim().is_empty()).count();
    assert!((10..=20).contains(&lines), "{lines} lines");
}
