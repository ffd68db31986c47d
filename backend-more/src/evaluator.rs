//! The server's half.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::Arc;

use he_traits::{
    Diagonal, EncryptedMatrix, Error, Evaluator, Exact, Function, Keep, Level, LinearMap, Profile, Result,
    Schedule, Step, layer_by_steps,
};

use crate::linear::PreparedMap;
use crate::product::{Finish, Reduction};
use crate::{Ciphertext, FunctionMethod, NAME, Parameters, algebra, compare, function, hidden};

/// Computes on MORE ciphertexts; needs no key.
///
/// Every operation acts on the message and on the random numbers beside it alike, and consumes no level.
pub struct MoreEvaluator {
    parameters: Parameters,
    fingerprint: u64,
    profile: Profile,
}

/// One period of a plaintext vector, to multiply.
pub struct Factor(Vec<f64>);

/// One period of a plaintext vector, to add.
pub struct Addend(Vec<f64>);

impl MoreEvaluator {
    pub(crate) fn new(parameters: &Parameters, profile: Profile) -> Self {
        Self { parameters: parameters.clone(), fingerprint: parameters.fingerprint(), profile }
    }

    /// The parameters.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Compares every slot with a plain number, **in the clear on the server**, as the MORE paper does by eigenvalues.
    ///
    /// The result has one vector for each lane, in an order that is the same for all ciphertexts of a key: one of them
    /// compares the messages, and the key's owner knows which
    /// (`SecretKey::message_lane`); with luck and any knowledge of the data the server knows it too (see [`crate::attack`]). No
    /// scheme with semantic security can offer this operation.
    ///
    /// # Errors
    /// [`Error::Value`] when the number is not finite, [`Error::Shape`] for a ciphertext of other parameters.
    pub fn compare(&self, x: &Ciphertext, threshold: f64) -> Result<Vec<Vec<Ordering>>> {
        if !threshold.is_finite() {
            return Err(Error::Value {
                op: "compare",
                position: 0,
                value: threshold,
                reason: "it is not finite",
            });
        }
        x.check("compare", self.fingerprint)?;
        Ok(compare::lanes(x)
            .into_iter()
            .map(|lane| lane.into_iter().map(|value| value.total_cmp(&threshold)).collect())
            .collect())
    }

    fn plain(&self, op: &'static str, values: &Diagonal, at: Level) -> Result<Vec<f64>> {
        Level::UNBOUNDED.same(op, at)?;
        values.check(op, self.parameters.slots())?;
        Ok(values.real(NAME)?.into_owned())
    }

    /// A layer of values and a function that run in batches, in the form of the parameters.
    fn batches(
        &self,
        x: &[&Ciphertext],
        map: &PreparedMap,
        bias: Option<&[f64]>,
        function: Option<Function>,
        then: Option<&Reduction>,
    ) -> Vec<Ciphertext> {
        let planar = function.and_then(|function| function::planar(function).ok());
        let full = Finish { bias, function: planar, then };
        if self.parameters.method() != FunctionMethod::Compact {
            return map.layer(x, full);
        }
        let of_lanes = function.and_then(function::of_lanes);
        map.compact_layer(x, Finish { bias, function: of_lanes, then }, full)
    }

    /// The bias of a layer of so many values, one number a row, where the layer runs in batches.
    #[expect(
        clippy::option_option,
        reason = "whether batches suit, and whether there is a bias, are two questions"
    )]
    fn in_batches<'a>(
        &self,
        values: usize,
        map: &PreparedMap,
        bias: Option<&'a [Addend]>,
        function: Option<Function>,
    ) -> Option<Option<Cow<'a, [f64]>>> {
        let method = self.parameters.method();
        let suits = map.suits_batches(self.parameters.dimension(), values)
            && function.is_none_or(|function| function::runs_in_batches(function, method));
        match bias {
            None => suits.then_some(None),
            Some([addend]) => rows_of(&addend.0, map.rows()).filter(|_| suits).map(Some),
            Some(_) => None,
        }
    }

    fn check(&self, op: &'static str, operands: &[&Ciphertext]) -> Result<()> {
        operands.iter().try_for_each(|x| x.check(op, self.fingerprint))
    }
}

impl Evaluator for MoreEvaluator {
    type Ciphertext = Ciphertext;
    type Factor = Factor;
    type Addend = Addend;
    type Map = PreparedMap;

    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn level(&self, _: &Ciphertext) -> Level {
        Level::UNBOUNDED
    }

    fn encode_factor(&self, values: &Diagonal, at: Level) -> Result<Factor> {
        self.plain("encode_factor", values, at).map(Factor)
    }

    fn encode_addend(&self, values: &Diagonal, at: Level) -> Result<Addend> {
        self.plain("encode_addend", values, at).map(Addend)
    }

    fn add(&self, a: &Ciphertext, b: &Ciphertext) -> Result<Ciphertext> {
        self.check("add", &[a, b])?;
        Ok(algebra::add(a, b))
    }

    fn sub(&self, a: &Ciphertext, b: &Ciphertext) -> Result<Ciphertext> {
        self.check("sub", &[a, b])?;
        Ok(algebra::sub(a, b))
    }

