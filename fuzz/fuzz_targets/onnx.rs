//! Networks and tensors from ONNX files.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let _ = nn_layers::onnx::tensor(input);
    if let Ok((network, weights)) = nn_layers::onnx::load(input) {
        // What was read can be used: its weights are those of the network.
        let _ = weights.check(&network);
    }
});
