//! Notes the commit that the program is built from, where there is one: records name it.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-env-changed=HENNA_COMMIT");
    let git = |arguments: &[&str]| {
        let output =
            Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
        String::from_utf8(output.stdout)
            .ok()
            .map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty())
    };
    if let Some(folder) = git(&["rev-parse", "--absolute-git-dir"]) {
        println!("cargo:rerun-if-changed={folder}/HEAD");
        println!("cargo:rerun-if-changed={folder}/logs/HEAD");
    }
    if let Some(commit) =
        std::env::var("HENNA_COMMIT").ok().or_else(|| git(&["rev-parse", "--short=12", "HEAD"]))
    {
        println!("cargo:rustc-env=HENNA_COMMIT={commit}");
    }
}
