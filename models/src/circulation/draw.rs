//! Subjects drawn at random, and the gates that keep the physiological ones.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;

use super::measure::SideMeasurements;
use super::model::{NOMINAL_PULMONARY, NOMINAL_SYSTEMIC, Parameters, Side};
use super::{CirculationError, Measurements, Settings, Simulation};

/// Smallest and largest accepted factor of a nominal value.
const FACTORS: std::ops::Range<f64> = 0.5..1.5;
/// Smallest and largest heart rate, beats a minute.
const HEART_RATES: std::ops::Range<f64> = 50.0..110.0;
/// Duration of a beat at which the nominal Emax and R belong together, in s: 75 beats a minute.
const NOMINAL_BEAT: f64 = 0.8;
/// Draws before a sample gives up; about one in five is accepted.
const MAXIMUM_TRIES: usize = 10_000;

/// How subjects are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Draw {
    /// Heart rate and all twelve estimated parameters independently: thirteen degrees of freedom. Nine measurements
    /// cannot tell them apart; `docs/fcnn-wbc.md` says by how much.
    Independent,
    /// Nine degrees of freedom, as many as FCNN-WBC has inputs: heart rate, and V0, time of maximum elastance, R and C
    /// of each side. Rp/Rd and Emax follow by [`couple`].
    #[default]
    Coupled,
}

/// Sets Rp/Rd and Emax of a side by two physiological rules.
///
/// - Rp is the characteristic impedance of the artery, sqrt(L / C), at the nominal inertance L (Westerhof's reading of
///   the three-element Windkessel).
/// - Emax is proportional to the effective arterial elastance R / T of Sunagawa et al. (1983): ventricle and arteries
///   stay matched as at rest.
#[must_use]
pub fn couple(side: &Side, nominal: &Side, beat: f64) -> Side {
    let proximal = nominal.proximal_resistance() * (nominal.compliance / side.compliance).sqrt();
    let matching = nominal.maximum_elastance / (nominal.resistance / NOMINAL_BEAT);
    Side {
        resistance_ratio: proximal / (side.resistance - proximal),
        maximum_elastance: matching * side.resistance / beat,
        ..*side
    }
}

/// Draws a subject: the heart rate uniform in 50 to 110, each independent parameter uniform in 0.5 to 1.5 of nominal.
///
/// Nothing is known yet of its physiology; see [`accepted`].
pub fn draw(how: Draw, rng: &mut ChaCha12Rng) -> Parameters {
    let heart_rate = rng.random_range(HEART_RATES);
    let mut side = |nominal: &Side| {
        let drawn = Side::from_array(nominal.to_array().map(|value| value * rng.random_range(FACTORS)));
        match how {
            Draw::Independent => drawn,
            Draw::Coupled => couple(&drawn, nominal, 60.0 / heart_rate),
        }
    };
    let systemic = side(&NOMINAL_SYSTEMIC);
    let pulmonary = side(&NOMINAL_PULMONARY);
    Parameters { heart_rate, systemic, pulmonary }
}

/// Whether every parameter, the derived ones too, lies within 0.5 to 1.5 of its nominal value.
#[must_use]
pub fn within_range(parameters: &Parameters) -> bool {
    let side = |side: &Side, nominal: &Side| {
        let factors =
            side.to_array().into_iter().zip(nominal.to_array()).map(|(value, nominal)| value / nominal);
        factors.into_iter().all(|factor| FACTORS.contains(&factor))
    };
    side(&parameters.systemic, &NOMINAL_SYSTEMIC) && side(&parameters.pulmonary, &NOMINAL_PULMONARY)
}

/// The physiological gates: what a measurement may be, bounds included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gates {
    /// Systolic pressure in the aorta, mmHg.
    pub systolic_pressure: (f64, f64),
    /// Mean pressure in the pulmonary artery, mmHg.
    pub mean_pulmonary_pressure: (f64, f64),
    /// End-diastolic volume of each ventricle, ml.
    pub end_diastolic_volume: (f64, f64),
    /// Ejection fraction of each ventricle.
    pub ejection_fraction: (f64, f64),
    /// Ejection time of each ventricle, s.
    pub ejection_time: (f64, f64),
}

impl Default for Gates {
    fn default() -> Self {
        Self {
            systolic_pressure: (80.0, 200.0),
            mean_pulmonary_pressure: (8.0, 60.0),
            end_diastolic_volume: (60.0, 300.0),
            ejection_fraction: (0.2, 0.75),
            ejection_time: (0.2, 0.4),
        }
    }
}

impl Gates {
    /// Holds measurements against the gates.
    ///
    /// # Errors
    /// The first measurement outside, with its value and bounds.
    pub fn check(&self, measured: &Measurements) -> Result<(), CirculationError> {
        let pass = |measurement: &'static str, value: f64, (low, high): (f64, f64)| {
            let inside = (low..=high).contains(&value);
            if inside { Ok(()) } else { Err(CirculationError::Gate { measurement, value, low, high }) }
        };
        let ventricle = |names: [&'static str; 3], side: &SideMeasurements| {
            let [volume, fraction, time] = names;
            pass(volume, side.end_diastolic_volume, self.end_diastolic_volume)?;
            pass(fraction, side.ejection_fraction(), self.ejection_fraction)?;
            pass(time, side.ejection_time, self.ejection_time)
        };
        pass("systolic pressure", measured.systemic.systolic_pressure, self.systolic_pressure)?;
        pass("mean pulmonary pressure", measured.pulmonary.mean_pressure, self.mean_pulmonary_pressure)?;
        ventricle(
            ["left end-diastolic volume", "left ejection fraction", "left ejection time"],
            &measured.systemic,
        )?;
        ventricle(
            ["right end-diastolic volume", "right ejection fraction", "right ejection time"],
            &measured.pulmonary,
        )
    }
}

/// Simulates a subject and measures it, if it is physiological.
///
/// # Errors
/// What [`Simulation::run`], [`Simulation::measure`] and [`Gates::check`] refuse.
pub fn simulate(parameters: &Parameters, settings: &Settings) -> Result<Measurements, CirculationError> {
    let measured = Simulation::run(parameters, settings)?.measure()?;
    Gates::default().check(&measured)?;
    Ok(measured)
}

/// Draws subject number `index` of `seed` until one is accepted.
///
/// Each subject has a ChaCha stream of its own, so that a data set does not depend on the number of threads, and a
/// single sample can be made again.
///
/// # Errors
/// [`CirculationError::NoneAccepted`] after ten thousand draws.
pub fn accepted(
    how: Draw,
    seed: u64,
    index: u64,
    settings: &Settings,
) -> Result<(Parameters, Measurements), CirculationError> {
    let mut rng = ChaCha12Rng::seed_from_u64(seed);
    rng.set_stream(index);
    let mut last = CirculationError::NoEjection { valve: "aortic" };
    for _ in 0..MAXIMUM_TRIES {
        let parameters = draw(how, &mut rng);
        if !within_range(&parameters) {
            continue;
        }
        match simulate(&parameters, settings) {
            Ok(measured) => return Ok((parameters, measured)),
            Err(error) => last = error,
        }
    }
    Err(CirculationError::NoneAccepted { tries: MAXIMUM_TRIES, last: Box::new(last) })
}
