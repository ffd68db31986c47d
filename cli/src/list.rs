//! `henna list`: models and backends, and what keeps a backend or its data away.

use models::registry::WeightSource;

use crate::failure::Failure;
use crate::{backends, output, table, units};

/// Prints both lists.
pub(crate) fn run() -> Result<(), Failure> {
    let mut models = table::plain(&["model", "what", "from", "parameters", "weights", "judged by", "data"]);
    for model in models::registry() {
        let network = (model.network)()?;
        let data = match model.source {
            WeightSource::Seeded(_) => "none: random inputs".to_owned(),
            WeightSource::File(_) => {
                match model.weights().and_then(|weights| (model.test_samples)(1, &weights)) {
                    Ok(_) => "there".to_owned(),
                    Err(error) => error.to_string(),
                }
            }
        };
        let weights = model.weights_in_words();
        let parameters = units::grouped(network.parameter_count() as u64);
        models.add_row([
            model.name,
            model.about,
            model.paper,
            &parameters,
            &weights,
            model.metric.name,
            &data,
        ]);
    }
    let mut backends = table::plain(&["backend", "available"]);
    for name in backends::NAMES {
        let available = backends::absence(name).unwrap_or_else(|| "yes".to_owned());
        backends.add_row([name, &available]);
    }
    output::print(&format!("{models}\n\n{backends}\n"))
}
