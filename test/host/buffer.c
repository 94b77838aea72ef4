#include "buffer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t buffer_room(struct buffer *b, size_t len)
{
    size_t at = b->len;

    if (b->cap - b->len < len) {
        size_t cap = b->cap ? b->cap : 4096;

        while (cap - b->len < len) {
            cap *= 2;
        }
        b->data = realloc(b->data, cap);
        if (!b->data) {
            fprintf(stderr, "host: out of memory\n");
            exit(1);
        }
        b->cap = cap;
    }
    b->len += len;
    return at;
}

void buffer_add(struct buffer *b, const void *data, size_t len)
{
    size_t at = buffer_room(b, len);

    if (len) {
        memcpy(b->data + at, data, len);
    }
}

void buffer_byte(struct buffer *b, unsigned char byte)
{
    buffer_add(b, &byte, 1);
}

void buffer_free(struct buffer *b)
{
    free(b->data);
    memset(b, 0, sizeof(*b));
}
