//! The head of a comparison's records: what is compared, on which machine, and the clear run of the original network.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use base64::Engine;
use models::registry::{Better, Samples, Targets};

use super::request::Request;
use crate::failure::Failure;
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
    let metric = &subject.model.metric;
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
            name: subject.model.name.to_owned(),
            about: subject.model.about.to_owned(),
            paper: subject.model.paper.to_owned(),
            parameters: subject.network.parameter_count(),
            input_shape: subject.network.input_shape().to_vec(),
            output_shape: subject.network.output_shape().to_vec(),
            weights: subject.weights_from.clone(),
            weights_sha256: subject.weights_sha256.clone(),
        },
        samples: count,
        threads: request.threads,
        backends: request.backends.iter().map(|name| (*name).to_owned()).collect(),
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
    let count = samples.inputs.batch().min(PICTURES);
    (0..count)
        .map(|sample| {
            let pixels = interleaved(samples.inputs.rows(sample, sample + 1).data(), channels);
            let png = png(&pixels, channels, width, height)
                .map_err(|error| Failure::failed(format!("sample {sample} cannot be drawn: {error}")))?;
            let png = base64::engine::general_purpose::STANDARD.encode(png);
            Ok(Picture { sample, width, height, png, class: classes.get(sample).copied() })
        })
        .collect()
}

/// Channels last, scaled so that the smallest value is black and the largest white.
fn interleaved(values: &[f64], channels: usize) -> Vec<u8> {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let scale = if high > low { 255.0 / (high - low) } else { 0.0 };
    let plane = values.len() / channels;
    let value = |pixel: usize, channel: usize| values.get(channel * plane + pixel).copied().unwrap_or(low);
    (0..plane)
        .flat_map(|pixel| (0..channels).map(move |channel| (pixel, channel)))
        .map(|(pixel, channel)| ((value(pixel, channel) - low) * scale).round() as u8)
        .collect()
}

fn png(pixels: &[u8], channels: usize, width: usize, height: usize) -> Result<Vec<u8>, png::EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width as u32, height as u32);
    encoder.set_color(if channels == 1 { png::ColorType::Grayscale } else { png::ColorType::Rgb });
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header()?.write_image_data(pixels)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_scaled_and_interleaved() {
        assert_eq!(interleaved(&[-1.0, 1.0, 0.0, 1.0], 1), [0, 255, 128, 255]);
        assert_eq!(interleaved(&[0.0, 1.0, 1.0, 0.0, 0.0, 0.0], 3), [0, 255, 0, 255, 0, 0]);
        assert_eq!(interleaved(&[2.0, 2.0], 1), [0, 0]);
        assert!(png(&[0, 255, 128, 255], 1, 2, 2).unwrap().starts_with(b"\x89PNG"));
    }
}
