// SPDX-License-Identifier: BSD-2-Clause
//! What semaphores are made with.

use std::mem;

use crate::error::{check, Error};
use crate::namespace::{text, Namespace};
use crate::semaphore::Semaphore;
use crate::sys;

/// Which waiter gets a permit first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Order {
    /// Whoever grabs it: a thread that never waited may overtake those that wait. The fastest.
    #[default]
    Barging,
    /// The one that has waited longest. Nobody overtakes.
    Fifo,
    /// The one that has waited shortest, of those for whom the permits suffice.
    Lifo,
}

/// What a semaphore is made with.
///
/// ```
/// # fn main() -> Result<(), ksem::Error> {
/// use ksem::{Error, Options, Order};
///
/// let megabytes = Options::new().limit(64).order(Order::Fifo).make()?;
/// let most = megabytes.acquire_many(60)?; // all at one instant
/// assert_eq!(megabytes.try_acquire_many(8).err(), Some(Error::NoPermits));
/// drop(most);
/// assert_eq!(megabytes.post(1), Err(Error::LimitReached));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Options {
    namespace: Option<Namespace>,
    value: Option<u32>,
    limit: u32,
    order: Order,
    flags: u32,
    mode: u32,
}

impl Default for Options {
    fn default() -> Options {
        Options::new()
    }
}

impl Options {
    /// No limit, no permits, `Order::Barging`, and for the owner alone.
    pub fn new() -> Options {
        Options { namespace: None, value: None, limit: 0, order: Order::Barging, flags: 0, mode: 0o600 }
    }

    /// The permits that there are at first. Without this call: as many as the limit, or none.
    pub fn value(&mut self, value: u32) -> &mut Options {
        self.value = Some(value);
        self
    }

    /// The value never passes the limit. 0: no limit.
    pub fn limit(&mut self, limit: u32) -> &mut Options {
        self.limit = limit;
        self
    }

    /// Who is served first.
    pub fn order(&mut self, order: Order) -> &mut Options {
        self.order = order;
        self
    }

    /// Permits that a process took come back when it ends, however it ends. Needs a limit, which is the first value.
    pub fn undo(&mut self, undo: bool) -> &mut Options {
        self.flag(sys::KSEM_UNDO, undo)
    }

    /// Waits are measured: [`Semaphore::metrics`].
    pub fn metrics(&mut self, metrics: bool) -> &mut Options {
        self.flag(sys::KSEM_METRICS, metrics)
    }

    /// Who may open a semaphore with a name: such as `0o660`.
    pub fn mode(&mut self, mode: u32) -> &mut Options {
        self.mode = mode;
        self
    }

    /// Where the semaphore is. Without this call: in [`Namespace::private`] without a name, and in
    /// [`Namespace::shared`] with one.
    pub fn namespace(&mut self, namespace: &Namespace) -> &mut Options {
        self.namespace = Some(namespace.clone());
        self
    }

    /// Makes a semaphore without a name.
    pub fn make(&self) -> Result<Semaphore, Error> {
        let namespace = self.namespace.clone().map_or_else(Namespace::private, Ok)?;
        let mut id = 0;
        // SAFETY: the process lives as long as the namespace, and the pointers are those of local variables.
        check(unsafe { sys::ksem_init_attr(namespace.proc(), &self.attributes(), self.first_value(), &mut id) })?;
        Ok(Semaphore::own(namespace, id, false))
    }

    /// Opens the semaphore of that name, which begins with `/`; makes it if there is none. The options count for the
    /// maker only, and are always checked.
    pub fn create(&self, name: &str) -> Result<Semaphore, Error> {
        self.open_as(name, libc::O_CREAT)
    }

    /// Makes a semaphore with that name. `EEXIST` if there is one.
    pub fn create_new(&self, name: &str) -> Result<Semaphore, Error> {
        self.open_as(name, libc::O_CREAT | libc::O_EXCL)
    }

    /// Opens the semaphore of that name. `ENOENT` if there is none.
    pub fn open(&self, name: &str) -> Result<Semaphore, Error> {
        self.open_as(name, 0)
    }

    fn open_as(&self, name: &str, flags: i32) -> Result<Semaphore, Error> {
        let namespace = self.namespace.clone().map_or_else(Namespace::shared, Ok)?;
        let name = text(name.as_bytes())?;
        let (attributes, value, mut id) = (self.attributes(), self.first_value(), 0);
        // SAFETY: as in `make`.
        check(unsafe {
            sys::ksem_open_attr(namespace.proc(), name.as_ptr(), flags, self.mode, &attributes, value, &mut id)
        })?;
        Ok(Semaphore::own(namespace, id, true))
    }

    fn flag(&mut self, flag: u32, on: bool) -> &mut Options {
        self.flags = if on { self.flags | flag } else { self.flags & !flag };
        self
    }

    fn first_value(&self) -> u32 {
        self.value.unwrap_or(self.limit)
    }

    fn attributes(&self) -> sys::ksem_attr {
        sys::ksem_attr {
            size: mem::size_of::<sys::ksem_attr>(),
            limit: self.limit,
            order: match self.order {
                Order::Barging => sys::KSEM_BARGING,
                Order::Fifo => sys::KSEM_FIFO,
                Order::Lifo => sys::KSEM_LIFO,
            },
            flags: self.flags,
            reserved: 0,
        }
    }
}
