/*
 * Chunks that hold nothing for this library, told apart in C.
 *
 * A log that is followed as it is written comes in chunks of a line or a few. To call
 * Go for each costs more than all else that is done with it, Fluent Bit's own work
 * included: where calls are some milliseconds apart, the runtime's monitor thread is
 * woken for each, and looks again and again whether there will be more. Nearly all of
 * these chunks have nothing in them that is of interest.
 */
#ifndef SECRETWATCH_QUIET_H
#define SECRETWATCH_QUIET_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Chunks up to this size are looked at. Where many lines come at once, one of them
 * often is of interest, and a call into Go costs little beside them. */
#define SW_QUIET_SIZE 8192

/* Where the time between chunks is less than this, in nanoseconds, calling Go for each
 * costs less than to call it for few of them: it has not to be woken. */
#define SW_QUIET_PAUSE 3000000

#define SW_QUIET_VECTOR 16

typedef uint8_t sw_quiet_vector __attribute__((vector_size(SW_QUIET_VECTOR)));

/* Whether the "ecret" at b[at] may be that of the words secrets, which does not count
 * at the end of another word, as in external-secrets, or Secret. */
static inline int sw_quiet_is_secret(const uint8_t *b, size_t n, size_t at)
{
    if (at == 0 || b[at - 1] == 'S') {
        return 1;
    }
    if (b[at - 1] != 's' || n - at < 6 || b[at + 5] != 's') {
        return 0;
    }
    return at < 2 || !(b[at - 2] == '-' || (b[at - 2] >= 'a' && b[at - 2] <= 'z')) ||
        (at >= 7 && b[at - 7] == '\\' && b[at - 6] == 'u'); /* behind an escape */
}

static inline int sw_quiet_is_any(const uint8_t *b, size_t n, size_t at)
{
    (void) b;
    (void) n;
    (void) at;
    return 1;
}

/* Whether a word of 5 bytes stands in b where is says so. Its bytes i and j should be
 * rare together. */
static inline int sw_quiet_has(const uint8_t *b, size_t n, const char *word, size_t i, size_t j,
                               int (*is)(const uint8_t *b, size_t n, size_t at))
{
    enum { len = 5 };
    const sw_quiet_vector at_i = (sw_quiet_vector){ 0 } + (uint8_t) word[i];
    const sw_quiet_vector at_j = (sw_quiet_vector){ 0 } + (uint8_t) word[j];
    const size_t starts = n < len ? 0 : n - len + 1; /* places where the word can begin */
    sw_quiet_vector x, y;
    uint64_t hit[SW_QUIET_VECTOR / 8];
    size_t at = 0, block;

    while (at < starts) {
        block = starts - at < SW_QUIET_VECTOR ? starts : at + SW_QUIET_VECTOR;
        if (block == at + SW_QUIET_VECTOR) {
            memcpy(&x, b + at + i, sizeof(x));
            memcpy(&y, b + at + j, sizeof(y));
            x = (sw_quiet_vector) ((x == at_i) & (y == at_j));
            memcpy(hit, &x, sizeof(hit));
            if ((hit[0] | hit[1]) == 0) {
                at = block;
                continue;
            }
        }
        for (; at < block; at++) {
            if (memcmp(b + at, word, len) == 0 && is(b, n, at)) {
                return 1;
            }
        }
    }
    return 0;
}

/* What of a chunk has not been read yet. Reading beyond its end fails for good. */
struct sw_quiet_rest {
    const uint8_t *b;
    size_t n;
};

/* Whether the next bytes are these; if so, they are read. */
static inline int sw_quiet_read(struct sw_quiet_rest *r, const char *bytes, size_t len)
{
    if (r->n < len || memcmp(r->b, bytes, len) != 0) {
        return 0;
    }
    r->b += len;
    r->n -= len;
    return 1;
}

static inline int sw_quiet_skip(struct sw_quiet_rest *r, size_t len)
{
    if (r->n < len) {
        r->n = 0;
        return 0;
    }
    r->b += len;
    r->n -= len;
    return 1;
}

#define SW_QUIET_READ(r, bytes) sw_quiet_read(r, bytes, sizeof(bytes) - 1)

/* Reads len bytes of a length, big endian. One that is cut is more than any rest has. */
static inline size_t sw_quiet_length(struct sw_quiet_rest *r, size_t len)
{
    size_t n = 0;

    if (r->n < len) {
        r->n = 0;
        return UINT32_MAX;
    }
    for (; len > 0; len--, r->b++, r->n--) {
        n = n << 8 | *r->b;
    }
    return n;
}

/* Reads a str of MessagePack. */
static inline int sw_quiet_str(struct sw_quiet_rest *r, struct sw_quiet_rest *s)
{
    size_t len;

    if (r->n == 0) {
        return 0;
    }
    if ((*r->b & 0xe0) == 0xa0) {
        len = sw_quiet_length(r, 1) & 0x1f;
    }
    else if (*r->b >= 0xd9 && *r->b <= 0xdb) {
        len = sw_quiet_length(r, (size_t) 1 << (sw_quiet_length(r, 1) - 0xd9));
    }
    else {
        return 0;
    }
    s->b = r->b;
    s->n = len;
    return sw_quiet_skip(r, len);
}

