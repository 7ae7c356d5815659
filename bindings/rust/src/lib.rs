// SPDX-License-Identifier: BSD-2-Clause
//! Semaphores of the library ksem: for threads, for tasks of tokio, and, by name, for processes.
//!
//! ```
//! # fn main() -> Result<(), ksem::Error> {
//! let connections = ksem::Semaphore::new(2)?;
//! {
//!     let _permit = connections.acquire()?; // at most two threads are here
//!     assert_eq!(connections.value(), 1);
//! }
//! assert_eq!(connections.value(), 2);
//! # Ok(())
//! # }
//! ```
//!
//! [`Options`] makes semaphores with a limit, in fair order, or with permits that come back when their process dies, and
//! opens those with a name. A [`Permit`] is given back when it is dropped. With the feature `tokio`, tasks wait in a
//! queue: [`tokio::Queue`].
//!
//! No call may be made from a signal handler. A wait goes on after a signal handler has run: to end it, call
//! [`Semaphore::shutdown`]. After `fork()`, the child may use all semaphores that the parent had; those without a name
//! are copies there, as all memory is. Queues are dead in the child.
#![warn(missing_docs)]
#![deny(unsafe_op_in_unsafe_fn)]

mod error;
mod namespace;
mod options;
mod permit;
mod semaphore;
#[allow(missing_docs)]
pub mod sys;
#[cfg(feature = "tokio")]
pub mod tokio;

pub use error::Error;
pub use namespace::{unlink, Namespace};
pub use options::{Options, Order};
pub use permit::Permit;
pub use semaphore::{Holder, Info, Metrics, Semaphore};

/// The version of the library that the program runs on, such as `"0.2.0"`.
pub fn version() -> &'static str {
    // SAFETY: the library returns a string of digits and dots, which stays.
    unsafe { std::ffi::CStr::from_ptr(sys::ksem_version()) }.to_str().unwrap_or("")
}

/// The programs of the page are tests.
#[cfg(all(doctest, feature = "tokio"))]
#[doc = include_str!("../../../docs/rust.md")]
struct Page;
