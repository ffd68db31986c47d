//! `henna inspect`: what a file says about itself.

use std::fs::File;
use std::path::PathBuf;

use clap::Args;
use exchange::{Header, Kind, Reader};

use crate::failure::Failure;
use crate::{output, units};

#[derive(Args)]
pub(crate) struct InspectArgs {
    /// Files that `keygen`, `encrypt` or `evaluate` made
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Print each file's header as a line of JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Tells what each file is for. Headers alone are read, and hold nothing secret; checksums are for those who use the contents.
pub(crate) fn inspect(args: &InspectArgs) -> Result<(), Failure> {
    for path in &args.files {
        let failed = |source| exchange::Error::Io { path: path.clone(), source };
        let file = File::open(path).map_err(failed)?;
        let bytes = file.metadata().map_err(failed)?.len();
        let name = path.display().to_string();
        let header = Reader::header_of(&name, file)?;
        let text = if args.json {
            serde_json::to_string(&header).map_err(|error| Failure::failed(error.to_string()))? + "\n"
        } else {
            words(&name, bytes, &header)
        };
        output::print(&text)?;
    }
    Ok(())
}

fn words(name: &str, bytes: u64, header: &Header) -> String {
    let Header { network, .. } = header;
    let mut text = format!(
        "{name}: {}, {}\n  scheme      {}\n  parameters  {} ({})\n  key         {}\n  network     {}, weights and graph {}\n",
        header.kind,
        units::bytes(bytes as f64),
        header.scheme,
        header.description,
        header.parameters,
        header.keys,
        network.name,
        network.digest,
    );
    text.push_str(&format!("  weights     {} at the server\n", header.weights));
    if let Some(model) = &header.model {
        text.push_str(&format!("  model       {model}\n"));
    }
    for fitted in &network.polynomials {
        let [low, high] = fitted.interval.map(f64::from_bits);
        let degree = fitted.coefficients.len().saturating_sub(1);
        let line = format!(
            "  activation  {}: a polynomial of degree {degree} on [{}, {}]\n",
            fitted.node,
            units::digits(low),
            units::digits(high)
        );
        text.push_str(&line);
    }
    if header.kind == Kind::Model {
        let line = format!("  holds       {}\n", units::count(header.ciphertexts, "ciphertext"));
        text.push_str(&line);
    }
    if header.samples > 0 {
        let line = format!(
            "  holds       {} of {}\n",
            units::count(header.samples, "sample"),
            units::count(header.ciphertexts, "ciphertext")
        );
        text.push_str(&line);
    }
    text.push_str(&format!("  written by  henna {}\n", header.henna));
    text
}
