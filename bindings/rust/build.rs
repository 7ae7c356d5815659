// SPDX-License-Identifier: BSD-2-Clause
//! Where the library is: in the folder KSEM_LIB_DIR, or else where pkg-config says. With KSEM_STATIC, libksem.a.

use std::env;
use std::process::Command;

fn main() {
    for name in ["KSEM_LIB_DIR", "KSEM_STATIC", "PKG_CONFIG", "PKG_CONFIG_PATH"] {
        println!("cargo:rerun-if-env-changed={name}");
    }
    let is_static = env::var_os("KSEM_STATIC").is_some();
    if let Some(folder) = env::var_os("KSEM_LIB_DIR") {
        println!("cargo:rustc-link-search=native={}", folder.to_string_lossy());
        if is_static {
            println!("cargo:rustc-link-lib=static=ksem");
            for needed in ["urcu-bp", "urcu-cds", "urcu-common"] {
                println!("cargo:rustc-link-lib={needed}");
            }
        } else {
            println!("cargo:rustc-link-lib=ksem");
        }
        return;
    }
    let program = env::var_os("PKG_CONFIG").unwrap_or_else(|| "pkg-config".into());
    let mut command = Command::new(&program);
    command.args(["--libs", "ksem >= 0.2"]);
    if is_static {
        command.arg("--static");
    }
    let said = command.output().unwrap_or_else(|error| panic!("{program:?}: {error}; or set KSEM_LIB_DIR"));
    if !said.status.success() {
        panic!("pkg-config doesn't know ksem 0.2; or set KSEM_LIB_DIR: {}", String::from_utf8_lossy(&said.stderr));
    }
    for word in String::from_utf8_lossy(&said.stdout).split_whitespace() {
        if let Some(folder) = word.strip_prefix("-L") {
            println!("cargo:rustc-link-search=native={folder}");
        } else if let Some(name) = word.strip_prefix("-l") {
            let kind = if is_static && name == "ksem" { "static=" } else { "" };
            println!("cargo:rustc-link-lib={kind}{name}");
        }
    }
}