    fn neg(&self, a: &Ciphertext) -> Result<Ciphertext> {
        self.check("neg", &[a])?;
        Ok(algebra::scale(a, -1.0))
    }

    fn add_plain(&self, a: &Ciphertext, b: &Addend) -> Result<Ciphertext> {
        self.check("add_plain", &[a])?;
        Ok(algebra::add_values(a, &b.0))
    }

    fn mul(&self, a: &Ciphertext, b: &Ciphertext) -> Result<Ciphertext> {
        self.check("mul", &[a, b])?;
        Ok(algebra::mul(a, b))
    }

    fn mul_plain(&self, a: &Ciphertext, b: &Factor) -> Result<Ciphertext> {
        self.check("mul_plain", &[a])?;
        Ok(algebra::mul_values(a, &b.0))
    }

    fn rotate(&self, a: &Ciphertext, step: Step) -> Result<Ciphertext> {
        self.check("rotate", &[a])?;
        Ok(algebra::rotate(a, step.normalised(self.parameters.slots())))
    }

    /// The schedule and `keep` do not matter: a sparse product needs no rotation and keeps no diagonal.
    fn prepare(&self, map: &Arc<LinearMap>, _: &Schedule, at: Level, _: Keep) -> Result<PreparedMap> {
        Level::UNBOUNDED.same("prepare", at)?;
        PreparedMap::new(map, self.parameters.slots())
    }

    fn linear(&self, x: &[&Ciphertext], map: &PreparedMap) -> Result<Vec<Ciphertext>> {
        self.check("linear", x)?;
        if map.suits_batches(self.parameters.dimension(), x.len()) {
            return Ok(self.batches(x, map, None, None, None));
        }
        map.apply(x)
    }

    /// Eight 2 x 2 ciphertexts fill the vectors of one batch; their values stay in the second-level cache of a core.
    fn values_per_thread(&self) -> Option<usize> {
        self.profile.values_per_thread
    }

    /// Many values run in batches of eight, each layer in one pass over them; what does not fit that form runs step by step.
    fn layer(
        &self,
        x: &[&Ciphertext],
        map: &PreparedMap,
        bias: Option<&[Addend]>,
        function: Option<Function>,
    ) -> Result<Vec<Ciphertext>> {
        self.check("layer", x)?;
        if let Some(bias) = self.in_batches(x.len(), map, bias, function) {
            return Ok(self.batches(x, map, bias.as_deref(), function, None));
        }
        layer_by_steps(self, x, map, bias, function)
    }

    fn layer_then(
        &self,
        x: &[&Ciphertext],
        map: &PreparedMap,
        bias: Option<&[Addend]>,
        function: Function,
        then: &PreparedMap,
    ) -> Option<Result<Vec<Ciphertext>>> {
        let then = then.reduction_of(map)?;
        let bias = self.in_batches(x.len(), map, bias, Some(function))?;
        let checked = self.check("layer", x);
        Some(checked.map(|()| self.batches(x, map, bias.as_deref(), Some(function), Some(then))))
    }

    fn linear_encrypted(
        &self,
        x: &[&Ciphertext],
        matrix: &EncryptedMatrix<Ciphertext>,
    ) -> Result<Vec<Ciphertext>> {
        self.check("linear", x)?;
        matrix.weights().iter().try_for_each(|weights| weights.check("linear", self.fingerprint))?;
        hidden::apply(x, matrix)
    }

    fn combine(&self, terms: &[(f64, &Ciphertext)], constant: f64, _: Level) -> Result<Ciphertext> {
        for (position, value) in terms.iter().map(|(value, _)| *value).chain([constant]).enumerate() {
            if !value.is_finite() {
                return Err(Error::Value { op: "combine", position, value, reason: "it is not finite" });
            }
        }
        terms.iter().try_for_each(|(_, x)| x.check("combine", self.fingerprint))?;
        algebra::combine(terms, constant).ok_or_else(|| Error::shape("combine", "at least one term", "none"))
    }

    fn exact(&self) -> Option<impl Exact<Ciphertext>> {
        Some(MoreExact { evaluator: self })
    }
}

/// A plaintext vector as one number a row; `None` where the sum would have a longer period than the rows.
fn rows_of(values: &[f64], rows: usize) -> Option<Cow<'_, [f64]>> {
    (algebra::common_period(values.len(), rows) == rows).then(|| algebra::values_at_period(values, rows))
}

/// Nonlinear functions, by the method of the parameters.
struct MoreExact<'a> {
    evaluator: &'a MoreEvaluator,
}

impl Exact<Ciphertext> for MoreExact<'_> {
    fn apply(&self, x: &Ciphertext, function: Function) -> Result<Ciphertext> {
        self.evaluator.check(function.name(), &[x])?;
        function::apply(x, function, self.evaluator.parameters.method())
    }

    fn div(&self, a: &Ciphertext, b: &Ciphertext) -> Result<Ciphertext> {
        self.evaluator.check("div", &[a, b])?;
        function::div(a, b)
    }
}
