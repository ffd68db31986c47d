//! Fixed-step Runge-Kutta integration to a periodic state.
//!
//! The classical scheme of order four with a fixed number of steps a beat. The shortest time constant of the circuit
//! (an open mitral valve between two relaxed chambers, or a stiff ventricle and the proximal resistance: about 10 ms)
//! is several times the step of 1 to 2 ms, so an implicit method would buy nothing. The right-hand side is continuous
//! but has kinks where valves open and close, which costs the scheme its order: measurements converge with the second
//! power of the step, and a test holds them to it. Volumes are a linear invariant, which every Runge-Kutta scheme keeps
//! to rounding.

use super::CirculationError;
use super::measure::Measurements;
use super::model::{BLOOD_VOLUME, Circuit, Elastance, Instant, Parameters, State};

/// How a simulation is integrated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Steps a beat.
    pub steps: usize,
    /// Beats before the state may be called periodic.
    pub minimum_beats: usize,
    /// Beats after which the simulation gives up.
    pub maximum_beats: usize,
    /// Largest change of a volume from one beat to the next that counts as periodic, in ml.
    pub tolerance: f64,
}

impl Default for Settings {
    /// What the data set is made with.
    fn default() -> Self {
        Self { steps: 512, minimum_beats: 15, maximum_beats: 40, tolerance: 5e-4 }
    }
}

/// Waveforms of one beat, sampled at every step; the first sample is the beginning of contraction.
#[derive(Clone, Debug, Default)]
pub struct Waveforms {
    /// Time of each sample in s, since the simulation began.
    pub time: Vec<f64>,
    /// Volume of the left and of the right ventricle, in ml.
    pub volume: Vec<[f64; 2]>,
    /// Pressure at the root of the aorta and of the pulmonary artery, in mmHg.
    pub pressure: Vec<[f64; 2]>,
    /// Ventricular less arterial pressure, left and right: a valve is open where it is positive.
    pub gradient: Vec<[f64; 2]>,
}

/// A circulation at its periodic state.
#[derive(Clone, Debug)]
pub struct Simulation {
    /// The last beat.
    pub last: Waveforms,
    /// The beat before: a heart rate is measured between two beats.
    pub previous: Waveforms,
    /// Beats integrated.
    pub beats: usize,
    /// Largest change of a volume over the last beat, in ml.
    pub change: f64,
    /// Volumes of the compartments after the last beat, in ml.
    pub state: State,
    /// Largest deviation of the total volume from [`BLOOD_VOLUME`] at the end of any beat, in ml.
    pub leak: f64,
}

impl Simulation {
    /// Integrates a subject's circulation from rest to its periodic state.
    ///
    /// # Errors
    /// Parameters that are not positive, a systole longer than the beat, or no periodic state within
    /// [`Settings::maximum_beats`].
    pub fn run(parameters: &Parameters, settings: &Settings) -> Result<Self, CirculationError> {
        let circuit = Circuit::new(parameters)?;
        let stepper = Stepper::new(circuit, settings.steps.max(1));
        let mut state = stepper.circuit.initial();
        let (mut last, mut previous) = (Waveforms::default(), Waveforms::default());
        let (mut change, mut leak) = (f64::INFINITY, 0.0_f64);
        for beat in 1..=settings.maximum_beats {
            let before = state;
            // Waveforms cost memory traffic, and only the last two beats are looked at.
            if beat + 1 >= settings.minimum_beats {
                std::mem::swap(&mut last, &mut previous);
                stepper.record(&mut state, beat, &mut last);
            } else {
                stepper.advance(&mut state);
            }
            change = before.iter().zip(&state).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            leak = leak.max((state.iter().sum::<f64>() - BLOOD_VOLUME).abs());
            if beat >= settings.minimum_beats && change <= settings.tolerance {
                return Ok(Self { last, previous, beats: beat, change, state, leak });
            }
        }
        let (beats, tolerance) = (settings.maximum_beats, settings.tolerance);
        Err(CirculationError::NotPeriodic { beats, change, tolerance })
    }

    /// Reads the measurements from the waveforms.
    ///
    /// # Errors
    /// A valve that does not open and close within the beat.
    pub fn measure(&self) -> Result<Measurements, CirculationError> {
        Measurements::read(&self.last, &self.previous)
    }
}

/// One subject's equations with the elastances of a beat tabulated at every half step.
struct Stepper {
    circuit: Circuit,
    step: f64,
    /// Three a step: at its begin, its middle and its end.
    elastance: Vec<[Elastance; 3]>,
}

impl Stepper {
    fn new(circuit: Circuit, steps: usize) -> Self {
        let step = circuit.beat() / steps as f64;
        let at = |half: usize| circuit.elastance(half as f64 * 0.5 * step);
        let elastance = (0..steps).map(|k| [at(2 * k), at(2 * k + 1), at(2 * k + 2)]).collect();
        Self { circuit, step, elastance }
    }

    /// One step of the classical Runge-Kutta scheme; returns what was measured at its begin.
    #[inline]
    fn step(&self, state: &mut State, [begin, middle, end]: [Elastance; 3]) -> Instant {
        let shifted = |slope: &State, by: f64| -> State {
            let mut moved = *state;
            moved.iter_mut().zip(slope).for_each(|(v, s)| *v += by * s);
            moved
        };
        let h = self.step;
        let (k1, instant) = self.circuit.derivative(state, begin);
        let (k2, _) = self.circuit.derivative(&shifted(&k1, 0.5 * h), middle);
        let (k3, _) = self.circuit.derivative(&shifted(&k2, 0.5 * h), middle);
        let (k4, _) = self.circuit.derivative(&shifted(&k3, h), end);
        let slopes = k1.iter().zip(&k2).zip(k3.iter().zip(&k4));
        for (volume, ((a, b), (c, d))) in state.iter_mut().zip(slopes) {
            *volume += h / 6.0 * (a + 2.0 * (b + c) + d);
        }
        instant
    }

    fn advance(&self, state: &mut State) {
        for elastance in &self.elastance {
            self.step(state, *elastance);
        }
    }

    fn record(&self, state: &mut State, beat: usize, into: &mut Waveforms) {
        let Waveforms { time, volume, pressure, gradient } = into;
        time.clear();
        volume.clear();
        pressure.clear();
        gradient.clear();
        let begin = (beat - 1) as f64 * self.circuit.beat();
        for (k, elastance) in self.elastance.iter().enumerate() {
            let [_, left, _, _, _, right, _, _] = *state;
            let instant = self.step(state, *elastance);
            time.push(begin + k as f64 * self.step);
            volume.push([left, right]);
            pressure.push(instant.root_pressure);
            gradient.push(instant.gradient);
        }
    }
}
