//! The simulator of the circulation, held against physics and physiology.

use models::circulation::calibrate::{observed, precise, recalibrate};
use models::circulation::draw::{accepted, couple, draw, simulate, within_range};
use models::circulation::model::{BLOOD_VOLUME, NOMINAL_PULMONARY, NOMINAL_SYSTEMIC};
use models::circulation::{CirculationError, Draw, Gates, Measurements, Parameters, Settings, Simulation};
use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;

fn nominal() -> Parameters {
    Parameters { heart_rate: 75.0, systemic: NOMINAL_SYSTEMIC, pulmonary: NOMINAL_PULMONARY }
}

fn measured(change: impl Fn(&mut Parameters)) -> Result<Measurements, CirculationError> {
    let mut parameters = nominal();
    change(&mut parameters);
    Simulation::run(&parameters, &precise(&Settings::default()))?.measure()
}

#[test]
fn a_subject_at_rest_is_physiological() {
    let measured = simulate(&nominal(), &Settings::default()).unwrap();
    let (left, right) = (measured.systemic, measured.pulmonary);
    assert!((measured.heart_rate - 75.0).abs() < 0.01, "{measured:?}");
    assert!((100.0..140.0).contains(&left.systolic_pressure), "{measured:?}");
    assert!((60.0..95.0).contains(&left.diastolic_pressure), "{measured:?}");
    assert!(left.diastolic_pressure < left.mean_pressure && left.mean_pressure < left.systolic_pressure);
    assert!((90.0..150.0).contains(&left.end_diastolic_volume), "{measured:?}");
    assert!((0.45..0.70).contains(&left.ejection_fraction()), "{measured:?}");
    assert!(right.systolic_pressure < left.diastolic_pressure, "{measured:?}");
}

#[test]
fn blood_is_neither_made_nor_lost() {
    let simulation = Simulation::run(&nominal(), &Settings::default()).unwrap();
    assert!(simulation.leak < 1e-9 * BLOOD_VOLUME, "{} ml leaked", simulation.leak);
    assert!(simulation.state.iter().all(|volume| *volume > 0.0), "{:?}", simulation.state);
}

#[test]
fn the_last_beat_repeats_the_one_before() {
    let settings = Settings::default();
    let simulation = Simulation::run(&nominal(), &settings).unwrap();
    assert!((settings.minimum_beats..=25).contains(&simulation.beats), "{} beats", simulation.beats);
    assert!(simulation.change <= settings.tolerance);
    // In a periodic closed loop both ventricles eject the same volume: what one receives the other has sent.
    let strokes = |simulation: &Simulation| {
        let measured = simulation.measure().unwrap();
        (measured.systemic.stroke_volume(), measured.pulmonary.stroke_volume())
    };
    let (left, right) = strokes(&simulation);
    assert!((left / right - 1.0).abs() < 3e-4, "{left} {right}");
    let (left, right) = strokes(&Simulation::run(&nominal(), &precise(&settings)).unwrap());
    // What is left is how well a sampled waveform shows its largest volume.
    assert!((left / right - 1.0).abs() < 1e-4, "{left} {right}");
}

#[test]
fn a_state_that_is_not_periodic_is_refused() {
    let settings = Settings { minimum_beats: 2, maximum_beats: 3, ..Settings::default() };
    let error = Simulation::run(&nominal(), &settings).unwrap_err();
    assert!(matches!(error, CirculationError::NotPeriodic { beats: 3, .. }), "{error}");
}

#[test]
fn measurements_converge_with_the_step() {
    let errors_at = |parameters: &Parameters| {
        let at = |steps| {
            let settings = Settings { steps, ..precise(&Settings::default()) };
            observed(&Simulation::run(parameters, &settings).unwrap().measure().unwrap())
        };
        let limit = at(8192);
        [512, 1024, 2048].map(|steps| {
            let differences =
                at(steps).into_iter().zip(limit).map(|(value, limit)| (value / limit - 1.0).abs());
            differences.fold(0.0, f64::max)
        })
    };
    let mut sums = [0.0; 3];
    for subject in 0..6 {
        let (parameters, _) = accepted(Draw::Coupled, 5, subject, &Settings::default()).unwrap();
        let errors = errors_at(&parameters);
        // The step of the data set: no measurement of any subject is off by more than a few parts in ten thousand.
        assert!(errors[0] < 5e-4, "subject {subject}: {errors:?}");
        sums.iter_mut().zip(errors).for_each(|(sum, error)| *sum += error);
    }
    // Kinks at the valves leave order two; peaks between samples make single subjects uneven, their sum is not.
    assert!(sums[1] < 0.4 * sums[0] && sums[2] < 0.4 * sums[1], "{sums:?}");
}

#[test]
fn the_circulation_answers_as_physiology_says() {
    let rest = measured(|_| ()).unwrap();
    let stiffer = measured(|p| p.systemic.resistance *= 1.3).unwrap();
    assert!(stiffer.systemic.mean_pressure > 1.05 * rest.systemic.mean_pressure);
    assert!(stiffer.systemic.stroke_volume() < rest.systemic.stroke_volume());

    let compliant = measured(|p| p.systemic.compliance *= 1.3).unwrap();
    let pulse = |m: &Measurements| m.systemic.systolic_pressure - m.systemic.diastolic_pressure;
    assert!(pulse(&compliant) < 0.9 * pulse(&rest));

    let contractile = measured(|p| p.systemic.maximum_elastance *= 1.3).unwrap();
    assert!(contractile.systemic.end_systolic_volume < rest.systemic.end_systolic_volume - 5.0);
    assert!(contractile.systemic.ejection_fraction() > rest.systemic.ejection_fraction());

    let dilated = measured(|p| p.systemic.unstressed_volume += 10.0).unwrap();
    let shift = dilated.systemic.end_systolic_volume - rest.systemic.end_systolic_volume;
    assert!((5.0..10.5).contains(&shift), "{shift}");

    let slower = measured(|p| p.systemic.time_of_maximum_elastance *= 1.2).unwrap();
    assert!(slower.systemic.ejection_time > rest.systemic.ejection_time + 0.02);
    assert!((slower.pulmonary.ejection_time / rest.pulmonary.ejection_time - 1.0).abs() < 0.05);

    let lung = measured(|p| p.pulmonary.resistance *= 1.3).unwrap();
    assert!(lung.pulmonary.mean_pressure > 1.05 * rest.pulmonary.mean_pressure);

    let proximal = measured(|p| p.systemic.resistance_ratio *= 1.5).unwrap();
    assert!(proximal.systemic.systolic_pressure > rest.systemic.systolic_pressure);
}

