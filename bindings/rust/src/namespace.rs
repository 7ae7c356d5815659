// SPDX-License-Identifier: BSD-2-Clause
//! Where semaphores are: in the memory of this program, or in a directory that programs share.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;
use std::sync::Arc;

use crate::error::{check, Error};
use crate::sys;

/// A set of semaphores, and this program's references to them.
///
/// Copies made by `clone` are the same namespace.
#[derive(Clone, Debug)]
pub struct Namespace(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    proc: *mut sys::ksem_proc,
    ns: *mut sys::ksem_ns, // null: the library's own, which stays
}

// SAFETY: the library says that any thread may make any call at any time, and that threads need not register. `Inner` is
// immutable, and ends when nobody has it.
unsafe impl Send for Inner {}
// SAFETY: as above.
unsafe impl Sync for Inner {}

impl Namespace {
    /// The semaphores of this program alone.
    pub fn private() -> Result<Namespace, Error> {
        // SAFETY: the call has no conditions.
        Namespace::lasting(unsafe { sys::ksem_private() }).ok_or(Error::Os(libc::ENOMEM))
    }

    /// Those in the directory `$KSEM_DIR`, or `/dev/shm/ksem`.
    pub fn shared() -> Result<Namespace, Error> {
        // SAFETY: the call has no conditions. It says nothing of its reasons: mostly, there is no such directory.
        Namespace::lasting(unsafe { sys::ksem_self() }).ok_or(Error::Os(libc::ENOENT))
    }

    /// Those in that directory, best one on tmpfs.
    ///
    /// With [`Options::undo`](crate::Options::undo), each `Namespace` made by this call holds its own permits: they come back when it is
    /// dropped, at the latest.
    pub fn in_directory(directory: impl AsRef<Path>) -> Result<Namespace, Error> {
        let directory = text(directory.as_ref().as_os_str().as_bytes())?;
        let options = sys::ksem_ns_options {
            size: std::mem::size_of::<sys::ksem_ns_options>(),
            dir: directory.as_ptr(),
            max_sems: 0,
            max_name: 0,
        };
        let (mut ns, mut proc) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: the pointers are those of local variables, and the library copies the text.
        check(unsafe { sys::ksem_ns_create(&options, &mut ns) })?;
        // SAFETY: `ns` was made above. It has no process, so it can be destroyed.
        check(unsafe { sys::ksem_proc_create(ns, ptr::null(), &mut proc) }).map_err(|error| {
            unsafe { sys::ksem_ns_destroy(ns) };
            error
        })?;
        Ok(Namespace(Arc::new(Inner { proc, ns })))
    }

    /// Removes a name. Those who have the semaphore open keep it.
    pub fn unlink(&self, name: &str) -> Result<(), Error> {
        let name = text(name.as_bytes())?;
        // SAFETY: the process lives as long as `self`.
        check(unsafe { sys::ksem_unlink(self.proc(), name.as_ptr()) })
    }

    fn lasting(proc: *mut sys::ksem_proc) -> Option<Namespace> {
        (!proc.is_null()).then(|| Namespace(Arc::new(Inner { proc, ns: ptr::null_mut() })))
    }

    pub(crate) fn proc(&self) -> *mut sys::ksem_proc {
        self.0.proc
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if !self.ns.is_null() {
            // SAFETY: semaphores and queues have a clone of their namespace. So there is none left, and no thread is in
            // a call. Neither call can fail then.
            unsafe {
                sys::ksem_proc_exit(self.proc);
                sys::ksem_ns_destroy(self.ns);
            }
        }
    }
}

/// Removes a name from the shared namespace ([`Namespace::shared`]).
pub fn unlink(name: &str) -> Result<(), Error> {
    Namespace::shared()?.unlink(name)
}

pub(crate) fn text(bytes: &[u8]) -> Result<CString, Error> {
    CString::new(bytes).map_err(|_| Error::Os(libc::EINVAL))
}
