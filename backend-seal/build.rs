//! Nothing to do here but to exist: `seal-toolchain` is a build dependency of this script, and says which tool is missing.

use seal_toolchain as _;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
}
