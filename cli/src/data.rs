//! `henna data`: where data sets lie, and how they get there.

mod fetch;
mod sets;

use std::path::Path;

use crate::args::DataCommand;
use crate::failure::Failure;
use crate::progress::Bar;
use crate::{interrupt, output, suggest};
use sets::{DataSet, SETS};

/// The environment variable that names another home to download from: a mirror, or a server of a test.
const HOME: &str = "HENNA_DATA_URL";

/// Runs one of the subcommands.
pub(crate) fn run(command: &DataCommand) -> Result<(), Failure> {
    match command {
        DataCommand::List => list(),
        DataCommand::Path => {
            let folder = models::data::folder(None, "")?;
            output::print(&format!("{}\n", folder.display()))
        }
        DataCommand::Fetch { name } => fetch_set(name),
    }
}

fn list() -> Result<(), Failure> {
    let mut table = crate::table::plain(&["data set", "what", "where"]);
    for set in &SETS {
        let folder = models::data::folder(None, set.name)?;
        let there = set.files.iter().all(|file| folder.join(file.name).is_file());
        let place = if there {
            folder.display().to_string()
        } else {
            format!(
                "missing; `henna data fetch {}` ({} MB)",
                set.name,
                set.download_bytes().div_ceil(1_000_000)
            )
        };
        table.add_row([set.name, set.about, &place]);
    }
    output::print(&format!("{table}\n"))
}

fn fetch_set(name: &str) -> Result<(), Failure> {
    let names: Vec<&str> = SETS.iter().map(|set| set.name).collect();
    let set =
        SETS.iter().find(|set| set.name == name).ok_or_else(|| suggest::unknown("data set", name, &names))?;
    interrupt::install();
    let home = std::env::var(HOME).ok().filter(|home| !home.is_empty());
    let folder = models::data::folder(None, set.name)?;
    fetch_into(set, home.as_deref(), &folder)?;
    output::print(&format!("{} lies in {}\n", set.name, folder.display()))
}

fn fetch_into(set: &DataSet, home: Option<&str>, folder: &Path) -> Result<(), Failure> {
    for file in set.files {
        let path = folder.join(file.name);
        if fetch::is_whole(&path, file) {
            eprintln!("{} is there already", path.display());
            continue;
        }
        let homes: Vec<&str> = home.map_or_else(|| set.homes.to_vec(), |home| vec![home]);
        let bar = Bar::bytes(file.name, file.bytes);
        fetch::download(file, &homes, &path, &|done| bar.set(done))?;
        bar.finish();
    }
    Ok(())
}
