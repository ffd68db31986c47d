//! Frames: truncated, altered, foreign and oversized bytes are refused, and nothing is allocated for them.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed expectation is a failed test")]

use he_traits::wire::{Decode, Encode, Kind, Reader, Writer, fingerprint};
use he_traits::{ClearCiphertext, ClearKeys, ClearParams, Diagonal, Error, KeyNeeds, Level, LinearStyle};
use proptest::prelude::*;

const KIND: Kind = Kind { backend: "clear", object: "ctxt", fingerprint: 7 };

fn params() -> ClearParams {
    ClearParams::new(4, Level::new(5)).unwrap().with_complex(true)
}

fn keys() -> ClearKeys {
    let mut needs = KeyNeeds::default();
    needs.rotate(1, Level::new(5));
    needs.rotate(3, Level::new(2));
    needs.relinearise(Level::new(4));
    ClearKeys::new(&params(), needs).unwrap()
}

fn ciphertext() -> ClearCiphertext {
    ClearCiphertext::new(&params(), &Diagonal::Real(vec![1.0, -2.5, 0.0, 1e300]), Level::new(3)).unwrap()
}

fn malformed<T>(result: Result<T, Error>) -> bool {
    matches!(result, Err(Error::Malformed { .. }))
}

/// A frame is refused at each truncation, with a byte more, and with any one bit flipped.
fn fragile<C, T: Decode<C>>(bytes: &[u8], context: &C) {
    for length in 0..bytes.len() {
        assert!(malformed(T::from_bytes(&bytes[..length], context)), "{length} of {} bytes", bytes.len());
    }
    assert!(malformed(T::from_bytes(&[bytes, &[0]].concat(), context)));
    for bit in 0..8 * bytes.len() {
        let mut altered = bytes.to_vec();
        altered[bit / 8] ^= 1 << (bit % 8);
        assert!(malformed(T::from_bytes(&altered, context)), "bit {bit}");
    }
}

#[test]
fn objects_survive_the_journey() {
    for params in [
        params(),
        ClearParams::new(12, Level::UNBOUNDED).unwrap().with_exact(true).with_linear(LinearStyle::Diagonals),
    ] {
        assert_eq!(ClearParams::from_bytes(&params.to_bytes().unwrap(), &()).unwrap(), params);
    }
    assert_eq!(ClearKeys::from_bytes(&keys().to_bytes().unwrap(), &params()).unwrap(), keys());
    assert!(
        ClearCiphertext::from_bytes(&ciphertext().to_bytes().unwrap(), &params()).unwrap() == ciphertext()
    );
}

#[test]
fn truncations_and_flipped_bits_are_noticed() {
    fragile::<(), ClearParams>(&params().to_bytes().unwrap(), &());
    fragile::<ClearParams, ClearKeys>(&keys().to_bytes().unwrap(), &params());
    fragile::<ClearParams, ClearCiphertext>(&ciphertext().to_bytes().unwrap(), &params());
}

#[test]
fn frames_of_another_kind_backend_or_parameters_are_refused() {
    let frame = |kind| Writer::new(kind, 0).finish();
    Reader::new(&frame(KIND), KIND).unwrap().finish().unwrap();
    for (kind, word) in [
        (Kind { backend: "seal", ..KIND }, "backend seal"),
        (Kind { object: "evalkeys", ..KIND }, "evalkeys"),
        (Kind { fingerprint: 8, ..KIND }, "other parameters"),
    ] {
        let error = Reader::new(&frame(kind), KIND).err().unwrap().to_string();
        assert!(error.contains(word), "{error}");
    }
    let others = params().with_exact(true);
    assert!(malformed(ClearCiphertext::from_bytes(&ciphertext().to_bytes().unwrap(), &others)));
    assert!(malformed(ClearKeys::from_bytes(&keys().to_bytes().unwrap(), &others)));
    assert!(malformed(ClearKeys::from_bytes(&ciphertext().to_bytes().unwrap(), &params())));
}

#[test]
fn a_newer_format_says_so() {
    let mut frame = Writer::new(KIND, 0).finish();
    frame[5] = 2;
    let error = Reader::new(&frame, KIND).err().unwrap().to_string();
    assert!(error.contains("version 2"), "{error}");
}

#[test]
fn claims_beyond_the_bytes_allocate_nothing() {
    let mut writer = Writer::new(KIND, 16);
    writer.f64(1.0).f64(2.0);
    let frame = writer.finish();
    assert!(malformed(Reader::new(&frame, KIND).unwrap().f64s(usize::MAX)));
    assert!(malformed(Reader::new(&frame, KIND).unwrap().f64s(usize::MAX / 16)));
    assert!(malformed(Reader::new(&frame, KIND).unwrap().f64s(3)));
    let mut reader = Reader::new(&frame, KIND).unwrap();
    assert_eq!(reader.f64s(2).unwrap(), [1.0, 2.0]);
    reader.finish().unwrap();
    assert!(malformed(Reader::new(&frame, KIND).unwrap().finish()));
    let mut many_keys = Writer::new(Kind { object: "evalkeys", ..KIND }, 0);
    many_keys.u32(0).u32(0).u32(0).u32(0).u64(u64::MAX);
    let body_only = many_keys.finish();
    let kind = Kind { object: "evalkeys", ..KIND };
    assert_eq!(Reader::new(&body_only, kind).unwrap().remaining().len(), 24);
}

#[test]
fn numbers_that_are_not_finite_are_refused() {
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut writer = Writer::new(KIND, 8);
        writer.f64(number);
        let frame = writer.finish();
        assert!(malformed(Reader::new(&frame, KIND).unwrap().f64()));
        assert!(malformed(Reader::new(&frame, KIND).unwrap().f64s(1)));
    }
}

#[test]
fn fingerprints_tell_parameters_apart() {
    let of = |params: ClearParams| fingerprint(&params.to_bytes().unwrap());
    assert_eq!(of(params()), of(params()));
    assert_ne!(of(params()), of(params().with_exact(true)));
    assert_ne!(of(params()), of(ClearParams::new(4, Level::new(6)).unwrap().with_complex(true)));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn numbers_come_back_as_they_went(
        words: Vec<u64>, short: Vec<u32>, reals in prop::collection::vec(-1e300..1e300_f64, 0..20), raw: Vec<u8>,
    ) {
        let mut writer = Writer::new(KIND, 0);
        words.iter().for_each(|word| { writer.u64(*word); });
        short.iter().for_each(|word| { writer.u32(*word); });
        writer.f64s(&reals).bytes(&raw);
        let frame = writer.finish();
        let mut reader = Reader::new(&frame, KIND).unwrap();
        for word in words {
            prop_assert_eq!(reader.u64().unwrap(), word);
        }
        for word in short {
            prop_assert_eq!(reader.u32().unwrap(), word);
        }
        prop_assert_eq!(reader.f64s(reals.len()).unwrap(), reals);
        prop_assert_eq!(reader.remaining(), raw);
        reader.finish().unwrap();
    }

    #[test]
    fn arbitrary_bytes_are_refused(bytes: Vec<u8>) {
        prop_assert!(malformed(ClearParams::from_bytes(&bytes, &())));
        prop_assert!(malformed(ClearKeys::from_bytes(&bytes, &params())));
        prop_assert!(malformed(ClearCiphertext::from_bytes(&bytes, &params())));
    }
}
