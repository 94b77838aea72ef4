package sim

import "github.com/secretwatch/secretwatch/detector/audit"

// item is an action to take or an event to deliver at a time.
type item struct {
	t     int64
	seq   uint64 // breaks ties, so that a run is reproducible
	fn    func()
	ev    *audit.Event
	label *Label
}

// queue is a binary heap of items by time.
type queue struct {
	items []item
	seq   uint64
}

func (q *queue) less(i, j int) bool {
	a, b := &q.items[i], &q.items[j]
	return a.t < b.t || a.t == b.t && a.seq < b.seq
}

func (q *queue) push(it item) {
	q.seq++
	it.seq = q.seq
	q.items = append(q.items, it)
	i := len(q.items) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if !q.less(i, parent) {
			break
		}
		q.items[i], q.items[parent] = q.items[parent], q.items[i]
		i = parent
	}
}

func (q *queue) pop() item {
	top := q.items[0]
	last := len(q.items) - 1
	q.items[0] = q.items[last]
	q.items[last] = item{}
	q.items = q.items[:last]
	i := 0
	for {
		child := 2*i + 1
		if child >= last {
			return top
		}
		if child+1 < last && q.less(child+1, child) {
			child++
		}
		if !q.less(child, i) {
			return top
		}
		q.items[i], q.items[child] = q.items[child], q.items[i]
		i = child
	}
}

// at schedules fn. Times in the past run next; times after the end never.
func (s *simulation) at(t int64, fn func()) {
	if t >= s.end {
		return
	}
	s.queue.push(item{t: t, fn: fn})
}

func (s *simulation) after(d int64, fn func()) { s.at(s.now+d, fn) }

// daily calls fn at the beginning of every day, UTC, with the day's number.
func (s *simulation) daily(fn func(day int)) {
	for d := 0; d < s.cfg.Days; d++ {
		s.at(s.start+int64(d)*day, func() { fn(d) })
	}
}

func (s *simulation) loop() {
	for len(s.queue.items) > 0 {
		it := s.queue.pop()
		if it.t > s.now {
			s.now = it.t
		}
		if it.fn != nil {
			it.fn()
			continue
		}
		s.handle(it.ev, it.label)
		*it.ev = audit.Event{}
		s.pool = append(s.pool, it.ev)
	}
}
