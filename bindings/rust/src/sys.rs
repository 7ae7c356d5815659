// SPDX-License-Identifier: BSD-2-Clause
//! What this crate uses of `<ksem/ksem.h>`, by hand. `tests/header.rs` compares sizes, places of members and constants
//! with those that a C compiler finds.
#![allow(non_camel_case_types)]

use libc::{c_char, c_int, c_uint, c_void, clockid_t, gid_t, mode_t, pid_t, timespec, uid_t};

pub type ksem_id_t = u64;

#[repr(C)]
pub struct ksem_ns {
    _opaque: [u8; 0],
}

#[repr(C)]
pub struct ksem_proc {
    _opaque: [u8; 0],
}

#[repr(C)]
pub struct ksem_cq {
    _opaque: [u8; 0],
}

pub const KSEM_VALUE_MAX: u32 = u32::MAX;
pub const KSEM_NAME_MAX: usize = 255;
pub const KSEM_BARGING: u32 = 0;
pub const KSEM_FIFO: u32 = 1;
pub const KSEM_LIFO: u32 = 2;
pub const KSEM_UNDO: u32 = 1;
pub const KSEM_METRICS: u32 = 2;
pub const KSEM_SHUTDOWN: u32 = 0x100;

#[repr(C)]
pub struct ksem_ns_options {
    pub size: usize,
    pub dir: *const c_char,
    pub max_sems: u32,
    pub max_name: u32,
}

#[repr(C)]
pub struct ksem_cred {
    pub uid: uid_t,
    pub gid: gid_t,
}

#[repr(C)]
pub struct ksem_attr {
    pub size: usize,
    pub limit: u32,
    pub order: u32,
    pub flags: u32,
    pub reserved: u32,
}

#[repr(C)]
pub struct ksem_completion {
    pub user_data: u64,
    pub id: ksem_id_t,
    pub count: u32,
    pub error: c_int,
}

#[repr(C)]
pub struct ksem_info {
    pub id: ksem_id_t,
    pub name: [c_char; KSEM_NAME_MAX + 1],
    pub value: c_uint,
    pub waiters: c_uint,
    pub refs: c_uint,
    pub uid: uid_t,
    pub gid: gid_t,
    pub mode: mode_t,
    pub limit: u32,
    pub order: u32,
    pub flags: u32,
    pub held: u32,
}

#[repr(C)]
pub struct ksem_holder {
    pub pid: pid_t,
    pub refs: u32,
    pub held: u32,
    pub waiting: u32,
    pub oldest: u32,
}

#[repr(C)]
pub struct ksem_metrics {
    pub size: usize,
    pub waits: u64,
    pub timeouts: u64,
    pub interrupts: u64,
    pub cancels: u64,
    pub shutdowns: u64,
    pub wait_ns: u64,
    pub wait_max_ns: u64,
    pub undone: u64,
    pub waiters_max: u32,
    pub reserved: u32,
    pub histogram: [u64; 64],
}

extern "C" {
    pub fn ksem_ns_create(options: *const ksem_ns_options, ns: *mut *mut ksem_ns) -> c_int;
    pub fn ksem_ns_destroy(ns: *mut ksem_ns) -> c_int;
    pub fn ksem_proc_create(ns: *mut ksem_ns, cred: *const ksem_cred, proc: *mut *mut ksem_proc) -> c_int;
    pub fn ksem_proc_exit(proc: *mut ksem_proc) -> c_int;
    pub fn ksem_self() -> *mut ksem_proc;
    pub fn ksem_private() -> *mut ksem_proc;
    pub fn ksem_init_attr(proc: *mut ksem_proc, attr: *const ksem_attr, value: c_uint, id: *mut ksem_id_t) -> c_int;
    pub fn ksem_destroy(proc: *mut ksem_proc, id: ksem_id_t) -> c_int;
    pub fn ksem_open_attr(
        proc: *mut ksem_proc, name: *const c_char, oflag: c_int, mode: mode_t, attr: *const ksem_attr, value: c_uint,
        id: *mut ksem_id_t,
    ) -> c_int;
    pub fn ksem_close(proc: *mut ksem_proc, id: ksem_id_t) -> c_int;
    pub fn ksem_unlink(proc: *mut ksem_proc, name: *const c_char) -> c_int;
    pub fn ksem_post(proc: *mut ksem_proc, id: ksem_id_t) -> c_int;
    pub fn ksem_post_many(proc: *mut ksem_proc, id: ksem_id_t, count: c_uint) -> c_int;
    pub fn ksem_wait(proc: *mut ksem_proc, id: ksem_id_t) -> c_int;
    pub fn ksem_trywait(proc: *mut ksem_proc, id: ksem_id_t) -> c_int;
    pub fn ksem_trywait_many(proc: *mut ksem_proc, id: ksem_id_t, count: c_uint) -> c_int;
    pub fn ksem_trywait_upto(proc: *mut ksem_proc, id: ksem_id_t, count: c_uint, got: *mut c_uint) -> c_int;
    pub fn ksem_wait_many(
        proc: *mut ksem_proc, id: ksem_id_t, count: c_uint, clock: clockid_t, deadline: *const timespec,
    ) -> c_int;
    pub fn ksem_clockwait(
        proc: *mut ksem_proc, id: ksem_id_t, clock: clockid_t, deadline: *const timespec,
    ) -> c_int;
    pub fn ksem_shutdown(proc: *mut ksem_proc, id: ksem_id_t) -> c_int;
    pub fn ksem_set_limit(proc: *mut ksem_proc, id: ksem_id_t, limit: c_uint) -> c_int;
    pub fn ksem_deadline_after(ns: u64) -> timespec;
    pub fn ksem_getvalue(proc: *mut ksem_proc, id: ksem_id_t, value: *mut c_uint) -> c_int;
    pub fn ksem_stat(proc: *mut ksem_proc, id: ksem_id_t, info: *mut ksem_info) -> c_int;
    pub fn ksem_holders(
        proc: *mut ksem_proc, id: ksem_id_t,
        visit: Option<unsafe extern "C" fn(holder: *const ksem_holder, arg: *mut c_void) -> c_int>, arg: *mut c_void,
    ) -> c_int;
    #[link_name = "ksem_metrics"]
    pub fn ksem_read_metrics(proc: *mut ksem_proc, id: ksem_id_t, metrics: *mut ksem_metrics) -> c_int;
    pub fn ksem_cq_create(proc: *mut ksem_proc, cq: *mut *mut ksem_cq) -> c_int;
    pub fn ksem_cq_destroy(cq: *mut ksem_cq) -> c_int;
    pub fn ksem_cq_fd(cq: *mut ksem_cq) -> c_int;
    pub fn ksem_cq_submit(
        cq: *mut ksem_cq, id: ksem_id_t, count: u32, clock: clockid_t, deadline: *const timespec, user_data: u64,
    ) -> c_int;
    pub fn ksem_cq_cancel(cq: *mut ksem_cq, user_data: u64) -> c_int;
    pub fn ksem_cq_reap(cq: *mut ksem_cq, out: *mut ksem_completion, room: c_uint, n: *mut c_uint) -> c_int;
    pub fn ksem_version() -> *const c_char;
}

impl Default for ksem_metrics {
    fn default() -> ksem_metrics {
        // SAFETY: all members are numbers, of which 0 is one.
        let mut metrics: ksem_metrics = unsafe { std::mem::zeroed() };
        metrics.size = std::mem::size_of::<ksem_metrics>();
        metrics
    }
}
