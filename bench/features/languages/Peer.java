// SPDX-License-Identifier: BSD-2-Clause
// Java's semaphore, as a peer of ksem-bench-features: see languages.c for what it is asked and answers.
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.util.concurrent.Semaphore;

final class Peer {
	private static volatile long sink;

	private static void work(long steps) {
		long x = 88172645463325252L;
		for (long i = 0; i < steps; i++) {
			x ^= x << 13;
			x ^= x >>> 7;
			x ^= x << 17;
		}
		sink = x;
	}

	// How many steps take that many nanoseconds, at the fastest of some tries.
	private static long stepsIn(long nanoseconds) {
		final long steps = 1_000_000;
		long best = Long.MAX_VALUE;
		for (int i = 0; i < 20; i++) {
			long begun = System.nanoTime();
			work(steps);
			best = Math.min(best, System.nanoTime() - begun);
		}
		return Math.max(1, nanoseconds * steps / best);
	}

	private static double pair(int permits, long turns) {
		Semaphore semaphore = new Semaphore(9);
		long begun = System.nanoTime();
		for (long i = 0; i < turns; i++) {
			semaphore.acquireUninterruptibly(permits);
			semaphore.release(permits);
		}
		return (double) (System.nanoTime() - begun) / turns;
	}

	private static double crowd(int threads, int permits, long turns, long nanoseconds) throws InterruptedException {
		Semaphore semaphore = new Semaphore(permits, true);
		long steps = stepsIn(nanoseconds);
		Thread[] made = new Thread[threads];
		long begun = System.nanoTime();
		for (int i = 0; i < threads; i++) {
			made[i] = new Thread(() -> {
				for (long turn = 0; turn < turns; turn++) {
					semaphore.acquireUninterruptibly();
					work(steps);
					semaphore.release();
					work(steps);
				}
			});
			made[i].start();
		}
		for (Thread thread : made)
			thread.join();
		return (double) (System.nanoTime() - begun) / (turns * threads);
	}

	public static void main(String[] arguments) throws IOException, InterruptedException {
		BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
		for (int i = 0; i < 20; i++)
			pair(3, 100_000); // until it is compiled
		for (String line = in.readLine(); line != null; line = in.readLine()) {
			String[] words = line.split(" ");
			double took = words[0].equals("pair")
				? pair(Integer.parseInt(words[1]), Long.parseLong(words[2]))
				: crowd(Integer.parseInt(words[1]), Integer.parseInt(words[2]), Long.parseLong(words[3]),
					Long.parseLong(words[4]));
			System.out.println(took);
			System.out.flush();
		}
	}
}
