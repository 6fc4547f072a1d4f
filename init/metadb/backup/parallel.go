package backup

import (
	"context"
	"sync"
)

// atOnce is how many databases are worked on side by side: the server gives
// each of them a processor, and the client programs are mostly waiting for it.
const atOnce = 3

// sideBySide does something with several databases at once. The first failure
// ends the others, and is the one that is given.
func sideBySide[D any](ctx context.Context, list []D, do func(context.Context, D) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	var once sync.Once
	var first error
	free := make(chan struct{}, atOnce)
	for _, d := range list {
		wg.Go(func() {
			free <- struct{}{}
			defer func() { <-free }()
			err := ctx.Err()
			if err == nil {
				err = do(ctx, d)
			}
			if err != nil {
				once.Do(func() { first = err })
				cancel()
			}
		})
	}
	wg.Wait()
	return first
}
