#include "convert.h"

#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum kind { NIL, FALSE_, TRUE_, UNSIGNED, SIGNED, FLOAT, DOUBLE, STRING, BINARY, EXTENSION, ARRAY, MAP, INVALID };

/* The first bytes of a value: what it is and what follows. */
struct head {
    enum kind kind;
    size_t size;   /* of the head itself, with an extension's type */
    uint64_t n;    /* number, payload bytes or members */
    int8_t type;   /* of an extension */
};

static uint64_t big_endian(const unsigned char *p, size_t bytes)
{
    uint64_t n = 0;

    while (bytes-- > 0) {
        n = n << 8 | *p++;
    }
    return n;
}

static struct head read_head(const unsigned char *p, size_t len)
{
    static const struct { enum kind kind; unsigned char bytes; } table[32] = {
        { NIL, 0 }, { INVALID, 0 }, { FALSE_, 0 }, { TRUE_, 0 },
        { BINARY, 1 }, { BINARY, 2 }, { BINARY, 4 },
        { EXTENSION, 1 }, { EXTENSION, 2 }, { EXTENSION, 4 },
        { FLOAT, 4 }, { DOUBLE, 8 },
        { UNSIGNED, 1 }, { UNSIGNED, 2 }, { UNSIGNED, 4 }, { UNSIGNED, 8 },
        { SIGNED, 1 }, { SIGNED, 2 }, { SIGNED, 4 }, { SIGNED, 8 },
        { EXTENSION, 0 }, { EXTENSION, 0 }, { EXTENSION, 0 }, { EXTENSION, 0 }, { EXTENSION, 0 },
        { STRING, 1 }, { STRING, 2 }, { STRING, 4 },
        { ARRAY, 2 }, { ARRAY, 4 }, { MAP, 2 }, { MAP, 4 },
    };
    struct head h = { INVALID, 1, 0, 0 };
    unsigned char b;

    if (len == 0) {
        return h;
    }
    b = p[0];
    if (b < 0x80) {
        h.kind = UNSIGNED;
        h.n = b;
    }
    else if (b < 0x90) {
        h.kind = MAP;
        h.n = b & 0x0f;
    }
    else if (b < 0xa0) {
        h.kind = ARRAY;
        h.n = b & 0x0f;
    }
    else if (b < 0xc0) {
        h.kind = STRING;
        h.n = b & 0x1f;
    }
    else if (b >= 0xe0) {
        h.kind = SIGNED;
        h.n = (uint64_t) (int64_t) (int8_t) b;
    }
    else {
        size_t bytes = table[b - 0xc0].bytes;

        h.kind = table[b - 0xc0].kind;
        h.size = 1 + bytes + (h.kind == EXTENSION);
        if (len < h.size) {
            h.kind = INVALID;
            return h;
        }
        h.n = big_endian(p + 1, bytes);
        if (h.kind == SIGNED && bytes < 8 && h.n >> (8 * bytes - 1)) {
            h.n |= UINT64_MAX << (8 * bytes);
        }
        if (h.kind == EXTENSION) {
            h.type = (int8_t) p[1 + bytes];
            if (bytes == 0) {
                h.n = 1u << (b - 0xd4);
            }
        }
    }
    return h;
}

static size_t sized(const unsigned char *p, size_t len, int depth)
{
    struct head h = read_head(p, len);
    uint64_t members, i;
    size_t at = h.size;

    switch (h.kind) {
    case INVALID:
        return 0;
    case STRING:
    case BINARY:
    case EXTENSION:
        return h.n <= len - at ? at + h.n : 0;
    case ARRAY:
    case MAP:
        members = h.kind == MAP ? 2 * h.n : h.n;
        if (depth > MAX_DEPTH) {
            return 0;
        }
        for (i = 0; i < members; i++) {
            size_t size = sized(p + at, len - at, depth + 1);

            if (size == 0) {
                return 0;
            }
            at += size;
        }
        return at;
    default:
        return at;
    }
}

size_t msgpack_size(const unsigned char *data, size_t len)
{
    return sized(data, len, 0);
}

