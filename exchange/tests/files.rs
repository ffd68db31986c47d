//! Every kind of file: truncated, altered, foreign; and what they hold comes back.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::io::Cursor;
use std::path::{Path, PathBuf};

use backend_more::More;
use exchange::owner::{Owner, keygen};
use exchange::server::Server;
use exchange::{Error, Kind, Reader, Setup, Writer};
use he_traits::{Clear, ClientScheme, Keep};
use nn_layers::{Activation, Linear, Network, Options, Tensor, Weights, clear, train};
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

fn network() -> (Network, Weights) {
    let mut n = Network::builder("mine", &[5]);
    n.layer("fc1", Linear::new(5, 8));
    n.layer("act1", Activation::Tanh);
    n.layer("fc2", Linear::new(8, 3));
    let network = n.build().unwrap();
    let weights = train::xavier(&network, 3);
    (network, weights)
}

fn inputs(count: usize) -> Tensor {
    Tensor::new(&[count, 5], (0..count * 5).map(|i| (i as f64 * 0.7).sin()).collect()).unwrap()
}

struct Files {
    secret: PathBuf,
    evaluation: PathBuf,
    request: PathBuf,
    results: PathBuf,
}

/// The whole way, with nothing but files between the two sides; the decrypted results.
fn whole_way<S: ClientScheme>(folder: &Path, count: usize) -> (Files, Tensor) {
    let (network, weights) = network();
    let name = |name: &str| folder.join(name);
    let files = Files {
        secret: name("owner/secret"),
        evaluation: name("evaluation"),
        request: name("request"),
        results: name("results"),
    };
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let setup = Setup::<S>::compile(&network, &weights, &inputs(64), &Options::default()).unwrap();
    keygen(&setup, &files.secret, &files.evaluation, &mut rng, &mut |_| {}).unwrap();

    let secret = Reader::open(&files.secret, Kind::SecretKey).unwrap();
    let owner = Owner::<S>::open(secret, &network, &weights).unwrap();
    let mut request = Writer::create(&files.request, &owner.request_header(count)).unwrap();
    owner.encrypt(&inputs(count), &mut request, &mut rng, &mut |_| {}).unwrap();
    request.finish().unwrap();

    let keys = Reader::open(&files.evaluation, Kind::EvaluationKeys).unwrap();
    let server =
        Server::<S>::open(keys, &network, &weights, |_, _| Ok(Keep::Encoded.into()), &mut |_| {}).unwrap();
    let mut request = Reader::open(&files.request, Kind::Request).unwrap();
    let header = server.results_header(request.header(), request.name()).unwrap();
    let mut results = Writer::create(&files.results, &header).unwrap();
    server.evaluate(&mut request, &mut results, &mut |_, _| {}).unwrap();
    results.finish().unwrap();

    let mut results = Reader::open(&files.results, Kind::Results).unwrap();
    let values = owner.decrypt(&mut results, &mut |_| {}).unwrap();
    (files, values)
}

fn held_against_clear<S: ClientScheme>(tolerance: f64) {
    let folder = tempfile::tempdir().unwrap();
    let (network, weights) = network();
    for count in [1, 19] {
        let folder = folder.path().join(count.to_string());
        let (_, values) = whole_way::<S>(&folder, count);
        let expected = clear::run(&network, &weights, &inputs(count)).unwrap();
        assert_eq!(values.shape(), expected.shape());
        for (value, expected) in values.data().iter().zip(expected.data()) {
            assert!((value - expected).abs() < tolerance, "{value} instead of {expected}");
        }
    }
}

#[test]
fn the_result_is_that_of_the_network() {
    held_against_clear::<More>(1e-9);
    // With levels, polynomials stand in for activations; they travel in the header, bit by bit.
    held_against_clear::<Clear>(5e-2);
}

#[test]
fn both_sides_compile_the_program_of_the_first_compilation() {
    let (network, weights) = network();
    let options = Options::default();
    let compiled = nn_layers::compile::<Clear>(&network, &weights, &inputs(64), &options).unwrap();
    let setup = Setup::<Clear>::of(&network, &weights, compiled.clone()).unwrap();
    let (before, after) =
        (compiled.program.clear(&inputs(9)).unwrap(), setup.program.clear(&inputs(9)).unwrap());
    assert_eq!(before, after);
    assert_eq!(compiled.program.input_level(), setup.program.input_level());
    assert_eq!(compiled.program.summary(), setup.program.summary());
}

