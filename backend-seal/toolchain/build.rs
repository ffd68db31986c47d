//! Looks for the tools that `sealy` needs to compile SEAL, and says in one sentence what to do when one is missing. Nothing is
//! compiled here.

use std::{
    env,
    ffi::OsString,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Set to any value to build without these checks, should they misjudge a system.
const SKIP: &str = "HENNA_SKIP_BUILD_CHECK";
const POLICY: &str = "CMAKE_POLICY_VERSION_MINIMUM";

fn main() {
    for name in [SKIP, POLICY, "PATH", "CMAKE", "CXX", "LIBCLANG_PATH", "LD_LIBRARY_PATH", "LLVM_CONFIG_PATH"]
    {
        println!("cargo::rerun-if-env-changed={name}");
    }
    println!("cargo::rerun-if-changed=build.rs");
    if env::var_os(SKIP).is_some() || env::var_os("DOCS_RS").is_some() {
        return;
    }
    let problems: Vec<String> = [compiler(), cmake(), libclang()].into_iter().flatten().collect();
    if !problems.is_empty() {
        println!(
            "cargo::error=backend-seal compiles Microsoft SEAL and cannot do so here: {}. Or build henna without its feature \
             `seal`; {SKIP}=1 skips this check.",
            problems.join("; ")
        );
    }
}

fn program(variable: &str, default: &str) -> OsString {
    env::var_os(variable).unwrap_or_else(|| default.into())
}

/// cmake must be there, and new ones need a variable: SEAL 4.0 asks for a minimum version that cmake 4 no longer emulates.
fn cmake() -> Option<String> {
    let output = Command::new(program("CMAKE", "cmake")).arg("--version").output();
    let Ok(output) = output else {
        return Some("cmake is missing (Debian: apt-get install cmake)".into());
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = text.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    let major: u32 = version.split('.').next()?.parse().ok()?;
    (major >= 4 && env::var_os(POLICY).is_none()).then(|| {
        format!(
            "cmake {version} refuses SEAL's old minimum version, so set {POLICY}=3.5 in the environment or in the [env] \
             table of .cargo/config.toml"
        )
    })
}

/// A compiler that takes C++17, tried on a line of it.
fn compiler() -> Option<String> {
    let target = env::var("TARGET").unwrap_or_default();
    // MSVC has no -fsyntax-only, and a cross compiler has a name of its own.
    if target.contains("msvc") || env::var("HOST").is_ok_and(|host| host != target) {
        return None;
    }
    let compiler = program("CXX", "c++");
    // CXX may hold arguments or a wrapper ("ccache g++").
    let words = compiler.to_string_lossy().into_owned();
    let mut words = words.split_whitespace();
    let child = Command::new(words.next()?)
        .args(words)
        .args(["-std=c++17", "-fsyntax-only", "-x", "c++", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = child else {
        return Some(format!(
            "the C++ compiler {} is missing (Debian: apt-get install g++)",
            compiler.display()
        ));
    };
    let written = child
        .stdin
        .take()
        .is_some_and(|mut input| input.write_all(b"#include <optional>\nstd::optional<int> x;\n").is_ok());
    let compiled = child.wait().is_ok_and(|status| status.success());
    (!(written && compiled)).then(|| {
        format!("{} does not compile C++17: take g++ 7 or clang 5 or later, named by CXX", compiler.display())
    })
}

/// The library that bindgen loads. Searched where bindgen's own loader searches; on systems whose places are not listed here
/// nothing is said.
fn libclang() -> Option<String> {
    if env::var("HOST").is_ok_and(|host| !host.contains("linux")) || env::var_os("LIBCLANG_PATH").is_some() {
        return None;
    }
    let configured = Command::new(program("LLVM_CONFIG_PATH", "llvm-config"))
        .arg("--libdir")
        .output()
        .ok()
        .map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    let listed = env::var_os("LD_LIBRARY_PATH").map(|paths| env::split_paths(&paths).collect::<Vec<_>>());
    let roots =
        ["/usr/lib", "/usr/lib64", "/usr/lib32", "/usr/local/lib", "/usr/local/lib64", "/usr/local", "/opt"];
    let found =
        configured.into_iter().chain(listed.into_iter().flatten()).any(|path| holds_libclang(&path, 0))
            || roots.iter().any(|root| holds_libclang(Path::new(root), 2));
    (!found).then(|| {
        "libclang is missing (Debian: apt-get install libclang-dev; elsewhere set LIBCLANG_PATH)".into()
    })
}

fn holds_libclang(folder: &Path, depth: u32) -> bool {
    let Ok(entries) = fs::read_dir(folder) else { return false };
    entries.flatten().any(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_library =
            (name.starts_with("libclang.so") || name.starts_with("libclang-")) && name.contains(".so");
        // `libclang-cpp` is the C++ interface, which bindgen cannot use.
        (is_library && !name.starts_with("libclang-cpp"))
            || (depth > 0 && entry.path().is_dir() && holds_libclang(&entry.path(), depth - 1))
    })
}
