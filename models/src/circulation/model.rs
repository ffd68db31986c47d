//! Equations and nominal values of the circulation. Units everywhere: mmHg, ml, s.
//!
//! Shi, Y. and Hose, D. R. (2009), "Numerical modelling and simulation of a cardiovascular system", is the source of
//! every nominal value unless a constant says otherwise; compartments that this model joins are summed (arterial
//! resistance: artery, arteriole and capillary; compliance: aorta and artery). Valve resistance is that of Regazzoni
//! et al. (2020), as their linear diode replaces the orifice equation.

use super::CirculationError;

/// Number of this model: raised with every change of an equation or a constant, so that no cached data set outlives it.
pub const REVISION: u32 = 2;

/// Ventricle and arteries of one side: the six quantities that FCNN-WBC estimates a side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Side {
    /// V0 of the ventricle, the volume at zero pressure, in ml.
    pub unstressed_volume: f64,
    /// Time from the beginning of contraction to maximum elastance, in s.
    pub time_of_maximum_elastance: f64,
    /// R = Rp + Rd of the arteries, in mmHg s/ml.
    pub resistance: f64,
    /// C of the arteries, in ml/mmHg.
    pub compliance: f64,
    /// Rp / Rd, proximal over distal resistance.
    pub resistance_ratio: f64,
    /// Emax of the ventricle, in mmHg/ml.
    pub maximum_elastance: f64,
}

impl Side {
    /// Rp, the resistance between the ventricle's valve and the arterial compliance.
    #[must_use]
    pub fn proximal_resistance(&self) -> f64 {
        self.resistance * self.resistance_ratio / (1.0 + self.resistance_ratio)
    }

    /// Rd, the resistance between the arterial compliance and the veins.
    #[must_use]
    pub fn distal_resistance(&self) -> f64 {
        self.resistance / (1.0 + self.resistance_ratio)
    }

    /// The six quantities in the order of FCNN-WBC's outputs: V0, time, R, C, Rp/Rd, Emax.
    #[must_use]
    pub fn to_array(&self) -> [f64; 6] {
        [
            self.unstressed_volume,
            self.time_of_maximum_elastance,
            self.resistance,
            self.compliance,
            self.resistance_ratio,
            self.maximum_elastance,
        ]
    }

    /// The inverse of [`Side::to_array`].
    #[must_use]
    pub fn from_array(v: [f64; 6]) -> Self {
        let [v0, time, resistance, compliance, ratio, emax] = v;
        Self {
            unstressed_volume: v0,
            time_of_maximum_elastance: time,
            resistance,
            compliance,
            resistance_ratio: ratio,
            maximum_elastance: emax,
        }
    }
}

/// What differs from subject to subject; everything else is a constant of this module.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parameters {
    /// Beats a minute.
    pub heart_rate: f64,
    /// Left ventricle and systemic arteries.
    pub systemic: Side,
    /// Right ventricle and pulmonary arteries.
    pub pulmonary: Side,
}

/// Left side at rest. R = 0.003 + 0.05 + 0.5 + 0.52, of which the first two are proximal; C = 0.08 + 1.6.
pub const NOMINAL_SYSTEMIC: Side = Side {
    unstressed_volume: 5.0,
    time_of_maximum_elastance: 0.30,
    resistance: 1.073,
    compliance: 1.68,
    resistance_ratio: 0.053 / 1.02,
    maximum_elastance: 2.5,
};

/// Right side at rest. R = 0.002 + 0.01 + 0.05 + 0.25, of which the first two are proximal; C = 0.18 + 3.8.
pub const NOMINAL_PULMONARY: Side = Side {
    unstressed_volume: 10.0,
    time_of_maximum_elastance: 0.30,
    resistance: 0.312,
    compliance: 3.98,
    resistance_ratio: 0.012 / 0.30,
    maximum_elastance: 1.15,
};

