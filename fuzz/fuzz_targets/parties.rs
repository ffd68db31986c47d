//! What owner and server do with each other's files: a server with altered keys, weights or requests, an owner with altered results.
//!
//! The first byte says scheme, form of the weights and file. What follows up to a zero byte is JSON that is laid over the file's header;
//! what follows that is pairs of an entry's number and the body that it gets. Checksums, digests and frames are made right.
#![no_main]

#[path = "../file.rs"]
mod file;
#[path = "../wire.rs"]
mod wire;

use std::io::Cursor;
use std::path::PathBuf;
use std::sync::LazyLock;

use backend_more::More;
use exchange::owner::{Owner, keygen};
use exchange::server::Server;
use exchange::{Header, Kind, Reader, Setup, WeightsAre, Writer};
use he_traits::{Clear, ClientScheme, Keep};
use nn_layers::{Activation, Linear, Network, Options, Tensor, Weights, compile, train};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use serde_json::Value;

static NETWORK: LazyLock<(Network, Weights)> = LazyLock::new(|| {
    let mut n = Network::builder("n", &[3]);
    n.layer("fc1", Linear::new(3, 4));
    n.layer("act1", Activation::Tanh);
    n.layer("fc2", Linear::new(4, 2));
    let network = n.build().expect("a network");
    let weights = train::xavier(&network, 3);
    (network, weights)
});

/// A file, taken apart.
#[derive(Clone)]
struct Parts {
    header: Value,
    entries: Vec<Vec<u8>>,
}

impl Parts {
    fn of(path: &PathBuf, kind: Kind) -> Self {
        let mut reader = Reader::open(path, kind).expect("own file");
        let header = serde_json::to_value(reader.header()).expect("a header");
        let entries = (0..reader.entries()).map(|_| reader.entry().expect("an entry").to_vec()).collect();
        Self { header, entries }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut entries = Vec::new();
        for entry in &self.entries {
            entries.extend((entry.len() as u64).to_le_bytes());
            entries.extend(entry);
        }
        entries.extend((self.entries.len() as u64).to_le_bytes());
        file::file(&serde_json::to_vec(&self.header).expect("JSON"), &entries)
    }

    fn reader(&self, kind: Kind) -> exchange::Result<Reader<Cursor<Vec<u8>>>> {
        Reader::new("input", Cursor::new(self.bytes()), kind)
    }

    /// Altered as the input says.
    fn altered(mut self, input: &[u8]) -> Self {
        let cut = input.iter().position(|byte| *byte == 0).unwrap_or(input.len());
        let (text, rest) = input.split_at(cut);
        if let Ok(patch) = serde_json::from_slice(text) {
            merge(&mut self.header, patch);
        }
        let mut rest = rest.get(1..).unwrap_or_default();
        // Number of an entry, length of its body, body.
        while let [number, length, more @ ..] = rest {
            let length = usize::from(*length) * 4;
            let (body, after) = more.split_at(length.min(more.len()));
            let number = usize::from(*number);
            if let Some(entry) = self.entries.get_mut(number / 2) {
                *entry = wire::framed(number % 2 == 0 && entry.len() > 31, &entry.clone(), body);
            }
            rest = after;
        }
        self
    }
}

fn merge(onto: &mut Value, patch: Value) {
    match (onto, patch) {
        (Value::Object(onto), Value::Object(patch)) => {
            for (name, value) in patch {
                merge(onto.entry(name).or_insert(Value::Null), value);
            }
        }
        (onto, patch) => *onto = patch,
    }
}

struct Files {
    secret: Parts,
    keys: Parts,
    request: Parts,
    results: Parts,
    model: Option<Parts>,
}

fn inputs() -> Tensor {
    Tensor::new(&[2, 3], vec![0.1, -0.2, 0.3, 0.4, 0.5, -0.6]).expect("inputs")
}

fn out() -> PathBuf {
    std::env::temp_dir().join(format!("henna-fuzz-{}", std::process::id())).join("results")
}

