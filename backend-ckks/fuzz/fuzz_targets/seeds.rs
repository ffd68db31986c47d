//! Writes valid inputs for every reader, to start from: `cargo run --release --bin seeds -- FOLDER`.

#[path = "../../tests/readers/mod.rs"]
#[expect(dead_code, reason = "the readers themselves run elsewhere")]
mod readers;

use std::path::{Path, PathBuf};

use backend_ckks::{Ckks, Literal, Parameters, SecretKind};
use he_traits::wire::Encode;
use he_traits::{ClientScheme, Diagonal, Encryptor, KeyNeeds, Level};
use readers::{KEYS, TOY, random};

/// Bytes of the header, and of the checksum at the end.
const FRAME: (usize, usize) = (39, 4);

/// The file both ways: as it is, and as a body to be framed.
fn write(folder: &Path, reader: &str, name: &str, file: &[u8]) -> std::io::Result<()> {
    let folder = folder.join(reader);
    std::fs::create_dir_all(&folder)?;
    let body = file.get(FRAME.0..file.len().saturating_sub(FRAME.1)).unwrap_or_default();
    std::fs::write(folder.join(format!("{name}-file")), [&[0], file].concat())?;
    std::fs::write(folder.join(format!("{name}-body")), [&[1], body].concat())
}

fn parameters() -> Result<Vec<(&'static str, Parameters)>, Box<dyn std::error::Error>> {
    let small = Parameters::insecure_for_tests(16, 1, 25)?.literal().clone();
    let sparse = Literal { secret: SecretKind::Sparse { weight: 8 }, ..small.clone() };
    let bare = Literal { special: Vec::new(), ..small.clone() };
    Ok(vec![
        ("toy", TOY.clone()),
        ("small", Parameters::insecure(small)?),
        ("sparse", Parameters::insecure(sparse)?),
        ("bare", Parameters::insecure(bare)?),
        ("secure", Parameters::secure(4096, 1, 28)?),
    ])
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).map(PathBuf::from).ok_or("name a folder")?;
    for (name, params) in parameters()? {
        write(&folder, "parameters", name, &params.to_bytes()?)?;
    }
    let top = Level::new(TOY.depth() as u32);
    let random = &mut random();
    write(&folder, "evaluation_keys", "all", &KEYS.evaluation.to_bytes()?)?;
    let mut needs = KeyNeeds::default();
    write(&folder, "evaluation_keys", "none", &Ckks::keygen(&TOY, &needs, random)?.evaluation.to_bytes()?)?;
    needs.rotate(7, Level::ZERO);
    write(&folder, "evaluation_keys", "one", &Ckks::keygen(&TOY, &needs, random)?.evaluation.to_bytes()?)?;
    write(&folder, "secret_key", "ternary", &Ckks::secret_to_bytes(&TOY, &KEYS.secret)?)?;
    let public = Ckks::public_key(&TOY, &KEYS.secret, random)?.ok_or("CKKS has a public key")?;
    write(&folder, "public_key", "public", &public.to_bytes()?)?;
    let value = Diagonal::Constant(0.5);
    let seeded = Ckks::encryptor(&TOY, &KEYS.secret)?;
    let whole = Ckks::public_encryptor(&TOY, &public)?;
    for (name, level) in [("top", top), ("bottom", Level::ZERO)] {
        let x = seeded.encrypt(&value, level, random)?;
        write(&folder, "ciphertext", &format!("seeded-{name}"), &x.to_bytes()?)?;
        let x = whole.encrypt(&value, level, random)?;
        write(&folder, "ciphertext", &format!("whole-{name}"), &x.to_bytes()?)?;
    }
    Ok(())
}