/// Smallest elastance of both ventricles.
const MINIMUM_ELASTANCE: f64 = 0.1;
/// Relaxation takes half as long as contraction: systole peaks at 0.30 and ends at 0.45 of a beat.
pub(super) const RELAXATION: f64 = 0.5;
/// Elastance of both atria, passive and at the atrial kick, and their unstressed volume.
const ATRIUM: (f64, f64, f64) = (0.15, 0.25, 4.0);
/// Begin and duration of the atrial kick as fractions of the beat.
const ATRIAL_KICK: (f64, f64) = (0.92, 0.08);
/// Ks of Rs = Ks E (V - V0), in s/ml. Our choice: at a peak flow of 500 ml/s it lowers the pressure by a fifth.
const SOURCE_RESISTANCE: f64 = 4e-4;
/// Resistance of an open valve (Regazzoni et al. 2020); a closed one lets nothing through.
const VALVE_RESISTANCE: f64 = 0.0075;
/// Compliance and resistance of the systemic veins.
const SYSTEMIC_VEINS: (f64, f64) = (20.5, 0.075);
/// Compliance and resistance of the pulmonary veins.
const PULMONARY_VEINS: (f64, f64) = (20.5, 0.006);
/// Blood that stretches the walls and fills the chambers, in ml. Our choice: nominal parameters at 75
/// beats a minute then give 117/79 mmHg and a left end-diastolic volume of 111 ml.
pub const BLOOD_VOLUME: f64 = 1100.0;

/// Names of the compartments in the order of the state vector.
pub const COMPARTMENTS: [&str; 8] = [
    "left atrium",
    "left ventricle",
    "systemic arteries",
    "systemic veins",
    "right atrium",
    "right ventricle",
    "pulmonary arteries",
    "pulmonary veins",
];

/// Volumes of the eight compartments in ml, in the order of [`COMPARTMENTS`].
pub type State = [f64; 8];

/// Elastances at one time, in mmHg/ml.
#[derive(Clone, Copy, Debug)]
pub(super) struct Elastance {
    pub(super) atrium: f64,
    pub(super) left: f64,
    pub(super) right: f64,
}

/// What one evaluation of the equations yields beside the derivative.
#[derive(Clone, Copy, Debug)]
pub(super) struct Instant {
    /// Pressure at the root of the aorta and of the pulmonary artery.
    pub(super) root_pressure: [f64; 2],
    /// Pressure of the isovolumic ventricle less that of the arteries, left and right: the valve is open when positive.
    pub(super) gradient: [f64; 2],
}

/// The equations with one subject's parameters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Circuit {
    parameters: Parameters,
    proximal: [f64; 2],
    distal: [f64; 2],
}

impl Circuit {
    pub(super) fn new(parameters: &Parameters) -> Result<Self, CirculationError> {
        let names = ["V0", "time of maximum elastance", "R", "C", "Rp/Rd", "Emax"];
        let (left, right) = (&parameters.systemic, &parameters.pulmonary);
        let named = names.iter().cycle().zip(left.to_array().into_iter().chain(right.to_array()));
        for (name, value) in named.chain(std::iter::once((&"heart rate", parameters.heart_rate))) {
            if !(value.is_finite() && value > 0.0) {
                return Err(CirculationError::Parameter { name, value });
            }
        }
        let circuit = Self {
            parameters: *parameters,
            proximal: [left.proximal_resistance(), right.proximal_resistance()],
            distal: [left.distal_resistance(), right.distal_resistance()],
        };
        let longest = left.time_of_maximum_elastance.max(right.time_of_maximum_elastance);
        let (systole, beat) = (longest * (1.0 + RELAXATION), circuit.beat());
        if systole > beat {
            return Err(CirculationError::SystoleExceedsBeat { systole, beat });
        }
        Ok(circuit)
    }

    /// Duration of a beat in seconds.
    pub(super) fn beat(&self) -> f64 {
        60.0 / self.parameters.heart_rate
    }

    /// Elastances `time` seconds after the ventricles begin to contract.
    pub(super) fn elastance(&self, time: f64) -> Elastance {
        let ventricle = |side: &Side| {
            let rise = side.time_of_maximum_elastance;
            let fall = rise * RELAXATION;
            let activation = if time < rise {
                0.5 - 0.5 * (std::f64::consts::PI * time / rise).cos()
            } else if time < rise + fall {
                0.5 + 0.5 * (std::f64::consts::PI * (time - rise) / fall).cos()
            } else {
                0.0
            };
            MINIMUM_ELASTANCE + (side.maximum_elastance - MINIMUM_ELASTANCE) * activation
        };
        let (passive, active, _) = ATRIUM;
        let (begin, duration) = ATRIAL_KICK;
        let phase = (time / self.beat() - begin) / duration;
        let kick =
            if (0.0..1.0).contains(&phase) { 0.5 - 0.5 * (std::f64::consts::TAU * phase).cos() } else { 0.0 };
        Elastance {
            atrium: passive + (active - passive) * kick,
            left: ventricle(&self.parameters.systemic),
            right: ventricle(&self.parameters.pulmonary),
        }
    }

