//! The ways of packing that a user may choose between.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How tensors lie in ciphertexts, and with it how linear layers are computed.
///
/// ```
/// use nn_layers::pack::Packing;
///
/// assert_eq!("volley-revolver".parse(), Ok(Packing::VolleyRevolver));
/// assert_eq!(Packing::default().to_string(), "multiplexed");
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Packing {
    /// After a stride, channels share the planes of the grid (Lee et al. 2022; Ebel et al. 2024): few ciphertexts. Linear layers are maps by
    /// diagonals. Images whose values fill several ciphertexts may lie in [parts](super::Order::Parts) in place of that.
    #[default]
    Multiplexed,
    /// Every value is a matrix that lies row by row, and is cut between rows where it exceeds a ciphertext (Chiang 2022, *Volley Revolver*;
    /// CryptoUNets, *Double Volley Revolver*): a channel a row, at the grid of the network's input throughout. Fully connected layers are
    /// products with the matrix of weights, row by row, and sums over columns or over rows, one after the other in turn.
    VolleyRevolver,
    /// Every element of a value in a ciphertext of its own, whose slots are samples (CryptoNets, Gilad-Bachrach et al. 2016): as many samples as there
    /// are slots take the time of one. Nothing is rotated, and a linear layer costs its entries, so that small networks on many samples gain.
    Batched,
}

impl Packing {
    /// All of them, in the order in which reports show them.
    pub const ALL: [Packing; 3] = [Packing::Multiplexed, Packing::VolleyRevolver, Packing::Batched];

    /// Its name, on the command line and in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Packing::Multiplexed => "multiplexed",
            Packing::VolleyRevolver => "volley-revolver",
            Packing::Batched => "batched",
        }
    }
}

impl fmt::Display for Packing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that no packing has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no packing is called {name:?}: there are multiplexed, volley-revolver and batched")]
pub struct UnknownPacking {
    /// The name.
    pub name: String,
}

impl FromStr for Packing {
    type Err = UnknownPacking;

    fn from_str(name: &str) -> Result<Packing, UnknownPacking> {
        let found = Packing::ALL.into_iter().find(|packing| packing.name() == name);
        found.ok_or_else(|| UnknownPacking { name: name.to_owned() })
    }
}
