// SPDX-License-Identifier: BSD-2-Clause
//! Queues end with the last who has one, and give their descriptors back. A program of its own, which counts them.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake};
use std::time::{Duration, Instant};

use ksem::tokio::Queue;
use ksem::Semaphore;

struct Nobody;

impl Wake for Nobody {
    fn wake(self: Arc<Self>) {}
}

fn open() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

#[tokio::test]
async fn queues_end() {
    let sem = Semaphore::new(0).unwrap();
    drop(Queue::new().unwrap()); // what the library keeps
    tokio::task::yield_now().await;
    let before = open();
    let many: Vec<_> = (0..20).map(|_| Queue::new().unwrap()).collect();
    assert!(open() >= before + 20);
    let mut future = many[0].acquire(&sem);
    let waker = Arc::new(Nobody).into();
    assert!(Pin::new(&mut future).poll(&mut Context::from_waker(&waker)).is_pending());
    drop(many);
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(open() > before); // the future has its queue
    drop(future);
    let begun = Instant::now();
    while open() > before {
        assert!(begun.elapsed() < Duration::from_secs(60), "it takes too long");
        tokio::task::yield_now().await;
    }
    assert_eq!(sem.info().unwrap().waiters, 0);
}