    /// A state to start from: the chambers at a plausible diastolic filling, the rest shared out among arteries and veins.
    pub(super) fn initial(&self) -> State {
        let (left, right) = (&self.parameters.systemic, &self.parameters.pulmonary);
        let chambers = [40.0, left.unstressed_volume + 110.0, 40.0, right.unstressed_volume + 110.0];
        let arteries = [70.0 * left.compliance, 20.0 * right.compliance];
        let veins = BLOOD_VOLUME - chambers.iter().sum::<f64>() - arteries.iter().sum::<f64>();
        let [left_atrium, left_ventricle, right_atrium, right_ventricle] = chambers;
        let [systemic, pulmonary] = arteries;
        let half = veins * 0.5;
        [left_atrium, left_ventricle, systemic, half, right_atrium, right_ventricle, pulmonary, half]
    }

    /// Derivative of the volumes, and what is measured at this instant.
    ///
    /// The source resistance makes a ventricle's pressure depend on its outflow, and the outflow on the pressure:
    /// P = p (1 - Ks Q) with p = E (V - V0) and Q = (P - P_arteries) / (R_valve + Rp) has the solution
    /// Q = (p - P_arteries) / (R_valve + Rp + Ks p), so no iteration is needed.
    #[inline]
    pub(super) fn derivative(&self, volumes: &State, elastance: Elastance) -> (State, Instant) {
        let [
            left_atrium,
            left_ventricle,
            arteries,
            veins,
            right_atrium,
            right_ventricle,
            lung_arteries,
            lung_veins,
        ] = *volumes;
        let Parameters { systemic, pulmonary, .. } = &self.parameters;
        let [proximal, lung_proximal] = self.proximal;
        let [distal, lung_distal] = self.distal;
        let left_pressure = elastance.left * (left_ventricle - systemic.unstressed_volume);
        let right_pressure = elastance.right * (right_ventricle - pulmonary.unstressed_volume);
        let (_, _, atrium_v0) = ATRIUM;
        let left_filling = elastance.atrium * (left_atrium - atrium_v0);
        let right_filling = elastance.atrium * (right_atrium - atrium_v0);
        let artery_pressure = arteries / systemic.compliance;
        let lung_artery_pressure = lung_arteries / pulmonary.compliance;
        let vein_pressure = veins / SYSTEMIC_VEINS.0;
        let lung_vein_pressure = lung_veins / PULMONARY_VEINS.0;

        let gradient = [left_pressure - artery_pressure, right_pressure - lung_artery_pressure];
        let [aortic_gradient, pulmonic_gradient] = gradient;
        let aortic = outflow(aortic_gradient, left_pressure, proximal);
        let pulmonic = outflow(pulmonic_gradient, right_pressure, lung_proximal);
        let mitral = (left_filling - left_pressure).max(0.0) / VALVE_RESISTANCE;
        let tricuspid = (right_filling - right_pressure).max(0.0) / VALVE_RESISTANCE;
        let systemic_flow = (artery_pressure - vein_pressure) / distal;
        let pulmonary_flow = (lung_artery_pressure - lung_vein_pressure) / lung_distal;
        let venous_return = (vein_pressure - right_filling) / SYSTEMIC_VEINS.1;
        let lung_return = (lung_vein_pressure - left_filling) / PULMONARY_VEINS.1;

        let derivative = [
            lung_return - mitral,
            mitral - aortic,
            aortic - systemic_flow,
            systemic_flow - venous_return,
            venous_return - tricuspid,
            tricuspid - pulmonic,
            pulmonic - pulmonary_flow,
            pulmonary_flow - lung_return,
        ];
        let root_pressure =
            [artery_pressure + proximal * aortic, lung_artery_pressure + lung_proximal * pulmonic];
        (derivative, Instant { root_pressure, gradient })
    }
}

/// Flow from a ventricle at isovolumic pressure `pressure` through its valve and the proximal resistance.
#[inline]
fn outflow(gradient: f64, pressure: f64, proximal: f64) -> f64 {
    if gradient > 0.0 { gradient / (VALVE_RESISTANCE + proximal + SOURCE_RESISTANCE * pressure) } else { 0.0 }
}
