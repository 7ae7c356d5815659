// SPDX-License-Identifier: BSD-2-Clause AND MIT
//! tokio's own tests of its semaphore (tests/sync_semaphore.rs and tests/sync_semaphore_owned.rs of tokio 1.24.2),
//! rewritten for this one. Where tokio panics, because of too many permits, this one returns an error.
//!
//! Copyright (c) 2022 Tokio Contributors
//!
//! Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
//! documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
//! rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
//! persons to whom the Software is furnished to do so, subject to the following conditions:
//!
//! The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
//! Software.
//!
//! THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
//! WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
//! COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
//! OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.

use std::sync::Arc;

use ksem::tokio::Queue;
use ksem::{Error, Options, Semaphore};

fn new(value: u32) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(value).unwrap())
}

#[test]
fn no_permits() {
    // this should not panic
    Semaphore::new(0).unwrap();
}

#[test]
fn try_acquire() {
    let sem = Semaphore::new(1).unwrap();
    {
        let p1 = sem.try_acquire();
        assert!(p1.is_ok());
        let p2 = sem.try_acquire();
        assert!(p2.is_err());
    }
    let p3 = sem.try_acquire();
    assert!(p3.is_ok());
}

#[tokio::test]
async fn acquire() {
    let queue = Queue::new().unwrap();
    let sem = new(1);
    let p1 = sem.try_acquire().unwrap();
    let sem_clone = sem.clone();
    let j = tokio::spawn(async move {
        let _p2 = queue.acquire(&*sem_clone).await;
    });
    drop(p1);
    j.await.unwrap();
}

#[tokio::test]
async fn add_permits() {
    let queue = Queue::new().unwrap();
    let sem = new(0);
    let sem_clone = sem.clone();
    let j = tokio::spawn(async move {
        let _p2 = queue.acquire(&*sem_clone).await;
    });
    sem.post(1).unwrap();
    j.await.unwrap();
}

#[test]
fn forget() {
    let sem = new(1);
    {
        let p = sem.try_acquire().unwrap();
        assert_eq!(sem.value(), 0);
        p.forget();
        assert_eq!(sem.value(), 0);
    }
    assert_eq!(sem.value(), 0);
    assert!(sem.try_acquire().is_err());
}

#[test]
fn merge() {
    let sem = new(3);
    {
        let mut p1 = sem.try_acquire().unwrap();
        assert_eq!(sem.value(), 2);
        let p2 = sem.try_acquire_many(2).unwrap();
        assert_eq!(sem.value(), 0);
        p1.merge(p2);
        assert_eq!(sem.value(), 0);
    }
    assert_eq!(sem.value(), 3);
}

#[test]
#[should_panic]
fn merge_unrelated_permits() {
    let sem1 = new(3);
    let sem2 = new(3);
    let mut p1 = sem1.try_acquire().unwrap();
    let p2 = sem2.try_acquire().unwrap();
    p1.merge(p2);
}

#[tokio::test]
async fn stress_test() {
    let queue = Queue::new().unwrap();
    let sem = new(5);
    let mut join_handles = Vec::new();
    for _ in 0..1000 {
        let (queue, sem_clone) = (queue.clone(), sem.clone());
        join_handles.push(tokio::spawn(async move {
            let _p = queue.acquire(&*sem_clone).await;
        }));
    }
    for j in join_handles {
        j.await.unwrap();
    }
    // there should be exactly 5 semaphores available now
    let _p1 = sem.try_acquire().unwrap();
    let _p2 = sem.try_acquire().unwrap();
    let _p3 = sem.try_acquire().unwrap();
    let _p4 = sem.try_acquire().unwrap();
    let _p5 = sem.try_acquire().unwrap();
    assert!(sem.try_acquire().is_err());
}

#[test]
fn add_max_amount_permits() {
    let s = Semaphore::new(0).unwrap();
    s.post(Semaphore::MAX_PERMITS).unwrap();
    assert_eq!(s.value(), Semaphore::MAX_PERMITS);
}