size_t msgpack_enter_array(const unsigned char *data, size_t count)
{
    struct head h = read_head(data, SIZE_MAX);

    return h.kind == ARRAY && h.n == count ? h.size : 0;
}

static void add_text(struct buffer *out, const char *text)
{
    buffer_add(out, text, strlen(text));
}

static void add_quoted(struct buffer *out, const unsigned char *text, size_t len)
{
    char escape[8];
    size_t i;

    buffer_byte(out, '"');
    for (i = 0; i < len; i++) {
        if (text[i] == '"' || text[i] == '\\') {
            buffer_byte(out, '\\');
            buffer_byte(out, text[i]);
        }
        else if (text[i] < 0x20 || text[i] == 0x7f) {
            snprintf(escape, sizeof(escape), "\\u%04x", text[i]);
            add_text(out, escape);
        }
        else {
            buffer_byte(out, text[i]);
        }
    }
    buffer_byte(out, '"');
}

static void add_hex(struct buffer *out, const unsigned char *data, size_t len)
{
    char hex[3];

    buffer_byte(out, '"');
    while (len-- > 0) {
        snprintf(hex, sizeof(hex), "%02x", *data++);
        add_text(out, hex);
    }
    buffer_byte(out, '"');
}

static void add_number(struct buffer *out, double d)
{
    char text[40];

    if (!isfinite(d)) {
        add_text(out, "null");
        return;
    }
    snprintf(text, sizeof(text), "%.17g", d);
    add_text(out, text);
}

/* Appends the value at p, which is known to be complete; returns its size. */
static size_t print(const unsigned char *p, struct buffer *out)
{
    struct head h = read_head(p, SIZE_MAX);
    size_t at = h.size;
    char text[40];
    uint32_t bits32;
    float f;
    double d;
    uint64_t i;

    switch (h.kind) {
    case NIL:
    case INVALID:
        add_text(out, "null");
        return at;
    case FALSE_:
        add_text(out, "false");
        return at;
    case TRUE_:
        add_text(out, "true");
        return at;
    case UNSIGNED:
        snprintf(text, sizeof(text), "%" PRIu64, h.n);
        add_text(out, text);
        return at;
    case SIGNED:
        snprintf(text, sizeof(text), "%" PRId64, (int64_t) h.n);
        add_text(out, text);
        return at;
    case FLOAT:
        bits32 = (uint32_t) h.n;
        memcpy(&f, &bits32, sizeof(f));
        add_number(out, f);
        return at;
    case DOUBLE:
        memcpy(&d, &h.n, sizeof(d));
        add_number(out, d);
        return at;
    case STRING:
        add_quoted(out, p + at, h.n);
        return at + h.n;
    case BINARY:
        add_text(out, "{\"$bin\":");
        add_hex(out, p + at, h.n);
        buffer_byte(out, '}');
        return at + h.n;
    case EXTENSION:
        snprintf(text, sizeof(text), "{\"$ext\":%d,\"data\":", h.type);
        add_text(out, text);
        add_hex(out, p + at, h.n);
        buffer_byte(out, '}');
        return at + h.n;
    case ARRAY:
        buffer_byte(out, '[');
        for (i = 0; i < h.n; i++) {
            if (i > 0) {
                buffer_byte(out, ',');
            }
            at += print(p + at, out);
        }
        buffer_byte(out, ']');
        return at;
    case MAP:
        buffer_byte(out, '{');
        for (i = 0; i < h.n; i++) {
            if (i > 0) {
                buffer_byte(out, ',');
            }
            if (read_head(p + at, SIZE_MAX).kind == STRING) {
                at += print(p + at, out);
            }
            else {
                struct buffer key = { 0 };

                at += print(p + at, &key);
                add_quoted(out, key.data, key.len);
                buffer_free(&key);
            }
            buffer_byte(out, ':');
            at += print(p + at, out);
        }
        buffer_byte(out, '}');
        return at;
    }
    return at;
}

void msgpack_to_json(const unsigned char *data, struct buffer *out)
{
    print(data, out);
}
