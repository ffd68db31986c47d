//! The head of a comparison's records: what is compared, on which machine, and the clear run of the original network.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use models::registry::{Better, Samples, Targets};

use super::request::Request;
use crate::failure::Failure;
use crate::picture::{self, Size};
use crate::record::{Build, Comparison, Host, MetricRecord, ModelRecord, Picture, SCHEMA};

/// Images that go into the records.
const PICTURES: usize = 8;

/// Runs the original network in the clear and notes everything that all backends share.
pub(crate) fn head(request: &Request, count: usize) -> Result<Comparison, Failure> {
    let subject = &request.subject;
    let samples = subject.samples(count)?;
    let start = Instant::now();
    let outputs = nn_layers::clear::run(&subject.network, &subject.weights.weights, &samples.inputs)?;
    let clear_seconds = start.elapsed().as_secs_f64();
    let metric = subject.measure();
    let now = SystemTime::now();
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(Comparison {
        schema: SCHEMA,
        id: format!("{}-{:06}-{}", since.as_secs(), since.subsec_micros(), std::process::id()),
        henna: Build::this(),
        date: humantime::format_rfc3339_seconds(now).to_string(),
        host: Host::this(),
        command: std::env::args().collect::<Vec<_>>().join(" "),
        model: ModelRecord {
            name: subject.name().to_owned(),
            about: subject.about().to_owned(),
            paper: subject.paper().to_owned(),
            parameters: subject.network.parameter_count(),
            input_shape: subject.network.input_shape().to_vec(),
            output_shape: subject.network.output_shape().to_vec(),
            weights: subject.weights_from.clone(),
            weights_sha256: subject.weights_sha256.clone(),
        },
        samples: count,
        threads: request.threads,
        backends: request.columns.iter().map(|column| column.label()).collect(),
        metric: MetricRecord {
            name: metric.name.to_owned(),
            unit: metric.unit.to_owned(),
            higher_is_better: metric.better == Better::Higher,
            original: subject.metric(&outputs, &samples.targets)?,
        },
        clear_seconds,
        pictures: pictures(subject.network.input_shape(), &samples)?,
    })
}

/// The first inputs as PNG, for models of images of one or three channels; none for others.
fn pictures(shape: &[usize], samples: &Samples) -> Result<Vec<Picture>, Failure> {
    let [channels @ (1 | 3), height, width] = *shape else { return Ok(Vec::new()) };
    let classes = match &samples.targets {
        Targets::Classes(classes) => classes.as_slice(),
        Targets::Values(_) => &[],
    };
    let drawn = |sample| match &samples.targets {
        Targets::Values(values) => Size::of(values).map(|size| (size, values.rows(sample, sample + 1))),
        Targets::Classes(_) => None,
    };
    let count = samples.inputs.batch().min(PICTURES);
    (0..count)
        .map(|sample| {
            let input = samples.inputs.rows(sample, sample + 1);
            let png = picture::encoded(input.data(), Size { channels, height, width }, None)?;
            let truth = drawn(sample).map(|(size, values)| picture::encoded(values.data(), size, None));
            let class = classes.get(sample).copied();
            Ok(Picture { sample, width, height, png, class, truth: truth.transpose()? })
        })
        .collect()
}
