// SPDX-License-Identifier: BSD-2-Clause
//! Tasks that wait in a queue: none is forgotten, and no permit is lost, whoever gives up and whenever.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;
use std::task::{Context, Poll, Wake};
use std::time::{Duration, Instant};

use ksem::tokio::{Acquire, Queue};
use ksem::{Error, Namespace, Options, Order, Semaphore};

#[derive(Default)]
struct Counts(AtomicU32);

impl Wake for Counts {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Counts {
    async fn wait(&self) {
        let begun = Instant::now();
        while self.0.load(Ordering::SeqCst) == 0 {
            assert!(begun.elapsed() < Duration::from_secs(60), "it takes too long");
            tokio::task::yield_now().await;
        }
    }
}

struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic!("a waker that panics");
    }
}

/// Polls once; wakes are counted.
fn poll<W: Wake + Send + Sync + 'static>(future: &mut Acquire<&Semaphore>, wakes: &Arc<W>) -> Poll<Result<u32, Error>> {
    let waker = wakes.clone().into();
    Pin::new(future).poll(&mut Context::from_waker(&waker)).map(|result| {
        result.map(|permit| {
            let count = permit.count();
            permit.forget();
            count
        })
    })
}

#[tokio::test]
async fn a_task_waits_for_a_thread() {
    let (queue, sem) = (Queue::new().unwrap(), Arc::new(Semaphore::new(0).unwrap()));
    let posts = sem.clone();
    let task = tokio::spawn({
        let queue = queue.clone();
        async move { queue.acquire_many(sem, 3).await.map(|permit| permit.count()) }
    });
    std::thread::spawn(move || {
        while posts.info().unwrap().waiters == 0 {
            std::thread::yield_now();
        }
        posts.post(3).unwrap();
    });
    assert_eq!(task.await.unwrap(), Ok(3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn never_more_tasks_than_permits() {
    let (queue, inside) = (Queue::new().unwrap(), Arc::new(AtomicU32::new(0)));
    let sem = Arc::new(Options::new().limit(3).order(Order::Fifo).make().unwrap());
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let (queue, sem, inside) = (queue.clone(), sem.clone(), inside.clone());
            tokio::spawn(async move {
                for _ in 0..50 {
                    let _permit = queue.acquire(&*sem).await.unwrap();
                    assert!(inside.fetch_add(1, Ordering::SeqCst) < 3);
                    tokio::task::yield_now().await;
                    inside.fetch_sub(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!((sem.value(), sem.info().unwrap().waiters), (3, 0));
}

#[tokio::test]
async fn tasks_are_served_in_order() {
    let (queue, wakes) = (Queue::new().unwrap(), Arc::new(Counts::default()));
    let sem = Options::new().limit(1).order(Order::Fifo).make().unwrap();
    let held = sem.acquire().unwrap();
    let mut futures: Vec<_> = (0..3).map(|_| queue.acquire(&sem)).collect();
    for future in &mut futures {
        assert!(poll(future, &wakes).is_pending());
    }
    assert_eq!(sem.try_acquire().err(), Some(Error::NoPermits));
    drop(held);
    for mut future in futures {
        drop(tokio::time::timeout(Duration::from_secs(60), &mut future).await.unwrap().unwrap());
    }
}

#[tokio::test]
async fn a_future_that_is_dropped_takes_no_permit() {
    let (queue, wakes) = (Queue::new().unwrap(), Arc::new(Counts::default()));
    let sem = Semaphore::new(1).unwrap();
    drop(queue.acquire(&sem)); // never polled
    let held = sem.acquire().unwrap();
    let mut future = queue.acquire(&sem);
    assert!(poll(&mut future, &wakes).is_pending());
    assert_eq!(sem.info().unwrap().waiters, 1);
    drop(future);
    assert_eq!(sem.info().unwrap().waiters, 0);
    // Granted and not reaped: nothing runs here between the two.
    let mut future = queue.acquire(&sem);
    assert!(poll(&mut future, &wakes).is_pending());
    drop(held);
    assert_eq!(sem.value(), 0);
    drop(future);
    assert_eq!(sem.value(), 1);
    // Granted, reaped, and the task woken, which doesn't look.
    let held = sem.acquire().unwrap();
    let mut future = queue.acquire(&sem);
    assert!(poll(&mut future, &wakes).is_pending());
    drop(held);
    wakes.wait().await;
    assert_eq!(sem.value(), 0);
    drop(future);
    assert_eq!(sem.value(), 1);
    assert_eq!(format!("{queue:?}"), "Queue { waits: 0, .. }");
}

#[tokio::test]
async fn what_others_have_posted_meanwhile_does_not_keep_the_rest() {
    let (queue, wakes) = (Queue::new().unwrap(), Arc::new(Counts::default()));
    let sem = Options::new().limit(7).undo(true).make().unwrap();
    for posted in 0..=7 {
        sem.acquire_many(7).unwrap().forget();
        let mut future = queue.acquire_many(&sem, 7);
        assert!(poll(&mut future, &wakes).is_pending());
        sem.post(7).unwrap();
        assert_eq!(sem.value(), 0);
        if posted > 0 {
            sem.post(posted).unwrap();
        }
        drop(future);
        assert_eq!(sem.value(), 7);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_permit_is_lost_by_timeouts() {
    let queue = Queue::new().unwrap();
    let sem = Arc::new(Options::new().limit(2).make().unwrap());
    let tasks: Vec<_> = (0..20u64)
        .map(|number| {
            let (queue, sem) = (queue.clone(), sem.clone());
            tokio::spawn(async move {
                for turn in 0..100 {
                    let wait = Duration::from_micros((number * 37 + turn * 11) % 300);
                    if let Ok(permit) = tokio::time::timeout(wait, queue.acquire(&*sem)).await {
                        let _permit = permit.unwrap();
                        tokio::task::yield_now().await;
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!((sem.value(), sem.info().unwrap().waiters), (2, 0));
    assert_eq!(format!("{queue:?}"), "Queue { waits: 0, .. }");
}

#[tokio::test]
async fn a_shutdown_ends_waits_of_tasks() {
    let (queue, wakes) = (Queue::new().unwrap(), Arc::new(Counts::default()));
    let sem = Semaphore::new(0).unwrap();
    let mut future = queue.acquire(&sem);
    assert!(poll(&mut future, &wakes).is_pending());
    sem.shutdown().unwrap();
    assert_eq!(future.await.err(), Some(Error::Shutdown));
    assert_eq!(queue.acquire(&sem).await.err(), Some(Error::Shutdown));
}

#[tokio::test]
async fn the_last_waker_counts() {
    let (queue, sem) = (Queue::new().unwrap(), Semaphore::new(0).unwrap());
    let (first, last) = (Arc::new(Counts::default()), Arc::new(Counts::default()));
    let mut future = queue.acquire(&sem);
    assert!(poll(&mut future, &first).is_pending());
    assert!(poll(&mut future, &last).is_pending());
    assert_eq!(Arc::strong_count(&first), 1); // its waker was dropped
    sem.post(1).unwrap();
    last.wait().await;
    assert_eq!(first.0.load(Ordering::SeqCst), 0);
    assert_eq!(poll(&mut future, &last), Poll::Ready(Ok(1)));
}

#[tokio::test]
async fn a_task_that_always_finds_permits_lets_others_run() {
    let (queue, sem, begun) = (Queue::new().unwrap(), Semaphore::new(1).unwrap(), Instant::now());
    let takes = async {
        while begun.elapsed() < Duration::from_secs(60) {
            drop(queue.acquire(&sem).await.unwrap());
        }
    };
    assert!(tokio::time::timeout(Duration::from_millis(50), takes).await.is_err());
    assert_eq!(sem.value(), 1);
}

#[tokio::test]
async fn what_was_taken_before_others_run_is_given_back_or_had() {
    let (queue, sem, wakes) = (Queue::new().unwrap(), Semaphore::new(128).unwrap(), Arc::new(Counts::default()));
    for is_dropped in [true, false] {
        let mut future = queue.acquire(&sem);
        while poll(&mut future, &wakes).is_ready() {
            future = queue.acquire(&sem);
        }
        let value = sem.value();
        assert_eq!(wakes.0.swap(0, Ordering::SeqCst), 1);
        if is_dropped {
            drop(future);
            assert_eq!(sem.value(), value + 1);
        } else {
            assert_eq!(poll(&mut future, &wakes), Poll::Ready(Ok(1)));
            drop(future);
            assert_eq!(sem.value(), value);
        }
        sem.post(127).unwrap();
    }
}

#[tokio::test]
async fn a_waker_that_panics_harms_no_other_task() {
    let (queue, wakes) = (Queue::new().unwrap(), Arc::new(Counts::default()));
    let sem = Options::new().value(0).order(Order::Fifo).make().unwrap();
    for _ in 0..2 {
        let (mut first, mut second) = (queue.acquire(&sem), queue.acquire(&sem));
        assert!(poll(&mut first, &Arc::new(Panics)).is_pending());
        assert!(poll(&mut second, &wakes).is_pending());
        sem.post(2).unwrap();
        wakes.wait().await;
        wakes.0.store(0, Ordering::SeqCst);
        assert_eq!(poll(&mut first, &wakes), Poll::Ready(Ok(1)));
        assert_eq!(poll(&mut second, &wakes), Poll::Ready(Ok(1)));
    }
}

/// The future outlives the runtime whose driver would have woken it.
#[test]
fn a_runtime_that_ends_ends_its_waits() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    let queue = runtime.block_on(async { Queue::new() }).unwrap();
    let (sem, wakes) = (Semaphore::new(0).unwrap(), Arc::new(Counts::default()));
    let mut future = queue.acquire(&sem);
    assert!(poll(&mut future, &wakes).is_pending());
    drop(runtime);
    assert_eq!(wakes.0.load(Ordering::SeqCst), 1);
    let canceled = Poll::Ready(Err(Error::Os(libc::ECANCELED)));
    assert_eq!(poll(&mut future, &wakes), canceled);
    assert_eq!(poll(&mut queue.acquire(&sem), &wakes), canceled);
    sem.post(1).unwrap();
    assert_eq!(poll(&mut queue.acquire(&sem), &wakes), Poll::Ready(Ok(1)));
}

#[tokio::test]
async fn a_queue_is_for_one_namespace() {
    let queue = Queue::new().unwrap();
    let folder = std::env::var_os("KSEM_TEST_SHM").unwrap_or_else(|| "/dev/shm".into());
    let directory = std::path::PathBuf::from(folder).join(format!("ksem-rust-queue-{}", std::process::id()));
    std::fs::create_dir(&directory).unwrap();
    let ns = Namespace::in_directory(&directory).unwrap();
    let named = Options::new().namespace(&ns).value(1).create("/a").unwrap();
    assert_eq!(queue.acquire(&named).await.err(), Some(Error::Os(libc::EINVAL)));
    // Shared, and made with the default attributes.
    let theirs = Queue::of(&ns).unwrap();
    let held = theirs.acquire(&named).await.unwrap();
    let waits = tokio::time::timeout(Duration::from_millis(10), theirs.acquire(&named)).await;
    assert!(waits.is_err());
    drop(held);
    drop(theirs.acquire(&named).await.unwrap());
    std::fs::remove_dir_all(&directory).unwrap();
    let limited = Options::new().limit(1).make().unwrap();
    assert_eq!(queue.acquire_many(&limited, 2).await.err(), Some(Error::Os(libc::EINVAL)));
}
