#include "convert.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    const char *at;
    const char *end;
    struct buffer *out;
};

static void pack_big_endian(struct buffer *out, uint64_t value, int bytes)
{
    while (bytes-- > 0) {
        buffer_byte(out, (unsigned char) (value >> (8 * bytes)));
    }
}

static void pack_head(struct buffer *out, size_t count, int fix, size_t fix_max, int h8, int h16)
{
    if (count <= fix_max) {
        buffer_byte(out, (unsigned char) (fix | (int) count));
    }
    else if (h8 && count <= UINT8_MAX) {
        buffer_byte(out, (unsigned char) h8);
        pack_big_endian(out, count, 1);
    }
    else if (count <= UINT16_MAX) {
        buffer_byte(out, (unsigned char) h16);
        pack_big_endian(out, count, 2);
    }
    else {
        buffer_byte(out, (unsigned char) (h16 + 1));
        pack_big_endian(out, count, 4);
    }
}

void pack_array(struct buffer *out, size_t count)
{
    pack_head(out, count, 0x90, 15, 0, 0xdc);
}

void pack_map(struct buffer *out, size_t count)
{
    pack_head(out, count, 0x80, 15, 0, 0xde);
}

void pack_string(struct buffer *out, const void *text, size_t len)
{
    pack_head(out, len, 0xa0, 31, 0xd9, 0xda);
    buffer_add(out, text, len);
}

static void pack_unsigned(struct buffer *out, uint64_t n)
{
    int size = n <= UINT8_MAX ? 0 : n <= UINT16_MAX ? 1 : n <= UINT32_MAX ? 2 : 3;

    if (n < 0x80) {
        buffer_byte(out, (unsigned char) n);
        return;
    }
    buffer_byte(out, (unsigned char) (0xcc + size));
    pack_big_endian(out, n, 1 << size);
}

static void pack_negative(struct buffer *out, int64_t n)
{
    int size = n >= INT8_MIN ? 0 : n >= INT16_MIN ? 1 : n >= INT32_MIN ? 2 : 3;

    if (n >= -32) {
        buffer_byte(out, (unsigned char) n);
        return;
    }
    buffer_byte(out, (unsigned char) (0xd0 + size));
    pack_big_endian(out, (uint64_t) n, 1 << size);
}

static void pack_double(struct buffer *out, double d)
{
    uint64_t bits;

    memcpy(&bits, &d, sizeof(bits));
    buffer_byte(out, 0xcb);
    pack_big_endian(out, bits, 8);
}

static void skip_blanks(struct reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r')) {
        r->at++;
    }
}

static int hex4(struct reader *r, uint32_t *rune)
{
    int i;

    if (r->end - r->at < 4) {
        return -1;
    }
    *rune = 0;
    for (i = 0; i < 4; i++) {
        char c = *r->at++;
        int digit = c >= '0' && c <= '9' ? c - '0' :
                    (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;

        if (digit < 0) {
            return -1;
        }
        *rune = *rune << 4 | (uint32_t) digit;
    }
    return 0;
}

static void add_rune(struct buffer *out, uint32_t rune)
{
    if (rune < 0x80) {
        buffer_byte(out, (unsigned char) rune);
        return;
    }
    if (rune < 0x800) {
        buffer_byte(out, (unsigned char) (0xc0 | rune >> 6));
    }
    else {
        if (rune < 0x10000) {
            buffer_byte(out, (unsigned char) (0xe0 | rune >> 12));
        }
        else {
            buffer_byte(out, (unsigned char) (0xf0 | rune >> 18));
            buffer_byte(out, (unsigned char) (0x80 | (rune >> 12 & 0x3f)));
        }
        buffer_byte(out, (unsigned char) (0x80 | (rune >> 6 & 0x3f)));
    }
    buffer_byte(out, (unsigned char) (0x80 | (rune & 0x3f)));
}

static int read_escape(struct reader *r, struct buffer *text)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *known;
    uint32_t rune, low;

    if (r->at == r->end) {
        return -1;
    }
    if (*r->at != 'u') {
        known = *r->at ? strchr(from, *r->at) : NULL;
        if (!known) {
            return -1;
        }
        buffer_byte(text, (unsigned char) to[known - from]);
        r->at++;
        return 0;
    }
    r->at++;
    if (hex4(r, &rune) == -1) {
        return -1;
    }
    if (rune >= 0xd800 && rune < 0xdc00 && r->end - r->at >= 6 && r->at[0] == '\\' && r->at[1] == 'u') {
        const char *retry = r->at;

        r->at += 2;
        if (hex4(r, &low) == -1) {
            return -1;
        }
        if (low >= 0xdc00 && low < 0xe000) {
            rune = 0x10000 + ((rune - 0xd800) << 10) + (low - 0xdc00);
        }
        else {
            r->at = retry;
        }
    }
    add_rune(text, rune >= 0xd800 && rune < 0xe000 ? 0xfffd : rune);
    return 0;
}

