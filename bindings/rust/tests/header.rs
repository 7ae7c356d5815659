// SPDX-License-Identifier: BSD-2-Clause
//! `ksem::sys` says what `<ksem/ksem.h>` does: header.c prints sizes, places of members and constants, as the C compiler
//! CC finds them, with the header in KSEM_INCLUDE_DIR or where pkg-config says.

use std::collections::BTreeMap;
use std::env;
use std::mem::{align_of, size_of, MaybeUninit};
use std::process::Command;

use ksem::sys::*;

fn by_c() -> BTreeMap<String, u64> {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/header.c");
    let program = env::temp_dir().join(format!("ksem-header-{}", std::process::id()));
    let mut compiler = Command::new(env::var_os("CC").unwrap_or_else(|| "cc".into()));
    compiler.args(["-Wall", "-Werror", source, "-o"]).arg(&program);
    match env::var("KSEM_INCLUDE_DIR") {
        Ok(folder) => {
            compiler.arg("-I").arg(folder);
        }
        Err(_) => {
            let said = Command::new("pkg-config").args(["--cflags", "ksem"]).output().expect("pkg-config");
            compiler.args(String::from_utf8(said.stdout).unwrap().split_whitespace());
        }
    }
    assert!(compiler.status().expect("a C compiler").success());
    let said = Command::new(&program).output().expect("the program");
    std::fs::remove_file(&program).unwrap();
    let text = String::from_utf8(said.stdout).unwrap();
    text.lines()
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').expect("a name and a number");
            (name.to_owned(), value.parse().expect("a number"))
        })
        .collect()
}

fn by_rust() -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    macro_rules! constants {
        ($($name:ident)*) => { $(found.insert(stringify!($name).to_owned(), $name as u64);)* };
    }
    macro_rules! structure {
        ($name:ident: $($member:ident)*) => {
            found.insert(concat!("sizeof ", stringify!($name)).to_owned(), size_of::<$name>() as u64);
            found.insert(concat!("alignof ", stringify!($name)).to_owned(), align_of::<$name>() as u64);
            let memory = MaybeUninit::<$name>::uninit();
            let base = memory.as_ptr();
            $(
                // SAFETY: the address alone is taken.
                let place = unsafe { std::ptr::addr_of!((*base).$member) };
                let offset = place as usize - base as usize;
                found.insert(concat!(stringify!($name), ".", stringify!($member)).to_owned(), offset as u64);
                found.insert(concat!("sizeof ", stringify!($name), ".", stringify!($member)).to_owned(),
                    size_behind(place) as u64);
            )*
        };
    }
    constants!(KSEM_VALUE_MAX KSEM_NAME_MAX KSEM_BARGING KSEM_FIFO KSEM_LIFO KSEM_UNDO KSEM_METRICS KSEM_SHUTDOWN);
    found.insert("sizeof ksem_id_t".to_owned(), size_of::<ksem_id_t>() as u64);
    structure!(ksem_ns_options: size dir max_sems max_name);
    structure!(ksem_cred: uid gid);
    structure!(ksem_attr: size limit order flags reserved);
    structure!(ksem_completion: user_data id count error);
    structure!(ksem_info: id name value waiters refs uid gid mode limit order flags held);
    structure!(ksem_holder: pid refs held waiting oldest);
    structure!(ksem_metrics: size waits timeouts interrupts cancels shutdowns wait_ns wait_max_ns undone waiters_max
        reserved histogram);
    found
}

fn size_behind<T>(_: *const T) -> usize {
    size_of::<T>()
}

#[test]
fn sys_is_what_the_header_says() {
    assert_eq!(by_rust(), by_c());
}
