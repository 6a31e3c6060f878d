package agent

// news hands the newest value from one goroutine to another: what has not been
// taken when something newer comes is dropped. It has one sender.
type news[T any] chan T

func newNews[T any]() news[T] { return make(news[T], 1) }

func (n news[T]) put(value T) {
	select {
	case <-n:
	default:
	}
	n <- value // there is room: nobody else sends
}
