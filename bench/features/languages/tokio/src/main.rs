// SPDX-License-Identifier: BSD-2-Clause
//! tokio's semaphore, as a peer of ksem-bench-features: see languages.c for what it is asked and answers.

use std::io::BufRead;
use std::time::Instant;

use tokio::sync::Semaphore;

async fn pair(permits: u32, turns: u64) -> f64 {
    let semaphore = Semaphore::new(9);
    let begun = Instant::now();
    for _ in 0..turns {
        drop(semaphore.acquire_many(permits).await.expect("it isn't closed"));
    }
    begun.elapsed().as_nanos() as f64 / turns as f64
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("a line");
        let numbers: Vec<u64> = line.split(' ').skip(1).map(|word| word.parse().expect("a number")).collect();
        println!("{}", runtime.block_on(pair(numbers[0] as u32, numbers[1])));
    }
}
