// SPDX-License-Identifier: BSD-2-Clause
//! Tasks of tokio wait for semaphores, without a thread of their own.
//!
//! A [`Queue`] is a completion queue of the library (`man 3 ksem_cq_create`), whose descriptor tokio polls. All waits of
//! a program may be in one queue. A thread that waits for the same semaphore is a waiter as each of them is.
//!
//! How it works: a future that finds no permit submits a wait, under a key of its own. One task, the driver, sleeps
//! until the descriptor is readable, reaps what has completed, and wakes the futures. A future that is dropped cancels
//! its wait. If the wait was granted its permits just then, whoever reaps it gives them back. So no permit is lost.
//!
//! What protects the data: `waits` is locked to add a wait, to look at it and to remove it. It is not locked over a call
//! of the library, nor while a waker is called, cloned or dropped: what a waker does then is its own affair, and may lead
//! back here.

use std::cell::Cell;
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::os::unix::io::{AsRawFd, RawFd};
use std::panic::{self, AssertUnwindSafe};
use std::pin::Pin;
use std::ptr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use ::tokio::io::unix::AsyncFd;
use ::tokio::io::Interest;
use ::tokio::task::JoinHandle;

use crate::error::{check, Error};
use crate::namespace::Namespace;
use crate::permit::Permit;
use crate::semaphore::Semaphore;
use crate::sys;

/// How many completions are reaped at a time.
const ROOM: usize = 32;

/// A thread's tasks take so many times what is there, and then one of them lets the runtime run: else a task that always
/// finds permits would let no timer and no other task run.
const TAKES: u32 = 128;

thread_local! {
    static TAKEN: Cell<u32> = const { Cell::new(0) };
}

/// Whether it is time to let the runtime run.
fn must_yield() -> bool {
    TAKEN.with(|taken| {
        taken.set((taken.get() + 1) % TAKES);
        taken.get() == 0
    })
}