fn kinds(files: &Files) -> [(&PathBuf, Kind); 4] {
    [
        (&files.secret, Kind::SecretKey),
        (&files.evaluation, Kind::EvaluationKeys),
        (&files.request, Kind::Request),
        (&files.results, Kind::Results),
    ]
}

#[test]
fn truncated_altered_and_foreign_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (files, _) = whole_way::<More>(folder.path(), 2);
    for (path, kind) in kinds(&files) {
        let bytes = std::fs::read(path).unwrap();
        let read = |bytes: Vec<u8>| Reader::new("it", Cursor::new(bytes), kind);
        assert!(read(bytes.clone()).is_ok(), "{kind}");
        for cut in (0..bytes.len()).step_by(7).chain([bytes.len() - 1]) {
            assert!(
                matches!(read(bytes[..cut].to_vec()), Err(Error::Malformed { .. })),
                "{kind} cut at {cut}"
            );
        }
        for place in (0..bytes.len()).step_by(5) {
            let mut altered = bytes.clone();
            altered[place] ^= 0x10;
            assert!(read(altered).is_err(), "{kind} altered at {place}");
        }
        assert!(read([bytes.clone(), vec![0]].concat()).is_err(), "{kind} with a byte to spare");
        for (_, other) in kinds(&files).into_iter().filter(|(_, other)| *other != kind) {
            let error = Reader::new("it", Cursor::new(bytes.clone()), other).err().unwrap();
            let secret = kind == Kind::SecretKey;
            assert_eq!(matches!(error, Error::SecretAtServer { .. }), secret, "{error}");
        }
        let mut newer = bytes.clone();
        newer[8] = 2;
        let error = read(newer).err().unwrap().to_string();
        assert!(error.contains("version 2") && error.contains("version 1"), "{error}");
        let error = read(b"PK\x03\x04 and so on: at least as long as the smallest file is".to_vec());
        assert!(error.err().unwrap().to_string().contains("not a henna file"));
    }
}

/// A file whose checksum is right and whose contents are not: made with the library, as an attacker would.
#[test]
fn well_formed_files_with_wrong_contents_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (files, _) = whole_way::<More>(folder.path(), 2);
    let (network, weights) = network();
    let keys = || Reader::open(&files.evaluation, Kind::EvaluationKeys).unwrap();
    let server =
        Server::<More>::open(keys(), &network, &weights, |_, _| Ok(Keep::Values.into()), &mut |_| {})
            .unwrap();
    let good = Reader::open(&files.request, Kind::Request).unwrap().header().clone();
    let forged = folder.path().join("forged");
    let evaluate = |samples: u64, entries: &[&[u8]]| {
        let header = exchange::Header { samples, ..good.clone() };
        let mut writer = Writer::create(&forged, &header).unwrap();
        for entry in entries {
            writer.push(entry).unwrap();
        }
        writer.finish().unwrap();
        let mut request = Reader::open(&forged, Kind::Request).unwrap();
        let header = server.results_header(request.header(), "forged").unwrap();
        let mut results = Writer::create(&folder.path().join("out"), &header).unwrap();
        server.evaluate(&mut request, &mut results, &mut |_, _| {}).unwrap_err().to_string()
    };
    let mut request = Reader::open(&files.request, Kind::Request).unwrap();
    let ciphertext = request.entry().unwrap();
    assert!(evaluate(u64::MAX, &[&ciphertext]).contains("1 ciphertexts for"));
    assert!(evaluate(3, &[&ciphertext]).contains("1 ciphertexts for 3 samples"));
    assert!(evaluate(1, &[b"no frame"]).contains("cannot read"));
    // Keys in the place of a ciphertext.
    let params = keys().entry().unwrap();
    assert!(evaluate(1, &[&params]).contains("cannot read"));
    assert!(!folder.path().join("out").exists());

    // Control sequences for the terminal of whoever reads what the file says.
    let header = exchange::Header { scheme: "more\u{1b}[2J".to_owned(), ..good.clone() };
    Writer::create(&forged, &header).unwrap().finish().unwrap();
    let error = Reader::open(&forged, Kind::Request).err().unwrap().to_string();
    assert!(error.contains("control characters") && !error.contains('\u{1b}'), "{error}");

    // Keys of other parameters than their header names; a polynomial that is none.
    let mut header = keys().header().clone();
    header.parameters = "0".repeat(16);
    let open = |header: &exchange::Header| {
        let mut writer = Writer::create(&forged, header).unwrap();
        writer.push(&params).unwrap();
        writer.finish().unwrap();
        let reader = Reader::open(&forged, Kind::EvaluationKeys).unwrap();
        Server::<More>::open(reader, &network, &weights, |_, _| Ok(Keep::Values.into()), &mut |_| {})
            .err()
            .unwrap()
            .to_string()
    };
    assert!(open(&header).contains("parameters"));
    let mut header = keys().header().clone();
    header.network.polynomials.push(exchange::FittedPolynomial {
        node: "act1".to_owned(),
        interval: [f64::NAN.to_bits(), 1],
        coefficients: vec![],
    });
    assert!(open(&header).contains("polynomial"));
}

