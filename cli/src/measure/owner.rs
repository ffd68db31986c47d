//! The owner of the key, whom a program with round trips asks on the way: in this process, but with every ciphertext as bytes, as on a wire.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use he_traits::wire::{Decode, Encode};
use he_traits::{ClientScheme, Decryptor, Diagonal, Encryptor, Level};
use rand_chacha::ChaCha20Rng;

use crate::record::{RoundTripRecord, Spread};

/// Decrypts what comes and encrypts it anew.
pub(super) struct Owner<S: ClientScheme> {
    params: S::Params,
    encryptor: S::Encryptor,
    decryptor: S::Decryptor,
    state: Mutex<State>,
}

/// Randomness, and what the rounds have cost until now.
struct State {
    rng: ChaCha20Rng,
    rounds: u64,
    ciphertexts: u64,
    bytes_up: u64,
    bytes_down: u64,
    seconds: f64,
}

impl<S: ClientScheme> Owner<S> {
    pub(super) fn new(params: &S::Params, secret: &S::SecretKey) -> he_traits::Result<Self> {
        let rng = rand::make_rng();
        let state = State { rng, rounds: 0, ciphertexts: 0, bytes_up: 0, bytes_down: 0, seconds: 0.0 };
        Ok(Self {
            params: params.clone(),
            encryptor: S::encryptor(params, secret)?,
            decryptor: S::decryptor(params, secret)?,
            state: Mutex::new(state),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One round: bytes there, the slots of each ciphertext encrypted at level `to`, bytes back.
    pub(super) fn refresh(&self, x: &[&S::Ciphertext], to: Level) -> he_traits::Result<Vec<S::Ciphertext>> {
        let start = Instant::now();
        let mut state = self.lock();
        let mut fresh = Vec::with_capacity(x.len());
        for x in x {
            let sent = x.to_bytes()?;
            let slots = self.decryptor.decrypt(&S::Ciphertext::from_bytes(&sent, &self.params)?)?;
            let answer = self.encryptor.encrypt(&Diagonal::Real(slots), to, &mut state.rng)?.to_bytes()?;
            fresh.push(S::Ciphertext::from_bytes(&answer, &self.params)?);
            state.bytes_up += sent.len() as u64;
            state.bytes_down += answer.len() as u64;
        }
        state.rounds += 1;
        state.ciphertexts += x.len() as u64;
        state.seconds += start.elapsed().as_secs_f64();
        Ok(fresh)
    }

    /// What the rounds cost, over so many evaluations with so many samples in all, in groups that share ciphertexts; `seconds` are those of the rounds of
    /// each evaluation.
    pub(super) fn record(
        &self,
        [evaluations, samples, groups]: [u64; 3],
        seconds: &[f64],
    ) -> RoundTripRecord {
        let state = self.lock();
        let samples = samples.max(1);
        RoundTripRecord {
            rounds: state.rounds / evaluations.max(1),
            ciphertexts: state.ciphertexts / groups.max(1),
            bytes_up: state.bytes_up as f64 / samples as f64,
            bytes_down: state.bytes_down as f64 / samples as f64,
            seconds: Spread::of(seconds),
        }
    }

    /// Seconds of all rounds until now.
    pub(super) fn seconds(&self) -> f64 {
        self.lock().seconds
    }
}