fn make<S: ClientScheme>(are: WeightsAre) -> exchange::Result<Files> {
    let (network, weights) = &*NETWORK;
    let folder = out().with_file_name(format!("{}-{are}", S::NAME));
    let _ = std::fs::remove_dir_all(&folder);
    let [secret, keys, request, results, model] =
        ["secret", "keys", "request", "results", "model"].map(|name| folder.join(name));
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let setup = match are {
        WeightsAre::Clear => Setup::<S>::compile(network, weights, &inputs(), &Options::default())?,
        WeightsAre::Encrypted => {
            let compiled = compile::<S>(network, weights, &inputs(), &Options::default())?;
            Setup::with_encrypted_weights(network, compiled)?
        }
    };
    keygen(&setup, &secret, &keys, &mut rng, &mut |_| {})?;
    let owner = Owner::<S>::open(Reader::open(&secret, Kind::SecretKey)?, network, weights)?;
    let mut writer = Writer::create(&request, &owner.request_header(2))?;
    owner.encrypt(&inputs(), &mut writer, &mut rng, &mut |_| {})?;
    writer.finish()?;
    if are == WeightsAre::Encrypted {
        let mut writer = Writer::create(&model, &owner.model_header()?)?;
        owner.encrypt_model(weights, &mut writer, &mut rng, &mut |_| {})?;
        writer.finish()?;
    }
    let parts_of_model = (are == WeightsAre::Encrypted).then(|| Parts::of(&model, Kind::Model));
    let (keys, request) = (Parts::of(&keys, Kind::EvaluationKeys), Parts::of(&request, Kind::Request));
    evaluate::<S>(&keys, parts_of_model.as_ref(), &request, &results)?;
    let results = Parts::of(&results, Kind::Results);
    Ok(Files { secret: Parts::of(&secret, Kind::SecretKey), keys, request, results, model: parts_of_model })
}

/// The server's part.
fn evaluate<S: ClientScheme>(
    keys: &Parts,
    model: Option<&Parts>,
    request: &Parts,
    results: &PathBuf,
) -> exchange::Result<Header> {
    let (network, weights) = &*NETWORK;
    let keys = keys.reader(Kind::EvaluationKeys)?;
    let mut request = request.reader(Kind::Request)?;
    let server = match model {
        None => Server::<S>::open(keys, network, weights, |_, _| Ok(Keep::Encoded.into()), &mut |_| {})?,
        Some(model) => {
            Server::open_encrypted(keys, model.reader(Kind::Model)?, network, |_| Ok(()), &mut |_| {})?
        }
    };
    let header = server.results_header(request.header(), "input")?;
    let mut writer = Writer::create(results, &header)?;
    server.evaluate(&mut request, &mut writer, &mut |_, _| {})?;
    writer.finish()?;
    Ok(header)
}

/// The owner's part.
fn decrypt<S: ClientScheme>(secret: &Parts, results: &Parts) -> exchange::Result<Tensor> {
    let (network, weights) = &*NETWORK;
    let owner = Owner::<S>::open(secret.reader(Kind::SecretKey)?, network, weights)?;
    owner.decrypt(&mut results.reader(Kind::Results)?, &mut |_| {})
}

static MORE: LazyLock<[Files; 2]> =
    LazyLock::new(|| [WeightsAre::Clear, WeightsAre::Encrypted].map(|are| make::<More>(are).expect("files")));
static CLEAR: LazyLock<[Files; 2]> = LazyLock::new(|| {
    [WeightsAre::Clear, WeightsAre::Encrypted].map(|are| make::<Clear>(are).expect("files"))
});

fn attempt<S: ClientScheme>(files: &Files, which: u8, input: &[u8]) {
    let Files { secret, keys, request, results, model } = files;
    let model = model.as_ref();
    let altered = |parts: &Parts| parts.clone().altered(input);
    let _ = match which {
        0 => evaluate::<S>(&altered(keys), model, request, &out()).map(drop),
        1 => evaluate::<S>(keys, model.map(altered).as_ref(), request, &out()).map(drop),
        2 => evaluate::<S>(keys, model, &altered(request), &out()).map(drop),
        3 => decrypt::<S>(secret, &altered(results)).map(drop),
        _ => decrypt::<S>(&altered(secret), results).map(drop),
    };
}

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Some((first, rest)) = input.split_first() else { return };
    let (form, which) = (usize::from(first / 2 % 2), first / 4 % 5);
    if first % 2 == 0 {
        attempt::<More>(&MORE[form], which, rest);
    } else {
        attempt::<Clear>(&CLEAR[form], which, rest);
    }
});
