// SPDX-License-Identifier: BSD-2-Clause

// Go's golang.org/x/sync/semaphore, as a peer of ksem-bench-features: see languages.c for what it is asked and answers.
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"time"

	"golang.org/x/sync/semaphore"
)

func pair(permits, turns int64) float64 {
	weighted := semaphore.NewWeighted(9)
	background := context.Background()
	begun := time.Now()
	for i := int64(0); i < turns; i++ {
		if err := weighted.Acquire(background, permits); err != nil {
			panic(err)
		}
		weighted.Release(permits)
	}
	return float64(time.Since(begun).Nanoseconds()) / float64(turns)
}

func main() {
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		var permits, turns int64
		if _, err := fmt.Sscanf(in.Text(), "pair %d %d", &permits, &turns); err != nil {
			panic(err)
		}
		fmt.Println(pair(permits, turns))
	}
}
