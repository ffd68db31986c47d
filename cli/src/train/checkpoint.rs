//! The state of an encrypted training between two epochs.
//!
//! The folder holds `owner`, a seed from which the owner's key and all random lanes are drawn (nobody else may see it), and `state`,
//! which the server could keep: encrypted parameters and velocities, and those of the clear training beside them.

use std::path::{Path, PathBuf};

use backend_more::training::MoreTensor;
use he_traits::algebra::Algebra;
use he_traits::wire::{Kind, Reader, Writer, fingerprint};
use nn_layers::train::Trainer;
use rand::Rng;
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::interrupt;

/// Parameters and velocities of a training.
pub(super) struct Half<T> {
    pub(super) parameters: Vec<T>,
    pub(super) velocities: Vec<T>,
}

impl<T: Clone> Half<T> {
    /// Those of a trainer.
    pub(super) fn of<A: Algebra<Tensor = T>>(trainer: &Trainer<'_, A>) -> Self {
        Self { parameters: trainer.parameters().to_vec(), velocities: trainer.velocities().to_vec() }
    }
}

/// Where both trainings stand.
pub(super) struct State {
    pub(super) epochs: usize,
    pub(super) encrypted: Half<MoreTensor>,
    pub(super) clear: Half<Vec<f64>>,
}

/// The folder of a training.
pub(crate) struct Checkpoints {
    folder: Option<PathBuf>,
    kind: Kind,
}

impl Checkpoints {
    /// Checkpoints in `folder`, if any, of the training that `what` describes in full: another one is refused.
    pub(crate) fn new(folder: Option<&Path>, what: &str) -> Self {
        let kind = Kind { backend: "more", object: "train", fingerprint: fingerprint(what.as_bytes()) };
        Self { folder: folder.map(Path::to_path_buf), kind }
    }

    /// The owner's seed: that of the folder, or a new one.
    pub(super) fn seed(&self) -> Result<Zeroizing<[u8; 32]>, Failure> {
        let path = self.folder.as_ref().map(|folder| folder.join("owner"));
        let mut seed = Zeroizing::new([0; 32]);
        if let Some(path) = path.as_ref().filter(|path| path.exists()) {
            let bytes = Zeroizing::new(std::fs::read(path).map_err(|error| failed(path, error))?);
            if bytes.len() != seed.len() {
                return Err(failed(path, format!("{} bytes, a seed has {}", bytes.len(), seed.len())));
            }
            seed.copy_from_slice(&bytes);
            return Ok(seed);
        }
        let mut rng: rand_chacha::ChaCha20Rng = rand::make_rng();
        rng.fill_bytes(&mut *seed);
        if let Some(path) = &path {
            write_secret(path, &*seed)?;
        }
        Ok(seed)
    }

    /// The last state, if there is one.
    pub(super) fn load(&self) -> Result<Option<State>, Failure> {
        let Some(path) = self.folder.as_ref().map(|folder| folder.join("state")).filter(|path| path.exists())
        else {
            return Ok(None);
        };
        let bytes = std::fs::read(&path).map_err(|error| failed(&path, error))?;
        let read = || -> he_traits::Result<State> {
            let mut reader = Reader::new(&bytes, self.kind)?;
            let epochs = reader.u32()? as usize;
            let state = State {
                epochs,
                encrypted: half(&mut reader, MoreTensor::from_wire)?,
                clear: half(&mut reader, |reader| {
                    let count = usize::try_from(reader.u64()?).unwrap_or(usize::MAX);
                    reader.f64s(count)
                })?,
            };
            reader.finish()?;
            Ok(state)
        };
        let state =
            read().map_err(|error| failed(&path, format!("not the state of this training: {error}")))?;
        Ok(Some(state))
    }

    /// Replaces the state, whole or not at all.
    pub(super) fn save(&self, state: &State) -> Result<(), Failure> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let mut writer = Writer::new(self.kind, 0);
        writer.u32(state.epochs as u32);
        write_half(&mut writer, &state.encrypted, |tensor, writer| tensor.to_wire(writer));
        write_half(&mut writer, &state.clear, |values, writer| {
            writer.u64(values.len() as u64).f64s(values);
        });
        let bytes = writer.finish();
        interrupt::held_off(|| models::cache::write_atomically(&folder.join("state"), &bytes))?;
        Ok(())
    }
}

fn failed(path: &Path, error: impl std::fmt::Display) -> Failure {
    Failure::failed(format!("{}: {error}", path.display()))
}

fn half<T>(
    reader: &mut Reader<'_>,
    one: impl Fn(&mut Reader<'_>) -> he_traits::Result<T>,
) -> he_traits::Result<Half<T>> {
    let count = reader.u32()?;
    let mut list = || (0..count).map(|_| one(reader)).collect::<he_traits::Result<Vec<T>>>();
    Ok(Half { parameters: list()?, velocities: list()? })
}

fn write_half<T>(writer: &mut Writer, half: &Half<T>, one: impl Fn(&T, &mut Writer)) {
    writer.u32(half.parameters.len() as u32);
    half.parameters.iter().chain(&half.velocities).for_each(|tensor| one(tensor, writer));
}

/// Writes a file that only its owner may read.
fn write_secret(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    use std::io::Write as _;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).and_then(|mut file| file.write_all(bytes)).map_err(|error| failed(path, error))
}