#[test]
fn add_more_than_max_amount_permits1() {
    let s = Semaphore::new(1).unwrap();
    assert_eq!(s.post(Semaphore::MAX_PERMITS), Err(Error::LimitReached));
    assert_eq!(s.value(), 1);
}

#[test]
fn add_more_than_max_amount_permits2() {
    let s = Semaphore::new(Semaphore::MAX_PERMITS - 1).unwrap();
    s.post(1).unwrap();
    assert_eq!(s.post(1), Err(Error::LimitReached));
}

#[test]
fn fails_when_exceeds_the_limit() {
    assert_eq!(Options::new().limit(7).value(8).make().err(), Some(Error::Os(libc::EINVAL)));
}

#[test]
fn no_error_at_maxpermits() {
    let _ = Semaphore::new(Semaphore::MAX_PERMITS).unwrap();
    let s = Semaphore::new(Semaphore::MAX_PERMITS - 1).unwrap();
    s.post(1).unwrap();
}

// ---- Owned permits. ----

#[test]
fn try_acquire_owned() {
    let sem = new(1);
    {
        let p1 = sem.clone().try_acquire_owned();
        assert!(p1.is_ok());
        let p2 = sem.clone().try_acquire_owned();
        assert!(p2.is_err());
    }
    let p3 = sem.try_acquire_owned();
    assert!(p3.is_ok());
}

#[test]
fn try_acquire_many_owned() {
    let sem = new(42);
    {
        let p1 = sem.clone().try_acquire_many_owned(42);
        assert!(p1.is_ok());
        let p2 = sem.clone().try_acquire_owned();
        assert!(p2.is_err());
    }
    let p3 = sem.clone().try_acquire_many_owned(32);
    assert!(p3.is_ok());
    let p4 = sem.clone().try_acquire_many_owned(10);
    assert!(p4.is_ok());
    assert!(sem.try_acquire_owned().is_err());
}

#[tokio::test]
async fn acquire_owned() {
    let queue = Queue::new().unwrap();
    let sem = new(1);
    let p1 = sem.clone().try_acquire_owned().unwrap();
    let sem_clone = sem.clone();
    let j = tokio::spawn(async move {
        let _p2 = queue.acquire(sem_clone).await;
    });
    drop(p1);
    j.await.unwrap();
}

#[tokio::test]
async fn acquire_many_owned() {
    let queue = Queue::new().unwrap();
    let semaphore = new(42);
    let permit32 = semaphore.clone().try_acquire_many_owned(32).unwrap();
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let join_handle = tokio::spawn(async move {
        let _permit10 = queue.acquire_many(semaphore.clone(), 10).await.unwrap();
        sender.send(()).unwrap();
        let _permit32 = queue.acquire_many(semaphore, 32).await.unwrap();
    });
    receiver.await.unwrap();
    drop(permit32);
    join_handle.await.unwrap();
}

#[test]
fn merge_owned() {
    let sem = new(3);
    {
        let mut p1 = sem.clone().try_acquire_owned().unwrap();
        assert_eq!(sem.value(), 2);
        let p2 = sem.clone().try_acquire_many_owned(2).unwrap();
        assert_eq!(sem.value(), 0);
        p1.merge(p2);
        assert_eq!(sem.value(), 0);
    }
    assert_eq!(sem.value(), 3);
}

#[tokio::test]
async fn stress_test_owned() {
    let queue = Queue::new().unwrap();
    let sem = new(5);
    let mut join_handles = Vec::new();
    for _ in 0..1000 {
        let (queue, sem_clone) = (queue.clone(), sem.clone());
        join_handles.push(tokio::spawn(async move {
            let _p = queue.acquire(sem_clone).await;
        }));
    }
    for j in join_handles {
        j.await.unwrap();
    }
    let _p5 = sem.clone().try_acquire_many_owned(5).unwrap();
    assert!(sem.try_acquire_owned().is_err());
}
