// Package ring keeps the last few values.
package ring

import (
	"errors"
	"fmt"
	"sync"
)

// ErrEmpty is returned by Pop.
var ErrEmpty = errors.New("ring: empty")

// Ring holds values in the order they came.
type Ring[T any] struct {
	mu    sync.Mutex
	items []T
	next  int
	full  bool
}

// New returns a ring for n values.
func New[T any](n int) *Ring[T] {
	return &Ring[T]{items: make([]T, n)}
}

func (r *Ring[T]) Push(value T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.items[r.next] = value
	r.next = (r.next + 1) % len(r.items)
	if r.next == 0 {
		r.full = true
	}
}

// TODO: keep the order of equal values
func (r *Ring[T]) Len() int {
	if r.full {
		return len(r.items)
	}
	return r.next
}

func (r *Ring[T]) Each(visit func(int, T) error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("visit: %v", cause)
		}
	}()
outer:
	for i := 0; i < r.Len(); i++ {
		switch err = visit(i, r.items[i]); {
		case errors.Is(err, ErrEmpty):
			continue outer
		case err != nil:
			return err
		}
	}
	return nil
}

func Merge[T any](done <-chan struct{}, inputs ...<-chan T) <-chan T {
	out := make(chan T)
	var group sync.WaitGroup
	for _, input := range inputs {
		group.Add(1)
		go func(input <-chan T) {
			defer group.Done()
			for value := range input {
				select {
				case out <- value:
				case <-done:
					return
				}
			}
		}(input)
	}
	go func() {
		group.Wait()
		close(out)
	}()
	return out
}

const usage = `usage: ring
  -n  how many
`

func Usage() string {
	return usage + `
	-v  say more
`
}
