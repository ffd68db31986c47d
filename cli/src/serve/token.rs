//! `henna serve token`

use std::fmt::Write;
use std::time::{Duration, UNIX_EPOCH};

use henna_service::tokens::Tokens;

use super::args::TokenCommand;
use crate::failure::Failure;
use crate::{output, units};

pub(super) fn run(command: &TokenCommand) -> Result<(), Failure> {
    match command {
        TokenCommand::Add { owner, at } => {
            let token = Tokens::of(&at.store).add(owner)?;
            eprintln!("the token of {owner}; it is shown this once, the store has its hash alone");
            output::print(&(token + "\n"))
        }
        TokenCommand::List { at } => {
            let mut text = String::new();
            for entry in Tokens::of(&at.store).list()? {
                let made =
                    humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_millis(entry.created));
                let _ = writeln!(text, "{}  {made}  {}", entry.id, entry.owner);
            }
            output::print(&text)
        }
        TokenCommand::Revoke { what, at } => {
            let count = Tokens::of(&at.store).revoke(what)?;
            eprintln!("{} of {what} taken back", units::count(count as u64, "token"));
            Ok(())
        }
    }
}