static int read_string(struct reader *r)
{
    struct buffer text = { 0 };

    for (r->at++; r->at < r->end; ) {
        unsigned char c = (unsigned char) *r->at++;

        if (c == '"') {
            pack_string(r->out, text.data, text.len);
            buffer_free(&text);
            return 0;
        }
        if (c < 0x20 || (c == '\\' && read_escape(r, &text) == -1)) {
            break;
        }
        if (c != '\\') {
            buffer_byte(&text, c);
        }
    }
    buffer_free(&text);
    return -1;
}

static int digits(struct reader *r)
{
    const char *start = r->at;

    while (r->at < r->end && *r->at >= '0' && *r->at <= '9') {
        r->at++;
    }
    return r->at > start ? 0 : -1;
}

static int read_number(struct reader *r)
{
    const char *start = r->at;
    int whole = 1;
    char text[400];
    char *stop;

    if (*r->at == '-') {
        r->at++;
    }
    if (r->at < r->end && *r->at == '0') {
        r->at++;
    }
    else if (digits(r) == -1) {
        return -1;
    }
    if (r->at < r->end && *r->at == '.') {
        whole = 0;
        r->at++;
        if (digits(r) == -1) {
            return -1;
        }
    }
    if (r->at < r->end && (*r->at | 32) == 'e') {
        whole = 0;
        r->at++;
        if (r->at < r->end && (*r->at == '+' || *r->at == '-')) {
            r->at++;
        }
        if (digits(r) == -1) {
            return -1;
        }
    }
    if ((size_t) (r->at - start) >= sizeof(text)) {
        return -1;
    }
    memcpy(text, start, (size_t) (r->at - start));
    text[r->at - start] = '\0';
    errno = 0;
    if (whole && *start == '-') {
        int64_t n = strtoll(text, &stop, 10);

        if (errno == 0 && n < 0) {
            pack_negative(r->out, n);
            return 0;
        }
    }
    else if (whole) {
        uint64_t n = strtoull(text, &stop, 10);

        if (errno == 0) {
            pack_unsigned(r->out, n);
            return 0;
        }
    }
    pack_double(r->out, strtod(text, &stop));
    return 0;
}

static int read_value(struct reader *r, int depth);

/* Reads an object or array. Its head goes in front of the members once their
 * number is known. */
static int read_members(struct reader *r, int depth, char close)
{
    struct buffer *out = r->out, members = { 0 };
    size_t count = 0;
    int ok = 0;

    r->out = &members;
    r->at++;
    skip_blanks(r);
    if (r->at < r->end && *r->at == close) {
        r->at++;
        ok = 1;
    }
    while (!ok) {
        skip_blanks(r);
        if (close == '}') {
            if (r->at == r->end || *r->at != '"' || read_string(r) == -1) {
                break;
            }
            skip_blanks(r);
            if (r->at == r->end || *r->at++ != ':') {
                break;
            }
        }
        if (read_value(r, depth + 1) == -1) {
            break;
        }
        count++;
        skip_blanks(r);
        if (r->at == r->end || (*r->at != ',' && *r->at != close)) {
            break;
        }
        ok = *r->at++ == close;
    }
    r->out = out;
    if (ok && close == '}') {
        pack_map(out, count);
    }
    else if (ok) {
        pack_array(out, count);
    }
    if (ok) {
        buffer_add(out, members.data, members.len);
    }
    buffer_free(&members);
    return ok ? 0 : -1;
}

static int read_word(struct reader *r, const char *word, unsigned char packed)
{
    size_t len = strlen(word);

    if ((size_t) (r->end - r->at) < len || memcmp(r->at, word, len) != 0) {
        return -1;
    }
    r->at += len;
    buffer_byte(r->out, packed);
    return 0;
}

static int read_value(struct reader *r, int depth)
{
    skip_blanks(r);
    if (r->at == r->end || depth > MAX_DEPTH) {
        return -1;
    }
    switch (*r->at) {
    case '{':
        return read_members(r, depth, '}');
    case '[':
        return read_members(r, depth, ']');
    case '"':
        return read_string(r);
    case 'n':
        return read_word(r, "null", 0xc0);
    case 'f':
        return read_word(r, "false", 0xc2);
    case 't':
        return read_word(r, "true", 0xc3);
    default:
        return read_number(r);
    }
}

int json_to_msgpack(const char *text, size_t len, struct buffer *out)
{
    struct reader r = { text, text + len, out };
    size_t before = out->len;

    if (read_value(&r, 0) == 0) {
        skip_blanks(&r);
        if (r.at == r.end) {
            return 0;
        }
    }
    out->len = before;
    return -1;
}
