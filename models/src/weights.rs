//! Weights on disk: the safetensors format, read with every check that a foreign file can fail.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use nn_layers::{Network, Tensor, Weights};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::cache::{CacheError, write_atomically};

/// Tensors whose name begins so are constants of the data (as means for standardisation), not parameters of the network.
const CONSTANT: &str = "constant.";

/// The one entry of the file's metadata under which all notes stand, a line each.
const NOTES: &str = "notes";

/// What a weights file holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoredWeights {
    /// The network's parameters.
    pub weights: Weights,
    /// Constants that belong to the weights, by name: what the training data were standardised with.
    pub constants: BTreeMap<String, Tensor>,
    /// Free text: the command that made the file, scores, seed.
    pub notes: BTreeMap<String, String>,
}

/// Why a weights file is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The file cannot be opened.
    #[error("cannot read weights from {}: {source}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The bytes are no safetensors file, or not a whole one.
    #[error("the weights of {network} are not a whole safetensors file ({bytes} bytes): {reason}")]
    Format {
        /// For which network.
        network: String,
        /// How long the file is.
        bytes: usize,
        /// What the format's reader says.
        reason: String,
    },
    /// A tensor holds numbers of a kind that is not read here.
    #[error("the weights of {network}: {tensor} holds {got}, but F32 or F64 is needed")]
    NumberFormat {
        /// For which network.
        network: String,
        /// Which tensor.
        tensor: String,
        /// Its number format.
        got: String,
    },
    /// A constant is missing or has the wrong shape.
    #[error("the weights of {network} need the constant {constant} of shape {expected:?}, but {got}")]
    Constant {
        /// For which network.
        network: String,
        /// Name of the constant.
        constant: String,
        /// Shape that is needed.
        expected: Vec<usize>,
        /// What is there instead, in words.
        got: String,
    },
    /// Names, shapes or values that do not fit the network.
    #[error(transparent)]
    Fit(#[from] nn_layers::Error),
    /// The file cannot be written.
    #[error(transparent)]
    Write(#[from] CacheError),
}

impl StoredWeights {
    /// Reads a weights file and holds it against its network: names, shapes, number formats, finite values.
    ///
    /// # Errors
    /// One sentence for each way in which the file can be wrong, see [`WeightsError`].
    pub fn load(path: &Path, network: &Network) -> Result<Self, WeightsError> {
        let bytes =
            std::fs::read(path).map_err(|source| WeightsError::Read { path: path.to_path_buf(), source })?;
        Self::parse(&bytes, network)
    }

    /// As [`StoredWeights::load`], from bytes in memory.
    ///
    /// # Errors
    /// As [`StoredWeights::load`].
    pub fn parse(bytes: &[u8], network: &Network) -> Result<Self, WeightsError> {
        let refused = |reason: safetensors::SafeTensorError| WeightsError::Format {
            network: network.name().to_owned(),
            bytes: bytes.len(),
            reason: reason.to_string(),
        };
        let file = SafeTensors::deserialize(bytes).map_err(refused)?;
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(refused)?;
        let mut stored = Self::default();
        for (name, view) in file.iter() {
            let tensor = Tensor::new(view.shape(), values(network, name, &view)?)?;
            match name.strip_prefix(CONSTANT) {
                Some(constant) => {
                    if let Some((index, value)) = tensor.first_not_finite() {
                        return Err(
                            nn_layers::Error::NotFinite { tensor: name.to_owned(), index, value }.into()
                        );
                    }
                    stored.constants.insert(constant.to_owned(), tensor);
                }
                None => {
                    stored.weights.insert(name, tensor);
                }
            }
        }
        stored.weights.check(network)?;
        if let Some(notes) = header.metadata() {
            for (key, note) in notes.iter().filter(|(key, _)| *key != NOTES) {
                stored.notes.insert(key.clone(), note.clone());
            }
            for (key, note) in
                notes.get(NOTES).into_iter().flat_map(|text| text.lines()).filter_map(|l| l.split_once(": "))
            {
                stored.notes.insert(key.to_owned(), note.to_owned());
            }
        }
        Ok(stored)
    }

    /// The file's bytes: parameters as F32, constants as F64, notes as metadata; the same input gives the same bytes.
    ///
    /// # Errors
    /// Weights that do not fit the network.
    pub fn to_bytes(&self, network: &Network) -> Result<Vec<u8>, WeightsError> {
        self.weights.check(network)?;
        let parameters = self.weights.iter().map(|(name, tensor)| {
            let bytes: Vec<u8> =
                tensor.data().iter().flat_map(|&value| (value as f32).to_le_bytes()).collect();
            (name.to_owned(), Dtype::F32, tensor.shape().to_vec(), bytes)
        });
        let constants = self.constants.iter().map(|(name, tensor)| {
            let bytes: Vec<u8> = tensor.data().iter().flat_map(|value| value.to_le_bytes()).collect();
            (format!("{CONSTANT}{name}"), Dtype::F64, tensor.shape().to_vec(), bytes)
        });
        let refused = |reason: safetensors::SafeTensorError| WeightsError::Format {
            network: network.name().to_owned(),
            bytes: 0,
            reason: reason.to_string(),
        };
        let stored: Vec<_> = parameters.chain(constants).collect();
        let mut views = Vec::with_capacity(stored.len());
        for (name, dtype, shape, bytes) in &stored {
            views.push((name.as_str(), TensorView::new(*dtype, shape.clone(), bytes).map_err(refused)?));
        }
        // The format's writer puts several notes in the order of a hash map: one note keeps the bytes reproducible.
        let notes = (!self.notes.is_empty()).then(|| {
            let text: Vec<String> = self.notes.iter().map(|(key, note)| format!("{key}: {note}")).collect();
            HashMap::from([(NOTES.to_owned(), text.join("\n"))])
        });
        safetensors::serialize(views, notes).map_err(refused)
    }

    /// Writes the file whole or not at all.
    ///
    /// # Errors
    /// Weights that do not fit the network, or a file that cannot be written.
    pub fn save(&self, path: &Path, network: &Network) -> Result<(), WeightsError> {
        Ok(write_atomically(path, &self.to_bytes(network)?)?)
    }

    /// A constant of a given shape.
    ///
    /// # Errors
    /// [`WeightsError::Constant`] when it is missing or of another shape.
    pub fn constant(&self, network: &str, name: &str, shape: &[usize]) -> Result<&Tensor, WeightsError> {
        let wrong = |got: String| WeightsError::Constant {
            network: network.to_owned(),
            constant: name.to_owned(),
            expected: shape.to_vec(),
            got,
        };
        let tensor = self.constants.get(name).ok_or_else(|| wrong("it is missing".to_owned()))?;
        if tensor.shape() != shape {
            return Err(wrong(format!("it has shape {:?}", tensor.shape())));
        }
        Ok(tensor)
    }

    /// The same weights with every parameter rounded as the file rounds it: what a score should be measured with.
    #[must_use]
    pub fn rounded(mut self) -> Self {
        let round = |tensor: &Tensor| {
            let mut tensor = tensor.clone();
            tensor.data_mut().iter_mut().for_each(|value| *value = f64::from(*value as f32));
            tensor
        };
        self.weights = self.weights.iter().map(|(name, tensor)| (name.to_owned(), round(tensor))).collect();
        self
    }
}

fn values(network: &Network, name: &str, view: &TensorView<'_>) -> Result<Vec<f64>, WeightsError> {
    let bytes = view.data();
    match view.dtype() {
        Dtype::F32 => Ok(chunks(bytes).map(|chunk| f64::from(f32::from_le_bytes(chunk))).collect()),
        Dtype::F64 => Ok(chunks(bytes).map(f64::from_le_bytes).collect()),
        other => Err(WeightsError::NumberFormat {
            network: network.name().to_owned(),
            tensor: name.to_owned(),
            got: format!("{other:?}"),
        }),
    }
}

fn chunks<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> + '_ {
    bytes.chunks_exact(N).filter_map(|chunk| chunk.try_into().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use nn_layers::Linear;

    fn network() -> Network {
        let mut builder = Network::builder("tiny", &[2]);
        builder.layer("fc1", Linear::new(2, 1));
        builder.build().unwrap()
    }

    fn stored() -> StoredWeights {
        let mut stored = StoredWeights::default();
        stored.weights.insert("fc1.weight", Tensor::new(&[1, 2], vec![1.5, -2.0]).unwrap());
        stored.weights.insert("fc1.bias", Tensor::new(&[1], vec![0.25]).unwrap());
        stored.constants.insert("mean".to_owned(), Tensor::new(&[2], vec![0.1, 0.2]).unwrap());
        stored.notes.insert("command".to_owned(), "by hand".to_owned());
        stored.notes.insert("a second".to_owned(), "note".to_owned());
        stored
    }

    #[test]
    fn comes_back_as_it_was_saved() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tiny.safetensors");
        stored().save(&path, &network()).unwrap();
        let loaded = StoredWeights::load(&path, &network()).unwrap();
        assert_eq!(loaded, stored());
        assert_eq!(stored().to_bytes(&network()).unwrap(), std::fs::read(&path).unwrap());
        assert_eq!(loaded.constant("tiny", "mean", &[2]).unwrap().data(), [0.1, 0.2]);
    }

    #[test]
    fn rounding_is_what_saving_does() {
        let mut original = stored();
        original.weights.insert("fc1.bias", Tensor::new(&[1], vec![0.1]).unwrap());
        let loaded = StoredWeights::parse(&original.to_bytes(&network()).unwrap(), &network()).unwrap();
        assert_ne!(loaded.weights, original.weights);
        assert_eq!(loaded.weights, original.rounded().weights);
    }

    #[test]
    fn every_way_to_be_wrong_gets_its_own_sentence() {
        let network = network();
        let good = stored().to_bytes(&network).unwrap();
        let message = |bytes: &[u8]| StoredWeights::parse(bytes, &network).unwrap_err().to_string();
        for length in [0, 7, 40, good.len() - 1] {
            let text = message(&good[..length]);
            assert!(
                text.contains("not a whole safetensors file") && text.contains(&length.to_string()),
                "{text}"
            );
        }
        assert!(
            message(b"PK\x03\x04 some archive, certainly no weights").contains("not a whole safetensors")
        );

        let write = |name: &str, dtype: Dtype, shape: Vec<usize>, bytes: &[u8]| {
            let bias = TensorView::new(Dtype::F32, vec![1], &[0; 4]).unwrap();
            let other = TensorView::new(dtype, shape, bytes).unwrap();
            safetensors::serialize([("fc1.bias", bias), (name, other)], None).unwrap()
        };
        let text = message(&write("fc1.weight", Dtype::F16, vec![1, 2], &[0; 4]));
        assert!(text.contains("F16"), "{text}");
        let text = message(&write("fc1.weight", Dtype::F32, vec![2, 1], &[0; 8]));
        assert!(text.contains("[2, 1]") && text.contains("[1, 2]"), "{text}");
        let text = message(&write("other", Dtype::F32, vec![1, 2], &[0; 8]));
        assert!(text.contains("fc1.weight"), "{text}");
        let nan: Vec<u8> = [f32::NAN, 1.0].iter().flat_map(|v| v.to_le_bytes()).collect();
        let text = message(&write("fc1.weight", Dtype::F32, vec![1, 2], &nan));
        assert!(text.contains("NaN"), "{text}");
    }

    #[test]
    fn constants_are_checked() {
        let mut stored = stored();
        assert!(stored.constant("tiny", "mean", &[3]).unwrap_err().to_string().contains("shape [2]"));
        assert!(stored.constant("tiny", "deviation", &[2]).unwrap_err().to_string().contains("missing"));
        stored.constants.insert("mean".to_owned(), Tensor::new(&[1], vec![f64::INFINITY]).unwrap());
        let bytes = stored.to_bytes(&network()).unwrap();
        assert!(StoredWeights::parse(&bytes, &network()).unwrap_err().to_string().contains("inf"));
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = StoredWeights::load(Path::new("nowhere/at-all.safetensors"), &network()).unwrap_err();
        assert!(error.to_string().contains("at-all.safetensors"), "{error}");
    }
}
