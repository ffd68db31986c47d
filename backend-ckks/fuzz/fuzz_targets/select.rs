//! Copies the smallest input of each outcome: `cargo run --release --bin select -- READER TO FROM...`, folders of inputs. Outcomes
//! are the words of a refusal without their numbers, and the length of what is read.

#[path = "../../tests/readers/mod.rs"]
mod readers;

use std::collections::BTreeMap;
use std::path::PathBuf;

use readers::{Outcome, READERS};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().ok_or("name a reader")?;
    let to = PathBuf::from(arguments.next().ok_or("name a folder to write")?);
    let (_, reader) = READERS.into_iter().find(|(known, _)| *known == name).ok_or("no such reader")?;
    let mut smallest: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for folder in arguments {
        for entry in std::fs::read_dir(folder)? {
            let input = std::fs::read(entry?.path())?;
            let outcome = match reader(&input) {
                Outcome::Refused(words) => words.replace(|c: char| c.is_ascii_digit() || c == '.', ""),
                Outcome::Read => format!("read {}", input.len()),
            };
            // Inputs given as files and as bodies meet different checks.
            let outcome = format!("{outcome}, mode {}", input.first().map_or(0, |mode| mode % 2));
            let best = smallest.entry(outcome).or_insert_with(|| input.clone());
            if input.len() < best.len() {
                *best = input;
            }
        }
    }
    std::fs::create_dir_all(&to)?;
    for (number, (outcome, input)) in smallest.iter().enumerate() {
        println!("{number:02} {:>5} bytes: {outcome}", input.len());
        std::fs::write(to.join(format!("{number:02}")), input)?;
    }
    Ok(())
}