static inline int sw_quiet_is(const struct sw_quiet_rest *s, const char *text)
{
    return s->n == strlen(text) && memcmp(s->b, text, s->n) == 0;
}

/*
 * Whether a chunk does not begin with a list of events, and so is none of lists,
 * which are split whatever is in them (startsWithList in pipeline/split.go): the
 * first record has one of the headers that Fluent Bit writes, without metadata
 * (chunk/line.go), and in its body as many fields as are looked at there are texts
 * that begin no list, under names that tell of none.
 */
static inline int sw_quiet_no_list(const uint8_t *b, size_t n)
{
    struct sw_quiet_rest r = { b, n }, name, text;
    size_t fields;

    if (!SW_QUIET_READ(&r, "\x92\x92\xd7\x00") &&
        !SW_QUIET_READ(&r, "\xdd\x00\x00\x00\x02\xdd\x00\x00\x00\x02\xd7\x00")) {
        return 0;
    }
    if (!sw_quiet_skip(&r, 8) || /* the time */
        (!SW_QUIET_READ(&r, "\x80") && !SW_QUIET_READ(&r, "\xdf\x00\x00\x00\x00")) || r.n == 0) {
        return 0;
    }
    if ((*r.b & 0xf0) == 0x80) {
        fields = sw_quiet_length(&r, 1) & 0x0f;
    }
    else if (SW_QUIET_READ(&r, "\xde")) {
        fields = sw_quiet_length(&r, 2);
    }
    else if (SW_QUIET_READ(&r, "\xdf")) {
        fields = sw_quiet_length(&r, 4);
    }
    else {
        return 0;
    }
    for (fields = fields < 4 ? fields : 4; fields > 0; fields--) {
        if (!sw_quiet_str(&r, &name) || !sw_quiet_str(&r, &text) ||
            sw_quiet_is(&name, "messageType") || sw_quiet_is(&name, "logEvents") || sw_quiet_is(&name, "records") ||
            (sw_quiet_is(&name, "kind") && sw_quiet_is(&text, "EventList"))) {
            return 0;
        }
        if (text.n > 0 && (*text.b <= ' ' || *text.b == '[' || *text.b == '{') &&
            !SW_QUIET_READ(&text, "{\"kind\":\"Event\",")) {
            return 0;
        }
    }
    return 1;
}

/*
 * Whether there is nothing in the n bytes of a chunk that pipeline.Process would do
 * more than to count: none of the words that it looks for (needles in
 * pipeline/scan.go), which are secrets, Secret and token, and no list. It may be no
 * where the answer is yes.
 */
static inline int sw_quiet(const uint8_t *b, size_t n)
{
    return n <= SW_QUIET_SIZE && sw_quiet_no_list(b, n) &&
        !sw_quiet_has(b, n, "ecret", 2, 4, sw_quiet_is_secret) &&
        !sw_quiet_has(b, n, "token", 1, 2, sw_quiet_is_any);
}

/* Reads any object of MessagePack, however deep. */
static inline int sw_quiet_object(struct sw_quiet_rest *r)
{
    uint64_t left; /* objects that are still to come */
    size_t c, size;

    for (left = 1; left > 0; left--) {
        if (r->n == 0) {
            return 0;
        }
        c = sw_quiet_length(r, 1);
        size = 0;
        if (c < 0x80 || c >= 0xe0) { /* an integer */
        }
        else if (c < 0x90) {
            left += 2 * (c & 0x0f);
        }
        else if (c < 0xa0) {
            left += c & 0x0f;
        }
        else if (c < 0xc0) {
            size = c & 0x1f;
        }
        else if (c == 0xc1) {
            return 0;
        }
        else if (c < 0xc4) { /* nil and booleans */
        }
        else if (c < 0xc7) {
            size = sw_quiet_length(r, (size_t) 1 << (c - 0xc4));
        }
        else if (c < 0xca) {
            size = sw_quiet_length(r, (size_t) 1 << (c - 0xc7));
            if (!sw_quiet_skip(r, 1)) { /* the type of an ext */
                return 0;
            }
        }
        else if (c < 0xcc) {
            size = (size_t) 4 << (c - 0xca);
        }
        else if (c < 0xd4) {
            size = (size_t) 1 << (c & 3);
        }
        else if (c < 0xd9) {
            size = 1 + ((size_t) 1 << (c - 0xd4));
        }
        else if (c < 0xdc) {
            size = sw_quiet_length(r, (size_t) 1 << (c - 0xd9));
        }
        else if (c < 0xde) {
            left += sw_quiet_length(r, (size_t) 2 << (c - 0xdc));
        }
        else {
            left += 2 * (uint64_t) sw_quiet_length(r, (size_t) 2 << (c - 0xde));
        }
        if (!sw_quiet_skip(r, size)) {
            return 0;
        }
    }
    return 1;
}

/* The number of records in a chunk, up to what is none: as count of
 * pipeline/metrics.go. The host's own (flb_mp_count) descends into what is nested, as
 * deep as whoever writes a log likes. */
static inline uint64_t sw_quiet_records(const uint8_t *b, size_t n)
{
    struct sw_quiet_rest r = { b, n };
    uint64_t records = 0;

    while (r.n > 0 && sw_quiet_object(&r)) {
        records++;
    }
    return records;
}

#endif
