// SPDX-License-Identifier: BSD-2-Clause
//! Semaphores, for threads.
//!
//! Why this is safe: a semaphore is used by its id, which the library never uses again, so that a call on one that has
//! gone is an error and no undefined behaviour. The process that an id belongs to lives as long as the namespace, of
//! which each semaphore has a clone.

use std::ffi::CStr;
use std::mem::{self, MaybeUninit};
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use crate::error::{check, Error};
use crate::namespace::Namespace;
use crate::options::{Options, Order};
use crate::permit::Permit;
use crate::sys;

/// A semaphore.
///
/// It is `Send` and `Sync`, since it is a number and a [`Namespace`], and each call of the library may be made by any
/// thread at any time. Without a name, it ends when it is dropped; one with a name stays until it is unlinked.
#[derive(Debug)]
pub struct Semaphore {
    namespace: Namespace,
    id: u64,
    has_name: bool,
}

/// What [`Semaphore::info`] tells. All figures are of one instant of the call.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Info {
    /// Empty without one, and after it was unlinked.
    pub name: String,
    /// Permits that can be taken.
    pub value: u32,
    /// The present limit; without one, the highest value that the order allows.
    pub limit: u32,
    /// Who is served first.
    pub order: Order,
    /// Threads and queued waits that wait.
    pub waiters: u32,
    /// References of processes.
    pub references: u32,
    /// Permits that living processes hold, of a semaphore with [`Options::undo`].
    pub held: u32,
    /// Made with [`Options::undo`].
    pub undo: bool,
    /// Shut down.
    pub shut_down: bool,
}

/// A process that has the semaphore: [`Semaphore::holders`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holder {
    /// `None`: the process is in another pid namespace, or was forked a moment ago.
    pub pid: Option<u32>,
    /// Its references to the semaphore.
    pub references: u32,
    /// Permits that it holds, of a semaphore with [`Options::undo`].
    pub held: u32,
    /// Its threads and queued waits that wait.
    pub waiting: u32,
    /// How long ago it took the oldest permit that it holds, in whole seconds; zero if it holds none.
    pub oldest: Duration,
}

/// What the waits on a semaphore with [`Options::metrics`] have been like. A wait that got its permits at once isn't
/// counted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metrics {
    /// Waits that have ended.
    pub waits: u64,
    /// Those that ended at their deadline.
    pub timeouts: u64,
    /// Those that were canceled.
    pub cancels: u64,
    /// Those that a shutdown ended.
    pub shutdowns: u64,
    /// The time of all waits together.
    pub time: Duration,
    /// The longest wait.
    pub longest: Duration,
    /// Permits that came back because their holders had ended.
    pub undone: u64,
    /// Most waiters at a time.
    pub waiters_max: u32,
    /// `[i]`: waits of 2<sup>i</sup> to 2<sup>i+1</sup> - 1 nanoseconds.
    pub histogram: [u64; 64],
}

impl Semaphore {
    /// The highest value of a semaphore. One that isn't [`Order::Barging`] has at most 2<sup>30</sup> permits.
    pub const MAX_PERMITS: u32 = sys::KSEM_VALUE_MAX;

    /// A semaphore with that many permits, without a limit, for the threads of this program. [`Options`] makes others.
    pub fn new(value: u32) -> Result<Semaphore, Error> {
        Options::new().value(value).make()
    }

    /// Opens the semaphore of that name in the shared namespace. `ENOENT` if there is none.
    pub fn open(name: &str) -> Result<Semaphore, Error> {
        Options::new().open(name)
    }

    pub(crate) fn own(namespace: Namespace, id: u64, has_name: bool) -> Semaphore {
        Semaphore { namespace, id, has_name }
    }

    /// Takes a permit; waits for it as long as it takes.
    pub fn acquire(&self) -> Result<Permit<&Semaphore>, Error> {
        self.wait()?;
        Ok(Permit::new(self, 1))
    }

    /// Takes the permits at one instant; waits until there are so many.
    pub fn acquire_many(&self, count: u32) -> Result<Permit<&Semaphore>, Error> {
        self.wait_many(count, None)?;
        Ok(Permit::new(self, count))
    }

    /// Takes a permit; waits for it at most that long. [`Error::TimedOut`] then.
    pub fn acquire_timeout(&self, timeout: Duration) -> Result<Permit<&Semaphore>, Error> {
        self.acquire_many_timeout(1, timeout)
    }

    /// Takes the permits at one instant; waits for them at most that long.
    pub fn acquire_many_timeout(&self, count: u32, timeout: Duration) -> Result<Permit<&Semaphore>, Error> {
        self.wait_many(count, Some(timeout))?;
        Ok(Permit::new(self, count))
    }

    /// Takes a permit if there is one; never waits. [`Error::NoPermits`] if not.
    pub fn try_acquire(&self) -> Result<Permit<&Semaphore>, Error> {
        self.try_acquire_many(1)
    }

    /// Takes the permits if there are so many; never waits.
    pub fn try_acquire_many(&self, count: u32) -> Result<Permit<&Semaphore>, Error> {
        self.try_wait(count)?;
        Ok(Permit::new(self, count))
    }

