package agent

// news hands the newest value to one goroutine: what has not been taken when
// something newer comes is dropped. Anybody may send; with several senders the last
// one wins.
type news[T any] chan T

func newNews[T any]() news[T] { return make(news[T], 1) }

func (n news[T]) put(value T) {
	for {
		select {
		case n <- value:
			return
		default:
		}
		select {
		case <-n: // what is there is older
		default: // it was just taken
		}
	}
}
