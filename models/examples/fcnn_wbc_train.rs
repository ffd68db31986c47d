//! Makes the committed weights of FCNN-WBC and prints its scores beside the paper's:
//! `cargo run --release -p models --example fcnn_wbc_train [EPOCHS] [rate=..] [batch=..] [seed=..] [out=FILE] [independent]` writes `models/weights/fcnn-wbc.safetensors`.
//! With `independent`, all thirteen parameters are drawn independently and nothing is written: the numbers of
//! `docs/fcnn-wbc.md` on what nine measurements cannot determine.

use std::path::{Path, PathBuf};
use std::time::Instant;

use models::circulation::Draw;
use models::fcnn_wbc::{TrainConfig, network, train};
use models::registry::Step;

fn main() -> Result<(), models::ModelError> {
    let mut config = TrainConfig::default();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(epochs) = arguments.iter().find_map(|argument| argument.parse().ok()) {
        config.optimiser.epochs = epochs;
    }
    let figure = |name: &str| {
        arguments
            .iter()
            .find_map(|argument| argument.strip_prefix(name)?.strip_prefix('=')?.parse::<f64>().ok())
    };
    config.optimiser.rate = figure("rate").unwrap_or(config.optimiser.rate);
    config.optimiser.batch = figure("batch").map_or(config.optimiser.batch, |batch| batch as usize);
    config.optimiser.seed = figure("seed").map_or(config.optimiser.seed, |seed| seed as u64);
    let independent = arguments.iter().any(|argument| argument == "independent");
    if independent {
        config.data.draw = Draw::Independent;
    }
    let begin = Instant::now();
    let progress = |step: Step<'_>| {
        if step.done.is_multiple_of(100) || step.done == step.total {
            let (seconds, loss) = (begin.elapsed().as_secs(), step.loss.unwrap_or(f64::NAN));
            eprintln!("{seconds:5} s  {} {}/{}  loss {loss:.3e}", step.stage, step.done, step.total);
        }
    };
    let trained = train(&config, &progress)?;
    for pair in trained.scores.chunks(2) {
        let cells = pair.iter().map(|score| {
            let paper = score.paper.map_or("-".to_owned(), |paper| paper.to_string());
            format!("{} {:.4} (paper {paper})", score.metric, score.value)
        });
        let of = pair.first().map_or("", |score| score.of.as_str());
        println!("{of:40} {}", cells.collect::<Vec<_>>().join("   "));
    }
    if !independent {
        let committed = || Path::new(env!("CARGO_MANIFEST_DIR")).join("weights/fcnn-wbc.safetensors");
        let path = arguments.iter().find_map(|argument| argument.strip_prefix("out=").map(PathBuf::from));
        let path = path.unwrap_or_else(committed);
        trained.weights.save(&path, &network()?)?;
        println!("wrote {}", path.display());
    }
    Ok(())
}