/// Where tasks wait for semaphores. Copies made by `clone` are the same queue.
///
/// It belongs to the runtime in which it was made. When that runtime ends, its waits end with `ECANCELED`. Tasks of
/// other runtimes may wait in it, too.
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), ksem::Error> {
/// let queue = ksem::tokio::Queue::new()?;
/// let backend = ksem::Semaphore::new(10)?;
/// let permit = queue.acquire(&backend).await?;
/// assert_eq!(backend.value(), 9);
/// drop(permit);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Queue(Arc<Running>);

/// The queue with its driver, which ends with it.
struct Running {
    shared: Arc<Shared>,
    driver: JoinHandle<()>,
}

struct Shared {
    cq: *mut sys::ksem_cq,
    waits: Mutex<Waits>,
    namespace: Namespace,
}

// SAFETY: the library says that any thread may make any call on a queue at any time. `cq` is destroyed by whoever has
// the last reference.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

struct Waits {
    by_key: HashMap<u64, Wait>,
    next: u64,
    has_ended: bool, // the driver has
}

enum Wait {
    Waits(Option<Waker>),
    Ended(Result<(), Error>),
    Dropped, // its future has gone: who reaps it gives back what it got
}

impl Queue {
    /// A queue for semaphores without a namespace of their own: those of [`Namespace::private`].
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime, or in one without I/O (`enable_io`).
    pub fn new() -> Result<Queue, Error> {
        Queue::of(&Namespace::private()?)
    }

    /// A queue for the semaphores of that namespace.
    ///
    /// # Panics
    ///
    /// As [`Queue::new`].
    pub fn of(namespace: &Namespace) -> Result<Queue, Error> {
        let mut cq = ptr::null_mut();
        // SAFETY: the process lives as long as the namespace, of which `shared` has a clone.
        check(unsafe { sys::ksem_cq_create(namespace.proc(), &mut cq) })?;
        let waits = Mutex::new(Waits { by_key: HashMap::new(), next: 0, has_ended: false });
        let shared = Arc::new(Shared { cq, waits, namespace: namespace.clone() });
        // SAFETY: the queue is alive.
        let descriptor = Descriptor(unsafe { sys::ksem_cq_fd(cq) });
        let readable = AsyncFd::with_interest(descriptor, Interest::READABLE)
            .map_err(|error| Error::Os(error.raw_os_error().unwrap_or(libc::EIO)))?;
        let driver = ::tokio::spawn(Driver { readable, shared: shared.clone() }.run());
        Ok(Queue(Arc::new(Running { shared, driver })))
    }

    /// Takes a permit; the task waits for it as long as it takes. To wait for some time only, use
    /// `tokio::time::timeout`.
    ///
    /// A future that is dropped takes no permit. A task that waits has its place among threads and other tasks: with
    /// [`Order::Fifo`](crate::Order::Fifo) whoever began to wait first is first. It begins when it is first polled.
    ///
    /// Once in 128 times a future that has found its permits is pending until it is polled again, so that a task that
    /// always finds some lets others run. If it is dropped before, they go back.
    pub fn acquire<S: Deref<Target = Semaphore>>(&self, semaphore: S) -> Acquire<S> {
        self.acquire_many(semaphore, 1)
    }

    /// Takes the permits at one instant.
    pub fn acquire_many<S: Deref<Target = Semaphore>>(&self, semaphore: S, count: u32) -> Acquire<S> {
        Acquire { queue: self.clone(), semaphore: Some(semaphore), count, state: State::Idle }
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("Queue").field("waits", &self.0.shared.waits().by_key.len()).finish_non_exhaustive()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Shared {
    fn waits(&self) -> MutexGuard<'_, Waits> {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands out what has completed, until nothing is left. No task is woken before all that were reaped with its
    /// completion are recorded: a waker may panic, or lead back here.
    fn reap(&self) {
        loop {
            // SAFETY: all members are numbers, of which 0 is one.
            let mut completions: [sys::ksem_completion; ROOM] = unsafe { std::mem::zeroed() };
            let mut n = 0;
            // SAFETY: the queue is alive, and there is room for so many.
            let error = unsafe { sys::ksem_cq_reap(self.cq, completions.as_mut_ptr(), ROOM as u32, &mut n) };
            if error != 0 || n == 0 {
                return;
            }
            let mut wakers: [Option<Waker>; ROOM] = Default::default();
            for (waker, completion) in wakers.iter_mut().zip(&completions[..n as usize]) {
                *waker = self.end(completion);
            }
            for waker in wakers.into_iter().flatten() {
                // A panic was reported by its hook. It may end neither the driver nor the drop of a future.
                drop(panic::catch_unwind(AssertUnwindSafe(|| waker.wake())));
            }
        }
    }

    /// Records what became of a wait; returns whom to wake.
    fn end(&self, completion: &sys::ksem_completion) -> Option<Waker> {
        let result = check(completion.error);
        let mut waits = self.waits();
        match waits.by_key.get_mut(&completion.user_data) {
            Some(wait @ Wait::Waits(_)) => match std::mem::replace(wait, Wait::Ended(result)) {
                Wait::Waits(waker) => waker,
                _ => None,
            },
            _ => {
                waits.by_key.remove(&completion.user_data);
                drop(waits);
                if result.is_ok() {
                    self.post(completion.id, completion.count);
                }
                None
            }
        }
    }

    /// Gives back what nobody waits for, as many as go: another thread may have posted some of a semaphore with
    /// `undo` meanwhile. If the semaphore has gone, nobody needs them.
    fn post(&self, id: u64, mut count: u32) {
        let mut step = count;
        while step > 0 {
            // SAFETY: the process lives as long as the namespace. An id is never used again.
            if unsafe { sys::ksem_post_many(self.namespace.proc(), id, step) } == 0 {
                count -= step;
                step = step.min(count);
            } else {
                step /= 2;
            }
        }
    }

    /// Begins a wait; returns its key.
    fn submit(&self, id: u64, count: u32, waker: Waker) -> Result<u64, Error> {
        let mut waits = self.waits();
        if waits.has_ended {
            return Err(Error::Os(libc::ECANCELED));
        }
        let key = waits.next;
        waits.next += 1;
        waits.by_key.insert(key, Wait::Waits(Some(waker))); // before it can complete
        drop(waits);
        // SAFETY: the queue is alive. Without a deadline, the clock is ignored.
        let error = unsafe { sys::ksem_cq_submit(self.cq, id, count, libc::CLOCK_MONOTONIC, ptr::null(), key) };
        if error != 0 {
            let wait = self.waits().by_key.remove(&key);
            drop(wait);
            return Err(Error::from_number(error));
        }
        if self.waits().has_ended {
            // The driver ended meanwhile, and may have canceled before there was something to cancel.
            // SAFETY: the queue is alive.
            unsafe { sys::ksem_cq_cancel(self.cq, key) };
            self.reap();
        }
        Ok(key)
    }

    /// The future of that wait has gone.
    fn leave(&self, key: u64, id: u64, count: u32) {
        let mut waits = self.waits();
        match waits.by_key.remove(&key) {
            Some(Wait::Waits(_)) => {
                waits.by_key.insert(key, Wait::Dropped);
                drop(waits);
                // SAFETY: the queue is alive. ENOENT: it was granted, and is reaped now, or was by another thread.
                unsafe { sys::ksem_cq_cancel(self.cq, key) };
                self.reap();
            }
            Some(Wait::Ended(Ok(()))) => {
                drop(waits);
                self.post(id, count);
            }
            _ => {}
        }
    }

    /// There is no driver any more: nobody will wake those that wait.
    fn end_all(&self) {
        let mut waits = self.waits();
        waits.has_ended = true;
        let keys: Vec<u64> = waits.by_key.keys().copied().collect();
        drop(waits);
        for key in keys {
            // SAFETY: the queue is alive.
            unsafe { sys::ksem_cq_cancel(self.cq, key) };
        }
        self.reap();
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: it is the last call on the queue: nobody else has it. Its descriptor isn't polled any more, since the
        // driver, which polls it, has a reference until then. It can't fail.
        unsafe { sys::ksem_cq_destroy(self.cq) };
    }
}

struct Descriptor(RawFd);

impl AsRawFd for Descriptor {
    fn as_raw_fd(&self) -> RawFd {
        self.0
    }
}

/// Dropped in this order: polling ends before the queue, and so its descriptor, can.
struct Driver {
    readable: AsyncFd<Descriptor>,
    shared: Arc<Shared>,
}

impl Driver {
    async fn run(self) {
        while let Ok(mut guard) = self.readable.readable().await {
            self.shared.reap();
            // Readiness that came after the last reap stays: tokio clears only what the guard saw.
            guard.clear_ready();
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.shared.end_all();
    }
}

/// The future of [`Queue::acquire`].
#[must_use = "it does nothing until it is awaited"]
pub struct Acquire<S: Deref<Target = Semaphore>> {
    queue: Queue,
    semaphore: Option<S>, // until it is in the permit
    count: u32,
    state: State,
}

#[derive(Clone, Copy)]
enum State {
    Idle,       // not begun, or ready
    Waits(u64), // the key
    Taken,      // it has the permits, and was pending to let the runtime run
}

// `S` is moved, never pinned.
impl<S: Deref<Target = Semaphore>> Unpin for Acquire<S> {}

impl<S: Deref<Target = Semaphore>> Acquire<S> {
    /// Whether it is ready.
    fn begin(&mut self, waker: &Waker) -> Result<bool, Error> {
        let semaphore = self.semaphore.as_ref().expect("polled after it was ready");
        if semaphore.proc() != self.queue.0.shared.namespace.proc() {
            return Err(Error::Os(libc::EINVAL)); // ids are of one namespace
        }
        match semaphore.try_wait(self.count) {
            Err(Error::NoPermits) => {
                self.state = State::Waits(self.queue.0.shared.submit(semaphore.id(), self.count, waker.clone())?);
                Ok(false)
            }
            Ok(()) if must_yield() => {
                self.state = State::Taken;
                waker.wake_by_ref();
                Ok(false)
            }
            result => result.map(|()| true),
        }
    }

    /// What became of the wait; `None`: it goes on.
    fn look(&self, key: u64, waker: &Waker) -> Option<Result<(), Error>> {
        let mut waker = Some(waker.clone());
        let mut waits = self.queue.0.shared.waits();
        let result = match waits.by_key.get_mut(&key) {
            Some(Wait::Waits(stored)) => {
                std::mem::swap(stored, &mut waker);
                None
            }
            _ => match waits.by_key.remove(&key) {
                Some(Wait::Ended(result)) => Some(result),
                _ => Some(Err(Error::Os(libc::ECANCELED))),
            },
        };
        drop(waits); // and then the waker
        result
    }
}

impl<S: Deref<Target = Semaphore>> Future for Acquire<S> {
    type Output = Result<Permit<S>, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let result = match self.state {
            State::Waits(key) => match self.look(key, context.waker()) {
                Some(result) => result,
                None => return Poll::Pending,
            },
            State::Taken => Ok(()),
            State::Idle => match self.begin(context.waker()) {
                Ok(true) => Ok(()),
                Ok(false) => return Poll::Pending,
                Err(error) => Err(error),
            },
        };
        self.state = State::Idle;
        let count = self.count;
        Poll::Ready(result.and_then(|()| {
            let semaphore = self.semaphore.take().expect("polled after it was ready");
            Ok(Permit::new(semaphore, count))
        }))
    }
}

impl<S: Deref<Target = Semaphore>> Drop for Acquire<S> {
    fn drop(&mut self) {
        if let Some(semaphore) = self.semaphore.as_ref() {
            match self.state {
                State::Waits(key) => self.queue.0.shared.leave(key, semaphore.id(), self.count),
                State::Taken => self.queue.0.shared.post(semaphore.id(), self.count),
                State::Idle => {}
            }
        }
    }
}
