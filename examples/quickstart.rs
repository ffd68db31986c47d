//! The whole way in one process: load a network, plan, make keys, encrypt, evaluate, decrypt.
//!
//!     cargo run --release --example quickstart --features ckks
//!
//! Twelve figures of a patient's circulation from nine measurements, four patients at once, on CKKS at 128 bits: within a few thousandths of
//! the figures' spread. Owner and server as two programs that share files: `examples/outside/src/files.rs`.

use henna::ckks::Ckks;
use henna::layers::{Compiled, Options, clear, compile};
use henna::traits::{ClientScheme, Keep, Scheme};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let model = henna::models::find("fcnn-wbc")?;
    let (network, stored) = ((model.network)()?, model.weights()?);
    let samples = (model.test_samples)(4, &stored)?.inputs;
    let calibration = (model.calibration_inputs)(256, &stored)?;

    let Compiled { params, profile, program } =
        compile::<Ckks>(&network, &stored.weights, &calibration, &Options::default())?;
    let plan = program.symbolic(&profile)?;
    println!("{}: {} rotation keys", profile.parameters, plan.needs.rotations.len());

    let keys = Ckks::keygen(&params, &plan.needs, &mut rand::rng())?;
    let request = program.encrypt(&Ckks::encryptor(&params, &keys.secret)?, &samples, &mut rand::rng())?;

    let server = Ckks::evaluator(&params, keys.evaluation)?;
    let results = program.prepare(&server, Keep::Encoded, &mut |_| {})?.run(&server, request, &mut |_| {})?;

    let figures = program.decrypt(&Ckks::decryptor(&params, &keys.secret)?, &results, samples.batch())?;
    println!("encrypted {:.3?}", figures.rows(0, 1).data());
    println!("clear     {:.3?}", clear::run(&network, &stored.weights, &samples)?.rows(0, 1).data());
    Ok(())
}
