// SPDX-License-Identifier: BSD-2-Clause
//! Semaphores of threads and processes, by the interface of Rust.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{mpsc, Arc};
use std::thread;
use std::time::{Duration, Instant};

use ksem::{Error, Namespace, Options, Order, Permit, Semaphore};

/// A directory of a test's own, for shared semaphores.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Directory {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let folder = std::env::var_os("KSEM_TEST_SHM").unwrap_or_else(|| "/dev/shm".into());
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = PathBuf::from(folder).join(format!("ksem-rust-{}-{number}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Directory(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

fn until(condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it takes too long");
        thread::yield_now();
    }
}

#[test]
fn semaphores_and_permits_go_from_thread_to_thread() {
    fn goes<T: Send + Sync>() {}
    goes::<Semaphore>();
    goes::<Permit<&Semaphore>>();
    goes::<Permit<Arc<Semaphore>>>();
    goes::<Namespace>();
    goes::<Options>();
    goes::<Error>();
}

#[test]
fn permits_come_back() {
    let sem = Semaphore::new(3).unwrap();
    {
        let one = sem.acquire().unwrap();
        let two = sem.acquire_many(2).unwrap();
        assert_eq!((one.count(), two.count(), sem.value()), (1, 2, 0));
        assert_eq!(sem.try_acquire().err(), Some(Error::NoPermits));
    }
    assert_eq!(sem.value(), 3);
    assert_eq!(sem.try_acquire_many(4).err(), Some(Error::NoPermits));
    assert_eq!(sem.try_acquire_up_to(4).unwrap().count(), 3);
    sem.acquire().unwrap().forget();
    assert_eq!(sem.value(), 2);
    sem.post(1).unwrap();
    assert_eq!(sem.value(), 3);
}

#[test]
fn permits_come_back_from_a_thread_that_panics() {
    let sem = Arc::new(Semaphore::new(1).unwrap());
    let theirs = sem.clone();
    let ended = thread::spawn(move || {
        let _permit = theirs.acquire().unwrap();
        std::panic::resume_unwind(Box::new(()));
    });
    assert!(ended.join().is_err());
    assert_eq!(sem.value(), 1);
}

#[test]
fn permits_merge_and_split() {
    let sem = Semaphore::new(5).unwrap();
    let mut permit = sem.acquire_many(4).unwrap();
    assert!(permit.split(5).is_none());
    let three = permit.split(3).unwrap();
    assert_eq!((permit.count(), three.count(), sem.value()), (1, 3, 1));
    permit.merge(sem.acquire().unwrap());
    drop(three);
    assert_eq!((permit.count(), sem.value()), (2, 3));
    drop(permit);
    assert_eq!(sem.value(), 5);
}

#[test]
fn a_wait_has_a_deadline() {
    let sem = Semaphore::new(1).unwrap();
    let begun = Instant::now();
    assert_eq!(sem.acquire_many_timeout(2, Duration::from_millis(20)).err(), Some(Error::TimedOut));
    assert!(begun.elapsed() >= Duration::from_millis(20));
    assert!(sem.acquire_timeout(Duration::ZERO).is_ok());
    assert!(sem.acquire_timeout(Duration::MAX).is_ok());
}

/// The same of an `Arc`, and with permits that another thread drops.
#[test]
fn owned_waits_are_like_the_others() {
    let sem = Arc::new(Options::new().limit(3).make().unwrap());
    let two = sem.clone().acquire_many_owned(2).unwrap();
    let one = sem.clone().acquire_timeout_owned(Duration::ZERO).unwrap();
    assert_eq!((two.count(), one.count(), sem.value()), (2, 1, 0));
    let begun = Instant::now();
    assert_eq!(sem.clone().acquire_timeout_owned(Duration::from_millis(20)).err(), Some(Error::TimedOut));
    assert_eq!(sem.clone().acquire_many_timeout_owned(3, Duration::from_millis(20)).err(), Some(Error::TimedOut));
    assert!(begun.elapsed() >= Duration::from_millis(40));
    let waits = [
        thread::spawn({
            let sem = sem.clone();
            move || sem.acquire_many_timeout_owned(2, Duration::MAX)
        }),
        thread::spawn({
            let sem = sem.clone();
            move || sem.acquire_timeout_owned(Duration::from_secs(600))
        }),
    ];
    until(|| sem.info().unwrap().waiters == 2);
    drop((one, two));
    for wait in waits {
        drop(wait.join().unwrap().unwrap());
    }
    assert_eq!(sem.value(), 3);
    let invalid = Some(Error::Os(libc::EINVAL));
    assert_eq!(sem.clone().acquire_many_owned(4).err(), invalid);
    assert_eq!(sem.clone().acquire_many_timeout_owned(4, Duration::ZERO).err(), invalid);
    assert_eq!(Arc::strong_count(&sem), 1);
}

#[test]
fn a_thread_waits_and_is_woken() {
    let sem = Semaphore::new(0).unwrap();
    thread::scope(|scope| {
        for count in 1..=3 {
            let sem = &sem;
            scope.spawn(move || sem.acquire_many(count).unwrap().forget());
        }
        until(|| sem.info().unwrap().waiters == 3);
        sem.post(6).unwrap();
    });
    assert_eq!(sem.value(), 0);
}

#[test]
fn never_more_threads_than_permits() {
    let (sem, inside) = (Semaphore::new(2).unwrap(), AtomicU32::new(0));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..20_000 {
                    let _permit = sem.acquire().unwrap();
                    assert!(inside.fetch_add(1, Ordering::Relaxed) < 2);
                    inside.fetch_sub(1, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(sem.value(), 2);
}

#[test]
fn the_first_is_served_first() {
    let sem = Options::new().limit(1).order(Order::Fifo).make().unwrap();
    let (tell, told) = mpsc::channel();
    let held = sem.acquire().unwrap();
    thread::scope(|scope| {
        for number in 0..4 {
            let (sem, tell) = (&sem, tell.clone());
            scope.spawn(move || {
                let _permit = sem.acquire().unwrap();
                tell.send(number).unwrap();
            });
            until(|| sem.info().unwrap().waiters == number + 1);
        }
        drop(held);
    });
    drop(tell);
    assert_eq!(told.iter().collect::<Vec<_>>(), [0, 1, 2, 3]);
}

#[test]
fn a_limit_is_kept_and_changes() {
    let sem = Options::new().limit(3).make().unwrap();
    assert_eq!(sem.post(1), Err(Error::LimitReached));
    let held = sem.acquire_many(2).unwrap();
    sem.set_limit(1).unwrap();
    assert_eq!((sem.value(), sem.info().unwrap().limit), (0, 1));
    drop(held);
    assert_eq!(sem.value(), 1);
    assert_eq!(Semaphore::new(1).unwrap().set_limit(2), Err(Error::Os(libc::EINVAL)));
}

#[test]
fn a_shutdown_ends_all_waits() {
    let sem = Semaphore::new(0).unwrap();
    thread::scope(|scope| {
        let one = scope.spawn(|| sem.acquire().err());
        let two = scope.spawn(|| sem.acquire_many_timeout(2, Duration::from_secs(600)).err());
        until(|| sem.info().unwrap().waiters == 2);
        sem.shutdown().unwrap();
        assert_eq!(one.join().unwrap(), Some(Error::Shutdown));
        assert_eq!(two.join().unwrap(), Some(Error::Shutdown));
    });
    assert!(sem.info().unwrap().shut_down);
    sem.post(1).unwrap();
    assert!(sem.acquire().is_ok());
}

#[test]
fn waits_are_measured() {
    let sem = Options::new().limit(1).metrics(true).make().unwrap();
    let held = sem.acquire().unwrap();
    assert_eq!(sem.acquire_timeout(Duration::from_millis(1)).err(), Some(Error::TimedOut));
    drop(held);
    let metrics = sem.metrics().unwrap();
    assert_eq!((metrics.waits, metrics.timeouts, metrics.waiters_max), (1, 1, 1));
    assert_eq!(metrics.histogram.iter().sum::<u64>(), 1);
    assert!(metrics.longest > Duration::ZERO && metrics.longest == metrics.time);
    assert_eq!(Semaphore::new(0).unwrap().metrics().err(), Some(Error::Os(libc::ENOTSUP)));
}

#[test]
fn wrong_arguments_are_errors() {
    let invalid = Some(Error::Os(libc::EINVAL));
    assert_eq!(Options::new().limit(1).value(2).make().err(), invalid);
    assert_eq!(Options::new().undo(true).make().err(), invalid);
    assert_eq!(Options::new().limit(2).make().unwrap().try_acquire_many(3).err(), invalid);
    assert_eq!(Options::new().open("/a\0b").err(), invalid);
    let directory = Directory::new();
    let ns = Namespace::in_directory(&directory.0).unwrap();
    assert_eq!(Options::new().namespace(&ns).create("no slash").err(), invalid);
    assert_eq!(Options::new().namespace(&ns).open("/none").err(), Some(Error::Os(libc::ENOENT)));
    assert_eq!(ns.unlink("/none").err(), Some(Error::Os(libc::ENOENT)));
    assert_eq!(Namespace::in_directory("/none").err(), Some(Error::Os(libc::ENOENT)));
    assert_eq!(std::io::Error::from(Error::NoPermits).kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn a_name_is_shared() {
    let directory = Directory::new();
    let (ours, theirs) =
        (Namespace::in_directory(&directory.0).unwrap(), Namespace::in_directory(&directory.0).unwrap());
    let mine = Options::new().namespace(&ours).limit(2).create("/limit").unwrap();
    assert_eq!(Options::new().namespace(&ours).create_new("/limit").err(), Some(Error::Os(libc::EEXIST)));
    let yours = Options::new().namespace(&theirs).open("/limit").unwrap();
    let permit = mine.acquire().unwrap();
    assert_eq!((yours.value(), yours.info().unwrap().name.as_str()), (1, "/limit"));
    theirs.unlink("/limit").unwrap();
    drop(permit);
    assert_eq!((yours.value(), yours.info().unwrap().name.as_str()), (2, ""));
    drop(ours); // the semaphore keeps it
    assert!(mine.acquire().is_ok());
}

/// This process with two namespaces is one holder; another one is a child that waits until it is killed.
#[test]
fn holders_are_told() {
    let private = Semaphore::new(1).unwrap();
    let all = private.holders().unwrap();
    assert_eq!(all.len(), 1);
    assert_eq!((all[0].pid, all[0].references, all[0].held), (Some(std::process::id()), 1, 0));
    assert_eq!((all[0].waiting, all[0].oldest), (0, Duration::ZERO));
    let directory = Directory::new();
    let (ours, theirs) =
        (Namespace::in_directory(&directory.0).unwrap(), Namespace::in_directory(&directory.0).unwrap());
    let mine = Options::new().namespace(&ours).limit(3).undo(true).create("/holders").unwrap();
    let yours = Options::new().namespace(&theirs).open("/holders").unwrap();
    let held = (mine.acquire().unwrap(), yours.acquire_many(2).unwrap());
    // SAFETY: as below.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let _ = mine.acquire_timeout(Duration::from_secs(600));
        unsafe { libc::_exit(1) };
    }
    until(|| mine.info().unwrap().waiters == 1);
    let all = mine.holders().unwrap();
    let of = |pid: u32| all.iter().find(|one| one.pid == Some(pid)).unwrap();
    assert_eq!(all.len(), 2);
    let (we, other) = (of(std::process::id()), of(child as u32));
    assert_eq!((we.references, we.held, we.waiting), (2, 3, 0));
    assert_eq!((other.references, other.held, other.waiting), (2, 0, 1));
    assert_eq!(other.oldest, Duration::ZERO);
    let mut status = 0;
    // SAFETY: it is our child.
    unsafe {
        libc::kill(child, libc::SIGKILL);
        assert_eq!(libc::waitpid(child, &mut status, 0), child);
    }
    assert_eq!(mine.holders().unwrap().len(), 1);
    drop(held);
}

/// A child that takes permits and is killed, and one that only forgets them.
#[test]
fn permits_come_back_from_the_dead() {
    let directory = Directory::new();
    let ns = Namespace::in_directory(&directory.0).unwrap();
    let sem = Options::new().namespace(&ns).limit(2).undo(true).create("/undo").unwrap();
    // SAFETY: the child uses ksem alone, which allows it, and ends without destructors.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let took = sem.acquire_many(2).map(Permit::forget);
        if took.is_err() {
            unsafe { libc::_exit(1) };
        }
        unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
    }
    let mut status = 0;
    // SAFETY: it is our child.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert!(libc::WIFSIGNALED(status));
    let both = sem.acquire_many_timeout(2, Duration::from_secs(60)).unwrap();
    assert_eq!((both.count(), sem.info().unwrap().held, sem.info().unwrap().undo), (2, 2, true));
    drop(both);
    let other = Namespace::in_directory(&directory.0).unwrap();
    Options::new().namespace(&other).open("/undo").unwrap().acquire().unwrap().forget();
    drop(other);
    assert!(sem.acquire_many_timeout(2, Duration::from_secs(60)).is_ok());
}

/// Ends of semaphores and namespaces leave nothing behind in the private namespace.
#[test]
fn semaphores_end() {
    for _ in 0..10_000 {
        let sem = Semaphore::new(1).unwrap();
        let _permit = sem.acquire().unwrap();
    }
    assert_eq!(ksem::version().split('.').count(), 3);
}
