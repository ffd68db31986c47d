//! Makes the samples of FCNN-WBC that the crate carries: `cargo run --release -p models --example fcnn_wbc_samples`
//! writes `models/data/fcnn-wbc-samples.bin` from the simulated (or cached) data set of the default configuration.

use models::cache::write_atomically;
use models::fcnn_wbc::data::{DataConfig, embedding, load_or_simulate};

fn main() -> Result<(), models::ModelError> {
    let config = DataConfig::default();
    let data = load_or_simulate(&config, &|step| eprint!("\r{} {}/{}", step.stage, step.done, step.total))?;
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("data/fcnn-wbc-samples.bin");
    write_atomically(&path, &embedding(&data, &config))?;
    eprintln!("\nwrote {}", path.display());
    Ok(())
}
