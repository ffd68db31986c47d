#![no_main]

#[path = "../../tests/readers/mod.rs"]
#[expect(dead_code, reason = "one target a reader")]
mod readers;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    readers::public_key(input);
});
