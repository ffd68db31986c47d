//! Bytes: of ciphertexts and keys in memory and in files, and peaks of memory of a process for each backend.

use std::process::Command;

use backend_ckks::Ckks;
use backend_seal::Seal;
use he_traits::wire::Encode;
use he_traits::{Diagonal, Encryptor, Error, Evaluator, KeyNeeds, Result, Scheme};

use crate::operation::Operation;
use crate::sets::{Described, Set};
use crate::subject::{Bench, Subject, random};

/// Names of what [`sizes`] gives, in order.
pub(crate) const NAMES: [&str; 6] = [
    "ciphertext, in memory",
    "ciphertext, as a file",
    "fresh ciphertext under the secret key, as a file",
    "public key, as a file",
    "rotation or relinearisation key, in memory",
    "rotation or relinearisation key, as a file",
];

/// Bytes of the objects of [`NAMES`] at the top level.
pub(crate) fn sizes<S: Described>(params: &S::Params) -> Result<[f64; 6]> {
    let profile = S::profile(params)?;
    let rng = &mut random();
    let keys = S::keygen(params, &KeyNeeds::default(), rng)?;
    let mut needs = KeyNeeds::default();
    needs.rotate(1, profile.top);
    let with_one = S::keygen(params, &needs, rng)?;
    let fresh = S::encryptor(params, &keys.secret)?.encrypt(&Diagonal::Constant(0.5), profile.top, rng)?;
    let public = S::public_key(params, &keys.secret, rng)?;
    let public = public.ok_or_else(|| Error::parameters("a scheme without a public key"))?;
    let empty = keys.evaluation.to_bytes()?.len();
    let key = with_one.evaluation.to_bytes()?.len() - empty;
    let whole = S::evaluator(params, keys.evaluation)?.neg(&fresh)?;
    let (chain, special) = S::primes(params);
    let polynomial = |limbs: usize| 2 * profile.slots * limbs * size_of::<u64>();
    let sizes = [
        2 * polynomial(chain),
        whole.to_bytes()?.len(),
        fresh.to_bytes()?.len(),
        public.to_bytes()?.len(),
        S::digits(params) * 2 * polynomial(chain + special),
        key,
    ];
    Ok(sizes.map(|bytes| bytes as f64))
}

/// In a child: everything once, then the peak of memory on standard output.
pub(crate) fn child(set: &Set, backend: &str) -> Result<()> {
    let subject: Box<dyn Subject> = match (backend, &set.seal) {
        (Seal::NAME, Some(params)) => Box::new(Bench::<Seal>::new(params)?),
        _ => Box::new(Bench::<Ckks>::new(&set.native)?),
    };
    Operation::ALL.into_iter().try_for_each(|operation| subject.run(operation))?;
    println!("{}", own_peak().unwrap_or_default());
    Ok(())
}

/// Linux alone tells it.
fn own_peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// Peak of a process in which the backend makes its keys, prepares the map and runs every operation once.
pub(crate) fn peak(set: &Set, backend: &str) -> Option<f64> {
    let program = std::env::current_exe().ok()?;
    let degree = set.log_degree.to_string();
    let output = Command::new(program).args(["--peak-of", backend, "--degree", &degree]).output().ok()?;
    let bytes: u64 = String::from_utf8(output.stdout).ok()?.trim().parse().ok()?;
    (bytes > 0).then_some(bytes as f64)
}
