/* A growing byte buffer. Running out of memory ends the program. */
#ifndef BUFFER_H
#define BUFFER_H

#include <stddef.h>

struct buffer {
    unsigned char *data; /* NULL while empty */
    size_t len;
    size_t cap;
};

void buffer_add(struct buffer *b, const void *data, size_t len);
void buffer_byte(struct buffer *b, unsigned char byte);
/* Adds len bytes of any content and returns their offset. */
size_t buffer_room(struct buffer *b, size_t len);
void buffer_free(struct buffer *b);

#endif
