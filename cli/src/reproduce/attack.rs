//! The attack as a part of the report.

use base64::Engine;
use serde::{Deserialize, Serialize};

use super::cannot;
use super::store::Store;
use crate::args::ReproduceArgs;
use crate::attack;
use crate::failure::Failure;

/// What the attack printed, and its picture.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct AttackRecord {
    pub(super) model: String,
    pub(super) text: String,
    /// Original, one plane of its ciphertext, recovered: a PNG in base 64.
    pub(super) picture: Option<String>,
}

/// Attacks samples and weights of the first model.
pub(super) fn attack(args: &ReproduceArgs, store: &Store) -> Result<AttackRecord, Failure> {
    let model = args.model.first().map_or("cnn-mnist", String::as_str);
    let folder = store.place("attack");
    let (samples, dimensions): (usize, &[usize]) = if args.quick { (4, &[2]) } else { (16, &[2, 3, 4, 8]) };
    let text = attack::into_folder(model, samples, dimensions, &folder)?;
    let path = folder.join(attack::PICTURE);
    let picture = match std::fs::read(&path) {
        Ok(bytes) => Some(base64::engine::general_purpose::STANDARD.encode(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(cannot(&path, error)),
    };
    Ok(AttackRecord { model: model.to_owned(), text, picture })
}
