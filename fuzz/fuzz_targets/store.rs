//! A service's folder: the file of tokens, tokens as they come over the network, and the records in the database.
//!
//! The first byte says which. Records are put into a database that is whole: those of redb itself are redb's to read.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use henna_service::store::Store;
use henna_service::tokens::Tokens;
use redb::{Database, TableDefinition};

const KEYS: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("keys");
const JOBS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("jobs");

static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("henna-fuzz-store-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
});

fn records(key: &[u8], job: &[u8]) {
    let folder = FOLDER.join("records");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    {
        let database = Database::create(folder.join("records.redb")).expect("a database");
        let transaction = database.begin_write().expect("a transaction");
        if !key.is_empty() {
            transaction.open_table(KEYS).expect("keys").insert(("ann", "1"), key).expect("a key");
        }
        if !job.is_empty() {
            transaction.open_table(JOBS).expect("jobs").insert("1", job).expect("a job");
        }
        transaction.commit().expect("committed");
    }
    if let Ok((_, recovered)) = Store::open(&folder) {
        assert_eq!(recovered.keys.len(), usize::from(!key.is_empty()));
        assert_eq!(recovered.jobs.len(), usize::from(!job.is_empty()));
    }
}

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Some((first, rest)) = input.split_first() else { return };
    match first % 3 {
        0 => {
            std::fs::write(FOLDER.join("tokens.json"), rest).expect("written");
            let tokens = Tokens::of(&FOLDER);
            if let Ok(entries) = tokens.list() {
                for entry in entries {
                    assert_eq!(tokens.owner(&format!("henna_{}_0", entry.id)), None, "a guess opens it");
                }
            }
        }
        1 => {
            let _ = std::fs::remove_file(FOLDER.join("tokens.json"));
            let tokens = Tokens::of(&FOLDER);
            let own = tokens.add("ann").expect("a token");
            let text = String::from_utf8_lossy(rest);
            assert!(tokens.owner(&text).is_none() || text == own);
            assert!(tokens.owner(&format!("{own}{text}")).is_none() || text.is_empty());
        }
        _ => {
            let cut = rest.iter().position(|byte| *byte == 0).unwrap_or(rest.len());
            let (key, job) = rest.split_at(cut);
            records(key, job.get(1..).unwrap_or_default());
        }
    }
});
