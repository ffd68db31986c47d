//! A simulator of the whole-body circulation, from which the data of FCNN-WBC are made.
//!
//! A closed loop of lumped parameters: two atria and two ventricles with time-varying elastance, four valves, the
//! systemic and the pulmonary arteries as three-element Windkessels, and the veins of both sides as a compliance and a
//! resistance. Blood goes round and none is lost, so the sum of the eight volumes is an invariant that every test can
//! hold the integrator against.
//!
//! ```text
//!  left atrium -mitral-> left ventricle -aortic-> Rp, arteries (C), Rd -> systemic veins
//!       ^                                                                      |
//!  pulmonary veins <- Rd, arteries (C), Rp <-pulmonic- right ventricle <-tricuspid- right atrium
//! ```
//!
//! The chambers follow P = E(t) (V - V0) - Rs Q with Rs = Ks E(t) (V - V0), the personalised model that Vizitiu et al.
//! (2020) estimate. Nominal values are those of Shi and Hose (2009); [`model`] lists each with its source.
//!
//! The work of one sample: [`Parameters`] are drawn ([`draw`]), [`Simulation::run`] integrates to a periodic state
//! ([`integrate`]), [`Measurements`] are read from the waveforms of the last beat ([`measure`]) and held against
//! physiological gates. This inverts what the paper did: there, measurements came first and an optimiser searched for
//! the parameters; [`calibrate`] goes that way, to check that both directions agree.

pub mod calibrate;
pub mod draw;
pub mod integrate;
pub mod measure;
pub mod model;

pub use calibrate::{Calibration, recalibrate};
pub use draw::{Draw, Gates, accepted};
pub use integrate::{Settings, Simulation};
pub use measure::Measurements;
pub use model::{Parameters, Side};

/// What can go wrong in a simulation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CirculationError {
    /// A parameter is outside the domain of the equations.
    #[error("the circulation's parameter {name} is {value}, but it must be positive and finite")]
    Parameter {
        /// Which parameter.
        name: &'static str,
        /// Its value.
        value: f64,
    },
    /// The ventricles would still contract when the next beat begins.
    #[error("systole lasts {systole:.3} s, but the beat only {beat:.3} s")]
    SystoleExceedsBeat {
        /// Duration of contraction and relaxation of the slower ventricle, in seconds.
        systole: f64,
        /// Duration of a beat, in seconds.
        beat: f64,
    },
    /// The volumes still changed from beat to beat when the beats ran out.
    #[error(
        "not periodic after {beats} beats: a volume still changes by {change:.2e} ml a beat, {tolerance:.2e} are allowed"
    )]
    NotPeriodic {
        /// Beats integrated.
        beats: usize,
        /// Largest change of a volume over the last beat, in ml.
        change: f64,
        /// What the settings allow, in ml.
        tolerance: f64,
    },
    /// A ventricle did not eject in the last beat.
    #[error("the {valve} valve does not open and close within a beat")]
    NoEjection {
        /// Which valve.
        valve: &'static str,
    },
    /// A measurement lies outside the physiological gates.
    #[error("{measurement} is {value:.3}, outside {low} to {high}")]
    Gate {
        /// Which measurement.
        measurement: &'static str,
        /// Its value.
        value: f64,
        /// Smallest accepted value.
        low: f64,
        /// Largest accepted value.
        high: f64,
    },
    /// No draw passed the gates.
    #[error("no draw of {tries} passed the physiological gates; the last failed with: {last}")]
    NoneAccepted {
        /// Draws tried.
        tries: usize,
        /// Why the last one was refused.
        last: Box<CirculationError>,
    },
    /// The re-calibration could not solve its linear system.
    #[error("re-calibration stopped in iteration {iteration}: its Jacobian has no finite Gauss-Newton step")]
    SingularJacobian {
        /// Iteration, from 0.
        iteration: usize,
    },
}
