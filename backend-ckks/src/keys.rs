//! The server's keys: relinearisation, rotations, conjugation. Each holds for the levels up to the one it was made for.

use std::collections::BTreeMap;

use he_traits::wire::{Decode, Encode, Reader, Writer};
use he_traits::{Error, Result};
use rayon::prelude::*;

use crate::Parameters;
use crate::ciphertext::kind;
use crate::pack;
use crate::ring::{Automorphism, Basis, GaloisElement, KeyHalves, Ntt, Poly};
use crate::sampling::{self, Seed};

/// A key that switches ciphertexts from one secret to another: for each digit `(b, a)` with `b + a s` an encryption of P times
/// the other secret on the limbs of the digit, over the chain primes of its level and the special ones (hybrid key switching, Han
/// and Ki 2020).
pub struct SwitchingKey {
    /// The `a` of digit j is stream j of this seed.
    seed: Seed,
    digits: Vec<[Poly<Ntt>; 2]>,
}

impl SwitchingKey {
    /// From the halves `b`; the halves `a` are drawn from the seed.
    pub(crate) fn new(params: &Parameters, seed: Seed, halves: Vec<Poly<Ntt>>) -> Result<Self> {
        let ring = params.ring()?;
        let digit = |(j, b): (usize, Poly<Ntt>)| {
            let a = sampling::uniform(ring, b.basis(), &seed, j as u32);
            [b, a]
        };
        Ok(Self { seed, digits: halves.into_par_iter().enumerate().map(digit).collect() })
    }

    /// Limbs of the polynomials.
    pub(crate) fn basis(&self) -> Basis {
        self.digits.first().map_or(Basis::chain(0), |[b, _]| b.basis())
    }

    /// Highest level at which the key holds.
    pub fn level(&self) -> usize {
        self.basis().chain.saturating_sub(1)
    }

    pub(crate) fn halves(&self) -> Vec<KeyHalves<'_>> {
        self.digits.iter().map(|[b, a]| [b, a]).collect()
    }
}

/// A switching key with the automorphism that follows it. The key's polynomials lead to the secret under the inverse automorphism, so
/// that the digits need no permutation.
pub struct GaloisKey {
    pub(crate) automorphism: Automorphism,
    pub(crate) key: SwitchingKey,
}

/// All that the server needs to compute.
pub struct EvaluationKeys {
    pub(crate) params: Parameters,
    pub(crate) relinearisation: Option<SwitchingKey>,
    /// By normalised step.
    pub(crate) rotations: BTreeMap<usize, GaloisKey>,
    pub(crate) conjugation: Option<GaloisKey>,
}

impl std::fmt::Debug for EvaluationKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EvaluationKeys").field("rotations", &self.rotations.len()).finish_non_exhaustive()
    }
}

/// What a key on the wire is for: a rotation's step, or one of these.
pub(crate) const RELINEARISATION: u32 = u32::MAX;
pub(crate) const CONJUGATION: u32 = u32::MAX - 1;

impl EvaluationKeys {
    fn all(&self) -> Vec<(u32, &SwitchingKey)> {
        let relinearisation = self.relinearisation.iter().map(|key| (RELINEARISATION, key));
        let conjugation = self.conjugation.iter().map(|galois| (CONJUGATION, &galois.key));
        let rotations = self.rotations.iter().map(|(step, galois)| (*step as u32, &galois.key));
        relinearisation.chain(conjugation).chain(rotations).collect()
    }

    pub(crate) fn insert(&mut self, purpose: u32, key: SwitchingKey) {
        let degree = self.params.degree();
        let galois = |element, key| GaloisKey { automorphism: Automorphism::new(element, degree), key };
        match purpose {
            RELINEARISATION => self.relinearisation = Some(key),
            CONJUGATION => self.conjugation = Some(galois(GaloisElement::conjugation(degree), key)),
            step => {
                let element = GaloisElement::rotation(step as usize, degree);
                self.rotations.insert(step as usize, galois(element, key));
            }
        }
    }

    pub(crate) fn empty(params: &Parameters) -> Self {
        Self { params: params.clone(), relinearisation: None, rotations: BTreeMap::new(), conjugation: None }
    }
}

impl Encode for EvaluationKeys {
    fn to_bytes(&self) -> Result<Vec<u8>> {
        let ring = self.params.ring()?;
        let keys = self.all();
        let size =
            |key: &SwitchingKey| 8 + size_of::<Seed>() + key.digits.len() * pack::bytes(ring, key.basis());
        let total: usize = keys.iter().map(|(_, key)| size(key)).sum();
        let mut writer = Writer::new(kind("evalkeys", &self.params), 4 + total);
        writer.u32(keys.len() as u32);
        let packed: Vec<Vec<u8>> = keys
            .par_iter()
            .map(|(_, key)| {
                let mut packed = Vec::with_capacity(size(key));
                key.digits.iter().for_each(|[b, _]| pack::pack(ring, b, &mut packed));
                packed
            })
            .collect();
        for ((purpose, key), packed) in keys.iter().zip(&packed) {
            writer.u32(*purpose).u32(key.level() as u32).bytes(&key.seed).bytes(packed);
        }
        Ok(writer.finish())
    }
}

impl Decode<Parameters> for EvaluationKeys {
    fn from_bytes(bytes: &[u8], params: &Parameters) -> Result<Self> {
        const WHAT: &str = "evalkeys";
        let ring = params.ring()?;
        let mut reader = Reader::new(bytes, kind(WHAT, params))?;
        let mut keys = Self::empty(params);
        let count = reader.u32()?;
        let mut previous: Vec<u32> = Vec::new();
        for _ in 0..count {
            let (purpose, level) = (reader.u32()?, reader.u32()? as usize);
            let named = purpose >= CONJUGATION || (1..params.slots()).contains(&(purpose as usize));
            if level > params.depth() || !named || previous.contains(&purpose) {
                return Err(Error::malformed(WHAT, format!("a key for step {purpose} at level {level}")));
            }
            previous.push(purpose);
            let seed = Seed::try_from(reader.take(size_of::<Seed>())?).unwrap_or_default();
            let basis = ring.extended(level + 1);
            let length = pack::bytes(ring, basis);
            // All bytes of the key must be there before memory is taken for the larger half.
            let packed = reader.take(ring.digits(level + 1) * length)?;
            let halves: Result<Vec<_>> =
                packed.chunks_exact(length).map(|half| pack::unpack(ring, WHAT, basis, half)).collect();
            keys.insert(purpose, SwitchingKey::new(params, seed, halves?)?);
        }
        let left = reader.remaining().len();
        if left > 0 {
            return Err(Error::malformed(WHAT, format!("{left} bytes too many")));
        }
        Ok(keys)
    }
}