    /// Takes as many permits as there are, from 1 to `count`; never waits.
    pub fn try_acquire_up_to(&self, count: u32) -> Result<Permit<&Semaphore>, Error> {
        let mut got = 0;
        // SAFETY: the process lives as long as the namespace; so in all calls below.
        check(unsafe { sys::ksem_trywait_upto(self.proc(), self.id, count, &mut got) })?;
        Ok(Permit::new(self, got))
    }

    /// As [`Semaphore::acquire`], for a permit that goes to another thread.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let turns = std::sync::Arc::new(ksem::Semaphore::new(1)?);
    /// let permit = turns.clone().acquire_owned()?;
    /// std::thread::spawn(move || drop(permit)).join().unwrap();
    /// assert_eq!(turns.value(), 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn acquire_owned(self: Arc<Semaphore>) -> Result<Permit<Arc<Semaphore>>, Error> {
        self.wait()?;
        Ok(Permit::new(self, 1))
    }

    /// As [`Semaphore::acquire_many`], for a permit that goes to another thread.
    pub fn acquire_many_owned(self: Arc<Semaphore>, count: u32) -> Result<Permit<Arc<Semaphore>>, Error> {
        self.wait_many(count, None)?;
        Ok(Permit::new(self, count))
    }

    /// As [`Semaphore::acquire_timeout`], for a permit that goes to another thread.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    ///
    /// let turns = std::sync::Arc::new(ksem::Semaphore::new(1)?);
    /// let permit = turns.clone().acquire_timeout_owned(Duration::from_secs(1))?;
    /// let late = turns.clone().acquire_timeout_owned(Duration::from_millis(1));
    /// assert_eq!(late.err(), Some(ksem::Error::TimedOut));
    /// std::thread::spawn(move || drop(permit)).join().unwrap();
    /// assert_eq!(turns.value(), 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn acquire_timeout_owned(self: Arc<Semaphore>, timeout: Duration) -> Result<Permit<Arc<Semaphore>>, Error> {
        self.acquire_many_timeout_owned(1, timeout)
    }

    /// As [`Semaphore::acquire_many_timeout`], for a permit that goes to another thread.
    pub fn acquire_many_timeout_owned(
        self: Arc<Semaphore>,
        count: u32,
        timeout: Duration,
    ) -> Result<Permit<Arc<Semaphore>>, Error> {
        self.wait_many(count, Some(timeout))?;
        Ok(Permit::new(self, count))
    }

    /// As [`Semaphore::try_acquire`], for a permit that goes to another thread.
    pub fn try_acquire_owned(self: Arc<Semaphore>) -> Result<Permit<Arc<Semaphore>>, Error> {
        self.try_acquire_many_owned(1)
    }

    /// As [`Semaphore::try_acquire_many`], for a permit that goes to another thread.
    pub fn try_acquire_many_owned(self: Arc<Semaphore>, count: u32) -> Result<Permit<Arc<Semaphore>>, Error> {
        self.try_wait(count)?;
        Ok(Permit::new(self, count))
    }

    /// Adds permits, and wakes those who wait for them. [`Error::LimitReached`]: the value would pass its limit.
    ///
    /// Of a semaphore with [`Options::undo`], only permits that this process took and kept can be posted (`EPERM`).
    pub fn post(&self, count: u32) -> Result<(), Error> {
        // SAFETY: as above.
        check(unsafe { sys::ksem_post_many(self.proc(), self.id, count) })
    }

    /// Ends all waits with [`Error::Shutdown`], now and later. Permits that are there can still be taken.
    pub fn shutdown(&self) -> Result<(), Error> {
        // SAFETY: as above.
        check(unsafe { sys::ksem_shutdown(self.proc(), self.id) })
    }

    /// Changes the limit, and the value by as much. `EINVAL`: the semaphore was made without a limit.
    pub fn set_limit(&self, limit: u32) -> Result<(), Error> {
        // SAFETY: as above.
        check(unsafe { sys::ksem_set_limit(self.proc(), self.id, limit) })
    }

    /// The permits that can be taken now.
    pub fn value(&self) -> u32 {
        let mut value = 0;
        // SAFETY: as above. The call fails only for a semaphore without a reference, and this one has its own.
        unsafe { sys::ksem_getvalue(self.proc(), self.id, &mut value) };
        value
    }

    /// What is known of the semaphore.
    pub fn info(&self) -> Result<Info, Error> {
        let mut info = MaybeUninit::<sys::ksem_info>::uninit();
        // SAFETY: as above. A call that succeeds has filled it.
        let info = unsafe {
            check(sys::ksem_stat(self.proc(), self.id, info.as_mut_ptr()))?;
            info.assume_init()
        };
        Ok(Info {
            // SAFETY: the library ends the name with a 0.
            name: unsafe { CStr::from_ptr(info.name.as_ptr()) }.to_string_lossy().into_owned(),
            value: info.value,
            limit: info.limit,
            order: match info.order {
                sys::KSEM_FIFO => Order::Fifo,
                sys::KSEM_LIFO => Order::Lifo,
                _ => Order::Barging,
            },
            waiters: info.waiters,
            references: info.refs,
            held: info.held,
            undo: info.flags & sys::KSEM_UNDO != 0,
            shut_down: info.flags & sys::KSEM_SHUTDOWN != 0,
        })
    }

    /// The living processes that have the semaphore.
    ///
    /// Without a name, that is this program alone. What each holds is known of a semaphore with [`Options::undo`].
    ///
    /// ```
    /// # fn main() -> Result<(), ksem::Error> {
    /// let encoders = ksem::Options::new().limit(2).undo(true).make()?;
    /// let permit = encoders.acquire()?;
    /// for holder in encoders.holders()? {
    ///     println!("{:?} holds {}, for {:?}", holder.pid, holder.held, holder.oldest);
    /// #   assert_eq!((holder.pid, holder.held), (Some(std::process::id()), 1));
    /// }
    /// drop(permit);
    /// # Ok(())
    /// # }
    /// ```
    pub fn holders(&self) -> Result<Vec<Holder>, Error> {
        let mut all: Vec<Holder> = Vec::new();
        // SAFETY: as above. `add_holder` gets what it takes `arg` for, which nothing else uses during the call.
        check(unsafe { sys::ksem_holders(self.proc(), self.id, Some(add_holder), ptr::addr_of_mut!(all).cast()) })?;
        Ok(all)
    }

    /// How long waits took. `ENOTSUP`: the semaphore was made without [`Options::metrics`].
    pub fn metrics(&self) -> Result<Metrics, Error> {
        // SAFETY: all members are numbers, of which 0 is one.
        let mut metrics: sys::ksem_metrics = unsafe { mem::zeroed() };
        metrics.size = mem::size_of::<sys::ksem_metrics>();
        // SAFETY: as above.
        check(unsafe { sys::ksem_read_metrics(self.proc(), self.id, &mut metrics) })?;
        Ok(Metrics {
            waits: metrics.waits,
            timeouts: metrics.timeouts,
            cancels: metrics.cancels,
            shutdowns: metrics.shutdowns,
            time: Duration::from_nanos(metrics.wait_ns),
            longest: Duration::from_nanos(metrics.wait_max_ns),
            undone: metrics.undone,
            waiters_max: metrics.waiters_max,
            histogram: metrics.histogram,
        })
    }

    /// Are they one semaphore, of one namespace?
    pub(crate) fn is_same(&self, other: &Semaphore) -> bool {
        self.proc() == other.proc() && self.id == other.id
    }

    pub(crate) fn proc(&self) -> *mut sys::ksem_proc {
        self.namespace.proc()
    }

    #[cfg(feature = "tokio")]
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn try_wait(&self, count: u32) -> Result<(), Error> {
        // SAFETY: as above.
        check(unsafe { sys::ksem_trywait_many(self.proc(), self.id, count) })
    }

    fn wait(&self) -> Result<(), Error> {
        loop {
            // SAFETY: as above.
            match unsafe { sys::ksem_wait(self.proc(), self.id) } {
                libc::EINTR => {} // a signal handler ran
                number => return check(number),
            }
        }
    }

    fn wait_many(&self, count: u32, timeout: Option<Duration>) -> Result<(), Error> {
        let deadline = timeout.map(|time| {
            let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
            // SAFETY: the call has no conditions.
            unsafe { sys::ksem_deadline_after(nanoseconds) }
        });
        let deadline = deadline.as_ref().map_or(ptr::null(), |time| time as *const _);
        loop {
            // SAFETY: as above; the deadline is a local variable, or NULL.
            match unsafe { sys::ksem_wait_many(self.proc(), self.id, count, libc::CLOCK_MONOTONIC, deadline) } {
                libc::EINTR => {}
                number => return check(number),
            }
        }
    }
}

/// Adds a description to the `Vec<Holder>` that `arg` points to. It never panics, since C calls it.
unsafe extern "C" fn add_holder(holder: *const sys::ksem_holder, arg: *mut libc::c_void) -> libc::c_int {
    // SAFETY: the library describes a holder, which stays until this returns; `arg` is what `holders` has passed.
    let (holder, all) = unsafe { (&*holder, &mut *arg.cast::<Vec<Holder>>()) };
    if all.try_reserve(1).is_err() {
        return libc::ENOMEM;
    }
    all.push(Holder {
        pid: u32::try_from(holder.pid).ok().filter(|pid| *pid != 0),
        references: holder.refs,
        held: holder.held,
        waiting: holder.waiting,
        oldest: Duration::from_secs(holder.oldest.into()),
    });
    0
}

impl Drop for Semaphore {
    fn drop(&mut self) {
        // SAFETY: as above. No thread waits, since it would borrow the semaphore. A wait of a queue whose future was
        // leaked makes the call fail: the semaphore then stays as long as its process.
        unsafe {
            if self.has_name {
                sys::ksem_close(self.proc(), self.id);
            } else {
                sys::ksem_destroy(self.proc(), self.id);
            }
        }
    }
}
