//! ONNX files against the outputs that onnxruntime gave for them (`tests/onnx/make.py` makes both).
#![expect(clippy::unwrap_used, reason = "helpers of tests fail loudly")]

#[expect(dead_code, reason = "each test binary uses some of it")]
mod common;

use common::{assert_close, free, run, strict};
use nn_layers::{Degree, Options, Tensor, clear, compile_for, onnx};

fn read(name: &str) -> Vec<u8> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/onnx");
    std::fs::read(folder.join(name)).unwrap()
}

fn tensor(name: &str) -> Tensor {
    onnx::tensor(&read(name)).unwrap()
}

#[test]
fn networks_compute_what_onnxruntime_computes() {
    for name in ["unet", "residual", "small"] {
        let (network, weights) = onnx::load(&read(&format!("{name}.onnx"))).unwrap();
        let (inputs, expected) = (tensor(&format!("{name}.input.pb")), tensor(&format!("{name}.output.pb")));
        let got = clear::run(&network, &weights, &inputs).unwrap();
        // The reference computes in single precision.
        assert_close(&got, &expected, 1e-5, name);
    }
}

/// What PyTorch's exporters make of random networks (`tests/onnx/random_networks.py`): each computes what PyTorch computed, or is refused by
/// the name of a node. The example `check_onnx` does the same for any number of them.
#[test]
fn pytorchs_own_exports_match_pytorch_or_are_refused_by_name() {
    let (mut matched, mut refused) = (0, Vec::new());
    for index in 0..12 {
        let name = format!("torch/network-{index:03}");
        let (inputs, expected) = (tensor(&format!("{name}.input.pb")), tensor(&format!("{name}.output.pb")));
        match onnx::load(&read(&format!("{name}.onnx"))) {
            Ok((network, weights)) => {
                let got = clear::run(&network, &weights, &inputs).unwrap();
                assert_close(&got, &expected, 1e-4, &name);
                matched += 1;
            }
            Err(error) => refused.push(error.to_string()),
        }
    }
    assert_eq!((matched, refused.len()), (11, 1), "{refused:?}");
    assert!(refused[0].contains("Elu"), "{refused:?}");
}

#[test]
fn an_imported_network_runs_under_a_budget_of_levels_and_without() {
    let (network, weights) = onnx::load(&read("unet.onnx")).unwrap();
    let (inputs, expected) = (tensor("unet.input.pb"), tensor("unet.output.pb"));
    for (params, profile) in [strict(1024, 7), free(600)] {
        let options = Options { degree: Degree::Fixed(3), ..Options::default() };
        let program = compile_for(&network, &weights, &inputs, &options, &profile).unwrap();
        assert_close(&run(&program, params, &profile, &inputs), &expected, 1e-5, "unet");
    }
}

#[test]
fn what_has_no_counterpart_is_refused_by_name() {
    let text = onnx::load(&read("refused.onnx")).unwrap_err().to_string();
    assert_eq!(
        text,
        "ONNX: /MaxPool_1 (MaxPool): operator MaxPool is not supported; train with mean pooling: a maximum has no short polynomial"
    );
}

#[test]
fn broken_files_are_refused() {
    let whole = read("residual.onnx");
    assert!(onnx::load(b"no model").unwrap_err().to_string().starts_with("ONNX: the file"));
    for length in (0..whole.len()).step_by(37) {
        assert!(onnx::load(&whole[..length]).is_err(), "{length} bytes");
    }
    // Whatever a changed byte does, it must not stop the program.
    for place in (0..whole.len()).step_by(11) {
        let mut bytes = whole.clone();
        bytes[place] ^= 0x5a;
        let _ = onnx::load(&bytes);
    }
}