#[test]
fn what_does_not_belong_together_is_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let (one, _) = whole_way::<More>(&folder.path().join("1"), 2);
    let (two, _) = whole_way::<More>(&folder.path().join("2"), 2);
    let (three, _) = whole_way::<Clear>(&folder.path().join("3"), 2);
    let header = |path: &Path, kind| Reader::open(path, kind).unwrap().header().clone();
    let belongs = |a: &Path, b: &Path| {
        header(a, Kind::Request)
            .belongs("a", &header(b, Kind::EvaluationKeys), "b")
            .map_err(|e| e.to_string())
    };
    assert_eq!(belongs(&one.request, &one.evaluation), Ok(()));
    assert!(belongs(&one.request, &two.evaluation).unwrap_err().starts_with("a was made for keys"));
    assert!(
        belongs(&one.request, &three.evaluation)
            .unwrap_err()
            .contains("scheme more, but b is for scheme clear")
    );
    let (network, weights) = network();
    let other = train::xavier(&network, 4);
    let secret = || Reader::open(&one.secret, Kind::SecretKey).unwrap();
    assert!(Owner::<More>::open(secret(), &network, &weights).is_ok());
    let error = Owner::<More>::open(secret(), &network, &other).err().unwrap();
    assert!(matches!(error, Error::Foreign { what: "network", .. }), "{error}");
    let error = Owner::<Clear>::open(secret(), &network, &weights).err().unwrap();
    assert!(matches!(error, Error::Foreign { what: "scheme", .. }), "{error}");
}

#[test]
fn a_writer_that_does_not_finish_leaves_nothing_and_a_secret_is_never_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let (files, _) = whole_way::<More>(folder.path(), 1);
    let before = std::fs::read(&files.request).unwrap();
    let header = Reader::open(&files.request, Kind::Request).unwrap().header().clone();
    let mut writer = Writer::create(&files.request, &header).unwrap();
    writer.push(&[0; 100_000]).unwrap();
    assert!(writer.part().exists());
    drop(writer);
    assert_eq!(std::fs::read(&files.request).unwrap(), before);
    assert!(
        !std::fs::read_dir(folder.path())
            .unwrap()
            .any(|entry| { entry.unwrap().file_name().to_string_lossy().ends_with(".part") })
    );
    let secret = Reader::open(&files.secret, Kind::SecretKey).unwrap().header().clone();
    assert!(matches!(Writer::create(&files.secret, &secret), Err(Error::Exists { .. })));
}

proptest! {
    /// Any bytes, and any bytes behind a good start: an error, no panic, and no memory beyond what is there.
    #[test]
    fn no_bytes_make_a_reader_panic(start in 0usize..64, tail in proptest::collection::vec(any::<u8>(), 0..300)) {
        let folder = tempfile::tempdir().unwrap();
        let header = exchange::Header {
            weights: exchange::WeightsAre::Clear,
            model: None,
            kind: Kind::Request,
            scheme: "more".to_owned(),
            parameters: String::new(),
            description: String::new(),
            keys: String::new(),
            network: exchange::NetworkTag { name: String::new(), digest: String::new(), polynomials: vec![] },
            program: String::new(),
            henna: String::new(),
            samples: 1,
            ciphertexts: 1,
        };
        let path = folder.path().join("x");
        Writer::create(&path, &header).unwrap().finish().unwrap();
        let good = std::fs::read(&path).unwrap();
        let mut bytes = good[..start.min(good.len())].to_vec();
        bytes.extend(tail);
        prop_assert!(Reader::new("x", Cursor::new(bytes), Kind::Request).is_err());
    }
}
