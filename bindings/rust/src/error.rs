// SPDX-License-Identifier: BSD-2-Clause
//! What the library's error numbers mean.

use std::fmt;
use std::io;

/// Why a call failed. A call that fails has changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// There are too few permits, and the call doesn't wait (`EAGAIN`).
    NoPermits,
    /// The time has passed (`ETIMEDOUT`).
    TimedOut,
    /// The semaphore was shut down, and has too few permits (`ESHUTDOWN`).
    Shutdown,
    /// The value would pass its limit (`EOVERFLOW`).
    LimitReached,
    /// Another error number of the library. The manual page of the C function explains it.
    Os(i32),
}

impl Error {
    /// The error number.
    pub fn raw_os_error(self) -> i32 {
        match self {
            Error::NoPermits => libc::EAGAIN,
            Error::TimedOut => libc::ETIMEDOUT,
            Error::Shutdown => libc::ESHUTDOWN,
            Error::LimitReached => libc::EOVERFLOW,
            Error::Os(number) => number,
        }
    }

    pub(crate) fn from_number(number: i32) -> Error {
        match number {
            libc::EAGAIN => Error::NoPermits,
            libc::ETIMEDOUT => Error::TimedOut,
            libc::ESHUTDOWN => Error::Shutdown,
            libc::EOVERFLOW => Error::LimitReached,
            _ => Error::Os(number),
        }
    }
}

/// What a call of the library returned.
pub(crate) fn check(number: i32) -> Result<(), Error> {
    match number {
        0 => Ok(()),
        _ => Err(Error::from_number(number)),
    }
}

impl fmt::Display for Error {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::NoPermits => to.write_str("too few permits"),
            Error::TimedOut => to.write_str("timed out"),
            Error::Shutdown => to.write_str("the semaphore is shut down"),
            Error::LimitReached => to.write_str("the value would pass its limit"),
            Error::Os(number) => io::Error::from_raw_os_error(*number).fmt(to),
        }
    }
}

impl std::error::Error for Error {}

impl From<Error> for io::Error {
    fn from(error: Error) -> io::Error {
        io::Error::from_raw_os_error(error.raw_os_error())
    }
}
