# SPDX-License-Identifier: BSD-2-Clause
# Processes of Python's that share locks, semaphores and a pool: each of these is a semaphore with a name (sem_open). Sums
# must be right, and no more workers inside than there are places. Prints rounds of lock and semaphore a second.
#   multiprocess.py ksem|glibc SECONDS      the library that it must find itself on
import multiprocessing
import sys
import time

library, seconds = sys.argv[1], float(sys.argv[2])
WORKERS, ENOUGH = 4, 2


def count(lock, places, within, counter, until):
    done = 0
    while time.monotonic() < until:
        with lock:
            counter.value += 1
        with places:
            with within.get_lock():
                within.value += 1
                assert within.value <= ENOUGH
            with within.get_lock():
                within.value -= 1
        done += 1
    return done


def into(results, *args):
    results.put(count(*args))


def square(n):
    return n * n


if __name__ == "__main__":
    multiprocessing.set_start_method("fork")
    has = "libksem_posix" in open("/proc/self/maps").read()
    assert has == (library == "ksem"), "the other library"
    lock, places = multiprocessing.Lock(), multiprocessing.Semaphore(ENOUGH)
    within = multiprocessing.Value("i", 0)
    counter = multiprocessing.Value("q", 0, lock=False)
    results = multiprocessing.Queue()
    until = time.monotonic() + seconds
    workers = [multiprocessing.Process(target=into, args=(results, lock, places, within, counter, until))
               for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    total = sum(results.get() for _ in workers)
    for worker in workers:
        worker.join()
    assert total == counter.value and within.value == 0, "lost counts"
    assert lock.acquire(timeout=0.01) and not lock.acquire(timeout=0.01)
    with multiprocessing.Pool(WORKERS) as pool:
        assert pool.map(square, range(1000), chunksize=5) == [n * n for n in range(1000)]
    print(int(total / seconds))