#[test]
fn impossible_parameters_are_refused_with_their_value() {
    let error = measured(|p| p.pulmonary.compliance = -1.0).unwrap_err().to_string();
    assert!(error.contains("C is -1"), "{error}");
    assert!(measured(|p| p.heart_rate = f64::NAN).is_err());
    let error = measured(|p| p.heart_rate = 150.0).unwrap_err();
    assert!(matches!(error, CirculationError::SystoleExceedsBeat { .. }), "{error}");
}

#[test]
fn gates_name_the_measurement_and_its_bounds() {
    let gates = Gates::default();
    let rest = simulate(&nominal(), &Settings::default()).unwrap();
    let refused = |change: &dyn Fn(&mut Measurements)| {
        let mut changed = rest;
        change(&mut changed);
        gates.check(&changed).unwrap_err().to_string()
    };
    assert!(gates.check(&rest).is_ok());
    assert!(refused(&|m| m.systemic.systolic_pressure = 79.9).starts_with("systolic pressure is 79.900"));
    assert!(refused(&|m| m.pulmonary.mean_pressure = 61.0).contains("outside 8 to 60"));
    assert!(refused(&|m| m.systemic.end_diastolic_volume = 301.0).contains("left end-diastolic volume"));
    assert!(refused(&|m| m.pulmonary.end_systolic_volume = 1.0).contains("right ejection fraction"));
    assert!(refused(&|m| m.pulmonary.ejection_time = 0.41).contains("right ejection time"));
    assert!(refused(&|m| m.systemic.ejection_time = f64::NAN).contains("left ejection time"));
}

#[test]
fn accepted_subjects_stay_in_range_and_gates_and_come_from_streams_of_their_own() {
    let settings = Settings::default();
    for draw in [Draw::Coupled, Draw::Independent] {
        for index in 0..5 {
            let (parameters, measured) = accepted(draw, 1, index, &settings).unwrap();
            assert!(within_range(&parameters));
            assert!((50.0..110.0).contains(&parameters.heart_rate));
            Gates::default().check(&measured).unwrap();
            assert_eq!(accepted(draw, 1, index, &settings).unwrap(), (parameters, measured));
            assert_ne!(accepted(draw, 1, index + 1, &settings).unwrap().0, parameters);
        }
    }
}

#[test]
fn coupled_subjects_obey_both_rules() {
    // Rp = sqrt(L / C): twice the compliance, 1 / sqrt(2) of the proximal resistance. Emax is proportional to R / T.
    let mut side = NOMINAL_SYSTEMIC;
    assert!((couple(&side, &NOMINAL_SYSTEMIC, 0.8).maximum_elastance - 2.5).abs() < 1e-12);
    side.compliance *= 2.0;
    side.resistance *= 1.2;
    let coupled = couple(&side, &NOMINAL_SYSTEMIC, 1.0);
    let expected = NOMINAL_SYSTEMIC.proximal_resistance() / 2.0_f64.sqrt();
    assert!((coupled.proximal_resistance() - expected).abs() < 1e-12);
    assert!((coupled.proximal_resistance() + coupled.distal_resistance() - side.resistance).abs() < 1e-12);
    assert!((coupled.maximum_elastance - 2.5 * 1.2 * 0.8).abs() < 1e-12);
    // Independent draws obey neither.
    let drawn = draw(Draw::Independent, &mut ChaCha12Rng::seed_from_u64(3));
    let coupled = couple(&drawn.systemic, &NOMINAL_SYSTEMIC, 60.0 / drawn.heart_rate);
    assert!((coupled.maximum_elastance / drawn.systemic.maximum_elastance - 1.0).abs() > 1e-3);
}

#[test]
fn recalibration_recovers_the_parameters_from_the_measurements() {
    let settings = Settings::default();
    for index in 0..5 {
        let (parameters, in_data) = accepted(Draw::Coupled, 1, index, &settings).unwrap();
        let worst = |measured: &Measurements| {
            let found = recalibrate(&observed(measured), &settings, 30).unwrap();
            assert!(found.residual < 1e-6, "subject {index}: {found:?}");
            let ratios = |found: [f64; 6], given: [f64; 6]| {
                found.into_iter().zip(given).map(|(f, g)| (f / g - 1.0).abs()).fold(0.0, f64::max)
            };
            let systemic = ratios(found.parameters.systemic.to_array(), parameters.systemic.to_array());
            systemic.max(ratios(found.parameters.pulmonary.to_array(), parameters.pulmonary.to_array()))
        };
        let measured = Simulation::run(&parameters, &precise(&settings)).unwrap().measure().unwrap();
        assert!(worst(&measured) < 1e-6, "subject {index}: {}", worst(&measured));
        // The data's own measurements stop a little before the periodic state: V0 feels it most.
        assert!(worst(&in_data) < 5e-4, "subject {index}: {}", worst(&in_data));
    }
}
