// SPDX-License-Identifier: BSD-2-Clause
//! Permits that are given back when they are dropped.

use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::ptr;

use crate::semaphore::Semaphore;

/// Permits that were taken. They are given back when it is dropped.
///
/// `S` is how it has its semaphore: `&Semaphore`, or `Arc<Semaphore>` for a permit that goes to another thread or task.
/// It belongs to no thread: another one may drop it.
#[must_use = "it is given back at once if it isn't kept: let _permit = ..."]
pub struct Permit<S: Deref<Target = Semaphore>> {
    semaphore: S,
    count: u32,
}

impl<S: Deref<Target = Semaphore>> Permit<S> {
    pub(crate) fn new(semaphore: S, count: u32) -> Permit<S> {
        Permit { semaphore, count }
    }

    /// How many permits it is.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// The semaphore.
    pub fn semaphore(&self) -> &Semaphore {
        &self.semaphore
    }

    /// Keeps the permits: whoever wants them to come back must call [`Semaphore::post`].
    pub fn forget(self) {
        drop(self.into_parts());
    }

    /// Adds the permits of the other one.
    ///
    /// # Panics
    ///
    /// If they are permits of two semaphores.
    pub fn merge(&mut self, other: Permit<S>) {
        assert!(self.semaphore.is_same(&other.semaphore), "permits of two semaphores");
        let sum = self.count.checked_add(other.count).expect("more permits than there can be");
        other.forget();
        self.count = sum;
    }

    /// Takes that many permits out, as a permit of their own. `None`: it has fewer.
    pub fn split(&mut self, count: u32) -> Option<Permit<S>>
    where
        S: Clone,
    {
        self.count = self.count.checked_sub(count)?;
        Some(Permit::new(self.semaphore.clone(), count))
    }

    fn into_parts(self) -> (S, u32) {
        let permit = ManuallyDrop::new(self);
        // SAFETY: `permit` isn't used again, nor dropped. So this is the only use of what is read.
        (unsafe { ptr::read(&permit.semaphore) }, permit.count)
    }
}

impl<S: Deref<Target = Semaphore>> Drop for Permit<S> {
    fn drop(&mut self) {
        // Fails only if others posted permits that they hadn't taken.
        let _ = self.semaphore.post(self.count);
    }
}

impl<S: Deref<Target = Semaphore>> fmt::Debug for Permit<S> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("Permit").field("count", &self.count).finish_non_exhaustive()
    }
}
