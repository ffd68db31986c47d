//! Parameters, keys and ciphertexts as bytes: what comes back works, what was tampered with does not come back.

use crate::common::{Party, needs, uniform};
use backend_seal::{Ciphertext, EvaluationKeys, Params, PublicKey, Seal};
use he_traits::{
    ClientScheme, Decryptor as _, Diagonal, Encryptor as _, Error, Evaluator as _, Level, Result, Scheme,
    Step,
    wire::{Decode, Encode},
};

fn params() -> Result<Params> {
    Ok(Params::insecure_for_tests(128, 2, 40)?)
}

/// Replaces the checksum at the end so that only the layers behind it can object.
fn reseal(bytes: &mut [u8]) {
    // The frame ends with the CRC-32 of everything before.
    let end = bytes.len() - 4;
    let mut crc = !0_u32;
    for byte in &bytes[..end] {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    bytes[end..].copy_from_slice(&(!crc).to_le_bytes());
}

#[test]
fn two_processes_can_share_the_work() -> Result<()> {
    // The owner.
    let params = Params::insecure_for_tests(2048, 2, 40)?.with_key_memory(1 << 30);
    let wanted = needs(&params, [1, 9]);
    let keys = Seal::keygen(&params, &wanted, &mut rand::rng())?;
    let x = uniform(params.slots(), 1);
    let values = Diagonal::Real(x.clone());
    let fresh = Seal::encryptor(&params, &keys.secret)?.encrypt(&values, Level::new(2), &mut rand::rng())?;
    let public = Seal::public_key(&params, &keys.secret, &mut rand::rng())?.unwrap();
    let files = [params.to_bytes()?, keys.evaluation.to_bytes()?, fresh.to_bytes()?, public.to_bytes()?];
    let secret = Seal::secret_to_bytes(&params, &keys.secret)?;

    // The server, from bytes alone.
    let there = Params::from_bytes(&files[0], &())?;
    assert_eq!(there, params);
    let server = Seal::evaluator(&there, EvaluationKeys::from_bytes(&files[1], &there)?)?;
    let received = Ciphertext::from_bytes(&files[2], &there)?;
    let other = Seal::public_encryptor(&there, &PublicKey::from_bytes(&files[3], &there)?)?;
    let other = other.encrypt(&Diagonal::Constant(0.5), Level::new(2), &mut rand::rng())?;
    let answer = server.mul(&server.rotate(&received, Step(9))?, &other)?.to_bytes()?;

    // The owner again.
    let secret = Seal::secret_from_bytes(&params, &secret)?;
    let answer = Ciphertext::from_bytes(&answer, &params)?;
    assert_eq!(answer.level(), Level::new(1));
    let slots = Seal::decryptor(&params, &secret)?.decrypt(&answer)?;
    for (i, slot) in slots.iter().enumerate() {
        assert!((slot - 0.5 * x[(i + 9) % x.len()]).abs() < 1e-6);
    }
    Ok(())
}

#[test]
fn seeds_halve_the_traffic() -> Result<()> {
    let params = Params::insecure_for_tests(2048, 4, 40)?;
    let p = Party::new(params.clone(), &needs(&params, [1]))?;
    let fresh = p.encrypt(&[0.5], 4)?;
    let computed = p.server.neg(&fresh)?;
    let (seeded, whole) = (fresh.to_bytes()?.len(), computed.to_bytes()?.len());
    assert!(seeded * 2 < whole + 1000, "{seeded} of {whole} bytes");
    let keys = Seal::keygen(&params, &needs(&params, [1]), &mut rand::rng())?.evaluation;
    let bytes = keys.to_bytes()?.len() as u64;
    assert!(bytes * 2 < 3 * params.switching_key_bytes(), "{bytes} bytes");
    Ok(())
}

/// As many bits for a residue as its prime has, nothing for uniform halves, and 5% at most for all the rest.
#[test]
fn bytes_are_near_the_fewest() -> Result<()> {
    let params = Params::insecure_for_tests(2048, 4, 40)?;
    let bits = |prime: u64| u64::from(u64::BITS - prime.leading_zeros());
    let chain: u64 = params.primes().iter().map(|prime| bits(*prime)).sum();
    let degree = params.ring_degree() as u64;
    let keys = Seal::keygen(&params, &needs(&params, [1, 7]), &mut rand::rng())?;
    let fresh = Seal::encryptor(&params, &keys.secret)?.encrypt(
        &Diagonal::Constant(0.5),
        Level::new(4),
        &mut rand::rng(),
    )?;
    let count = keys.evaluation.count() as u64;
    let part = degree * (chain + bits(params.special_prime())) / 8;
    let fewest_keys = count * params.primes().len() as u64 * part;
    for (what, bytes, fewest) in [
        ("keys", keys.evaluation.to_bytes()?.len(), fewest_keys),
        ("ciphertext", fresh.to_bytes()?.len(), degree * chain / 8),
    ] {
        let ratio = bytes as f64 / fewest as f64;
        assert!((1.0..1.05).contains(&ratio), "{what}: {bytes} bytes, {fewest} would do");
    }
    Ok(())
}

#[test]
fn truncated_altered_and_foreign_bytes_are_refused() -> Result<()> {
    let params = params()?;
    let keys = Seal::keygen(&params, &needs(&params, [3]), &mut rand::rng())?;
    let encryptor = Seal::encryptor(&params, &keys.secret)?;
    let fresh = encryptor.encrypt(&Diagonal::Constant(1.0), Level::new(2), &mut rand::rng())?;
    let server =
        Seal::evaluator(&params, EvaluationKeys::from_bytes(&keys.evaluation.to_bytes()?, &params)?)?;
    let whole = server.rotate(&fresh, Step(3))?;
    let public = Seal::public_key(&params, &keys.secret, &mut rand::rng())?.unwrap();
    type Read = fn(&[u8], &Params) -> Option<Error>;
    let objects: [(&str, Vec<u8>, Read); 6] = [
        ("params", params.to_bytes()?, |b, _| Params::from_bytes(b, &()).err()),
        ("keys", keys.evaluation.to_bytes()?, |b, p| EvaluationKeys::from_bytes(b, p).err()),
        ("seeded", fresh.to_bytes()?, |b, p| Ciphertext::from_bytes(b, p).err()),
        ("whole", whole.to_bytes()?, |b, p| Ciphertext::from_bytes(b, p).err()),
        ("public", public.to_bytes()?, |b, p| PublicKey::from_bytes(b, p).err()),
        ("secret", Seal::secret_to_bytes(&params, &keys.secret)?.to_vec(), |b, p| {
            Seal::secret_from_bytes(p, b).err()
        }),
    ];
    let foreign = Params::insecure_for_tests(128, 3, 40)?;
    for (name, bytes, read) in &objects {
        assert!(read(bytes, &params).is_none(), "{name} itself");
        for cut in [0, 1, 20, bytes.len() / 2, bytes.len() - 1] {
            assert!(
                matches!(read(&bytes[..cut], &params), Some(Error::Malformed { .. })),
                "{name} cut at {cut}"
            );
        }
        for at in (0..bytes.len()).step_by(1 + bytes.len() / 97) {
            let mut altered = bytes.clone();
            altered[at] ^= 0x10;
            assert!(read(&altered, &params).is_some(), "{name} altered at {at}");
        }
        if *name != "params" {
            assert!(
                matches!(read(bytes, &foreign), Some(Error::Malformed { .. })),
                "{name} of other parameters"
            );
        }
        for (other, other_bytes, _) in &objects {
            let same_kind = name == other || [*name, *other].iter().all(|n| ["seeded", "whole"].contains(n));
            if !same_kind {
                assert!(read(other_bytes, &params).is_some(), "{other} read as {name}");
            }
        }
    }
    Ok(())
}

/// An attacker can fix the checksum: each header, name and size behind it is checked before SEAL sees the bytes, and SEAL checks
/// the residues. What gets through is another valid object, never a crash or a large allocation.
#[test]
fn forged_bytes_with_a_right_checksum_cannot_crash() -> Result<()> {
    let params = params()?;
    let keys = Seal::keygen(&params, &needs(&params, [3]), &mut rand::rng())?;
    let encryptor = Seal::encryptor(&params, &keys.secret)?;
    let fresh = encryptor.encrypt(&Diagonal::Constant(1.0), Level::new(2), &mut rand::rng())?;
    let server =
        Seal::evaluator(&params, EvaluationKeys::from_bytes(&keys.evaluation.to_bytes()?, &params)?)?;
    let whole = server.neg(&fresh)?.to_bytes()?;
    let seeded = fresh.to_bytes()?;
    let evaluation = keys.evaluation.to_bytes()?;
    let secret = Seal::secret_to_bytes(&params, &keys.secret)?;
    let header = 5 + 2 + 16 + 8 + 8;
    let mut accepted = 0;
    for bytes in [&seeded, &whole, &evaluation, &*secret] {
        // Every byte of the structured beginning, and a sample of the rest.
        for at in (header..bytes.len() - 4).filter(|at| *at < header + 260 || at % 499 == 0) {
            for change in [0x01, 0xff] {
                let mut forged = bytes.to_vec();
                forged[at] ^= change;
                reseal(&mut forged);
                accepted += usize::from(Ciphertext::from_bytes(&forged, &params).is_ok());
                if let Ok(keys) = EvaluationKeys::from_bytes(&forged, &params) {
                    // The residues of keys are checked when an evaluator expands them.
                    accepted += usize::from(Seal::evaluator(&params, keys).is_ok());
                }
                accepted += usize::from(Seal::secret_from_bytes(&params, &forged).is_ok());
            }
        }
        // Sizes that would take all memory.
        for at in header..header + 200 {
            let mut forged = bytes.to_vec();
            forged[at..at + 8].copy_from_slice(&(u64::MAX >> 8).to_le_bytes());
            reseal(&mut forged);
            let _ = Ciphertext::from_bytes(&forged, &params);
            let _ = EvaluationKeys::from_bytes(&forged, &params);
            let _ = Seal::secret_from_bytes(&params, &forged);
        }
    }
    // Residues and seeds may change into other valid ones; without any the test would not have reached SEAL.
    assert!(accepted > 0);
    Ok(())
}

#[test]
fn a_forged_scale_is_refused() -> Result<()> {
    let params = params()?;
    let p = Party::new(params.clone(), &needs(&params, []))?;
    let bytes = p.encrypt(&[1.0], 2)?.to_bytes()?;
    let scale = params.scale(2).unwrap().to_le_bytes();
    let at = bytes.windows(8).position(|window| window == scale).unwrap();
    for forged_scale in [f64::NAN, 0.0, -1.0, 2f64.powi(41)] {
        let mut forged = bytes.clone();
        forged[at..at + 8].copy_from_slice(&forged_scale.to_le_bytes());
        reseal(&mut forged);
        let refused = Ciphertext::from_bytes(&forged, &params).unwrap_err();
        assert!(refused.to_string().contains("scale"), "{refused}");
    }
    Ok(())
}
