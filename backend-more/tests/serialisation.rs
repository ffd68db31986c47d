//! Bytes: there and back, and everything that must not be read.
#![expect(clippy::unwrap_used, reason = "tests")]

use backend_more::{Ciphertext, EvaluationKeys, FunctionMethod, More, Parameters, RandomLane};
use he_traits::wire::{Decode, Encode, Kind, Writer, fingerprint};
use he_traits::{ClientScheme, Decryptor, Diagonal, Encryptor, Error, Evaluator, KeyNeeds, Level, Scheme};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

fn parameters() -> Parameters {
    Parameters::new(24).unwrap().with_dimension(3).unwrap()
}

fn malformed<T>(result: he_traits::Result<T>) -> bool {
    matches!(result, Err(Error::Malformed { .. }))
}

#[test]
fn owner_and_server_share_the_work_through_bytes() {
    let mut rng = ChaCha20Rng::seed_from_u64(4);
    let keys = More::keygen(&parameters(), &KeyNeeds::default(), &mut rng).unwrap();
    let message: Vec<f64> = (0..24).map(f64::from).collect();
    let encryptor = More::encryptor(&parameters(), &keys.secret).unwrap();
    let x = encryptor.encrypt(&Diagonal::Real(message), Level::UNBOUNDED, &mut rng).unwrap();
    let sent = (parameters().to_bytes().unwrap(), keys.evaluation.to_bytes().unwrap(), x.to_bytes().unwrap());

    let there = Parameters::from_bytes(&sent.0, &()).unwrap();
    let server = More::evaluator(&there, EvaluationKeys::from_bytes(&sent.1, &there).unwrap()).unwrap();
    let received = Ciphertext::from_bytes(&sent.2, &there).unwrap();
    let reply = server.mul(&received, &received).unwrap().to_bytes().unwrap();

    let kept = More::secret_to_bytes(&parameters(), &keys.secret).unwrap();
    let secret = More::secret_from_bytes(&parameters(), &kept).unwrap();
    let decryptor = More::decryptor(&parameters(), &secret).unwrap();
    let result = decryptor.decrypt(&Ciphertext::from_bytes(&reply, &parameters()).unwrap()).unwrap();
    for (slot, value) in result.iter().enumerate() {
        assert!((value - (slot * slot) as f64).abs() < 1e-10);
    }
}

#[test]
fn parameters_come_back_whole() {
    let all = [
        Parameters::new(7).unwrap(),
        parameters().with_method(FunctionMethod::Eigendecomposition).with_condition_bound(17.5).unwrap(),
        parameters().with_random_lane(RandomLane::Interval { low: -0.5, high: 2.0 }).unwrap(),
    ];
    for parameters in all {
        assert_eq!(Parameters::from_bytes(&parameters.to_bytes().unwrap(), &()).unwrap(), parameters);
    }
}

/// Found by fuzzing: a zero with a sign was read, and written without it, so that equal parameters had two fingerprints.
#[test]
fn equal_parameters_have_equal_bytes() {
    let written = |high: f64| {
        let mut writer = Writer::new(Kind { backend: "more", object: "params", fingerprint: 0 }, 44);
        writer.u64(24).u32(3).u32(0).u32(0).f64(1e3).f64(0.0).f64(high);
        writer.finish()
    };
    let read = Parameters::from_bytes(&written(0.0), &()).unwrap();
    assert_eq!(read.to_bytes().unwrap(), written(0.0));
    assert!(malformed(Parameters::from_bytes(&written(-0.0), &())));
}

fn sample() -> (Vec<u8>, Vec<u8>) {
    let mut rng = ChaCha20Rng::seed_from_u64(4);
    let keys = More::keygen(&parameters(), &KeyNeeds::default(), &mut rng).unwrap();
    let encryptor = More::encryptor(&parameters(), &keys.secret).unwrap();
    let x = encryptor.encrypt(&Diagonal::Real(vec![1.0, 2.0, 3.0]), Level::UNBOUNDED, &mut rng).unwrap();
    (x.to_bytes().unwrap(), More::secret_to_bytes(&parameters(), &keys.secret).unwrap().to_vec())
}

#[test]
fn bytes_of_other_parameters_are_refused() {
    let (ciphertext, secret) = sample();
    let other = parameters().with_condition_bound(5.0).unwrap();
    assert!(malformed(Ciphertext::from_bytes(&ciphertext, &other)));
    assert!(malformed(More::secret_from_bytes(&other, &secret).map(|_| ())));
    assert!(malformed(Ciphertext::from_bytes(&secret, &parameters())));
}

#[test]
fn impossible_contents_are_refused_without_taking_memory() {
    let kind = |object| Kind {
        backend: "more",
        object,
        // The fingerprint of parameters is that of the body of their frame.
        fingerprint: fingerprint(&parameters().to_bytes().unwrap()[39..83]),
    };
    let frame = |object, period: u64, entries: &[f64]| {
        let mut writer = Writer::new(kind(object), 8 + 8 * entries.len());
        writer.u64(period).f64s(entries);
        writer.finish()
    };
    let read = |bytes: Vec<u8>| Ciphertext::from_bytes(&bytes, &parameters());
    assert!(read(frame("ctxt", 1, &[1.0; 9])).is_ok());
    for (period, entries) in
        [(0, vec![]), (5, vec![1.0; 45]), (24, vec![1.0; 9]), (u64::MAX, vec![1.0; 9]), (1, vec![1.0; 10])]
    {
        assert!(malformed(read(frame("ctxt", period, &entries))));
    }
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut entries = vec![1.0; 9];
        entries[4] = bad;
        assert!(malformed(read(frame("ctxt", 1, &entries))));
    }
    // A singular basis, and one above the bound of the condition number.
    for basis in [[1.0; 9], [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1e-3]] {
        let mut writer = Writer::new(kind("secret"), 72);
        writer.f64s(&basis);
        assert!(malformed(More::secret_from_bytes(&parameters(), &writer.finish()).map(|_| ())));
    }
}

proptest! {
    #[test]
    fn no_altered_byte_goes_unnoticed(position in 0usize..10_000, flip in 1u8..=255, cut in 0usize..10_000) {
        let (ciphertext, secret) = sample();
        for (bytes, read) in [
            (ciphertext, (|b| Ciphertext::from_bytes(b, &parameters()).map(|_| ())) as fn(&[u8]) -> he_traits::Result<()>),
            (secret, |b| More::secret_from_bytes(&parameters(), b).map(|_| ())),
            (parameters().to_bytes().unwrap(), |b| Parameters::from_bytes(b, &()).map(|_| ())),
        ] {
            let mut altered = bytes.clone();
            let length = altered.len();
            altered[position % length] ^= flip;
            prop_assert!(malformed(read(&altered)));
            prop_assert!(malformed(read(&bytes[..cut % length])));
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(malformed(Ciphertext::from_bytes(&bytes, &parameters())));
        prop_assert!(malformed(Parameters::from_bytes(&bytes, &())));
        prop_assert!(malformed(EvaluationKeys::from_bytes(&bytes, &parameters()).map(|_| ())));
    }
}
