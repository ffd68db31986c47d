//! The walks of `docs/extending.md` hold: what they say is one file and one line is one file and one line.
#![expect(clippy::unwrap_used, reason = "helpers of tests: a missing source file is a failure")]

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// Every Rust file below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

#[test]
fn a_layer_is_a_file_and_a_line() {
    let list = read("nn-layers/src/layers.rs");
    let (_, list) = list.split_once("layers! {").unwrap();
    let (list, _) = list.split_once("\n}").unwrap();
    let listed: Vec<&str> = list
        .lines()
        .map(str::trim)
        .filter(|l| !l.starts_with("///"))
        .filter_map(|l| l.strip_suffix(','))
        .collect();
    assert!(listed.contains(&"Conv2d"), "{listed:?}");
    let mut implemented = Vec::new();
    for path in sources(&root().join("nn-layers/src/layers")) {
        let text = std::fs::read_to_string(&path).unwrap();
        for line in text.lines() {
            if let Some(name) = line.strip_prefix("impl Operation for ") {
                implemented.push(name.trim_end_matches(" {").to_owned());
            }
        }
    }
    implemented.sort();
    let mut listed: Vec<String> = listed.into_iter().map(str::to_owned).collect();
    listed.sort();
    assert_eq!(implemented, listed, "each layer of the list has its file, and each file its line");
}

#[test]
fn nothing_beyond_the_layer_library_takes_layers_apart() {
    for folder in ["he-traits", "backend-ckks", "backend-more", "backend-seal", "models", "cli"] {
        for path in sources(&root().join(folder).join("src")) {
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(!text.contains("Layer::"), "{} matches on layers", path.display());
        }
    }
}

#[test]
fn a_backend_is_named_by_the_program_alone() {
    for folder in ["he-traits", "nn-layers", "models", "backend-more", "backend-seal", "backend-ckks"] {
        for path in sources(&root().join(folder).join("src")) {
            let text = std::fs::read_to_string(&path).unwrap();
            for backend in ["backend_more", "backend_seal", "backend_ckks"] {
                let own = folder.replace('-', "_") == backend;
                assert!(own || !text.contains(backend), "{} names {backend}", path.display());
            }
        }
    }
    let naming: Vec<PathBuf> = sources(&root().join("cli/src"))
        .into_iter()
        .filter(|path| std::fs::read_to_string(path).unwrap().contains("backend_seal"))
        .collect();
    assert_eq!(naming.len(), 1, "one match over backends, in one file: {naming:?}");
}

#[test]
fn a_network_is_a_file_a_line_and_its_weights() {
    let registry = read("models/src/registry.rs");
    let untrained = read("models/src/latent/entries.rs");
    for model in models::registry() {
        if model.weights_file().is_none() {
            assert_eq!(untrained.matches(&format!(": \"{}\",", model.name)).count(), 1, "{}", model.name);
            continue;
        }
        // A model for another input size shares file and weights with the first of its kind.
        let first = models::registry().iter().find(|other| other.weights_file() == model.weights_file());
        if first.is_some_and(|first| first.name != model.name) {
            continue;
        }
        // A second model of a network (`unet-relu`) stands in the file of the first.
        let own = model.name.replace('-', "_");
        let has_file = |module: &&str| root().join(format!("models/src/{module}.rs")).exists();
        let family = model.name.split('-').next().unwrap_or(model.name);
        // The latent networks are a folder of their own.
        let trained = read("models/src/latent/trained.rs").contains(&format!("name: \"{}\",", model.name));
        let module = if trained { Some("latent") } else { [own.as_str(), family].into_iter().find(has_file) };
        assert!(module.is_some(), "{own}.rs");
        assert!(
            root().join(format!("models/weights/{}.safetensors", model.name)).exists(),
            "weights of {}",
            model.name
        );
        let listed = format!("{}::", module.unwrap_or_default());
        assert!(registry.contains(&listed), "{} stands in the registry", model.name);
        model.weights().unwrap();
    }
}
