//! Refreshing by a round trip to the data owner, for schemes that cannot bootstrap.

use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::capability::{Complex, Exact, Parts, Refresh};
use crate::{
    Diagonal, EncryptedMatrix, Error, Evaluator, Function, Keep, Level, LinearMap, Polynomial, Profile,
    Result, Schedule, Step,
};

/// An evaluator whose refresh asks the data owner: the callback sends ciphertexts, and gets them back encrypted afresh at
/// the level asked for. The owner decrypts on the way, and so learns what lies in the slots.
pub struct RoundTrip<E, F> {
    inner: E,
    callback: F,
    profile: Profile,
    trips: Mutex<RoundTrips>,
}

/// What the round trips have cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RoundTrips {
    /// Messages to the owner and back.
    pub rounds: u64,
    /// Ciphertexts sent, and as many got back.
    pub ciphertexts: u64,
    /// Bytes to the owner, by the sizes in the profile.
    pub bytes_up: f64,
    /// Bytes back, by the sizes in the profile.
    pub bytes_down: f64,
}

impl<E, F> RoundTrip<E, F>
where
    E: Evaluator,
    F: Fn(&[&E::Ciphertext], Parts, Level) -> Result<Vec<E::Ciphertext>> + Send + Sync,
{
    /// `inner` with `callback` as its refresh, good for values up to `bound`. A refresh that `inner` has is replaced.
    pub fn new(inner: E, bound: f64, callback: F) -> Self {
        let profile = inner.profile().clone().with_round_trips(bound);
        Self { inner, callback, profile, trips: Mutex::default() }
    }

    /// The evaluator inside.
    pub fn inner(&self) -> &E {
        &self.inner
    }

    /// The evaluator inside, without the way to the owner.
    pub fn into_inner(self) -> E {
        self.inner
    }

    /// The cost until now.
    pub fn trips(&self) -> RoundTrips {
        *self.trips.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The refresh that the callback supplies.
struct ByOwner<'a, E, F>(&'a RoundTrip<E, F>);

impl<E, F> Refresh<E::Ciphertext> for ByOwner<'_, E, F>
where
    E: Evaluator,
    F: Fn(&[&E::Ciphertext], Parts, Level) -> Result<Vec<E::Ciphertext>> + Send + Sync,
{
    fn refresh(&self, x: &[&E::Ciphertext], parts: Parts, to: Level) -> Result<Vec<E::Ciphertext>> {
        let RoundTrip { inner, callback, profile, trips } = self.0;
        if to > profile.top {
            return Err(Error::LevelRaise { op: "refresh", from: profile.top, to });
        }
        if x.is_empty() {
            return Ok(Vec::new());
        }
        let fresh = callback(x, parts, to)?;
        super::hooked::count("refresh by a round trip", x.len(), fresh.len())?;
        let to = if profile.top.is_unbounded() { profile.top } else { to };
        fresh.iter().try_for_each(|fresh| to.same("refresh by a round trip", inner.level(fresh)))?;
        let mut trips = trips.lock().unwrap_or_else(PoisonError::into_inner);
        trips.rounds += 1;
        trips.ciphertexts += x.len() as u64;
        trips.bytes_up += x.iter().map(|x| profile.sizes.sent.at(inner.level(x))).sum::<f64>();
        trips.bytes_down += x.len() as f64 * profile.sizes.sent_fresh.at(to);
        Ok(fresh)
    }
}

#[deny(clippy::missing_trait_methods)]
impl<E, F> Evaluator for RoundTrip<E, F>
where
    E: Evaluator,
    F: Fn(&[&E::Ciphertext], Parts, Level) -> Result<Vec<E::Ciphertext>> + Send + Sync,
{
    type Ciphertext = E::Ciphertext;
    type Factor = E::Factor;
    type Addend = E::Addend;
    type Map = E::Map;

    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn level(&self, x: &E::Ciphertext) -> Level {
        self.inner.level(x)
    }

    fn encode_factor(&self, values: &Diagonal, at: Level) -> Result<E::Factor> {
        self.inner.encode_factor(values, at)
    }

    fn encode_addend(&self, values: &Diagonal, at: Level) -> Result<E::Addend> {
        self.inner.encode_addend(values, at)
    }

    fn add(&self, a: &E::Ciphertext, b: &E::Ciphertext) -> Result<E::Ciphertext> {
        self.inner.add(a, b)
    }

    fn neg(&self, a: &E::Ciphertext) -> Result<E::Ciphertext> {
        self.inner.neg(a)
    }

    fn add_plain(&self, a: &E::Ciphertext, b: &E::Addend) -> Result<E::Ciphertext> {
        self.inner.add_plain(a, b)
    }

    fn mul(&self, a: &E::Ciphertext, b: &E::Ciphertext) -> Result<E::Ciphertext> {
        self.inner.mul(a, b)
    }

    fn mul_plain(&self, a: &E::Ciphertext, b: &E::Factor) -> Result<E::Ciphertext> {
        self.inner.mul_plain(a, b)
    }

    fn rotate(&self, a: &E::Ciphertext, step: Step) -> Result<E::Ciphertext> {
        self.inner.rotate(a, step)
    }

    fn prepare(&self, map: &Arc<LinearMap>, schedule: &Schedule, at: Level, keep: Keep) -> Result<E::Map> {
        self.inner.prepare(map, schedule, at, keep)
    }

    fn linear(&self, x: &[&E::Ciphertext], map: &E::Map) -> Result<Vec<E::Ciphertext>> {
        self.inner.linear(x, map)
    }

    fn values_per_thread(&self) -> Option<usize> {
        self.inner.values_per_thread()
    }

    fn layer(
        &self,
        x: &[&E::Ciphertext],
        map: &E::Map,
        bias: Option<&[E::Addend]>,
        function: Option<Function>,
    ) -> Result<Vec<E::Ciphertext>> {
        self.inner.layer(x, map, bias, function)
    }

    fn layer_then(
        &self,
        x: &[&E::Ciphertext],
        map: &E::Map,
        bias: Option<&[E::Addend]>,
        function: Function,
        then: &E::Map,
    ) -> Option<Result<Vec<E::Ciphertext>>> {
        self.inner.layer_then(x, map, bias, function, then)
    }

    fn linear_encrypted(
        &self,
        x: &[&E::Ciphertext],
        matrix: &EncryptedMatrix<E::Ciphertext>,
    ) -> Result<Vec<E::Ciphertext>> {
        self.inner.linear_encrypted(x, matrix)
    }

    fn sub(&self, a: &E::Ciphertext, b: &E::Ciphertext) -> Result<E::Ciphertext> {
        self.inner.sub(a, b)
    }

    fn add_scalar(&self, a: &E::Ciphertext, constant: f64) -> Result<E::Ciphertext> {
        self.inner.add_scalar(a, constant)
    }

    fn rotate_many(&self, a: &E::Ciphertext, steps: &[Step]) -> Result<Vec<E::Ciphertext>> {
        self.inner.rotate_many(a, steps)
    }

    fn drop_to(&self, a: &E::Ciphertext, to: Level) -> Result<E::Ciphertext> {
        self.inner.drop_to(a, to)
    }

    fn combine(&self, terms: &[(f64, &E::Ciphertext)], constant: f64, to: Level) -> Result<E::Ciphertext> {
        self.inner.combine(terms, constant, to)
    }

    fn mul_sum(&self, pairs: &[(&E::Ciphertext, &E::Ciphertext)]) -> Result<E::Ciphertext> {
        self.inner.mul_sum(pairs)
    }

    fn mul_plain_sum(&self, pairs: &[(&E::Ciphertext, &E::Factor)]) -> Result<E::Ciphertext> {
        self.inner.mul_plain_sum(pairs)
    }

    fn polynomial(&self, x: &E::Ciphertext, polynomial: &Polynomial) -> Result<E::Ciphertext> {
        self.inner.polynomial(x, polynomial)
    }

    fn refresh(&self) -> Option<impl Refresh<E::Ciphertext>> {
        Some(ByOwner(self))
    }

    fn exact(&self) -> Option<impl Exact<E::Ciphertext>> {
        self.inner.exact()
    }

    fn complex(&self) -> Option<impl Complex<E::Ciphertext>> {
        self.inner.complex()
    }
}
