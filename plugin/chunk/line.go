package chunk

import "encoding/binary"

// Line is a record whose body is a line of text in its only field, as tail writes
// it. Its offsets are those in the record.
type Line struct {
	Time int  // of the 8 bytes of the time
	Key  Span // the name of the field
	Text Span // to the end of the record
}

// ReadLine takes the record that starts at chunk[at] apart, if it is a line of
// more than 255 bytes behind one of the headers that Fluent Bit and
// AppendRecordHeader write.
func ReadLine(chunk []byte, at int) (l Line, ok bool) {
	time, body := header(chunk[at:])
	if body == 0 {
		return Line{}, false
	}
	key, text := line(chunk[at+body:])
	if text.End == 0 {
		return Line{}, false
	}
	return Line{time, Span{body + key.Start, body + key.End}, Span{body + text.Start, body + text.End}}, true
}

// header returns where in the record that b begins with its time and its body
// stand, if that is one of the headers without metadata that Fluent Bit and
// AppendRecordHeader write; else 0. Fluent Bit does not always write the shortest
// form of a length (flb_log_event_encoder.c, flb_mp.c).
func header(b []byte) (time, body int) {
	if len(b) < 25 {
		return 0, 0
	}
	at := 0
	switch {
	case b[0] == 0x92 && b[1] == 0x92:
		at = 2
	case b[0] == 0xdd && b[5] == 0xdd && binary.BigEndian.Uint32(b[1:]) == 2 && binary.BigEndian.Uint32(b[6:]) == 2:
		at = 10
	default:
		return 0, 0
	}
	if b[at] != 0xd7 || b[at+1] != 0 {
		return 0, 0
	}
	time = at + 2
	at += 10
	switch {
	case b[at] == 0x80:
		return time, at + 1
	case b[at] == 0xdf && binary.BigEndian.Uint32(b[at+1:]) == 0:
		return time, at + 5
	}
	return 0, 0
}

// line returns where in the body that b begins with a line of text of more than
// 255 bytes stands and the short name of its field, if there is nothing else in
// it; else zeros.
func line(b []byte) (key, text Span) {
	const most = 5 + 1 + 31 + 5 // bytes before the text
	if len(b) < most {
		return Span{}, Span{}
	}
	at := 0
	switch {
	case b[0] == 0x81:
		at = 1
	case b[0] == 0xdf && binary.BigEndian.Uint32(b[1:]) == 1:
		at = 5
	}
	if at == 0 || b[at]&0xe0 != 0xa0 {
		return Span{}, Span{}
	}
	key = Span{at + 1, at + 1 + int(b[at]&0x1f)}
	switch at = key.End; b[at] {
	case 0xda:
		text = Span{at + 3, at + 3 + int(binary.BigEndian.Uint16(b[at+1:]))}
	case 0xdb:
		text = Span{at + 5, at + 5 + int(binary.BigEndian.Uint32(b[at+1:]))}
	}
	if text.End > len(b) {
		return Span{}, Span{}
	}
	return key, text
}
